/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif set */
#include "cli/cli.h"
#include "cli/words.h"
#include "daemon/prop.h"

#include <stdio.h>

static const char help[] =
	"usage: toami vif set PATH NAME=VALUE...\n"
	"\n"
	"Changes properties of the VIF at PATH: all that are given, or none. "
	"What flows\n"
	"is not disturbed. Rates are in bits per second.\n";

int cli_vif_set(int argc, char **argv)
{
	/* The names alone: for the shell's completion. */
	static const struct option options[] = {
		{ "names", no_argument, NULL, 'n' }, CLI_OPTS_END
	};
	struct toami_control *control;
	int c, err;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'n') {
			for (int i = 0; i < PROPS; i++)
				puts(prop_table[i].name);
			return 0;
		}
		if (c != CLI_HELP)
			return cli_usage("vif set");
		cli_help(help);
		words_help(stdout);
		return 0;
	}
	if (argc - optind < 2) {
		cli_complain(EX_USAGE, "vif set takes a PATH and NAME=VALUE");
		return cli_usage("vif set");
	}
	err = words_files(argv + optind + 1);
	if (!err)
		err = cli_open(false, &control);
	if (err)
		return err;
	return cli_close(control,
			 toami_vif_set(control, argv[optind],
				       (const char *const *)argv + optind + 1));
}
