/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose turn it is among the children of a node.
 *
 * Children of one prio are a band. First come those behind their guarantee, in
 * a ring. The others share by weight, in two steps that both cost the same for
 * three children and for a hundred thousand: weights between two powers of two
 * make a group, within which children take turns of weight times a quantum
 * (deficit round robin, Shreedhar and Varghese 1995); among the at most 14
 * groups the one that has been served least for its weight comes next
 * (start-time fair queueing, Goyal, Vin and Cheng 1996). So a child of weight
 * 10,000 does not send 10,000 frames in a row.
 */
#include "vif/sched_internal.h"

/* What a child of the least weight of its group sends in one turn. Below a
 * frame's size it takes several rounds for one frame. */
#define QUANTUM 2048

void ring_add(struct sched_view *v, node_ix *first, node_ix n)
{
	struct sched_node *node = node_at(v, n), *head;

	if (!*first) {
		node->next = n;
		node->prev = n;
		*first = n;
		return;
	}
	head = node_at(v, *first);
	node->next = *first;
	node->prev = head->prev;
	node_at(v, head->prev)->next = n;
	head->prev = n;
}

void ring_remove(struct sched_view *v, node_ix *first, node_ix n)
{
	struct sched_node *node = node_at(v, n);

	if (node->next == n) {
		*first = 0;
		return;
	}
	node_at(v, node->next)->prev = node->prev;
	node_at(v, node->prev)->next = node->next;
	if (*first == n)
		*first = node->next;
}

static uint32_t group_of(const struct sched_node *n)
{
	return 31 - (uint32_t)__builtin_clz(n->weight);
}

static int64_t quantum(const struct sched_node *n)
{
	return (int64_t)((uint32_t)QUANTUM * n->weight >> group_of(n));
}

static struct sched_band *band_of(struct sched_view *v,
				  const struct sched_node *n)
{
	return band_at(v, node_at(v, n->parent)->band[n->prio]);
}

bool band_make(struct sched_view *v, node_ix parent, uint32_t prio)
{
	struct sched_node *p = node_at(v, parent);
	struct sched_band *b;
	node_ix ix;

	if (p->band[prio])
		return true;
	ix = slot_alloc(&v->fabric->table[FABRIC_TABLE_NODE]);
	if (!ix) {
		v->full = true;
		return false;
	}
	b = band_at(v, ix);
	*b = (struct sched_band){ .link = b->link, .kind = NODE_BAND };
	p->band[prio] = ix;
	return true;
}

void band_join(struct sched_view *v, node_ix ix)
{
	struct sched_node *n = node_at(v, ix), *p = node_at(v, n->parent);
	struct sched_band *b = band_of(v, n);
	struct sched_group *g;

	if (n->state == NODE_DUE) {
		ring_add(v, &b->due, ix);
	} else {
		g = &b->group[group_of(n)];
		if (!g->first) {
			if ((int64_t)(g->served - b->served) < 0)
				g->served = b->served;
			b->groups |= 1u << group_of(n);
		}
		if (n->deficit > 0)
			n->deficit = 0;
		ring_add(v, &g->first, ix);
		g->weight += n->weight;
	}
	p->ready |= 1u << n->prio;
}

void band_leave(struct sched_view *v, node_ix ix)
{
	struct sched_node *n = node_at(v, ix);
	struct sched_band *b = band_of(v, n);
	struct sched_group *g = &b->group[group_of(n)];

	if (n->state == NODE_DUE) {
		ring_remove(v, &b->due, ix);
	} else {
		ring_remove(v, &g->first, ix);
		g->weight -= n->weight;
		if (!g->first)
			b->groups &= ~(1u << group_of(n));
	}
	if (!b->due && !b->groups)
		node_at(v, n->parent)->ready &= ~(1u << n->prio);
}

/* The group that has had least for its weight. */
static struct sched_group *least(struct sched_band *b)
{
	uint32_t left = b->groups;
	struct sched_group *best = &b->group[__builtin_ctz(left)];

	for (left &= left - 1; left; left &= left - 1) {
		struct sched_group *g = &b->group[__builtin_ctz(left)];

		if ((int64_t)(g->served - best->served) < 0)
			best = g;
	}
	return best;
}

node_ix band_choose(struct sched_view *v, struct sched_node *n)
{
	struct sched_band *b;
	struct sched_group *g;

	if (!n->ready)
		return 0;
	b = band_at(v, n->band[__builtin_ctz(n->ready)]);
	if (b->due)
		return b->due;
	g = least(b);
	for (;;) {
		struct sched_node *child = node_at(v, g->first);

		if (child->deficit <= 0) {
			if (child->next == g->first)
				child->deficit = quantum(child);
			else
				child->deficit += quantum(child);
		}
		if (child->deficit > 0)
			return g->first;
		g->first = child->next;
	}
}

void band_charge(struct sched_view *v, node_ix ix, uint32_t bytes)
{
	struct sched_node *n = node_at(v, ix);
	struct sched_band *b = band_of(v, n);
	struct sched_group *g = &b->group[group_of(n)];

	if (n->state == NODE_DUE) {
		b->due = n->next;
		return;
	}
	n->deficit -= bytes;
	if (n->deficit <= 0)
		g->first = n->next;
	b->served = g->served;
	g->served += ((uint64_t)bytes << 16) / g->weight;
}
