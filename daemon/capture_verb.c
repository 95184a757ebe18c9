/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture and watch: what lasts as long as the connection that asked for it;
 * docs/protocol.md.
 */
#include "daemon/call.h"
#include "daemon/tree.h"
#include "daemon/session.h"
#include "daemon/settings.h"
#include "vif/capture.h"

#include <string.h>

#define SNAP_MAX 131072

/* The ways of the request; 0 and why not. */
static uint32_t ways_of(struct call *c)
{
	bool bad = false;
	const char *way = call_text(c, "direction", &bad);

	if (bad)
		return 0;
	if (!way || !strcmp(way, "both"))
		return 1u << VIF_TX | 1u << VIF_RX;
	if (!strcmp(way, "out"))
		return 1u << VIF_TX;
	if (!strcmp(way, "in"))
		return 1u << VIF_RX;
	refuse(c->why, "bad-request", EX_USAGE,
	       "'%.40s' is no direction: there are in, out and both", way);
	return 0;
}

static uint32_t snap_of(struct call *c)
{
	json_t *json = json_object_get(c->request, "snap");
	json_int_t n = json_integer_value(json);

	if (!json)
		return SNAP_MAX;
	if (json_is_integer(json) && n >= 14 && n <= SNAP_MAX)
		return (uint32_t)n;
	refuse(c->why, "bad-request", EX_USAGE,
	       "a frame is captured with 14 to %d bytes", SNAP_MAX);
	return 0;
}

json_t *do_capture(struct call *c)
{
	const char *path = call_path(c);
	vif_ix ix = path ? tree_find(c->daemon, path, c->why) : 0;
	uint32_t ways = ix ? ways_of(c) : 0, snap = ways ? snap_of(c) : 0;
	struct capture_order order;
	uint32_t slot;

	if (!snap || rights_use(c->daemon, c->peer, ix, c->why))
		return NULL;
	if (!c->session || c->session->capture) {
		refuse(c->why, "bad-request", EX_USAGE,
		       "a connection has one capture: open another one");
		return NULL;
	}
	order = (struct capture_order){
		.vif = ix,
		.ways = ways,
		.snap_bytes = snap,
		.below = call_flag(c, "recursive"),
		.sampled = call_flag(c, "sampled"),
	};
	slot = capture_open(daemon_fabric(c->daemon), &order);
	if (!slot) {
		refuse(c->why, "table-full", EX_TEMPFAIL,
		       "no more than %d captures run at the same time: end one",
		       CAPTURE_MAX - 1);
		return NULL;
	}
	c->session->capture = slot;
	return json_pack("{s:i}", "slot", (int)slot);
}

json_t *do_watch(struct call *c)
{
	if (!c->session) {
		refuse(c->why, "bad-request", EX_USAGE,
		       "nobody can watch here");
		return NULL;
	}
	if (!c->session->watching)
		c->daemon->watchers++;
	c->session->watching = true;
	return json_object();
}

void session_end(struct daemon *d, struct session *s)
{
	if (s->capture)
		capture_close(daemon_fabric(d), s->capture);
	if (s->watching)
		d->watchers--;
	*s = (struct session){ 0 };
}
