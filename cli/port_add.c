/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toami port add: makes the TAP where the command runs, in its network
 * namespace and with its rights, and hands it to the daemon.
 */
#include "cli/cli.h"
#include "daemon/client_port.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
	"usage: toami port add tap [options] PATH\n"
	"\n"
	"Attaches a TAP interface, made in this network namespace, to the VIF "
	"at PATH,\n"
	"which is made where it is missing. The kernel behind the interface "
	"becomes the\n"
	"VIF's host: the VIF's addresses are given to the interface. With "
	"--uplink the\n"
	"interface leads to a network instead (a bridge, a routing kernel): "
	"programs reach\n"
	"the neighbours and gateways there.\n"
	"\n"
	"  -n, --name IF          the interface (default: the kernel chooses); "
	"may be a\n"
	"                         persistent one that you own\n"
	"  -a, --address ADDR     of the VIF, as for 'toami run'\n"
	"  -u, --uplink           what is beyond belongs to nobody here\n"
	"      --gateway ADDR     uplink: the router to other networks, IPv4\n"
	"      --gateway6 ADDR    likewise, IPv6\n"
	"      --no-offload       frames leave cut up and with checksums\n"
	"      --bare             leave the interface as it is: no address, "
	"down\n";

enum { OPT_GATEWAY = 256, OPT_GATEWAY6, OPT_NO_OFFLOAD, OPT_BARE };

static int add(const struct port_order *o)
{
	struct toami_control *c;
	const char *address;
	json_t *setup;
	int err = cli_open(true, &c);

	if (err)
		return err;
	err = cli_close(c, client_port_add(c, o, &setup));
	address = json_string_value(json_object_get(setup, "address"));
	if (!err)
		printf("%s %s %s\n",
		       json_string_value(json_object_get(setup, "path")),
		       json_string_value(json_object_get(setup, "name")),
		       o->uplink ? "uplink"
		       : address ? address
				 : "");
	json_decref(setup);
	return err;
}

int cli_port_add(int argc, char **argv)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "address", required_argument, NULL, 'a' },
		{ "uplink", no_argument, NULL, 'u' },
		{ "gateway", required_argument, NULL, OPT_GATEWAY },
		{ "gateway6", required_argument, NULL, OPT_GATEWAY6 },
		{ "no-offload", no_argument, NULL, OPT_NO_OFFLOAD },
		{ "bare", no_argument, NULL, OPT_BARE },
		CLI_OPTS_END
	};
	struct port_order o = { .offload = true };
	int c;

	while ((c = getopt_long(argc, argv, "n:a:uh", options, NULL)) != -1) {
		switch (c) {
		case CLI_HELP:
			return cli_help(help);
		case 'n':
			o.name = optarg;
			break;
		case 'a':
			o.address = optarg;
			break;
		case 'u':
			o.uplink = true;
			break;
		case OPT_GATEWAY:
			o.gateway = optarg;
			break;
		case OPT_GATEWAY6:
			o.gateway6 = optarg;
			break;
		case OPT_NO_OFFLOAD:
			o.offload = false;
			break;
		case OPT_BARE:
			o.bare = true;
			break;
		default:
			return cli_usage("port add");
		}
	}
	if (argc - optind != 2 || strcmp(argv[optind], "tap")) {
		cli_complain(EX_USAGE,
			     "port add takes a kind, which is 'tap', and a "
			     "PATH");
		return cli_usage("port add");
	}
	if ((o.gateway || o.gateway6) && !o.uplink) {
		cli_complain(EX_USAGE, "a gateway is beyond an uplink: give "
				       "--uplink, too");
		return cli_usage("port add");
	}
	o.path = argv[optind + 1];
	return add(&o);
}
