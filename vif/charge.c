/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Charging between VIFs that are not siblings: the deeper end climbs first,
 * then both.
 *
 * At most 2 * VIF_DEPTH_MAX steps, whatever becomes of the tree meanwhile: a
 * slot that has been removed has parent 0, and one that has been used anew is
 * counted upon wrongly until the loop's bound at worst.
 */
#include "vif/vif.h"

void vif_charge_far(const struct fabric *f, vif_ix tx, vif_ix rx,
		    uint32_t packets, uint64_t bytes)
{
	for (int i = 0; tx && rx && tx != rx && i < 2 * VIF_DEPTH_MAX; i++) {
		struct vif *from = vif_at(f, tx), *to = vif_at(f, rx);

		if (atomic_load_explicit(&from->depth, memory_order_relaxed) >=
		    atomic_load_explicit(&to->depth, memory_order_relaxed)) {
			vif_count_add(&from->tx, packets, bytes);
			tx = vif_parent(from);
		} else {
			vif_count_add(&to->rx, packets, bytes);
			rx = vif_parent(to);
		}
	}
}

/* True: @ix lies strictly below @top. */
static bool is_inside(const struct fabric *f, vif_ix ix, vif_ix top)
{
	return ix != top && vif_below(f, ix, top);
}

void vif_charge_down(const struct fabric *f, vif_ix tx, vif_ix host, vif_ix rx,
		     uint32_t packets, uint64_t bytes)
{
	vif_ix ix = tx;

	vif_charge(f, host, rx, packets, bytes);
	if (!is_inside(f, tx, host))
		return;
	/* The lowest common ancestor, and what is above it up to the host. */
	for (int i = 0; i < VIF_DEPTH_MAX && ix && !vif_below(f, rx, ix); i++)
		ix = vif_parent(vif_at(f, ix));
	for (int i = 0; i < VIF_DEPTH_MAX && ix && is_inside(f, ix, host);
	     i++) {
		struct vif *v = vif_at(f, ix);

		atomic_fetch_sub_explicit(&v->tx.packets, packets,
					  memory_order_relaxed);
		atomic_fetch_sub_explicit(&v->tx.bytes, bytes,
					  memory_order_relaxed);
		atomic_fetch_sub_explicit(&v->rx.packets, packets,
					  memory_order_relaxed);
		atomic_fetch_sub_explicit(&v->rx.bytes, bytes,
					  memory_order_relaxed);
		ix = vif_parent(v);
	}
}

void vif_retransmitted(const struct fabric *f, vif_ix ix)
{
	for (int i = 0; i < VIF_DEPTH_MAX && ix > VIF_ROOT; i++) {
		struct vif *v = vif_at(f, ix);

		atomic_fetch_add_explicit(&v->tx.retransmits, 1,
					  memory_order_relaxed);
		ix = vif_parent(v);
	}
}
