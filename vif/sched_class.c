/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Classes: what is set on a VIF becomes what the scheduler reckons with.
 *
 * The daemon writes struct vif_control and pushes the two classes of the VIF
 * on a stack; whoever holds the scheduler's lock next reads them anew. So a
 * change takes no lock, and nobody waits for it. What is queued stays: a node
 * is taken out of its turn and put back under the new weights, and a ceiling's
 * date moves nearer when its rate is raised.
 */
#include "vif/sched_internal.h"

#include "base/mem.h"

#include <errno.h>

#define PATIENCE_NS (5 * NSEC_PER_MSEC)

static struct sched_class *class_of(const struct fabric *f, class_ix ix)
{
	return slot_at(&f->table[FABRIC_TABLE_CLASS], ix);
}

/* --- what the controls say */

static uint64_t get64(const _Atomic uint64_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static uint32_t get32(const _Atomic uint32_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static bool is_impaired(const struct vif_control *c)
{
	return get64(&c->delay_ns) || get64(&c->jitter_ns) ||
	       get32(&c->loss_ppm) || get32(&c->reorder_ppm) ||
	       get32(&c->duplicate_ppm);
}

static uint32_t own_bits(const struct vif_control *c)
{
	uint32_t bits = 0;

	if (!c)
		return 0;
	if (get64(&c->rate_bps) || is_impaired(c))
		bits |= VIF_SCHED_OWN_TX | VIF_SCHED_TX;
	if (get64(&c->rate_in_bps))
		bits |= VIF_SCHED_OWN_RX | VIF_SCHED_RX;
	return bits;
}

/* Nanoseconds a byte takes, with 32 bits of fraction. */
static uint64_t mult_of(uint64_t bps)
{
	if (!bps)
		return 0;
	/* Below a byte a second it would not fit. */
	return ((8 * NSEC_PER_SEC) << 31) / (bps < 8 ? 8 : bps) * 2;
}

static void read_controls(struct sched_view *v, struct sched_class *c,
			  class_ix ix)
{
	static const struct vif_control none;
	const struct vif_control *k = vif_control_of(v->fabric, ix >> 1);
	bool tx = (ix & 1) == VIF_TX;
	uint32_t weight, prio;

	if (!k)
		k = &none;
	c->rate_bps = get64(tx ? &k->rate_bps : &k->rate_in_bps);
	c->ceil_mult = mult_of(c->rate_bps);
	c->min_mult = mult_of(get64(&k->min_bps));
	weight = get32(&k->weight);
	c->weight = !weight		      ? 1
		    : weight > VIF_WEIGHT_MAX ? VIF_WEIGHT_MAX
					      : weight;
	prio = get32(&k->prio);
	c->prio = prio > VIF_PRIO_MAX ? VIF_PRIO_MAX : prio;
	c->limit_bytes = get64(&k->limit_bytes);
	c->quota_bytes =
		__atomic_load_n(&k->quota_queue_bytes, __ATOMIC_RELAXED);
	c->limit_ns = get64(&k->limit_ns);
	c->delay_ns = tx ? get64(&k->delay_ns) : 0;
	c->jitter_ns = tx ? get64(&k->jitter_ns) : 0;
	c->loss_ppm = tx ? get32(&k->loss_ppm) : 0;
	c->reorder_ppm = tx ? get32(&k->reorder_ppm) : 0;
	c->duplicate_ppm = tx ? get32(&k->duplicate_ppm) : 0;
	v->s->door.impaired -= c->impaired;
	c->impaired = tx && is_impaired(k);
	v->s->door.impaired += c->impaired;
}

/*
 * The date that a ceiling has at its new rate. What has been sent was paid for
 * at the old one; a faster one lets it come nearer, since nobody who has raised
 * a rate wants to wait for the rest of the old.
 */
static void rescale(const struct sched_view *v, struct sched_class *c,
		    uint64_t old_mult)
{
	uint64_t ahead, bytes;

	if (c->gate_ns <= v->now_ns || old_mult <= c->ceil_mult)
		return;
	ahead = min_u64(c->gate_ns - v->now_ns, 4 * NSEC_PER_SEC);
	bytes = (ahead << 32) / old_mult;
	c->gate_ns = v->now_ns +
		     (uint64_t)((unsigned __int128)bytes * c->ceil_mult >> 32);
}

/* Takes @ix out of its turn, and back in as its class is now. */
static void reinsert(struct sched_view *v, node_ix ix, struct sched_class *c)
{
	struct sched_node *n = node_at(v, ix), *p;
	bool was_idle = n->state == NODE_IDLE;

	if (!was_idle)
		node_leave(v, ix, NODE_IDLE);
	n->weight = (uint16_t)c->weight;
	if (!n->parent || band_make(v, n->parent, c->prio))
		n->prio = (uint8_t)c->prio;
	if (was_idle)
		return;
	if (n->wanting)
		node_wake(v, ix);
	if (!n->parent)
		return;
	p = node_at(v, n->parent);
	if (!p->wanting && (p->state == NODE_TURN || p->state == NODE_DUE))
		node_stop(v, n->parent, NODE_IDLE);
}

void class_load(struct sched_view *v, class_ix ix)
{
	struct sched_class *c = class_at(v, ix);
	uint64_t old_mult = c->ceil_mult;

	read_controls(v, c, ix);
	rescale(v, c, old_mult);
	c->loaded = 1;
	for (node_ix n = c->nodes; n; n = node_at(v, n)->class_next)
		reinsert(v, n, c);
}

void class_read_dirty(struct sched_view *v)
{
	class_ix ix = atomic_exchange(&v->s->door.dirty, 0);

	v->generation = ++v->s->generation;
	while (ix) {
		struct sched_class *c = class_at(v, ix);
		class_ix next = c->dirty_next;

		/* From here on, a further change comes once more. */
		atomic_store(&c->dirty, 0);
		class_load(v, ix);
		ix = next;
	}
}

/* --- the daemon's part */

static void push_dirty(struct fabric *f, class_ix ix)
{
	struct sched *s = sched_at(f);
	struct sched_class *c = class_of(f, ix);
	class_ix head = atomic_load(&s->door.dirty);

	if (atomic_exchange(&c->dirty, 1))
		return;
	do {
		c->dirty_next = head;
	} while (!atomic_compare_exchange_weak(&s->door.dirty, &head, ix));
}

/* The word of @ix, given its parent's. True: what it hands down has changed. */
static bool set_bits(struct fabric *f, vif_ix ix, uint32_t above)
{
	struct vif *v = vif_at(f, ix);
	uint32_t bits = own_bits(vif_control_of(f, ix));
	uint32_t old = atomic_load(&v->sched);

	/* Once set, it stays: it costs a look, and lanes come again. */
	bits |= (above & (VIF_SCHED_TX | VIF_SCHED_RX)) |
		(old & VIF_SCHED_LANES);
	atomic_store_explicit(&v->sched, bits, memory_order_release);
	return (bits ^ old) & (VIF_SCHED_TX | VIF_SCHED_RX);
}

static uint32_t bits_above(const struct fabric *f, vif_ix ix)
{
	return atomic_load(&vif_at(f, vif_parent(vif_at(f, ix)))->sched);
}

/* The host of a lane has to tell lanes apart. */
static void mark_host(struct fabric *f, vif_ix ix)
{
	for (int i = 0; i < VIF_DEPTH_MAX && ix; i++) {
		struct vif *v = vif_at(f, ix);

		if (atomic_load(&v->host)) {
			if (i)
				atomic_fetch_or(&v->sched, VIF_SCHED_LANES);
			return;
		}
		ix = vif_parent(v);
	}
}

int vif_sched_apply(struct fabric *f, vif_ix ix)
{
	if (own_bits(vif_control_of(f, ix)) & VIF_SCHED_OWN_RX)
		mark_host(f, ix);
	push_dirty(f, 2 * ix + VIF_TX);
	push_dirty(f, 2 * ix + VIF_RX);
	if (set_bits(f, ix, bits_above(f, ix)))
		for (vif_ix v = vif_next(f, ix, ix); v; v = vif_next(f, ix, v))
			set_bits(f, v, bits_above(f, v));
	return 0;
}

int sched_seize(struct fabric *f, proc_ix self, struct fabric_inside *in,
		struct sched_view *v)
{
	ctx_ix hint = 0;

	if (fabric_enter_lock(f, self, &hint, &sched_door(f)->lock, PATIENCE_NS,
			      in))
		return -EBUSY;
	sched_open(v, f, &in->arena, fabric_now(f));
	class_read_dirty(v);
	return 0;
}

void sched_release(struct fabric_inside *in, struct sched_view *v)
{
	sched_close(v);
	fabric_unlock(in, &sched_door(v->fabric)->lock);
	fabric_leave(in);
}

/* --- for everybody */

bool sched_path(const struct fabric *f, vif_ix tx, vif_ix rx,
		struct sched_path *p)
{
	vif_ix a = tx, b = rx, tx_top = 0, rx_top = 0;

	for (int i = 0; a && b && a != b && i < 2 * VIF_DEPTH_MAX; i++) {
		const struct vif *va = vif_at(f, a), *vb = vif_at(f, b);

		if (get32(&va->depth) >= get32(&vb->depth)) {
			if (get32(&va->sched) & VIF_SCHED_OWN_TX)
				tx_top = a;
			a = vif_parent(va);
		} else {
			if (get32(&vb->sched) & VIF_SCHED_OWN_RX)
				rx_top = b;
			b = vif_parent(vb);
		}
	}
	*p = (struct sched_path){
		.tx = tx_top ? 2 * tx + VIF_TX : 0,
		.tx_top = tx_top ? 2 * tx_top + VIF_TX : 0,
		.rx = rx_top ? 2 * rx + VIF_RX : 0,
		.rx_top = rx_top ? 2 * rx_top + VIF_RX : 0,
	};
	return tx_top || rx_top;
}

void vif_sched_stats(const struct fabric *f, vif_ix ix, enum vif_way way,
		     struct vif_class_stats *stats)
{
	const struct sched_class *c = class_of(f, 2 * ix + way);
	uint64_t waited = 0;

	mem_copy(stats, &c->stats, sizeof(*stats));
	stats->packets = c->packets;
	stats->bytes = c->bytes;
	for (uint32_t i = 1; i < VIF_DELAY_BUCKETS; i++)
		waited += stats->delay[i];
	stats->delay[0] = (uint32_t)(stats->packets - waited);
}

uint64_t vif_delay_ns(const struct vif_class_stats *stats, uint32_t permille)
{
	uint64_t all = 0, want, seen = 0;

	for (uint32_t i = 0; i < VIF_DELAY_BUCKETS; i++)
		all += stats->delay[i];
	want = (all * permille + 999) / 1000;
	for (uint32_t i = 0; all && i < VIF_DELAY_BUCKETS; i++) {
		seen += stats->delay[i];
		if (seen < want)
			continue;
		/* The upper edge of the step. */
		if (i < 4)
			return (uint64_t)(i + 1) << 10;
		return (uint64_t)(5 + (i & 3)) << (i / 4 - 1) << 10;
	}
	return 0;
}
