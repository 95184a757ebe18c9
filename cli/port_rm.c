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
	static const struct option options[] = { CLI_OPTS_END };
	json_t *result;
	int c, err;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		return c == CLI_HELP ? cli_help(help) : cli_usage("port rm");
	if (argc - optind != 1) {
		cli_complain(EX_USAGE, "port rm takes one PATH");
		return cli_usage("port rm");
	}
	err = cli_ask(false,
		      json_pack("{s:s, s:s}", "verb", "port.rm", "path",
				argv[optind]),
		      &result);
	if (!err)
		json_decref(result);
	return err;
}
