/* SPDX-License-Identifier: BSD-2-Clause */
/* See client_port.h. */
#include "daemon/client_port.h"
#include "port/netif.h"
#include "port/tap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int refuse_setup(struct toami_control *c, const char *name,
			const char *what, int err)
{
	struct refusal why;

	refuse(&why, "internal", EX_OSERR,
	       "interface %s is attached, but %s: %s", name, what,
	       strerror(-err));
	return client_fail(c, &why);
}

int client_port_refuse(struct toami_control *c, const char *name, int err)
{
	const char *n = name ? name : "a TAP";
	struct refusal why;

	switch (err) {
	case -EPERM:
	case -EACCES:
		refuse(&why, "no-permission", EX_NOPERM,
		       "you may not make %s: run this as root, or have it made "
		       "for you with 'ip tuntap add ... mode tap vnet_hdr user "
		       "YOU'",
		       n);
		break;
	case -EBUSY:
		refuse(&why, "no-interface", EX_CANTCREAT,
		       "interface %s is in use: choose another name", n);
		break;
	case -EINVAL:
	case -ENAMETOOLONG:
		refuse(&why, "no-interface", EX_USAGE,
		       "'%.64s' is not a name for a TAP, or is an interface of "
		       "another kind: choose another name",
		       n);
		break;
	case -ENOENT:
	case -ENODEV:
		refuse(&why, "no-interface", EX_UNAVAILABLE,
		       "this kernel has no /dev/net/tun: load the module "
		       "'tun'");
		break;
	default:
		refuse(&why, "no-interface", EX_OSERR,
		       "%.64s cannot be made: %s", n, strerror(-err));
	}
	return client_fail(c, &why);
}

int client_port_may(struct toami_control *c, const char *name)
{
	int err = netif_may(name);
	struct refusal why;

	if (!err)
		return 0;
	refuse(&why, "no-permission", EX_NOPERM,
	       "interface %s cannot be set up: %s: run this as root, or attach "
	       "it with --bare and set it up yourself",
	       name, strerror(-err));
	return client_fail(c, &why);
}

static const char *text_of(const json_t *setup, const char *key)
{
	const char *s = json_string_value(json_object_get(setup, key));

	return s ? s : "";
}

static int number_of(const json_t *setup, const char *key)
{
	return (int)json_integer_value(json_object_get(setup, key));
}

int client_port_setup(struct toami_control *c, const json_t *setup)
{
	const char *name = text_of(setup, "name");
	const char *what = "it cannot be switched on";
	const struct netif netif = {
		.mac = text_of(setup, "mac"),
		.address = text_of(setup, "address"),
		.address6 = text_of(setup, "address6"),
		.gateway = text_of(setup, "gateway"),
		.gateway6 = text_of(setup, "gateway6"),
		.mtu = number_of(setup, "mtu"),
		.prefix = number_of(setup, "prefix"),
		.prefix6 = number_of(setup, "prefix6"),
	};
	int err;

	if (json_is_true(json_object_get(setup, "bare")))
		return 0;
	err = json_is_true(json_object_get(setup, "uplink"))
		      ? netif_up(name)
		      : netif_setup(name, &netif, &what);
	return err ? refuse_setup(c, name, what, err) : 0;
}

int client_port_add(struct toami_control *c, const struct port_order *o,
		    json_t **setup)
{
	struct client_files files = { 0 };
	char name[IFNAMSIZ];
	int fd = tap_open(o->name, name), err;

	*setup = NULL;
	if (fd < 0)
		return client_port_refuse(c, o->name, fd);
	client_files_add(&files, fd, name);
	err = o->bare ? 0 : client_port_may(c, name);
	if (err) {
		client_files_close(&files);
		return err;
	}
	err = client_request_with(
		c,
		json_pack("{s:s, s:s, s:s?, s:s, s:b, s:b, s:b, s:s?, s:s?, "
			  "s:I}",
			  "verb", "port.add", "path", o->path, "address",
			  o->address, "name", name, "uplink", o->uplink,
			  "offload", o->offload, "bare", o->bare, "gateway",
			  o->gateway, "gateway6", o->gateway6, "netns",
			  (json_int_t)o->netns),
		&files, setup);
	client_files_close(&files);
	return err ? err : client_port_setup(c, *setup);
}

int toami_port_add(struct toami_control *control, const char *path,
		   const struct toami_port *port, char *interface)
{
	const struct port_order order = { .path = path,
					  .address = port->address,
					  .name = port->interface,
					  .gateway = port->gateway,
					  .gateway6 = port->gateway6,
					  .uplink = port->uplink,
					  .offload = !port->no_offload,
					  .bare = port->bare };
	json_t *setup;
	int err = client_port_add(control, &order, &setup);

	if (setup && interface)
		snprintf(interface, IFNAMSIZ, "%s", text_of(setup, "name"));
	json_decref(setup);
	return err;
}

int toami_port_remove(struct toami_control *control, const char *path)
{
	json_t *result;
	int err = client_request(control,
				 json_pack("{s:s, s:s}", "verb", "port.rm",
					   "path", path),
				 &result);

	json_decref(result);
	return err;
}
