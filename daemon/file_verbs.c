/* SPDX-License-Identifier: BSD-2-Clause */
/* save, load, mv and metrics; docs/protocol.md. */
#include "daemon/call.h"
#include "daemon/tree.h"
#include "daemon/rehearsal.h"
#include "daemon/script.h"
#include "daemon/vif_json.h"
#include "daemon/vif_stats.h"

#include <stdlib.h>

json_t *do_save(struct call *c)
{
	bool bad = false;
	const char *path = call_text(c, "path", &bad);
	json_t *result = NULL;
	vif_ix top;
	char *text;

	if (bad)
		return NULL;
	top = tree_find(c->daemon, path ? path : "/", c->why);
	if (!top)
		return NULL;
	text = script_save(c->daemon, top);
	if (text)
		result = json_pack("{s:s}", "text", text);
	free(text);
	if (!result)
		refuse(c->why, "internal", EX_OSERR, "out of memory");
	return result;
}

json_t *do_metrics(struct call *c)
{
	char *text = vif_stats_metrics(c->daemon);
	json_t *result = text ? json_pack("{s:s}", "text", text) : NULL;

	free(text);
	if (!result)
		refuse(c->why, "internal", EX_OSERR, "out of memory");
	return result;
}

static json_t *diff(struct call *c, const char *text)
{
	const json_t *users = json_object_get(c->request, "users");
	json_t *changes = json_array();
	struct refusal refused;

	if (script_diff(c->daemon, text, users, changes, c->why)) {
		json_decref(changes);
		return NULL;
	}
	if (!rehearsal_run(c->daemon, c->peer, text, users, &refused))
		return json_pack("{s:o}", "changes", changes);
	return json_pack("{s:o, s:o}", "changes", changes, "refused",
			 refusal_json(&refused));
}

/* What has been done, and how the interfaces of new ports have to be set up. */
static json_t *report(struct call *c, const struct transaction *t)
{
	json_t *ports = json_array();

	for (size_t i = 0; i < t->attached.count; i++)
		json_array_append_new(
			ports, port_setup_json(c->daemon, t->attached.ix[i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "made",
			 (json_int_t)t->made, "changed", (json_int_t)t->changed,
			 "moved", (json_int_t)t->moved, "removed",
			 (json_int_t)t->removed.count, "same",
			 (json_int_t)t->same, "detached",
			 (json_int_t)t->detached.count, "ports", ports);
}

json_t *do_load(struct call *c)
{
	bool bad = false;
	const char *text = call_text(c, "text", &bad);
	struct transaction t;
	json_t *result = NULL;
	int err;

	if (!text) {
		if (!bad)
			refuse(c->why, "bad-request", EX_USAGE,
			       "the request lacks the text to load");
		return NULL;
	}
	if (call_flag(c, "diff"))
		return diff(c, text);
	transaction_init(&t, c->daemon, c->peer);
	err = script_run(&t, text, json_object_get(c->request, "users"),
			 c->why);
	if (!err)
		err = transaction_commit(&t, c->why);
	if (err < 0)
		transaction_undo(&t);
	else if (!err)
		result = report(c, &t);
	transaction_fini(&t);
	return result;
}

json_t *do_vif_mv(struct call *c)
{
	bool bad = false;
	const char *path = call_path(c), *to = call_text(c, "to", &bad);
	vif_ix ix = path ? tree_find(c->daemon, path, c->why) : 0;

	if (!ix || bad)
		return NULL;
	if (!to) {
		refuse(c->why, "bad-request", EX_USAGE,
		       "the request lacks where VIF %.64s is to go", path);
		return NULL;
	}
	if (tree_move(c->daemon, ix, to, c->peer, c->why))
		return NULL;
	return vif_json(c->daemon, ix);
}
