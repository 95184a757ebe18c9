/* SPDX-License-Identifier: BSD-2-Clause */
/* toami port rm */
#include "cli/cli.h"

static const char help[] =
	"usage: toami port rm PATH\n"
	"\n"
	"Detaches the port of the VIF at PATH. The VIF stays; its addresses "
	"are free for\n"
	"programs. An interface that is not persistent goes.\n";

int cli_port_rm(int argc, char **argv)
{
	static const struct cli_plain plain = { "port rm", help, 1, 1,
						"one PATH" };
	struct toami_control *control;
	int err;

	if (!cli_plain_open(&plain, argc, argv, &control, &err))
		return err;
	return cli_close(control, toami_port_remove(control, argv[optind]));
}
