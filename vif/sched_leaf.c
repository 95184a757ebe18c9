/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue of one VIF's own traffic: flows that take turns, those that send
 * little before those that send much (FQ-CoDel, RFC 8290), and in each the end
 * of a standing queue (CoDel, RFC 8289).
 *
 * A flow is found by its hash in four of the leaf's buckets; a fifth of the
 * same four shares one. Flows stay allocated while the leaf lives.
 *
 * A socket of ours is kept from writing more when a few of its frames wait
 * (frame.pace says whose they are); to drop those would cost a round trip and
 * gain nothing. CoDel is for what nobody holds back: what comes in from
 * elsewhere.
 */
#include "vif/sched_internal.h"

#define FLOW_QUANTUM 1514
#define LEAF_WAYS    4
#define LIMIT_BYTES  (8u << 20) /* of a queue, where nothing is set */

#define CODEL_TARGET_NS	  (5 * NSEC_PER_MSEC)
#define CODEL_INTERVAL_NS (100 * NSEC_PER_MSEC)

/* Addresses and ports as they lie in the headers; not what an outsider must
 * not guess: four ways and a limit bound the damage. */
static uint32_t flow_key(const struct frame *f)
{
	const uint8_t *ip = f->header + f->l3_off;
	uint64_t h = 0, w;

	if (f->header_bytes < f->l3_off + 20u)
		return 1;
	if (ip[0] >> 4 == 4) {
		__builtin_memcpy(&w, ip + 12, 8);
		h = w ^ (uint64_t)ip[9] << 56;
	} else if (f->header_bytes >= f->l3_off + 40u) {
		for (int i = 0; i < 4; i++) {
			__builtin_memcpy(&w, ip + 8 + 8 * i, 8);
			h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
		}
	}
	if (f->l4_off && f->header_bytes >= f->l4_off + 4u) {
		uint32_t ports;

		__builtin_memcpy(&ports, f->header + f->l4_off, 4);
		h ^= (uint64_t)ports << 24;
	}
	h *= UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(h >> 32) | 1;
}

static flow_ix flow_make(struct sched_view *v, flow_ix *bucket, uint32_t key)
{
	flow_ix ix = slot_alloc(&v->fabric->table[FABRIC_TABLE_FLOW]);
	struct sched_flow *fl;

	if (!ix)
		return 0;
	fl = flow_at(v, ix);
	*fl = (struct sched_flow){ .link = fl->link, .key = key, .live = 1 };
	*bucket = ix;
	return ix;
}

static flow_ix flow_find(struct sched_view *v, struct sched_node *leaf,
			 uint32_t key)
{
	uint32_t base = (key >> 8) & (LEAF_BUCKETS - 1) & ~(LEAF_WAYS - 1u);
	flow_ix idle = 0, *empty = NULL;

	for (uint32_t i = 0; i < LEAF_WAYS; i++) {
		flow_ix *bucket = &leaf->flow[base + i];
		struct sched_flow *fl;

		if (!*bucket) {
			if (!empty)
				empty = bucket;
			continue;
		}
		fl = flow_at(v, *bucket);
		if (fl->key == key)
			return *bucket;
		if (!fl->listed)
			idle = *bucket;
	}
	if (idle) {
		struct sched_flow *fl = flow_at(v, idle);

		*fl = (struct sched_flow){ .link = fl->link,
					   .key = key,
					   .live = 1 };
		return idle;
	}
	if (empty) {
		idle = flow_make(v, empty, key);
		if (idle)
			return idle;
	}
	return leaf->flow[base + (key & (LEAF_WAYS - 1))];
}

static void list_add(struct sched_view *v, flow_ix *first, flow_ix *last,
		     flow_ix ix)
{
	flow_at(v, ix)->next = 0;
	if (*last)
		flow_at(v, *last)->next = ix;
	else
		*first = ix;
	*last = ix;
}

static void list_pop(struct sched_view *v, flow_ix *first, flow_ix *last)
{
	*first = flow_at(v, *first)->next;
	if (!*first)
		*last = 0;
}

/* Counts what waits in @leaf for it and for everybody above. */
static void wait_count(struct sched_view *v, const struct sched_node *leaf,
		       int64_t packets, int64_t bytes)
{
	for (node_ix ix = leaf->parent; ix; ix = node_at(v, ix)->parent) {
		struct vif_class_stats *s =
			&class_at(v, node_at(v, ix)->class)->stats;

		s->backlog_packets += (uint64_t)packets;
		s->backlog_bytes += (uint64_t)bytes;
	}
}

