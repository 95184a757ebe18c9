/* SPDX-License-Identifier: BSD-2-Clause */
/* toami save */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] =
	"usage: toami save [PATH]\n"
	"\n"
	"Writes the tree at PATH (default: /) to standard output: addresses "
	"and\n"
	"properties, in the words of the command line, as 'toami load' reads "
	"them.\n";

int cli_save(int argc, char **argv)
{
	static const struct option options[] = { CLI_OPTS_END };
	struct toami_control *control;
	char *text = NULL;
	int c, err;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		return c == CLI_HELP ? cli_help(help) : cli_usage("save");
	if (argc - optind > 1) {
		cli_complain(EX_USAGE, "save takes at most one PATH");
		return cli_usage("save");
	}
	err = cli_open(false, &control);
	if (err)
		return err;
	err = cli_close(control, toami_vif_save(control, argv[optind], &text));
	if (!err && (fputs(text, stdout) < 0 || fflush(stdout)))
		err = cli_complain(EX_IOERR, "cannot write to standard output");
	free(text);
	return err;
}
