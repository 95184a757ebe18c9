/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Back-pressure: how much of a connection may be under way between it and its
 * peer where something below the stack holds frames up.
 *
 * Whoever holds them up sets `limit` and `unit` and marks the connection
 * (conn.paced). From then on each frame that leaves carries what it costs
 * (frame.held), and the scheduler gives that back when it lets the frame go or
 * drops it. A connection at its limit sends no more: TCP keeps its bytes
 * queued, a UDP socket is not writable. Once half of the limit is free the
 * connection is *kicked*: stack_kick() on its host.
 *
 * Two counters without locked instructions: `sent` belongs to the host's lock,
 * `passed` to the scheduler's. Who finds no room says so in `wish`, fences and
 * looks again; who makes room fences and looks at `wish`: one of them sees.
 *
 * Lies in a table of its own, by conn_ix, since others write to it without the
 * host's lock. The counts belong to the slot and not to the connection: what an
 * ended one has left under way passes in time. So a slot is zero once, in a new
 * segment, and never cleared again; after a death the counts are made anew from
 * the frames.
 */
#ifndef TOAMI_STACK_PACE_H
#define TOAMI_STACK_PACE_H

#include "stack/conn.h"

enum pace_wish {
	PACE_NONE,
	PACE_WAITS,  /* to be kicked */
	PACE_KICKED, /* on its host's stack */
};

struct stack_pace {
	_Atomic uint32_t sent;	 /* bytes; under the host's lock */
	_Atomic uint32_t passed; /* bytes; under the scheduler's lock */
	_Atomic uint32_t wish;	 /* enum pace_wish */
	_Atomic uint32_t limit;	 /* of sent - passed */
	_Atomic uint32_t unit;	 /* largest payload of a frame */
	uint32_t generation;	 /* of the controls that these are of */
	uint32_t next;		 /* on the host's stack of kicked ones */
};

static inline struct stack_pace *pace_at(const struct slot_table *t, conn_ix ix)
{
	return slot_at(t, ix);
}

static inline uint32_t pace_load(const _Atomic uint32_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

/* pace_pass - @bytes are under way no more; under the scheduler's lock */
static inline void pace_pass(struct stack_pace *p, uint32_t bytes)
{
	atomic_store_explicit(&p->passed, pace_load(&p->passed) + bytes,
			      memory_order_relaxed);
}

/**
 * pace_wants_kick - after pace_pass() and a full barrier
 *
 * Returns true: the caller puts it on its host's stack of kicked ones.
 */
static inline bool pace_wants_kick(struct stack_pace *p)
{
	uint32_t waits = PACE_WAITS;

	if (likely(pace_load(&p->wish) != PACE_WAITS))
		return false;
	if (pace_load(&p->sent) - pace_load(&p->passed) >
	    pace_load(&p->limit) / 2)
		return false;
	return atomic_compare_exchange_strong(&p->wish, &waits, PACE_KICKED);
}

static inline bool pace_has_room(const struct stack_pace *p)
{
	return pace_load(&p->sent) - pace_load(&p->passed) <
	       pace_load(&p->limit);
}

/* pace_wish - there is no room: looks again, having asked to be kicked; true:
 * there is some by now */
bool pace_wish(struct stack_pace *p);

/* stack_pace_room - may @c send? If not, it will be kicked. */
static inline bool stack_pace_room(const struct stack *st, const struct conn *c)
{
	struct stack_pace *p = pace_at(st->paces, c->self);

	return likely(pace_has_room(p)) || pace_wish(p);
}

/* stack_kick - @c may have room; taken off the stack of its host */
void stack_kick(struct stack *st, conn_ix c);

#endif
