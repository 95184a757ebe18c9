/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif set */
#include "cli/cli.h"
#include "cli/words.h"

#include <stdio.h>

static const char help[] =
	"usage: toami vif set PATH NAME=VALUE...\n"
	"\n"
	"Changes properties of the VIF at PATH: all that are given, or none. "
	"What flows\n"
	"is not disturbed. Rates are in bits per second.\n";

int cli_vif_set(int argc, char **argv)
{
	static const struct option options[] = { CLI_OPTS_END };
	json_t *result, *set = NULL;
	int c, err;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
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
	for (int i = optind + 1; i < argc; i++) {
		err = words_add(&set, argv[i]);
		if (err)
			return err;
	}
	err = cli_ask(false,
		      json_pack("{s:s, s:s, s:o}", "verb", "vif.set", "path",
				argv[optind], "set", set),
		      &result);
	if (!err)
		json_decref(result);
	return err;
}
