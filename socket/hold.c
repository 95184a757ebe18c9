/* SPDX-License-Identifier: BSD-2-Clause */
/* See hold.h. */
#include "socket/hold.h"

#include "stack/conn.h"
#include "stack/pace.h"
#include "stack/segment.h"

/* Bytes that pass before those whose frames they were are let send more. */
#define BUDGET (128u << 10)

/*
 * How long one frame may keep a link busy, and how much of a socket waits. TCP
 * goes on in whatever thread lets its frames go; a program that sends datagrams
 * has to be woken, on a core that may be busy.
 */
#define UNIT_NS	    (2 * NSEC_PER_MSEC)
#define TCP_HELD_NS (6 * NSEC_PER_MSEC)
#define UDP_HELD_NS (50 * NSEC_PER_MSEC)

#define UNIT_MAX     65536
#define TCP_HELD_MIN 4096 /* two full frames: one leaves, one is there */
#define UDP_HELD_MIN 8192
#define HELD_MAX     (4u << 20)

static const struct slot_table *paces(const struct work *w)
{
	return &w->fabric->table[FABRIC_TABLE_PACE];
}

static struct conn *conn_of(const struct work *w, conn_ix ix)
{
	return slot_at(&w->fabric->table[FABRIC_TABLE_CONN], ix);
}

/* --- whom it lets send more */

/* Puts @ix on its host's stack of kicked ones, and looks after that. */
static apart void kick(struct work *w, conn_ix ix)
{
	struct stack_pace *p = pace_at(paces(w), ix);
	host_ix to = conn_of(w, ix)->host;
	struct fabric_host *h = &w->fabric->hosts[to];
	conn_ix head;

	if (!to || to >= FABRIC_HOST_MAX ||
	    atomic_load(&h->state) != FABRIC_HOST_UP) {
		atomic_store(&p->wish, PACE_NONE);
		return;
	}
	head = atomic_load(&h->kicked);
	do {
		p->next = head;
	} while (!atomic_compare_exchange_weak(&h->kicked, &head, ix));
	work_visit(w, to);
}

void hold_kicks(struct work *w)
{
	struct fabric_host *h = &w->fabric->hosts[w->host];
	conn_ix ix = atomic_exchange(&h->kicked, 0);

	while (ix) {
		struct stack_pace *p = pace_at(paces(w), ix);
		conn_ix next = p->next;

		/* From here on it may be put on the stack again. */
		atomic_store(&p->wish, PACE_NONE);
		stack_kick(&w->stack, ix);
		ix = next;
	}
}

void hold_free(struct work *w, frame_ix ix)
{
	struct frame *f = frame_at(&w->in.arena, ix);

	/* What it held passes under the scheduler's lock. */
	if (unlikely(f->held)) {
		f->flags |= FRAME_LOST;
		frame_list_add(&w->in.arena, &w->held, ix);
		return;
	}
	frame_free(&w->in.arena, ix);
}

/* --- what is held up */

static uint64_t bytes_in(uint64_t bps, uint64_t ns)
{
	return (uint64_t)((unsigned __int128)bps * ns >> 33);
}

/*
 * The connection that sends @f learns how much of it may wait. 2^33 stands for
 * 8 * 10^9, a few percent more.
 */
static void teach(struct work *w, struct sched_view *v, struct frame *f,
		  const struct sched_path *path)
{
	struct stack_pace *p = pace_at(paces(w), f->pace);
	struct conn *c = conn_of(w, f->pace);
	struct sched_bounds b;
	bool udp = c->proto == STACK_UDP;
	uint64_t unit, limit, least, ns;

	if (likely(p->generation == v->generation &&
		   atomic_load_explicit(&c->paced, memory_order_relaxed)))
		return;
	b = sched_bounds(v, path);
	if (!b.rate_bps)
		return;
	unit = min_u64(bytes_in(b.rate_bps, UNIT_NS), UNIT_MAX);
	ns = udp ? UDP_HELD_NS : TCP_HELD_NS;
	if (b.queue_ns)
		ns = min_u64(ns, b.queue_ns / 2);
	limit = bytes_in(b.rate_bps, ns);
	/* Half of the queue, so that two of them do not overflow it. */
	if (b.queue_bytes)
		limit = min_u64(limit, b.queue_bytes / 2);
	least = udp ? UDP_HELD_MIN : TCP_HELD_MIN;
	limit = limit < least ? least : min_u64(limit, HELD_MAX);
	atomic_store_explicit(&p->unit, (uint32_t)unit, memory_order_relaxed);
	atomic_store_explicit(&p->limit, (uint32_t)limit, memory_order_relaxed);
	p->generation = v->generation;
	atomic_store_explicit(&c->paced, 1, memory_order_relaxed);
}

