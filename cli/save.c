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
	static const struct cli_plain plain = { "save", help, 0, 1,
						"at most one PATH" };
	struct toami_control *control;
	char *text = NULL;
	int err;

	if (!cli_plain_open(&plain, argc, argv, &control, &err))
		return err;
	err = cli_close(control, toami_vif_save(control, argv[optind], &text));
	if (!err && (fputs(text, stdout) < 0 || fflush(stdout)))
		err = cli_complain(EX_IOERR, "cannot write to standard output");
	free(text);
	return err;
}