/* False: somebody above has as much waiting below him as he may. */
static bool quotas_allow(struct sched_view *v, const struct sched_node *leaf,
			 uint32_t bytes)
{
	for (node_ix ix = leaf->parent; ix; ix = node_at(v, ix)->parent) {
		const struct sched_class *c =
			class_at(v, node_at(v, ix)->class);

		if (unlikely(c->quota_bytes &&
			     c->stats.backlog_bytes + bytes > c->quota_bytes))
			return false;
	}
	return true;
}

bool leaf_push(struct sched_view *v, struct sched_node *leaf, frame_ix ix,
	       enum vif_drop *why)
{
	struct sched_class *c = class_at(v, leaf->class);
	struct frame *f = frame_at(v->arena, ix);
	uint32_t bytes = frame_wire_bytes(f);
	uint64_t limit = c->limit_bytes ? c->limit_bytes : LIMIT_BYTES;
	struct sched_flow *fl;
	flow_ix flow;

	*why = VIF_DROP_LIMIT;
	if (leaf->packets && (leaf->bytes + (uint64_t)bytes > limit ||
			      !quotas_allow(v, leaf, bytes)))
		return false;
	*why = VIF_DROP_MEMORY;
	flow = flow_find(v, leaf, flow_key(f));
	if (!flow)
		return false;
	fl = flow_at(v, flow);
	f->next = 0;
	sched_note(f)->timer.date_ns = v->now_ns;
	if (fl->last)
		frame_at(v->arena, fl->last)->next = ix;
	else
		fl->first = ix;
	fl->last = ix;
	fl->bytes += bytes;
	leaf->bytes += bytes;
	leaf->packets++;
	wait_count(v, leaf, 1, bytes);
	if (!fl->listed) {
		fl->listed = 1;
		fl->deficit = FLOW_QUANTUM;
		list_add(v, &leaf->fresh_first, &leaf->fresh_last, flow);
	}
	return true;
}

static frame_ix flow_pop(struct sched_view *v, struct sched_node *leaf,
			 struct sched_flow *fl)
{
	frame_ix ix = fl->first;
	struct frame *f;
	uint32_t bytes;

	if (!ix)
		return 0;
	f = frame_at(v->arena, ix);
	bytes = frame_wire_bytes(f);
	fl->first = f->next;
	if (!fl->first)
		fl->last = 0;
	f->next = 0;
	fl->bytes -= bytes;
	leaf->bytes -= bytes;
	leaf->packets--;
	wait_count(v, leaf, -1, -(int64_t)bytes);
	return ix;
}

static uint64_t square_root(uint64_t n)
{
	uint64_t root = 0;

	for (uint64_t bit = UINT64_C(1) << 31; bit; bit >>= 1)
		if ((root | bit) * (root | bit) <= n)
			root |= bit;
	return root;
}

/* RFC 8289, 5.4: the interval shrinks with the root of the count. */
static uint64_t control_law(uint64_t t, uint32_t count)
{
	return t + square_root(CODEL_INTERVAL_NS * CODEL_INTERVAL_NS / count);
}

/* Has the queue been standing for an interval? */
static bool is_standing(struct sched_view *v, struct sched_flow *fl,
			uint64_t waited)
{
	if (waited < CODEL_TARGET_NS || fl->bytes <= FLOW_QUANTUM) {
		fl->above_ns = 0;
		return false;
	}
	if (!fl->above_ns) {
		fl->above_ns = v->now_ns + CODEL_INTERVAL_NS;
		return false;
	}
	return v->now_ns >= fl->above_ns;
}

/* RFC 8289, 5.5: is this one dropped? */
static bool codel_drops(struct sched_view *v, struct sched_flow *fl,
			uint64_t waited)
{
	bool standing = is_standing(v, fl, waited);

	if (!standing) {
		fl->dropping = 0;
		return false;
	}
	if (fl->dropping) {
		if (v->now_ns < fl->next_drop_ns)
			return false;
		fl->drops++;
		fl->next_drop_ns = control_law(fl->next_drop_ns, fl->drops);
		return true;
	}
	fl->dropping = 1;
	/* Dropping a moment ago: go on where that ended. */
	if (fl->drops - fl->drops_before > 1 &&
	    v->now_ns - fl->next_drop_ns < 16 * CODEL_INTERVAL_NS)
		fl->drops -= fl->drops_before;
	else
		fl->drops = 1;
	fl->drops_before = fl->drops;
	fl->next_drop_ns = control_law(v->now_ns, fl->drops);
	return true;
}

