/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Back-pressure: how much of a connection may be under way between it and its
 * peer where something below the stack holds frames up.
 *
 * Whoever holds them up sets `limit` and `unit` and marks the connection
 * (conn.paced). From then on each frame that leaves carries what it costs
 * (frame.held), and who lets it go, or drops it, gives that back with
 * stack_pace_release(). A connection at its limit sends no more: TCP keeps its
 * bytes queued, a UDP socket is not writable. Once half of the limit is free
 * the connection is *kicked*: stack_kick() on its host.
 *
 * Lies in a table of its own, by conn_ix, since others write to it without the
 * host's lock. The count belongs to the slot and not to the connection: what an
 * ended one has left under way is given back in time. So a slot is zero once,
 * in a new segment, and never cleared again; after a death the counts are made
 * anew from the frames.
 */
#ifndef TOAMI_STACK_PACE_H
#define TOAMI_STACK_PACE_H

#include "stack/stack.h"

struct stack_pace {
	_Atomic uint32_t word;	/* bytes under way, and the bits below */
	_Atomic uint32_t limit; /* of them */
	_Atomic uint32_t unit;	/* largest payload of a frame */
	uint32_t generation;	/* of the controls that these are of */
	uint32_t next;		/* on the host's stack of kicked ones */
};

#define PACE_WAITS  UINT32_C(0x80000000) /* to be kicked */
#define PACE_KICKED UINT32_C(0x40000000) /* on the stack */
#define PACE_BYTES  UINT32_C(0x3fffffff)

static inline struct stack_pace *pace_at(const struct slot_table *t, conn_ix ix)
{
	return slot_at(t, ix);
}

/**
 * stack_pace_release - @f is under way no more
 *
 * Returns true: f->pace is to be put on its host's stack of kicked ones, by the
 * caller. Any thread.
 */
bool stack_pace_release(const struct slot_table *paces, struct frame *f);

/* stack_pace_room - may @c send? If not, it will be kicked. */
bool stack_pace_room(const struct stack *st, const struct conn *c);

/* stack_kick - @c may have room; taken off the stack of its host */
void stack_kick(struct stack *st, conn_ix c);

#endif
