/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Undo: a segment or a timer changes a connection wholly or not at all.
 *
 * Whoever delivers a frame runs the receiver's TCP, and may be killed in the
 * middle of it. The connection is not his, so it must not be lost: it is copied
 * before the change, and stack_recover() puts the copy back, as if the segment
 * had been lost. Output of the change died with the thread, so no peer has seen
 * any of it.
 *
 * What a connection's queues refer to stays as it was until the change ends:
 *  - acknowledged chunks are let go of afterwards (st->acked), for others could
 * fill them; where one is acknowledged in part, its old start is noted;
 *  - frames only ever join the receive queue behind rcv_last, where a restored
 * queue ends;
 *  - the out-of-order queue is dropped on restoring (RFC 2018, section 8 allows
 * that);
 *  - blocks of the flight that lie in chunks are forgotten (tcp_flight.h);
 *  - a change that frees a queue or the connection (reset, time-out) says so
 * first, with undo_impossible(): then the connection is aborted instead, which
 * it was to be anyway.
 *
 * The copy is of the whole connection, or, where all that a segment can change
 * is known before (tcp_input_usual()), of that part.
 *
 * A call of the connection's own program needs no undo: the dead cannot want
 * its connection back. It only sets the mark (writing_begin()).
 */
#ifndef TOAMI_STACK_UNDO_H
#define TOAMI_STACK_UNDO_H

#include "base/mem.h"
#include "stack/stack_internal.h"

/*
 * undo_copy_part - what data in order changes that acknowledges nothing and
 * lets nothing leave: the receive side, the peer's window, the delayed ack
 */
static inline void undo_copy_part(struct conn *to, const struct conn *from)
{
	to->flags = from->flags;
	to->snd_wnd = from->snd_wnd;
	to->snd_wl1 = from->snd_wl1;
	/* conn.h has them side by side. */
	mem_copy(&to->rcv_nxt, &from->rcv_nxt,
		 offsetof(struct conn, probes) + 1 -
			 offsetof(struct conn, rcv_nxt));
	to->delack_at = from->delack_at;
	to->pushed = from->pushed;
	to->last_recv_ns = from->last_recv_ns;
	to->last_ack_ns = from->last_ack_ns;
	to->segs_out = from->segs_out;
	to->segs_in = from->segs_in;
	to->bytes_received = from->bytes_received;
}

static inline conn_ix undo_begin_as(struct stack *st, struct conn *c, bool part)
{
	struct undo *u = &st->host->undo;

	/* The copy before the mark: killed in between, nothing has changed yet.
	 */
	if (likely(!atomic_load_explicit(&st->host->writing,
					 memory_order_relaxed))) {
		if (part)
			undo_copy_part(&u->before, c);
		else
			mem_copy(&u->before, c, sizeof(*c));
		u->part = part;
		u->impossible = false;
		u->chunk = 0;
		atomic_signal_fence(memory_order_seq_cst);
		atomic_store_explicit(&u->conn, c->self, memory_order_relaxed);
		atomic_signal_fence(memory_order_seq_cst);
	}
	return writing_begin(st, c->self);
}

/* undo_begin, undo_end - around a change by a segment or a timer; may nest, the
 * outer counts */
static inline conn_ix undo_begin(struct stack *st, struct conn *c)
{
	return undo_begin_as(st, c, false);
}

/* undo_let_go - frees the chunks that the change has acknowledged */
void undo_let_go(struct stack *st);

static inline void undo_end(struct stack *st, conn_ix outer)
{
	writing_end(st, outer);
	if (likely(!outer)) {
		atomic_signal_fence(memory_order_seq_cst);
		atomic_store_explicit(&st->host->undo.conn, 0,
				      memory_order_relaxed);
		if (st->acked)
			undo_let_go(st);
	}
}

/* undo_keeps - chunk @k, acknowledged by the change of @c under way, must wait:
 * true */
static inline bool undo_keeps(struct stack *st, const struct conn *c,
			      chunk_ix k)
{
	if (atomic_load_explicit(&st->host->undo.conn, memory_order_relaxed) !=
	    c->self)
		return false;
	if (!st->acked)
		st->acked = k;
	st->acked_chunks++;
	return true;
}

/* undo_note_start - chunk @k of @c is about to be acknowledged in part */
static inline void undo_note_start(struct stack *st, const struct conn *c,
				   chunk_ix k)
{
	struct undo *u = &st->host->undo;

	if (atomic_load_explicit(&u->conn, memory_order_relaxed) != c->self)
		return;
	if (!u->chunk) {
		u->start = chunk_at(st->arena, k)->start;
		/* Killed in between: the chunk is not named before its start
		 * is there. */
		atomic_signal_fence(memory_order_seq_cst);
		u->chunk = k;
	} else if (u->chunk != k) {
		u->impossible = true; /* one acknowledgement moves one start */
	}
	atomic_signal_fence(memory_order_seq_cst);
}

/* undo_impossible - @c is about to lose a queue, or its slot */
static inline void undo_impossible(struct stack *st, const struct conn *c)
{
	if (atomic_load_explicit(&st->host->undo.conn, memory_order_relaxed) ==
	    c->self) {
		st->host->undo.impossible = true;
		atomic_signal_fence(memory_order_seq_cst);
	}
}

/**
 * undo_apply - after a death: restores the connection that was being changed
 *
 * Returns it, whole but for its links; or 0: there is none, or it cannot be
 * restored.
 */
conn_ix undo_apply(struct stack *st);

#endif
