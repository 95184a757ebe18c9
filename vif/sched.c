/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A frame's way: into the queue of its class, up through its tree when its turn
 * comes, through what impairs it, into the queue of the other direction, out.
 *
 * Where nothing waits in its tree and no ceiling is shut, a frame is charged
 * and goes on without having been queued: most frames below their rates.
 */
#include "vif/sched_internal.h"

#include "base/mem.h"
#include "base/random.h"

/* --- accounts */

static void histogram(struct vif_class_stats *s, uint64_t waited_ns)
{
	uint64_t us = waited_ns >> 10;
	uint32_t e, i = (uint32_t)us;

	if (us >= 4) {
		e = 63 - (uint32_t)__builtin_clzll(us);
		i = (e - 1) * 4 + (uint32_t)(us >> (e - 2) & 3);
	}
	s->delay[i < VIF_DELAY_BUCKETS ? i : VIF_DELAY_BUCKETS - 1]++;
}

static void count(struct sched_class *c, uint32_t bytes, uint64_t waited_ns)
{
	c->packets++;
	c->bytes += bytes;
	histogram(&c->stats, waited_ns);
}

void sched_drop(struct sched_view *v, class_ix class, frame_ix ix,
		enum vif_drop why)
{
	class_at(v, class)->stats.drops[why]++;
	if ((class & 1) == VIF_TX)
		vif_drop_tx(v->fabric, class >> 1, 1);
	else
		vif_drop_rx(v->fabric, class >> 1, 1);
	frame_list_add(v->arena, &v->dropped, ix);
}

/* --- behind the queue */

/* The other direction, or out. */
static void go_on(struct sched_view *v, frame_ix ix)
{
	struct sched_note *note = sched_note(frame_at(v->arena, ix));
	class_ix class = note->class;

	if (class) {
		note->class = 0;
		sched_enter(v, ix, class, note->top);
		return;
	}
	frame_list_add(v->arena, &v->out, ix);
}

static bool happens(struct sched_view *v, uint32_t ppm)
{
	return ppm && random_next(&v->s->random) % VIF_PPM < ppm;
}

/* delay +- jitter, evenly spread */
static uint64_t delay_of(struct sched_view *v, const struct sched_class *c)
{
	uint64_t low =
		c->delay_ns > c->jitter_ns ? c->delay_ns - c->jitter_ns : 0;

	if (!c->jitter_ns)
		return c->delay_ns;
	return low + random_next(&v->s->random) %
			     (c->delay_ns + c->jitter_ns - low + 1);
}

static frame_ix copy_of(struct sched_view *v, frame_ix ix)
{
	frame_ix copy = frame_alloc(v->arena);
	struct frame *f = frame_at(v->arena, ix), *c;

	if (!copy)
		return 0;
	c = frame_at(v->arena, copy);
	mem_copy(c, f, sizeof(*c));
	c->next = 0;
	c->held = 0;
	if (c->flags & FRAME_REFS)
		for (uint8_t i = 0; i < c->refs; i++)
			chunk_get(v->arena, c->ref[i].chunk);
	return copy;
}

static void hold_up(struct sched_view *v, frame_ix ix, uint64_t delay_ns)
{
	if (delay_ns && v->left)
		v->left(v, frame_at(v->arena, ix));
	if (delay_ns)
		wheel_put(v, SCHED_FRAME | ix, v->now_ns + delay_ns);
	else
		go_on(v, ix);
}

/* What leaves @class and all above it up to @top is lost, late, twice. */
static void impair(struct sched_view *v, frame_ix ix, class_ix class,
		   class_ix top)
{
	uint64_t delay = 0, other = 0;
	bool twice = false;
	frame_ix copy;

	for (int i = 0; i <= VIF_DEPTH_MAX && class >= 2; i++) {
		const struct sched_class *c = class_at(v, class);

		if (c->impaired) {
			if (happens(v, c->loss_ppm)) {
				sched_drop(v, class, ix, VIF_DROP_LOSS);
				return;
			}
			if (happens(v, c->duplicate_ppm))
				twice = true;
			if (!happens(v, c->reorder_ppm))
				delay += delay_of(v, c);
			other += delay_of(v, c);
		}
		if (class == top)
			break;
		class = 2 * vif_parent(vif_at(v->fabric, class >> 1));
	}
	copy = twice ? copy_of(v, ix) : 0;
	hold_up(v, ix, delay);
	if (copy)
		hold_up(v, copy, other);
}

