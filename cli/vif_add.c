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
	"  -a, --address ADDR  an IPv4 or IPv6 address of the fabric, or "
	"IPV4,IPV6; 'auto': the\n"
	"                      next free one; 'none': share that of the VIF "
	"above;\n"
	"                      'dhcp', 'slaac': found on the uplink's "
	"network\n"
	"                      (default: auto for /NAME, none for "
	"/NAME/NAME)\n";

int cli_vif_add(int argc, char **argv)
{
	static const struct option options[] = {
		{ "address", required_argument, NULL, 'a' }, CLI_OPTS_END
	};
	const char *address = NULL;
	struct toami_control *control;
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
	err = words_files(argv + optind + 1);
	if (!err)
		err = cli_open(true, &control);
	if (err)
		return err;
	err = toami_vif_add(control, argv[optind], address,
			    (const char *const *)argv + optind + 1, &vif);
	if (!err) {
		err = cli_wait_address(control, address, &vif);
		toami_control_close(control);
	} else {
		err = cli_close(control, err);
	}
	if (err)
		return err;
	if (*vif.address || *vif.address6)
		printf("%s %s %s\n", vif.path, *vif.address ? vif.address : "-",
		       vif.address6);
	else
		printf("%s shares the address of %s\n", vif.path, vif.lane_of);
	return 0;
}