/* False: there is no room for more of them. */
static inline bool remember(struct work *w, conn_ix ix)
{
	if (w->lefts && w->left[w->lefts - 1] == ix)
		return true;
	if (unlikely(w->lefts == WORK_LEFT))
		return false;
	w->left[w->lefts++] = ix;
	return true;
}

/* After a full barrier: whom does what has passed let send more? */
static inline void kick_left(struct work *w)
{
	uint32_t n = w->lefts;

	w->lefts = 0;
	for (uint32_t i = 0; i < n; i++)
		if (pace_wants_kick(pace_at(paces(w), w->left[i])))
			kick(w, w->left[i]);
}

/*
 * A frame on a long link is not in its sender's way. Beyond so many connections
 * in one run they are, until the delay ends.
 */
static void left(struct sched_view *v, struct frame *f)
{
	struct work *w = v->user;

	if (f->held && remember(w, f->pace)) {
		pace_pass(pace_at(paces(w), f->pace), f->held);
		f->held = 0;
	}
}

/* For the scheduler, which knows frames but not what is in them. */
static void cut(struct sched_view *v, frame_ix ix, struct frame_list *list)
{
	struct work *w = v->user;
	struct frame *f = frame_at(v->arena, ix);
	uint32_t held = f->held, pace = f->pace;
	bool stamped = f->flags & FRAME_STAMP;
	struct frame_stamp stamp = *frame_stamp(f);

	f->held = 0;
	f->flags &= (uint8_t)~FRAME_STAMP;
	if (frame_segment(v->arena, ix, false, list) < 0) {
		if (held)
			pace_pass(pace_at(paces(w), pace), held);
		return;
	}
	f = frame_at(v->arena, list->last);
	f->held = held;
	/* The end is what is waited for. */
	if (unlikely(stamped)) {
		f->flags |= FRAME_STAMP;
		*frame_stamp(f) = stamp;
	}
}

/* Too long for a slow link: sent before its connection had learnt, or set
 * slower since. */
static void push_cut(struct work *w, struct sched_view *v, frame_ix ix,
		     const struct sched_path *path)
{
	struct arena *a = &w->in.arena;
	struct frame_list list = { 0, 0 };

	cut(v, ix, &list);
	while ((ix = frame_list_pop(a, &list)))
		sched_push(v, ix, path);
}

static void push(struct work *w, struct sched_view *v, frame_ix ix)
{
	struct frame *f = frame_at(&w->in.arena, ix);
	struct sched_path path;

	if (unlikely(f->flags & FRAME_LOST)) {
		frame_list_add(&w->in.arena, &v->dropped, ix);
		return;
	}
	if (!sched_path(w->fabric, f->tx_vif, f->rx_vif, &path)) {
		/* Nothing holds its connection up, or not any more. */
		if (f->held)
			atomic_store_explicit(&conn_of(w, f->pace)->paced, 0,
					      memory_order_relaxed);
		frame_list_add(&w->in.arena, &v->out, ix);
		return;
	}
	if (f->pace) {
		teach(w, v, f, &path);
		if (unlikely(f->gso_type) && f->payload > f->gso_bytes) {
			struct stack_pace *p = pace_at(paces(w), f->pace);
			uint32_t unit = atomic_load_explicit(
				&p->unit, memory_order_relaxed);

			if (unit && f->payload > 2 * unit) {
				push_cut(w, v, ix, &path);
				return;
			}
		}
	}
	sched_push(v, ix, &path);
}