static void passed(struct sched_view *v, frame_ix ix, class_ix class,
		   class_ix top)
{
	if (unlikely(v->s->door.impaired) && (class & 1) == VIF_TX)
		impair(v, ix, class, top);
	else
		go_on(v, ix);
}

/* --- the queue */

/* Nobody waits in the tree above @ix, and no ceiling is shut. */
static inline bool is_open(const struct sched_view *v, node_ix ix)
{
	for (; ix; ix = node_at(v, ix)->parent) {
		const struct sched_node *n = node_at(v, ix);

		if (n->state != NODE_IDLE ||
		    class_at(v, n->class)->gate_ns > v->now_ns)
			return false;
	}
	return true;
}

/* All of them are idle: is_open(). */
static inline void charge(const struct sched_view *v, node_ix ix,
			  uint32_t bytes)
{
	for (; ix; ix = node_at(v, ix)->parent) {
		const struct sched_node *n = node_at(v, ix);
		struct sched_class *c = class_at(v, n->class);

		if (c->ceil_mult) {
			ceiling_credit(v, c, NODE_IDLE, n->since_ns);
			ceiling_charge(c, bytes);
		}
		c->packets++;
		c->bytes += bytes;
	}
}

static apart bool way_find(struct fabric *f, struct sched_way *way, vif_ix tx,
			   vif_ix rx, uint64_t now_ns)
{
	struct sched_path p;
	struct sched_view v;

	*way = (struct sched_way){ .tx = tx, .rx = rx };
	if (!sched_path(f, tx, rx, &p))
		return false;
	sched_open(&v, f, NULL, now_ns);
	if (p.tx)
		way->tx_node = node_get(&v, p.tx, p.tx_top);
	if (p.rx)
		way->rx_node = node_get(&v, p.rx, p.rx_top);
	if (!p.tx != !way->tx_node || !p.rx != !way->rx_node)
		return false;
	way->generation = v.generation;
	return true;
}

bool sched_pass(struct fabric *f, const struct frame *fr, uint64_t now_ns,
		uint32_t generation)
{
	struct sched *s = sched_at(f);
	uint32_t bytes = frame_wire_bytes(fr);
	vif_ix tx = fr->tx_vif, rx = fr->rx_vif;
	struct sched_way *way = &s->way[(tx * 31 ^ rx) & (SCHED_WAYS - 1)];
	/* As sched_open(), without what is not needed. */
	struct sched_view v;

	if (unlikely(generation && generation != s->generation))
		return false;
	if (unlikely(sched_work_waits(f) || s->door.impaired))
		return false;
	v.fabric = f;
	v.s = s;
	v.nodes = f->table[FABRIC_TABLE_NODE].base;
	v.classes = f->table[FABRIC_TABLE_CLASS].base;
	v.now_ns = now_ns;
	if (unlikely(way->tx != tx || way->rx != rx ||
		     way->generation != s->generation) &&
	    !way_find(f, way, tx, rx, now_ns))
		return false;
	if (!is_open(&v, way->tx_node) || !is_open(&v, way->rx_node))
		return false;
	charge(&v, way->tx_node, bytes);
	charge(&v, way->rx_node, bytes);
	return true;
}

