/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nodes: a class's place in one tree. See sched_internal.h.
 *
 * An inner node has children: inner nodes of the VIFs below, and one leaf, its
 * own traffic. What wants to send stands in its parent's bands (a root: in the
 * ring of roots); what is stopped by its ceiling stands in the wheel. A node
 * wants to send exactly when one of its children does, so waking goes up until
 * it meets somebody who is awake, or stopped, already, and so does stopping.
 */
#include "vif/sched_internal.h"

static node_ix find(struct sched_view *v, class_ix class, class_ix top)
{
	node_ix ix = class_at(v, class)->nodes;

	while (ix && node_at(v, ix)->top != top)
		ix = node_at(v, ix)->class_next;
	return ix;
}

static node_ix alloc(struct sched_view *v, enum sched_kind kind, class_ix class,
		     class_ix top)
{
	node_ix ix = slot_alloc(&v->fabric->table[FABRIC_TABLE_NODE]);
	struct sched_node *n;

	if (!ix) {
		v->full = true;
		return 0;
	}
	n = node_at(v, ix);
	*n = (struct sched_node){ .link = n->link,
				  .kind = (uint8_t)kind,
				  .class = class,
				  .top = top,
				  .weight = 1,
				  .since_ns = 0 };
	return ix;
}

static void drop_slot(struct sched_view *v, node_ix ix)
{
	if (!ix)
		return;
	node_at(v, ix)->kind = NODE_FREE;
	slot_free(&v->fabric->table[FABRIC_TABLE_NODE], ix);
}

void node_free(struct sched_view *v, node_ix ix)
{
	struct sched_node *n = node_at(v, ix);
	node_ix *link = &class_at(v, n->class)->nodes;

	while (*link && *link != ix)
		link = &node_at(v, *link)->class_next;
	if (*link)
		*link = n->class_next;
	wheel_take(v, ix);
	if (n->parent)
		node_at(v, n->parent)->children--;
	for (uint32_t i = 0; i <= VIF_PRIO_MAX; i++)
		drop_slot(v, n->band[i]);
	if (n->leaf) {
		leaf_free(v, node_at(v, n->leaf));
		drop_slot(v, n->leaf);
	}
	drop_slot(v, ix);
}

/* An inner node with its leaf, not yet below anybody; or 0. */
static node_ix make(struct sched_view *v, class_ix class, class_ix top)
{
	struct sched_class *c = class_at(v, class);
	node_ix ix, leaf;
	struct sched_node *n;

	if (!c->loaded)
		class_load(v, class);
	ix = alloc(v, NODE_INNER, class, top);
	leaf = ix ? alloc(v, NODE_LEAF, class, top) : 0;
	if (!leaf || !band_make(v, ix, 0)) {
		drop_slot(v, leaf);
		drop_slot(v, ix);
		return 0;
	}
	n = node_at(v, ix);
	n->leaf = leaf;
	n->weight = (uint16_t)c->weight;
	n->prio = (uint8_t)c->prio;
	node_at(v, leaf)->parent = ix;
	n->class_next = c->nodes;
	c->nodes = ix;
	return ix;
}

node_ix node_get(struct sched_view *v, class_ix class, class_ix top)
{
	node_ix bottom = find(v, class, top), n, below = 0;

	if (likely(bottom))
		return bottom;
	for (int i = 0; i <= VIF_DEPTH_MAX; i++) {
		struct sched_node *b;

		n = find(v, class, top);
		if (!n)
			n = make(v, class, top);
		if (!n)
			break;
		if (!below) {
			bottom = n;
		} else {
			b = node_at(v, below);
			if (!band_make(v, n, b->prio))
				break;
			b->parent = n;
			node_at(v, n)->children++;
		}
		if (class == top || node_at(v, n)->parent)
			return bottom;
		below = n;
		class = 2 * vif_parent(vif_at(v->fabric, class >> 1)) |
			(class & 1);
		if (class < 2)
			break;
	}
	/* No memory, or the tree has changed: what was begun goes. */
	for (n = bottom; n;) {
		node_ix up = node_at(v, n)->parent;

		node_free(v, n);
		n = up && !node_at(v, up)->children &&
				    !node_at(v, node_at(v, up)->leaf)->packets
			    ? up
			    : 0;
	}
	return 0;
}

