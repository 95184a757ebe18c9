/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs that make, change, list and remove VIFs; docs/protocol.md. */
#include "daemon/call.h"
#include "daemon/tree.h"
#include "daemon/request.h"
#include "daemon/settings.h"
#include "daemon/vif_json.h"

json_t *do_vif_add(struct call *c)
{
	const char *path = call_path(c);
	struct making m;
	int err;

	if (!path)
		return NULL;
	err = making_begin(&m, c, path);
	if (!err && !making_is_new(&m) && !call_flag(c, "keep"))
		err = refuse(c->why, "vif-exists", EX_CANTCREAT,
			     "VIF %.64s exists already: 'toami vif show %.64s' "
			     "shows it, 'toami vif set %.64s' changes it",
			     path, path, path);
	if (!err && !making_is_new(&m))
		err = rights_change(c->daemon, c->peer, m.ix, c->why);
	if (!err)
		err = making_set(&m, c);
	return making_end(&m, c, err);
}

json_t *do_vif_set(struct call *c)
{
	const char *path = call_path(c);
	vif_ix ix = path ? tree_find(c->daemon, path, c->why) : 0;
	struct change change;
	json_t *result = NULL;

	if (!ix || rights_change(c->daemon, c->peer, ix, c->why))
		return NULL;
	if (!change_read(&change, c->request, path, c->why) &&
	    !change_apply(c->daemon, c->peer, &change, ix, false, c->why))
		result = vif_json(c->daemon, ix);
	change_fini(&change);
	return result;
}

json_t *do_vif_rm(struct call *c)
{
	const char *path = call_path(c);
	bool below = call_flag(c, "recursive");
	vif_ix ix = path ? tree_find(c->daemon, path, c->why) : 0;

	if (!ix || rights_change(c->daemon, c->peer, ix, c->why) ||
	    tree_remove(c->daemon, ix, below, c->why))
		return NULL;
	return json_object();
}

json_t *do_vif_ls(struct call *c)
{
	bool bad = false;
	const char *path = call_text(c, "path", &bad);
	enum vif_json_depth depth;
	vif_ix top;

	if (bad)
		return NULL;
	top = tree_find(c->daemon, path ? path : "/", c->why);
	if (!top)
		return NULL;
	if (call_flag(c, "brief"))
		return call_text_result(c, vif_json_paths(c->daemon, top));
	depth = call_flag(c, "short")	? VIF_JSON_SHORT
		: call_flag(c, "queue") ? VIF_JSON_QUEUE
					: VIF_JSON_WHOLE;
	return call_text_result(c, vif_json_tree(c->daemon, top, depth));
}

json_t *do_vif_show(struct call *c)
{
	const char *path = call_path(c);
	vif_ix ix = path ? tree_find(c->daemon, path, c->why) : 0;

	return ix ? vif_json(c->daemon, ix) : NULL;
}
