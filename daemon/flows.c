/* SPDX-License-Identifier: BSD-2-Clause */
/* See flows.h. */
#include "daemon/flows.h"
#include "vif/program.h"

static bool takes(const struct vif_control *c)
{
	return c && (atomic_load(&c->flow) || atomic_load(&c->mark));
}

bool flows_takes(struct daemon *d, vif_ix ix)
{
	return takes(vif_control_of(daemon_fabric(d), ix));
}

void flows_link(struct daemon *d, vif_ix parent, vif_ix except)
{
	struct fabric *f = daemon_fabric(d);
	struct vif_control *c, *own = vif_control_of(f, parent);
	_Atomic vif_ix *link = NULL;
	vif_ix first = 0;

	for (vif_ix ix = vif_at(f, parent)->first_child; ix;
	     ix = vif_at(f, ix)->next) {
		c = vif_control_of(f, ix);
		if (ix == except || !takes(c))
			continue;
		if (link)
			atomic_store(link, ix);
		else
			first = ix;
		link = &c->flow_next;
	}
	if (link)
		atomic_store(link, 0);
	if (first && !own)
		own = vif_control_make(f, parent);
	if (own)
		atomic_store(&own->flow_first, first);
	vif_program_apply(f, parent);
}

int flows_check(struct daemon *d, vif_ix ix, struct refusal *why)
{
	const struct fabric *f = daemon_fabric(d);
	vif_ix parent = vif_parent(vif_at(f, ix));
	char path[VIF_PATH_MAX];
	uint32_t flows = 0;

	vif_path(f, ix, path);
	if (!parent || atomic_load(&vif_at(f, ix)->host))
		return refuse(
			why, "bad-value", EX_USAGE,
			"VIF %.200s has an address of its own, so it takes "
			"no flow of the VIF above: make one without, with "
			"'-a none'",
			path);
	for (vif_ix c = vif_at(f, parent)->first_child; c;
	     c = vif_at(f, c)->next)
		flows += c != ix && takes(vif_control_of(f, c));
	if (flows < VIF_FLOWS_MAX)
		return 0;
	return refuse(why, "table-full", EX_CANTCREAT,
		      "VIF %.200s finds no room: no more than %d VIFs take "
		      "flows of the one above",
		      path, VIF_FLOWS_MAX);
}
