/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving a VIF its controls and taking them away; see control.h. */
#include "vif/control.h"
#include "base/mem.h"

struct vif_control *vif_control_make(struct fabric *f, vif_ix ix)
{
	struct vif_control *c = vif_control_of(f, ix);
	uint32_t slot;

	if (c)
		return c;
	slot = slot_alloc(&f->table[FABRIC_TABLE_CONTROL]);
	if (!slot)
		return NULL;
	c = vif_control_at(f, slot);
	mem_zero(&c->vif, sizeof(*c) - offsetof(struct vif_control, vif));
	c->vif = ix;
	atomic_store_explicit(&vif_at(f, ix)->control, slot,
			      memory_order_release);
	return c;
}

void vif_control_drop(struct fabric *f, vif_ix ix)
{
	struct vif_control *c = vif_control_of(f, ix);
	uint32_t slot;

	if (!c)
		return;
	slot = atomic_exchange(&vif_at(f, ix)->control, 0);
	c->vif = 0;
	slot_free(&f->table[FABRIC_TABLE_CONTROL], slot);
}