void sched_enter(struct sched_view *v, frame_ix ix, class_ix class,
		 class_ix top)
{
	struct sched_node *n;
	enum vif_drop why;
	node_ix inner, leaf;

	v->full = false;
	inner = node_get(v, class, top);
	/* What is controlled does not go on uncontrolled for want of room. */
	if (unlikely(!inner && v->full)) {
		sched_drop(v, class, ix, VIF_DROP_MEMORY);
		return;
	}
	/* Without a node, its tree has changed while it was on its way. */
	if (is_open(v, inner)) {
		charge(v, inner, frame_wire_bytes(frame_at(v->arena, ix)));
		passed(v, ix, class, top);
		return;
	}
	leaf = node_at(v, inner)->leaf;
	n = node_at(v, leaf);
	if (!leaf_push(v, n, ix, &why)) {
		sched_drop(v, class, ix, why);
		return;
	}
	if (n->state == NODE_IDLE)
		node_wake(v, leaf);
}

void sched_push(struct sched_view *v, frame_ix ix, const struct sched_path *p)
{
	struct sched_note *note = sched_note(frame_at(v->arena, ix));

	*note = (struct sched_note){ .class = 0 };
	if (!p->tx) {
		sched_enter(v, ix, p->rx, p->rx_top);
		return;
	}
	note->class = p->rx;
	note->top = p->rx_top;
	sched_enter(v, ix, p->tx, p->tx_top);
}

/* --- turns */

/* A frame of leaf @ix has passed: everybody above pays, and who may not go on
 * steps back. */
static void settle(struct sched_view *v, node_ix ix, uint32_t bytes,
		   uint64_t waited)
{
	for (;;) {
		struct sched_node *n = node_at(v, ix);
		node_ix up = n->parent;
		bool wants = n->packets != 0;

		if (up)
			band_charge(v, ix, bytes);
		if (n->kind == NODE_INNER) {
			struct sched_class *c = class_at(v, n->class);

			wants = n->wanting != 0;
			count(c, bytes, waited);
			if (n->state == NODE_DUE)
				date_add(&n->min_ns, &n->min_frac, bytes,
					 c->min_mult);
			else if (c->min_mult)
				c->stats.borrowed_bytes += bytes;
			if (c->ceil_mult) {
				ceiling_credit(v, c, n->state, n->since_ns);
				ceiling_charge(c, bytes);
			}
			if (wants && c->ceil_mult && c->gate_ns > v->now_ns) {
				node_leave(v, ix, NODE_WAITING);
			} else if (wants && n->state == NODE_DUE &&
				   n->min_ns > v->now_ns) {
				band_leave(v, ix);
				n->state = NODE_TURN;
				band_join(v, ix);
				wheel_put(v, ix, n->min_ns);
			} else if (!up) {
				v->s->roots = n->next;
			}
		}
		if (!wants)
			node_leave(v, ix, NODE_IDLE);
		if (!up)
			return;
		ix = up;
	}
}

/* Would @f keep somebody's ceiling busy for too long? */
static bool is_long(struct sched_view *v, const struct sched_node *leaf,
		    const struct frame *f)
{
	uint32_t bytes = frame_wire_bytes(f);

	for (node_ix ix = leaf->parent; ix; ix = node_at(v, ix)->parent) {
		const struct sched_class *c =
			class_at(v, node_at(v, ix)->class);

		if ((uint64_t)((unsigned __int128)bytes * c->ceil_mult >> 32) >
		    SCHED_LONG_NS)
			return true;
	}
	return false;
}

/* @ix in pieces, which wait where it has waited; returns the first. */
static frame_ix cut(struct sched_view *v, struct sched_node *leaf, frame_ix ix)
{
	uint64_t since = sched_note(frame_at(v->arena, ix))->timer.date_ns;
	struct sched_note note = *sched_note(frame_at(v->arena, ix));
	struct frame_list list = { 0, 0 };

	v->cut(v, ix, &list);
	for (ix = list.first; ix; ix = frame_at(v->arena, ix)->next) {
		*sched_note(frame_at(v->arena, ix)) = note;
		sched_note(frame_at(v->arena, ix))->timer.date_ns = since;
	}
	leaf_put_back(v, leaf, &list);
	return leaf_pop(v, leaf);
}

