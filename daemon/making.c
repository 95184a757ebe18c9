/* SPDX-License-Identifier: BSD-2-Clause */
/* See call.h. */
#include "daemon/call.h"
#include "daemon/tree.h"
#include "daemon/settings.h"
#include "daemon/vif_json.h"

int making_begin(struct making *m, struct call *c, const char *path)
{
	bool bad = false;
	const char *address = call_text(c, "address", &bad);

	m->ix = m->top = 0;
	if (change_read(&m->change, c->request, path, c->why) || bad)
		return -1;
	m->ix = tree_make(c->daemon, path, address, c->peer, &m->top, c->why);
	return m->ix ? 0 : -1;
}

static bool any_given(const struct change *change)
{
	for (size_t i = 0; i < PROPS; i++)
		if (change->given[i])
			return true;
	return false;
}

int making_set(struct making *m, struct call *c)
{
	if (!making_is_new(m) && any_given(&m->change) &&
	    rights_change(c->daemon, c->peer, m->ix, c->why))
		return -1;
	return change_apply(c->daemon, c->peer, &m->change, m->ix, false,
			    c->why);
}

json_t *making_end(struct making *m, struct call *c, int err)
{
	change_fini(&m->change);
	if (!err)
		return vif_json(c->daemon, m->ix);
	if (m->ix)
		tree_take_back(c->daemon, m->ix, m->top);
	return NULL;
}
