/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * After a death: a host rebuilt from its connections' slots.
 *
 * The dead thread held the lock. Whatever it was changing is named by
 * host->writing; every other connection of this host is whole, but the links
 * between them (hash chains, lists, wheel) may be torn. So: undo the change if
 * it was a segment's or a timer's (undo.h), or else abort the marked connection
 * without following its queues (its frames are found unowned by
 * arena_rebuild()); forget every link, and put each slot of ours back where its
 * own fields say it belongs.
 *
 * A connection is left by the dead when it has no owner, waits on no living
 * listener and is no orphan: it was being opened, or accepted. It is reset.
 */
#include "stack/auto.h"
#include "stack/group.h"
#include "stack/tcp.h"
#include "stack/undo.h"

#include <errno.h>

/* The slots of this host, one after the other. */
static struct conn *next_own(struct stack *st, conn_ix *ix)
{
	conn_ix end = slot_end(st->conns);

	while (++*ix < end) {
		struct conn *c = conn_at(st, *ix);

		if (c->state != CONN_FREE && c->host == st->host->config.self)
			return c;
	}
	return NULL;
}

static void forget_links(struct stack *st)
{
	struct stack_host *h = st->host;
	struct conn *c;
	conn_ix ix = 0;

	memset(h->hash, 0, sizeof(h->hash));
	memset(h->bound, 0, sizeof(h->bound));
	wheel_init(&h->wheel, st->now_ns);
	h->tw_first = 0;
	h->tw_last = 0;
	h->tw_count = 0;
	h->aux_timer_ns = UINT64_MAX;
	while ((c = next_own(st, &ix))) {
		c->self = ix;
		c->hash_next = 0;
		c->bound_next = 0;
		c->q_next = 0;
		c->q_prev = 0;
		c->timer_next = 0;
		c->timer_prev = 0;
		c->flags &= ~(CONN_QUEUED | CONN_TIMEWAIT_Q);
		if (c->state == CONN_LISTEN) {
			c->accept_first = 0;
			c->accept_last = 0;
			c->syn_first = 0;
			c->accepts = 0;
			c->syns = 0;
			c->fastopens = 0;
		}
	}
}

/* The queues of the connection that was being changed are not to be trusted. */
static void forget_queues(struct conn *c)
{
	c->snd_head = 0;
	c->snd_tail = 0;
	c->cur = 0;
	store_u32(&c->snd_queued, 0);
	c->rcv_first = 0;
	c->rcv_last = 0;
	c->ooo_first = 0;
	c->ooo_last = 0;
	c->ooo_frames = 0;
	c->ooo_bytes = 0;
	store_u32(&c->rcv_queued, 0);
	c->sacks = 0;
	c->flight = (struct run_block){ .room = TCP_RUNS_OWN };
	c->flight_last = 0;
	c->sacked_bytes = 0;
	c->lost_bytes = 0;
}

/* A pending connection's listener, if it is one. */
static struct conn *listener_of(struct stack *st, const struct conn *c)
{
	struct conn *l;

	if (!c->listener || c->listener >= slot_end(st->conns))
		return NULL;
	l = conn_at(st, c->listener);
	return l->state == CONN_LISTEN && l->host == c->host ? l : NULL;
}

/*
 * Into an accept queue in the order of arrival. Slots come in any order: walk
 * from the head to the place. Bounded by what has been queued here before.
 */
static void accept_sorted(struct stack *st, struct conn *l, struct conn *c)
{
	conn_ix *link = &l->accept_first;

	while (*link && (int32_t)(conn_at(st, *link)->order - c->order) < 0)
		link = &conn_at(st, *link)->q_next;
	c->q_next = *link;
	*link = c->self;
	if (!c->q_next)
		l->accept_last = c->self;
	l->accepts++;
}

/* Nobody owns it and it will not end by itself. */
static bool abandoned(struct stack *st, const struct conn *c)
{
	if (c->sock || listener_of(st, c))
		return false;
	return !(c->flags & CONN_ORPHAN) || c->state == CONN_CLOSED ||
	       c->state == CONN_LISTEN;
}

/* Puts @c back where it belongs. */
static void restore(struct stack *st, struct conn *c)
{
	struct conn *l = listener_of(st, c);
	uint64_t at = UINT64_MAX;

	c->flags &= ~CONN_HASHED;
	if (c->proto == STACK_TCP && c->state != CONN_CLOSED &&
	    c->state != CONN_LISTEN)
		hash_add(st, c);
	if (c->flags & CONN_BOUND)
		bound_add(st, c);
	if (c->state == CONN_TIME_WAIT) {
		tcp_time_wait_add(st, c);
		if (!c->keep_at)
			c->keep_at = st->now_ns + TCP_TIME_WAIT_NS;
	}
	tcp_fastopen_count(st, c, 1);
	if (l && (c->flags & CONN_ACCEPTABLE))
		accept_sorted(st, l, c);
	else if (l && c->state == CONN_SYN_RECEIVED)
		tcp_syn_add(st, l, c);
	if (c->rtx_at)
		at = c->rtx_at;
	if (c->delack_at)
		at = min_u64(at, c->delack_at);
	if (c->rate_waits)
		at = min_u64(at, c->rate_at_ns);
	if (c->keep_at)
		at = min_u64(at, c->keep_at);
	if (at != UINT64_MAX)
		timer_arm(st, c, at);
}

