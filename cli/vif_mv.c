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
	static const struct cli_plain plain = { "vif mv", help, 2, 2,
						"two paths" };
	struct toami_control *control;
	int err;

	if (!cli_plain_open(&plain, argc, argv, &control, &err))
		return err;
	return cli_close(control, toami_vif_move(control, argv[optind],
						 argv[optind + 1]));
}
