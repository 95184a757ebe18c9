/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verb "nstat": what the hosts have counted, under the names of
 * /proc/net/snmp and /proc/net/netstat. Read without a lock: each is one word.
 */
#include "daemon/call.h"
#include "daemon/tree.h"
#include "daemon/json_text.h"
#include "socket/sock.h"
#include "stack/host.h"
#include "vif/vif.h"

#include <string.h>

static const struct {
	const char *group, *name;
	enum stack_counter at;
} counters[STACK_COUNTER_MAX] = {
#define X(group, name) { #group, #name, COUNT_##group##_##name },
	STACK_COUNTERS(X, X)
#undef X
};

/* Groups are members, in the order of the list; their names come together. */
static void put_counts(struct json_text *j, const uint64_t *count)
{
	const char *group = NULL;

	json_text_open(j, "counters", '{');
	for (uint32_t i = 0; i < STACK_COUNTER_MAX; i++) {
		if (!group || strcmp(group, counters[i].group)) {
			if (group)
				json_text_close(j, '}');
			group = counters[i].group;
			json_text_open(j, group, '{');
		}
		json_text_number(j, counters[i].name, count[counters[i].at]);
	}
	json_text_close(j, '}');
	json_text_close(j, '}');
}

/* One word; whoever holds the host's lock may be writing it. */
static uint64_t read_count(const uint64_t *p)
{
	return *(const volatile uint64_t *)p;
}

json_t *do_nstat(struct call *c)
{
	struct fabric *f = daemon_fabric(c->daemon);
	uint64_t sum[STACK_COUNTER_MAX] = { 0 };
	struct json_text j = { 0 };
	bool bad = false, each = call_flag(c, "each");
	const char *path = call_text(c, "path", &bad);
	vif_ix top = bad ? 0 : tree_find(c->daemon, path ? path : "/", c->why);

	if (!top)
		return NULL;
	json_text_open(&j, NULL, '{');
	json_text_open(&j, "hosts", '[');
	for (vif_ix ix = 0; (ix = vif_next(f, top, ix));) {
		host_ix host = atomic_load(&vif_at(f, ix)->host);
		uint64_t count[STACK_COUNTER_MAX];
		char name[VIF_PATH_MAX];

		if (!host)
			continue;
		for (uint32_t i = 0; i < STACK_COUNTER_MAX; i++) {
			count[i] =
				read_count(&stack_host_at(f, host)->count[i]);
			sum[i] += count[i];
		}
		if (!each)
			continue;
		vif_path(f, ix, name);
		json_text_open(&j, NULL, '{');
		json_text_string(&j, "vif", name);
		put_counts(&j, count);
		json_text_close(&j, '}');
	}
	json_text_close(&j, ']');
	put_counts(&j, sum);
	json_text_close(&j, '}');
	return call_text_result(c, json_text_take(&j));
}
