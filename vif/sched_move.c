/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What waits on a VIF that is removed or moved.
 *
 * Of one that is removed it goes to the queue of its parent. With one that
 * moves it goes along, in its order, into queues at the new place: in those of
 * the old parent it would wait for a ceiling that what is sent later does not
 * know, and be overtaken, which TCP takes for a loss. So taking it out, the
 * move and putting it back are one hold of the lock: meanwhile nothing passes.
 */
#include "vif/sched_internal.h"

#include <errno.h>

/* The leaf of @ix is empty: it has nothing to send. */
static void quiet(struct sched_view *v, node_ix ix)
{
	struct sched_node *n = node_at(v, ix);

	if (node_at(v, n->leaf)->state != NODE_IDLE)
		node_stop(v, n->leaf, NODE_IDLE);
	if (n->state == NODE_WAITING)
		node_leave(v, ix, NODE_IDLE);
}

/* --- removed */

/* What waits in the leaf of @ix waits in its parent's from now on. */
static void hand_up(struct sched_view *v, node_ix ix)
{
	struct sched_node *n = node_at(v, ix);
	struct sched_node *leaf = node_at(v, n->leaf), *above = NULL;
	enum vif_drop why;
	frame_ix frame;

	if (n->parent)
		above = node_at(v, node_at(v, n->parent)->leaf);
	while ((frame = leaf_take(v, leaf))) {
		/* No room, or nobody above: on its way at once. */
		if (!above || !leaf_push(v, above, frame, &why))
			wheel_put(v, SCHED_FRAME | frame, v->now_ns);
		else if (above->state == NODE_IDLE)
			node_wake(v, node_at(v, n->parent)->leaf);
	}
	quiet(v, ix);
}

/* Its nodes go, and what they have queued goes up. False: others are below. */
static bool drop_nodes(struct sched_view *v, class_ix ix)
{
	struct sched_class *c = class_at(v, ix);

	while (c->nodes) {
		node_ix n = c->nodes;

		if (node_at(v, n)->children)
			return false;
		hand_up(v, n);
		node_free(v, n);
	}
	return true;
}

static void clear_class(struct sched_view *v, class_ix ix)
{
	struct sched_class *c = class_at(v, ix);

	v->s->door.impaired -= c->impaired;
	mem_zero(c, sizeof(*c));
}

int vif_sched_forget(struct fabric *f, proc_ix self, vif_ix ix)
{
	struct fabric_inside in;
	struct sched_view v;
	int err = sched_seize(f, self, &in, &v);

	if (err)
		return err;
	if (drop_nodes(&v, 2 * ix + VIF_TX) &&
	    drop_nodes(&v, 2 * ix + VIF_RX)) {
		clear_class(&v, 2 * ix + VIF_TX);
		clear_class(&v, 2 * ix + VIF_RX);
		atomic_store(&vif_at(f, ix)->sched, 0);
	} else {
		err = -EBUSY;
	}
	sched_release(&in, &v);
	return err;
}

/* --- moved */

/* Takes what waits in the nodes of class @ix, and them. False: others are below
 * one. */
static bool take_nodes(struct sched_view *v, class_ix ix,
		       struct frame_list *taken)
{
	struct sched_class *c = class_at(v, ix);

	while (c->nodes) {
		node_ix n = c->nodes;
		frame_ix frame;

		if (node_at(v, n)->children)
			return false;
		while ((frame = leaf_take(v, node_at(v, node_at(v, n)->leaf))))
			frame_list_add(v->arena, taken, frame);
		quiet(v, n);
		node_free(v, n);
	}
	return true;
}

static vif_ix first_leaf(const struct fabric *f, vif_ix ix)
{
	while (vif_at(f, ix)->first_child)
		ix = vif_at(f, ix)->first_child;
	return ix;
}

/* What waits at and below @top, by direction. */
static bool take_all(struct sched_view *v, vif_ix top,
		     struct frame_list taken[2])
{
	const struct fabric *f = v->fabric;

	/* Children before parents. */
	for (vif_ix ix = first_leaf(f, top);;) {
		if (!take_nodes(v, 2 * ix + VIF_TX, &taken[VIF_TX]) ||
		    !take_nodes(v, 2 * ix + VIF_RX, &taken[VIF_RX]))
			return false;
		if (ix == top)
			return true;
		ix = vif_at(f, ix)->next ? first_leaf(f, vif_at(f, ix)->next)
					 : vif_parent(vif_at(f, ix));
	}
}

/* Where @ix has to wait by the tree as it is, having come through @way's
 * queue. 0: nowhere. Its note gets what is behind that. */
static node_ix place(struct sched_view *v, frame_ix ix, enum vif_way way)
{
	struct frame *f = frame_at(v->arena, ix);
	struct sched_note *note = sched_note(f);
	struct sched_path p;

	note->class = 0;
	sched_path(v->fabric, f->tx_vif, f->rx_vif, &p);
	if (way == VIF_RX || !p.tx)
		return p.rx ? node_get(v, p.rx, p.rx_top) : 0;
	note->class = p.rx;
	note->top = p.rx_top;
	return node_get(v, p.tx, p.tx_top);
}

/* In its order behind what is there; it has waited since it came. */
static void put_all(struct sched_view *v, struct frame_list *list,
		    enum vif_way way)
{
	enum vif_drop why;
	frame_ix ix;

	while ((ix = frame_list_pop(v->arena, list))) {
		struct sched_timer *timer =
			&sched_note(frame_at(v->arena, ix))->timer;
		uint64_t since_ns = timer->date_ns;
		node_ix n = place(v, ix, way),
			leaf = n ? node_at(v, n)->leaf : 0;

		/* No room, or nobody to wait for: on its way at once. */
		if (!n || !leaf_push(v, node_at(v, leaf), ix, &why)) {
			wheel_put(v, SCHED_FRAME | ix, v->now_ns);
			continue;
		}
		timer->date_ns = since_ns;
		if (node_at(v, leaf)->state == NODE_IDLE)
			node_wake(v, leaf);
	}
}

int vif_sched_move(struct fabric *f, proc_ix self, vif_ix ix, vif_ix parent,
		   const char *name, size_t bytes)
{
	struct frame_list taken[2] = { { 0, 0 }, { 0, 0 } };
	struct fabric_inside in;
	struct sched_view v;
	int err = sched_seize(f, self, &in, &v);

	if (err)
		return err;
	err = take_all(&v, ix, taken) ? vif_move(f, ix, parent, name, bytes)
				      : -EBUSY;
	/* Ways that somebody has found are those of the tree as it was. */
	v.generation = ++v.s->generation;
	put_all(&v, &taken[VIF_TX], VIF_TX);
	put_all(&v, &taken[VIF_RX], VIF_RX);
	sched_release(&in, &v);
	if (!err)
		vif_sched_apply(f, ix);
	return err;
}