/*
 * Most frames find nothing in their way: they are charged, and go on without
 * having been anywhere else. What follows letting go of the lock waits until
 * a frame has been carried, whose locked instructions are the barrier that is
 * needed: hold_look(). False: the long way.
 */
static inline bool pass_at_once(struct work *w, struct frame *f)
{
	struct fabric_lock *lock = &sched_door(w->fabric)->lock;
	struct stack_pace *p = pace_at(paces(w), f->pace);
	uint32_t generation = 0;
	bool done;

	if (f->pace) {
		/* Its connection has something to learn? */
		if (!f->held || !remember(w, f->pace))
			return false;
		generation = p->generation;
	}
	if (!fabric_trylock(&w->in, lock))
		return false;
	done = sched_pass(w->fabric, f, w->now_ns, generation);
	if (done && f->held) {
		pace_pass(p, f->held);
		f->held = 0;
	}
	fabric_unlock_late(&w->in, lock);
	w->passed = true;
	return done;
}

bool hold_look(struct work *w)
{
	w->passed = false;
	if (unlikely(sched_work_waits(w->fabric)))
		w->held_again = true;
	kick_left(w);
	return w->out.first;
}

/* The lane below @to that it is for, if it has one. */
static apart vif_ix lane_of(const struct work *w, const struct frame *f,
			    vif_ix to)
{
	host_ix host = atomic_load_explicit(&vif_at(w->fabric, to)->host,
					    memory_order_relaxed);
	const struct stack st = {
		.host = stack_host_at(w->fabric, host),
		.conns = &w->fabric->table[FABRIC_TABLE_CONN],
	};
	vif_ix lane = host ? stack_lane(&st, f) : 0;

	return lane && vif_below(w->fabric, lane, to) ? lane : to;
}

bool hold_take(struct work *w, frame_ix ix, vif_ix to)
{
	struct frame *f = frame_at(&w->in.arena, ix);

	if (f->flags & FRAME_SHAPED) {
		f->flags &= (uint8_t)~FRAME_SHAPED;
		return false;
	}
	f->rx_vif = to;
	if (unlikely(vif_at(w->fabric, to)->first_child))
		f->rx_vif = lane_of(w, f, to);
	if (likely(!w->held.first) && pass_at_once(w, f))
		return false;
	frame_list_add(&w->in.arena, &w->held, ix);
	return true;
}

/* The lock is taken: the holder brings them in. */
static void leave_behind(struct work *w)
{
	_Atomic frame_ix *backlog = &sched_door(w->fabric)->backlog;
	struct arena *a = &w->in.arena;
	frame_ix ix;

	while ((ix = frame_list_pop(a, &w->held))) {
		frame_ix head = atomic_load(backlog);

		do {
			frame_at(a, ix)->next = head;
		} while (!atomic_compare_exchange_weak(backlog, &head, ix));
	}
}

/* What others left, oldest first, then our own. */
static void bring_in(struct work *w, struct sched_view *v)
{
	_Atomic frame_ix *backlog = &sched_door(w->fabric)->backlog;
	struct arena *a = &w->in.arena;
	frame_ix ix, first = 0;

	if (atomic_load_explicit(backlog, memory_order_relaxed)) {
		ix = atomic_exchange(backlog, 0);
		while (ix) {
			frame_ix next = frame_at(a, ix)->next;

			frame_at(a, ix)->next = first;
			first = ix;
			ix = next;
		}
	}
	while ((ix = first)) {
		first = frame_at(a, ix)->next;
		push(w, v, ix);
	}
	while ((ix = frame_list_pop(a, &w->held)))
		push(w, v, ix);
}

/* Gives back what the frames of @list have held; they still say how much. */
static void pass_held(struct work *w, const struct frame_list *list)
{
	const struct arena *a = &w->in.arena;

	for (frame_ix ix = list->first; ix; ix = frame_at(a, ix)->next) {
		const struct frame *f = frame_at(a, ix);

		if (f->held)
			pace_pass(pace_at(paces(w), f->pace), f->held);
	}
}

