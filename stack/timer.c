/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers: one date per connection, kept by a hierarchical wheel.
 *
 * A connection has up to three dates (resend or probe, delayed ack, and one
 * slow timer; a fourth under SO_MAX_PACING_RATE); the wheel knows the earliest
 * of them, or an earlier one that has passed out of use. Moving a date later,
 * or giving it up, does not touch the wheel: when the old date comes, the
 * connection is looked at and put back where it belongs. So an exchange of
 * packets costs a few wheel operations a second, whatever its rate.
 *
 * Dates are rounded up to a tick (2^20 ns), so that nothing is looked at before
 * it is due for less than a tick and next_timer_ns never lies in the past for
 * long.
 */
#include "stack/auto.h"
#include "stack/group.h"
#include "stack/stack_internal.h"
#include "stack/undo.h"
#include "stack/tcp.h"

static uint64_t tick_of(uint64_t ns)
{
	return (ns + (UINT64_C(1) << WHEEL_TICK_SHIFT) - 1) >> WHEEL_TICK_SHIFT;
}

void wheel_init(struct wheel *w, uint64_t now_ns)
{
	memset(w, 0, sizeof(*w));
	w->now = now_ns >> WHEEL_TICK_SHIFT;
}

static void wheel_add(struct stack *st, struct conn *c, uint64_t at)
{
	struct wheel *w = &st->host->wheel;
	uint64_t tick = tick_of(at), diff;
	uint32_t level, s;
	conn_ix first;

	if (tick <= w->now)
		tick = w->now + 1;
	diff = tick ^ w->now;
	level = (63 - (uint32_t)__builtin_clzll(diff)) / WHEEL_BITS;
	if (level >= WHEEL_LEVELS) {
		level = WHEEL_LEVELS - 1;
		s = WHEEL_SLOTS - 1;
	} else {
		s = (uint32_t)(tick >> (level * WHEEL_BITS)) &
		    (WHEEL_SLOTS - 1);
	}
	first = w->slot[level][s];
	c->timer_at = at;
	c->timer_slot = (uint16_t)(level << WHEEL_BITS | s);
	c->timer_prev = 0;
	c->timer_next = first;
	if (first)
		conn_at(st, first)->timer_prev = c->self;
	w->slot[level][s] = c->self;
	w->busy[level] |= UINT64_C(1) << s;
	c->flags |= CONN_QUEUED;
}

void timer_cancel(struct stack *st, struct conn *c)
{
	struct wheel *w = &st->host->wheel;
	uint32_t level = c->timer_slot >> WHEEL_BITS;
	uint32_t s = c->timer_slot & (WHEEL_SLOTS - 1);

	if (!(c->flags & CONN_QUEUED))
		return;
	if (c->timer_prev)
		conn_at(st, c->timer_prev)->timer_next = c->timer_next;
	else
		w->slot[level][s] = c->timer_next;
	if (c->timer_next)
		conn_at(st, c->timer_next)->timer_prev = c->timer_prev;
	if (!w->slot[level][s])
		w->busy[level] &= ~(UINT64_C(1) << s);
	c->flags &= ~CONN_QUEUED;
}

static void announce(struct stack *st, uint64_t at)
{
	struct stack_host *h = st->host;

	if (at < atomic_load_explicit(&h->next_timer_ns, memory_order_relaxed))
		atomic_store_explicit(&h->next_timer_ns, at,
				      memory_order_release);
}

void timer_arm_slow(struct stack *st, struct conn *c, uint64_t at)
{
	timer_cancel(st, c);
	wheel_add(st, c, at);
	announce(st, tick_of(at) << WHEEL_TICK_SHIFT);
}

void timer_aux(struct stack *st, uint64_t at)
{
	if (at < st->host->aux_timer_ns)
		st->host->aux_timer_ns = at;
	announce(st, at);
}

/* The earliest slot of the wheel: its first tick, level and number. */
static uint64_t wheel_next(const struct wheel *w, uint32_t *level, uint32_t *s)
{
	for (uint32_t l = 0; l < WHEEL_LEVELS; l++) {
		uint32_t shift = l * WHEEL_BITS;

		if (!w->busy[l])
			continue;
		*level = l;
		*s = (uint32_t)__builtin_ctzll(w->busy[l]);
		return ((w->now >> shift >> WHEEL_BITS << WHEEL_BITS) | *s)
		       << shift;
	}
	return UINT64_MAX;
}

/* What is due is done, the rest goes back with its real date. */
static void look_at(struct stack *st, struct conn *c)
{
	conn_ix outer = undo_begin(st, c);
	uint64_t at = UINT64_MAX;

	if (c->proto == STACK_TCP && !tcp_timer(st, c))
		goto gone;
	if (c->rtx_at)
		at = c->rtx_at;
	if (c->delack_at)
		at = min_u64(at, c->delack_at);
	if (c->keep_at)
		at = min_u64(at, c->keep_at);
	if (unlikely(c->rate_waits))
		at = min_u64(at, c->rate_at_ns);
	if (at != UINT64_MAX)
		timer_arm(st, c, at);
gone:
	undo_end(st, outer);
}

static void wheel_run(struct stack *st)
{
	struct wheel *w = &st->host->wheel;
	uint64_t to = st->now_ns >> WHEEL_TICK_SHIFT;
	uint32_t level, s;
	uint64_t tick;

	while ((tick = wheel_next(w, &level, &s)) <= to) {
		w->now = tick > w->now ? tick : w->now;
		/*
		 * One at a time from the head: a connection looked at may end
		 * others of the same slot (a listener's, an old TIME-WAIT).
		 */
		while (w->slot[level][s]) {
			struct conn *c = conn_at(st, w->slot[level][s]);

			timer_cancel(st, c);
			if (tick_of(c->timer_at) > w->now)
				wheel_add(st, c, c->timer_at);
			else
				look_at(st, c);
		}
		w->busy[level] &= ~(UINT64_C(1) << s);
	}
	if (to > w->now)
		w->now = to;
}

void stack_timers(struct stack *st)
{
	struct stack_host *h = st->host;
	uint32_t level, s;
	uint64_t tick, next;

	if (h->aux_timer_ns <= st->now_ns) {
		h->aux_timer_ns = UINT64_MAX;
		h->aux_timer_ns =
			min_u64(min_u64(neigh_timers(st), reass_timers(st)),
				min_u64(group_timers(st), auto_timers(st)));
	}
	wheel_run(st);
	tick = wheel_next(&h->wheel, &level, &s);
	next = tick == UINT64_MAX ? UINT64_MAX : tick << WHEEL_TICK_SHIFT;
	atomic_store_explicit(&h->next_timer_ns, min_u64(next, h->aux_timer_ns),
			      memory_order_release);
}

uint64_t stack_next_timer_ns(const struct stack_host *h)
{
	return atomic_load_explicit(&h->next_timer_ns, memory_order_acquire);
}
