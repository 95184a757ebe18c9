/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif mv */
#include "cli/cli.h"

static const char help[] =
	"usage: toami vif mv PATH TO\n"
	"\n"
	"Moves the VIF at PATH, with all below it, to the path TO, whose "
	"parent "
	"exists.\n"
	"Programs, addresses, connections and counters stay as they are. A VIF "
	"that shares\n"
	"an address can leave the VIF whose address it is only while no "
	"program "
	"is on it.\n";

int cli_vif_mv(int argc, char **argv)
{
	static const struct option options[] = { CLI_OPTS_END };
	struct toami_control *control;
	int c, err;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		return c == CLI_HELP ? cli_help(help) : cli_usage("vif mv");
	if (argc - optind != 2) {
		cli_complain(EX_USAGE, "vif mv takes two paths");
		return cli_usage("vif mv");
	}
	err = cli_open(false, &control);
	if (err)
		return err;
	return cli_close(control, toami_vif_move(control, argv[optind],
						 argv[optind + 1]));
}