/* The lock is held. Lets go of it. What has passed is added to the lists. */
static void run(struct work *w, struct frame_list *out,
		struct frame_list *dropped)
{
	struct arena *a = &w->in.arena;
	struct sched_view v;

	sched_open(&v, w->fabric, a, fabric_now(w->fabric));
	v.cut = cut;
	v.left = left;
	v.user = w;
	bring_in(w, &v);
	sched_run(&v, BUDGET);
	pass_held(w, &v.out);
	pass_held(w, &v.dropped);
	w->sched_ns = sched_close(&v);
	w->now_ns = v.now_ns;
	fabric_unlock(&w->in, &sched_door(w->fabric)->lock);
	kick_left(w);
	frame_list_join(a, out, &v.out);
	frame_list_join(a, dropped, &v.dropped);
}

/* After a full barrier: who had been waiting for that? */
static void let_go(struct work *w, struct frame *f)
{
	bool held = f->held != 0;

	f->held = 0;
	if (held && unlikely(pace_wants_kick(pace_at(paces(w), f->pace))))
		kick(w, f->pace);
}

bool hold_serve(struct work *w)
{
	struct fabric_lock *lock = &sched_door(w->fabric)->lock;
	struct frame_list out = { 0, 0 }, dropped = { 0, 0 };
	struct arena *a = &w->in.arena;
	frame_ix ix;

	w->held_again = false;
	if (!fabric_trylock(&w->in, lock)) {
		if (!w->held.first)
			return false;
		leave_behind(w);
		if (!fabric_trylock(&w->in, lock))
			return false;
	}
	do {
		run(w, &out, &dropped);
	} while (sched_work_waits(w->fabric) && fabric_trylock(&w->in, lock));
	while ((ix = frame_list_pop(a, &dropped))) {
		let_go(w, frame_at(a, ix));
		frame_free(a, ix);
	}
	while ((ix = frame_list_pop(a, &out))) {
		struct frame *f = frame_at(a, ix);

		f->flags |= FRAME_SHAPED;
		let_go(w, f);
		frame_list_add(a, &w->out, ix);
	}
	return w->out.first;
}

/* --- after a death */

static void recount(void *arg, frame_ix ix)
{
	struct work *w = arg;
	struct frame *f;

	if (ix >= arena_frames_end(&w->fabric->arena))
		return;
	f = frame_at(&w->fabric->arena, ix);
	/* As if it had not passed. */
	if (f->held)
		atomic_fetch_sub(&pace_at(paces(w), f->pace)->passed, f->held);
}

void hold_mend(struct work *w, bool lost)
{
	struct fabric *f = w->fabric;
	uint32_t conns = slot_end(&f->table[FABRIC_TABLE_CONN]);
	uint32_t hosts = atomic_load(&f->header->host_end);

	sched_mend(f, lost);
	for (host_ix ix = 1; ix < hosts; ix++)
		atomic_store(&f->hosts[ix].kicked, 0);
	for (conn_ix ix = 1; ix < conns; ix++) {
		struct stack_pace *p = pace_at(paces(w), ix);

		atomic_store(&p->passed, atomic_load(&p->sent));
		atomic_store(&p->wish, PACE_NONE);
	}
	sched_visit(f, recount, w);
	for (frame_ix ix = w->out.first; ix; ix = frame_at(&f->arena, ix)->next)
		recount(w, ix);
	/* What the dead left on the backlog has nobody else to bring it in. */
	w->held_again = true;
	/* Whoever waited to be kicked is kicked, room or not. */
	for (conn_ix ix = 1; ix < conns; ix++) {
		const struct conn *c = conn_of(w, ix);

		if (!c->state || !atomic_load(&c->paced))
			continue;
		work_lock_alone(w, c->host);
		stack_kick(&w->stack, ix);
		work_unlock_alone(w);
	}
}
