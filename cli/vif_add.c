/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif add */
#include "cli/cli.h"
#include "cli/words.h"

#include <stdio.h>

static const char help[] =
	"usage: toami vif add [-a ADDR] PATH [NAME=VALUE...]\n"
	"\n"
	"Makes the VIF at PATH, and those above it that are missing, and sets "
	"its\n"
	"properties.\n"
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
	json_t *result, *set = NULL;
	struct toami_vif vif;
	int c, err;

	while ((c = getopt_long(argc, argv, "a:h", options, NULL)) != -1) {
		if (c == CLI_HELP) {
			cli_help(help);
			words_help(stdout);
			return 0;
		}
		if (c != 'a')
			return cli_usage("vif add");
		address = optarg;
	}
	if (optind == argc) {
		cli_complain(EX_USAGE, "vif add takes one PATH");
		return cli_usage("vif add");
	}
	for (int i = optind + 1; i < argc; i++) {
		err = words_add(&set, argv[i]);
		if (err)
			return err;
	}
	err = cli_ask(true,
		      json_pack("{s:s, s:s, s:s?, s:o*}", "verb", "vif.add",
				"path", argv[optind], "address", address, "set",
				set),
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
