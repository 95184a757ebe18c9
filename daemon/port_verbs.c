/* SPDX-License-Identifier: BSD-2-Clause */
/* port.add, port.rm and port.ls; docs/protocol.md. */
#include "daemon/call.h"
#include "daemon/ports.h"
#include "stack/stack.h"

#include <stdio.h>
#include <string.h>

static const char *address_word(const struct ip_addr *addr,
				char text[POOL_TEXT])
{
	return ip_is_any(addr) ? "" : pool_print(addr, text);
}

json_t *port_setup_json(struct daemon *d, vif_ix ix)
{
	struct fabric *f = daemon_fabric(d);
	const struct vif *v = vif_at(f, ix);
	char a4[POOL_TEXT], a6[POOL_TEXT], g4[POOL_TEXT], mac[18];
	char s4[POOL_TEXT], s6[POOL_TEXT];
	struct port_order_text text;
	struct port_order o;
	const uint8_t *m;
	pid_t pid;

	if (!ports_describe(d, ix, &o, &text))
		return json_null();
	m = ports_tap(d, ix, &pid)->guard.mac;
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
		 m[2], m[3], m[4], m[5]);
	return json_pack(
		"{s:s, s:s, s:b, s:b, s:s, s:s, s:i, s:s, s:i, s:s, s:s, s:s, "
		"s:i}",
		"path", o.path, "name", o.name, "uplink", o.uplink, "bare",
		o.bare, "mac", mac, "address", address_word(&v->addr4, a4),
		"prefix", d->pool.prefix4, "address6",
		address_word(&v->addr6, a6), "prefix6", d->pool.prefix6,
		"nameserver",
		d->dns ? pool_print(&f->header->gateway4, g4) : "", "gateway",
		address_word(&d->stranger4, s4), "gateway6",
		address_word(&d->stranger6, s6), "mtu", STACK_MTU);
}

json_t *do_port_add(struct call *c)
{
	bool bad = false;
	struct port_order o = {
		.path = call_path(c),
		.address = call_text(c, "address", &bad),
		.name = call_text(c, "name", &bad),
		.gateway = call_text(c, "gateway", &bad),
		.gateway6 = call_text(c, "gateway6", &bad),
		.uplink = call_flag(c, "uplink"),
		.offload =
			!json_is_false(json_object_get(c->request, "offload")),
		.bare = call_flag(c, "bare"),
		.netns = (unsigned long long)json_integer_value(
			json_object_get(c->request, "netns")),
	};
	vif_ix ix, top;

	if (!o.path || bad)
		return NULL;
	ix = ports_add(c->daemon, c->peer, &o, &top, c->why);
	return ix ? port_setup_json(c->daemon, ix) : NULL;
}

json_t *do_port_rm(struct call *c)
{
	const char *path = call_path(c);
	vif_ix ix;

	if (!path || ports_find(c->daemon, c->peer, path, &ix, c->why))
		return NULL;
	ports_remove(c->daemon, ix);
	return json_object();
}

json_t *do_port_ls(struct call *c)
{
	json_t *list = json_array();

	for (vif_ix ix = 0; (ix = ports_next(c->daemon, ix));) {
		struct port_order_text text;
		struct port_order o;
		const struct tap_counts *n;
		pid_t pid;

		ports_describe(c->daemon, ix, &o, &text);
		n = &ports_tap(c->daemon, ix, &pid)->count;
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:s?, s:s?, "
				  "s:i, s:{s:I, s:I, s:I, s:I, s:I}, "
				  "s:{s:I, s:I, s:I}}",
				  "path", o.path, "kind", "tap", "name", o.name,
				  "uplink", o.uplink, "offload", o.offload,
				  "bare", o.bare, "gateway", o.gateway,
				  "gateway6", o.gateway6, "pid", pid, "in",
				  "frames", (json_int_t)n->in, "bytes",
				  (json_int_t)n->in_bytes, "bad",
				  (json_int_t)n->in_bad, "refused",
				  (json_int_t)n->in_refused, "lost",
				  (json_int_t)n->in_lost, "out", "frames",
				  (json_int_t)n->out, "bytes",
				  (json_int_t)n->out_bytes, "lost",
				  (json_int_t)n->out_lost));
	}
	return json_pack("{s:o}", "ports", list);
}
