/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toami port add: makes the TAP where the command runs, in its network
 * namespace and with its rights, and hands it to the daemon.
 */
#include "cli/cli.h"
#include "cli/netif.h"
#include "port/tap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

struct order {
	const char *path, *name, *address, *gateway, *gateway6;
	int uplink, offload, bare;
};

static int refuse_tap(const char *name, int err)
{
	const char *n = name ? name : "a TAP";

	switch (err) {
	case -EPERM:
	case -EACCES:
		return cli_complain(EX_NOPERM,
				    "you may not make %s: run this as root, or "
				    "have it made for you with 'ip tuntap add "
				    "... mode tap vnet_hdr user YOU'",
				    n);
	case -EBUSY:
		return cli_complain(EX_CANTCREAT,
				    "interface %s is in use: choose another "
				    "name",
				    n);
	case -EINVAL:
	case -ENAMETOOLONG:
		return cli_complain(EX_USAGE,
				    "'%s' is not a name for a TAP, or is an "
				    "interface of another kind: choose another "
				    "name",
				    n);
	case -ENOENT:
	case -ENODEV:
		return cli_complain(EX_UNAVAILABLE,
				    "this kernel has no /dev/net/tun: load the "
				    "module 'tun'");
	default:
		return cli_complain(EX_OSERR, "%s cannot be made: %s", n,
				    strerror(-err));
	}
}

static int configure(const struct order *o, const char *name,
		     const json_t *setup)
{
	const char *what = "it cannot be switched on";
	int err = o->bare     ? 0
		  : o->uplink ? netif_up(name)
			      : netif_setup(name, setup, &what);

	if (err)
		return cli_complain(EX_OSERR,
				    "interface %s is attached, but %s: %s",
				    name, what, strerror(-err));
	return 0;
}

static int add(const struct order *o)
{
	char name[IFNAMSIZ];
	int fd = tap_open(o->name, name), err;
	struct toami_control *c;
	const char *address;
	json_t *setup;

	if (fd < 0)
		return refuse_tap(o->name, fd);
	err = cli_open(true, &c);
	if (err) {
		close(fd);
		return err;
	}
	err = client_request_with(
		c,
		json_pack("{s:s, s:s, s:s?, s:b, s:b, s:s?, s:s?}", "verb",
			  "port.add", "path", o->path, "address", o->address,
			  "uplink", o->uplink, "offload", o->offload, "gateway",
			  o->gateway, "gateway6", o->gateway6),
		fd, &setup);
	close(fd);
	if (err) {
		cli_complain(err, "%s", toami_control_text(c));
	} else {
		err = configure(o, name, setup);
		address = json_string_value(json_object_get(setup, "address"));
		if (!err)
			printf("%s %s %s\n",
			       json_string_value(
				       json_object_get(setup, "path")),
			       name,
			       o->uplink ? "uplink"
			       : address ? address
					 : "");
		json_decref(setup);
	}
	toami_control_close(c);
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
	struct order o = { .offload = 1 };
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
			o.uplink = 1;
			break;
		case OPT_GATEWAY:
			o.gateway = optarg;
			break;
		case OPT_GATEWAY6:
			o.gateway6 = optarg;
			break;
		case OPT_NO_OFFLOAD:
			o.offload = 0;
			break;
		case OPT_BARE:
			o.bare = 1;
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