/* An old date is no more than so much credit. */
static uint64_t credit(const struct sched_view *v, const struct sched_node *n,
		       uint64_t date_ns)
{
	uint64_t most = v->now_ns - n->since_ns < SCHED_LATE_NS ? SCHED_LATE_NS
								: SCHED_IDLE_NS;

	return date_ns + most < v->now_ns ? v->now_ns - most : date_ns;
}

/* True: it waits for its ceiling's date. */
static bool is_shut(struct sched_view *v, node_ix ix)
{
	struct sched_node *n = node_at(v, ix);
	struct sched_class *c = class_at(v, n->class);

	if (c->ceil_mult)
		ceiling_credit(v, c, n->state, n->since_ns);
	if (!c->ceil_mult || c->gate_ns <= v->now_ns) {
		if (n->state == NODE_WAITING)
			c->stats.throttled_ns += v->now_ns - n->since_ns;
		return false;
	}
	if (n->state == NODE_IDLE)
		n->since_ns = v->now_ns;
	n->state = NODE_WAITING;
	wheel_take(v, ix);
	wheel_put(v, ix, c->gate_ns);
	return true;
}

void node_wake(struct sched_view *v, node_ix ix)
{
	for (;;) {
		struct sched_node *n = node_at(v, ix), *p;
		bool was_idle = n->state == NODE_IDLE;

		if (n->kind == NODE_INNER) {
			struct sched_class *c = class_at(v, n->class);

			if (is_shut(v, ix))
				return;
			if (!n->parent) {
				n->state = NODE_TURN;
				ring_add(v, &v->s->roots, ix);
				return;
			}
			n->state = NODE_TURN;
			if (c->min_mult) {
				if (was_idle)
					n->min_ns = credit(v, n, n->min_ns);
				else if (n->min_ns + SCHED_LATE_NS < v->now_ns)
					n->min_ns = v->now_ns - SCHED_LATE_NS;
				if (n->min_ns <= v->now_ns)
					n->state = NODE_DUE;
				else
					wheel_put(v, ix, n->min_ns);
			}
		} else {
			n->state = NODE_TURN;
		}
		band_join(v, ix);
		p = node_at(v, n->parent);
		p->wanting++;
		if (p->state != NODE_IDLE)
			return;
		ix = n->parent;
	}
}

void node_leave(struct sched_view *v, node_ix ix, enum sched_state state)
{
	struct sched_node *n = node_at(v, ix);

	if (n->state == NODE_TURN || n->state == NODE_DUE) {
		if (n->parent) {
			band_leave(v, ix);
			node_at(v, n->parent)->wanting--;
		} else {
			ring_remove(v, &v->s->roots, ix);
		}
	}
	n->state = (uint8_t)state;
	n->since_ns = v->now_ns;
	if (n->kind == NODE_LEAF)
		return;
	wheel_take(v, ix);
	if (state == NODE_WAITING)
		wheel_put(v, ix, class_at(v, n->class)->gate_ns);
}

void node_stop(struct sched_view *v, node_ix ix, enum sched_state state)
{
	for (;;) {
		node_ix up = node_at(v, ix)->parent;

		node_leave(v, ix, state);
		if (!up || node_at(v, up)->wanting)
			return;
		/* One that waits for its date finds out when that comes. */
		if (node_at(v, up)->state == NODE_WAITING ||
		    node_at(v, up)->state == NODE_IDLE)
			return;
		ix = up;
		state = NODE_IDLE;
	}
}

void node_due(struct sched_view *v, node_ix ix)
{
	struct sched_node *n = node_at(v, ix);

	if (n->state == NODE_WAITING) {
		if (n->wanting)
			node_wake(v, ix);
		else
			n->state = NODE_IDLE;
	} else if (n->state == NODE_TURN && n->parent) {
		if (n->min_ns > v->now_ns) {
			wheel_put(v, ix, n->min_ns);
			return;
		}
		band_leave(v, ix);
		n->state = NODE_DUE;
		band_join(v, ix);
	}
}
