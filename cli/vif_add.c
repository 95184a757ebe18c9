/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif add */
#include "cli/cli.h"

#include <stdio.h>

static const char help[] =
	"usage: toami vif add [-a ADDR] PATH\n"
	"\n"
	"Makes the VIF at PATH, and those above it that are missing.\n"
	"\n"
	"  -a, --address ADDR  an IPv4 or IPv6 address of the fabric; 'auto': "
	"the\n"
	"                      next free one; 'none': share that of the VIF "
	"above\n"
	"                      (default: auto for /NAME, none for "
	"/NAME/NAME)\n";

int cli_vif_add(int argc, char **argv)
{
	static const struct option options[] = {
		{ "address", required_argument, NULL, 'a' }, CLI_OPTS_END
	};
	const char *address = NULL;
	json_t *result;
	struct toami_vif vif;
	int c, err;

	while ((c = getopt_long(argc, argv, "a:h", options, NULL)) != -1) {
		if (c == CLI_HELP)
			return cli_help(help);
		if (c != 'a')
			return cli_usage("vif add");
		address = optarg;
	}
	if (argc - optind != 1) {
		cli_complain(EX_USAGE, "vif add takes one PATH");
		return cli_usage("vif add");
	}
	err = cli_ask(true,
		      json_pack("{s:s, s:s, s:s?}", "verb", "vif.add", "path",
				argv[optind], "address", address),
		      &result);
	if (err)
		return err;
	client_vif(result, &vif);
	json_decref(result);
	if (*vif.address)
		printf("%s %s %s\n", vif.path, vif.address, vif.address6);
	else
		printf("%s shares the address of %s\n", vif.path, vif.lane_of);
	return 0;
}