/* What the mark names: reset, its owner told. UDP sockets and listeners go on.
 */
static void abort_marked(struct stack *st, struct conn *c)
{
	forget_queues(c);
	if (c->proto != STACK_TCP) {
		conn_event(st, c, STACK_OUT);
		return;
	}
	if (c->state == CONN_LISTEN)
		return;
	/*
	 * A SYN was making it: nobody waits for it yet, and the peer will ask
	 * again. (An established one that waits is changed by segments only,
	 * which are undone.)
	 */
	if (c->state == CONN_SYN_RECEIVED && c->listener && !c->sock) {
		c->listener = 0;
		tcp_done(st, c);
		return;
	}
	c->flags &= ~CONN_ACCEPTABLE;
	c->listener = 0;
	if (c->state != CONN_CLOSED && c->state != CONN_TIME_WAIT &&
	    c->state != CONN_SYN_SENT)
		tcp_send_reset(st, c);
	c->flags |= CONN_RESET;
	tcp_fail(st, c, ECONNRESET);
}

/* Pieces of datagrams and waiting frames: lists that may be torn as well. */
static void forget_pieces(struct stack *st)
{
	struct stack_host *h = st->host;

	for (uint32_t i = 0; i < REASS_MAX; i++) {
		h->reass[i].live = false;
		h->reass[i].first = 0;
	}
	for (uint32_t i = 0; i < NEIGH_MAX; i++) {
		h->neigh[i].frames = 0;
		h->neigh[i].state = NEIGH_FREE;
	}
	h->neigh_gen++;
}

void stack_recover(struct stack *st)
{
	struct stack_host *h = st->host;
	conn_ix marked = atomic_load(&h->writing), ix = 0;
	struct conn *c;

	if (marked == undo_apply(st))
		marked = 0;
	atomic_store(&h->next_timer_ns, UINT64_MAX);
	forget_links(st);
	forget_pieces(st);
	group_recover(st);
	auto_recover(st);
	while ((c = next_own(st, &ix)))
		if (ix != marked)
			restore(st, c);
	if (marked && marked < slot_end(st->conns)) {
		c = conn_at(st, marked);
		if (c->state != CONN_FREE && c->host == h->config.self) {
			c->flags &= ~CONN_HASHED;
			if (c->state == CONN_LISTEN || c->proto != STACK_TCP)
				restore(st, c);
			else if (c->flags & CONN_BOUND)
				bound_add(st, c);
			abort_marked(st, c);
		}
	}
	for (ix = 0; (c = next_own(st, &ix));)
		if (abandoned(st, c))
			conn_abort(st, ix);
	atomic_store(&h->writing, 0);
}

/* Walks a list of frames; a torn one ends it. */
static void visit_frames(struct stack *st, frame_ix ix,
			 void (*frame)(void *arg, frame_ix ix), void *arg)
{
	uint32_t end = arena_frames_end(st->arena);

	for (uint32_t i = 0; ix && ix < end && i < end; i++) {
		frame(arg, ix);
		ix = frame_at(st->arena, ix)->next;
	}
}

static void visit_chunks(struct stack *st, chunk_ix k,
			 void (*chunk)(void *arg, chunk_ix ix), void *arg)
{
	uint32_t end = arena_chunks_end(st->arena);

	for (uint32_t i = 0; k && k < end && i < end; i++) {
		chunk(arg, k);
		k = chunk_at(st->arena, k)->next;
	}
}

/* A stand-in holds one more, which has the bytes. */
static void visit_lent(struct stack *st, chunk_ix k,
		       void (*chunk)(void *arg, chunk_ix ix), void *arg)
{
	uint32_t end = arena_chunks_end(st->arena);

	for (uint32_t i = 0; k && k < end && i < end; i++) {
		const struct chunk *h = chunk_at(st->arena, k);

		if (tcp_lent(h))
			chunk(arg, tcp_lent(h));
		k = h->next;
	}
}

static void visit_flight(struct stack *st, const struct conn *c,
			 void (*chunk)(void *arg, chunk_ix ix), void *arg)
{
	uint32_t end = arena_chunks_end(st->arena);
	chunk_ix k = c->flight.next;

	for (uint32_t i = 0; k && k < end && i < end; i++) {
		chunk(arg, k);
		k = ((const struct run_block *)(const void *)chunk_bytes(
			     st->arena, k))
			    ->next;
	}
}

void stack_visit(struct stack *st, void (*frame)(void *arg, frame_ix ix),
		 void (*chunk)(void *arg, chunk_ix ix), void *arg)
{
	struct stack_host *h = st->host;
	struct conn *c;
	conn_ix ix = 0;

	while ((c = next_own(st, &ix))) {
		visit_frames(st, c->rcv_first, frame, arg);
		visit_frames(st, c->ooo_first, frame, arg);
		visit_chunks(st, c->snd_head, chunk, arg);
		if (c->proto != STACK_TCP)
			continue;
		visit_lent(st, c->snd_head, chunk, arg);
		visit_flight(st, c, chunk, arg);
	}
	for (uint32_t i = 0; i < REASS_MAX; i++)
		if (h->reass[i].live)
			visit_frames(st, h->reass[i].first, frame, arg);
	for (uint32_t i = 0; i < NEIGH_MAX; i++)
		for (uint32_t n = 0;
		     n < h->neigh[i].frames && n < NEIGH_PENDING; n++)
			frame(arg, h->neigh[i].pending[n]);
}