/* One frame of the root whose turn it is. Returns its bytes. */
static uint32_t serve(struct sched_view *v)
{
	node_ix ix = v->s->roots;
	struct sched_node *n;
	struct frame *f;
	frame_ix frame;
	uint32_t bytes;

	for (;;) {
		struct sched_class *c;

		n = node_at(v, ix);
		if (n->kind == NODE_LEAF)
			break;
		/* Another node of its class may have moved the date. */
		c = class_at(v, n->class);
		if (c->ceil_mult && c->gate_ns > v->now_ns) {
			node_stop(v, ix, NODE_WAITING);
			return 0;
		}
		ix = band_choose(v, n);
		if (unlikely(!ix)) {
			node_stop(v, v->s->roots, NODE_IDLE);
			return 0;
		}
	}
	frame = leaf_pop(v, n);
	f = frame_at(v->arena, frame);
	if (frame && unlikely(f->gso_type) && v->cut &&
	    f->payload > f->gso_bytes && is_long(v, n, f))
		frame = cut(v, n, frame);
	if (!frame) {
		node_stop(v, ix, NODE_IDLE);
		return 0;
	}
	f = frame_at(v->arena, frame);
	bytes = frame_wire_bytes(f);
	settle(v, ix, bytes, v->now_ns - sched_note(f)->timer.date_ns);
	sched_note(f)->timer.date_ns = 0;
	passed(v, frame, n->class, n->top);
	return bytes;
}

bool sched_run(struct sched_view *v, uint32_t budget)
{
	struct sched *s = v->s;
	uint32_t done = 0, entry;

	if (atomic_load_explicit(&s->door.dirty, memory_order_relaxed))
		class_read_dirty(v);
	while ((entry = wheel_due(v))) {
		if (entry & SCHED_FRAME)
			go_on(v, entry & ~SCHED_FRAME);
		else
			node_due(v, entry);
	}
	while (s->roots) {
		if (done >= budget)
			return true;
		done += serve(v);
	}
	return false;
}

/* --- the view */

void sched_init(struct fabric *f)
{
	struct sched *s = sched_at(f);

	s->random = f->header->id;
	s->generation = 1;
	wheel_start(&s->wheel, fabric_now(f));
	atomic_store(&f->header->sched_next_ns, UINT64_MAX);
}

void sched_open(struct sched_view *v, struct fabric *f, struct arena *a,
		uint64_t now_ns)
{
	*v = (struct sched_view){ .fabric = f,
				  .s = sched_at(f),
				  .generation = sched_at(f)->generation,
				  .nodes = f->table[FABRIC_TABLE_NODE].base,
				  .classes = f->table[FABRIC_TABLE_CLASS].base,
				  .arena = a,
				  .now_ns = now_ns };
}

uint64_t sched_close(struct sched_view *v)
{
	_Atomic uint64_t *next = &v->fabric->header->sched_next_ns;
	uint64_t date = v->s->roots ? v->now_ns : wheel_next_ns(&v->s->wheel);

	if (atomic_load_explicit(next, memory_order_relaxed) != date)
		atomic_store_explicit(next, date, memory_order_release);
	return date;
}

static void tighten(uint64_t *bound, uint64_t other)
{
	if (other && (!*bound || other < *bound))
		*bound = other;
}

static void bounds_of(struct sched_view *v, class_ix class, class_ix top,
		      struct sched_bounds *b)
{
	node_ix ix = class ? node_get(v, class, top) : 0;

	if (!ix)
		return;
	tighten(&b->queue_bytes, class_at(v, class)->limit_bytes);
	tighten(&b->queue_ns, class_at(v, class)->limit_ns);
	for (; ix; ix = node_at(v, ix)->parent)
		tighten(&b->rate_bps,
			class_at(v, node_at(v, ix)->class)->rate_bps);
}

struct sched_bounds sched_bounds(struct sched_view *v,
				 const struct sched_path *p)
{
	struct sched_bounds b = { 0, 0, 0 };

	bounds_of(v, p->tx, p->tx_top, &b);
	bounds_of(v, p->rx, p->rx_top, &b);
	return b;
}