/* The next frame of @fl that is not dropped, or 0. */
static frame_ix flow_take(struct sched_view *v, struct sched_node *leaf,
			  struct sched_flow *fl)
{
	struct sched_class *c = class_at(v, leaf->class);
	frame_ix ix;

	while ((ix = flow_pop(v, leaf, fl))) {
		struct frame *f = frame_at(v->arena, ix);
		uint64_t waited = v->now_ns - sched_note(f)->timer.date_ns;

		if (unlikely(c->limit_ns && waited > c->limit_ns))
			sched_drop(v, leaf->class, ix, VIF_DROP_LATE);
		else if (!f->pace && codel_drops(v, fl, waited))
			sched_drop(v, leaf->class, ix, VIF_DROP_CODEL);
		else
			return ix;
	}
	return 0;
}

frame_ix leaf_pop(struct sched_view *v, struct sched_node *leaf)
{
	for (;;) {
		bool fresh = leaf->fresh_first != 0;
		flow_ix *first = fresh ? &leaf->fresh_first : &leaf->old_first;
		flow_ix *last = fresh ? &leaf->fresh_last : &leaf->old_last;
		flow_ix flow = *first;
		struct sched_flow *fl;
		frame_ix ix;

		if (!flow)
			return 0;
		fl = flow_at(v, flow);
		if (fl->deficit <= 0) {
			bool alone = leaf->fresh_first == leaf->fresh_last &&
				     leaf->old_first == leaf->old_last &&
				     !leaf->fresh_first != !leaf->old_first;

			if (alone)
				fl->deficit = FLOW_QUANTUM;
			else
				fl->deficit += FLOW_QUANTUM;
			list_pop(v, first, last);
			list_add(v, &leaf->old_first, &leaf->old_last, flow);
			continue;
		}
		ix = flow_take(v, leaf, fl);
		if (ix) {
			fl->deficit -= (int32_t)frame_wire_bytes(
				frame_at(v->arena, ix));
			return ix;
		}
		/* Empty: behind the others once, so that a flow does not jump
		 * the queue by pausing (RFC 8290, 4.2). */
		list_pop(v, first, last);
		if (fresh && leaf->old_first)
			list_add(v, &leaf->old_first, &leaf->old_last, flow);
		else
			fl->listed = 0;
	}
}

void leaf_put_back(struct sched_view *v, struct sched_node *leaf,
		   struct frame_list *list)
{
	struct sched_flow *fl;
	frame_ix ix = list->first;
	flow_ix flow;

	if (!ix)
		return;
	flow = flow_find(v, leaf, flow_key(frame_at(v->arena, ix)));
	if (!flow) {
		while ((ix = frame_list_pop(v->arena, list)))
			sched_drop(v, leaf->class, ix, VIF_DROP_MEMORY);
		return;
	}
	fl = flow_at(v, flow);
	for (; ix; ix = frame_at(v->arena, ix)->next) {
		uint32_t bytes = frame_wire_bytes(frame_at(v->arena, ix));

		fl->bytes += bytes;
		fl->deficit += (int32_t)bytes;
		leaf->bytes += bytes;
		leaf->packets++;
		wait_count(v, leaf, 1, bytes);
	}
	frame_at(v->arena, list->last)->next = fl->first;
	if (!fl->first)
		fl->last = list->last;
	fl->first = list->first;
	if (!fl->listed) {
		fl->listed = 1;
		list_add(v, &leaf->fresh_first, &leaf->fresh_last, flow);
	}
	*list = (struct frame_list){ 0, 0 };
}

frame_ix leaf_take(struct sched_view *v, struct sched_node *leaf)
{
	for (;;) {
		bool fresh = leaf->fresh_first != 0;
		flow_ix flow = fresh ? leaf->fresh_first : leaf->old_first;
		frame_ix ix;

		if (!flow)
			return 0;
		ix = flow_pop(v, leaf, flow_at(v, flow));
		if (ix)
			return ix;
		if (fresh)
			list_pop(v, &leaf->fresh_first, &leaf->fresh_last);
		else
			list_pop(v, &leaf->old_first, &leaf->old_last);
		flow_at(v, flow)->listed = 0;
	}
}

void leaf_free(struct sched_view *v, struct sched_node *leaf)
{
	for (uint32_t i = 0; i < LEAF_BUCKETS; i++) {
		flow_ix ix = leaf->flow[i];

		if (!ix)
			continue;
		flow_at(v, ix)->live = 0;
		slot_free(&v->fabric->table[FABRIC_TABLE_FLOW], ix);
		leaf->flow[i] = 0;
	}
}
