/* SPDX-License-Identifier: BSD-2-Clause */
/* See undo.h. */
#include "stack/undo.h"
#include "stack/tcp.h"
#include "stack/tcp_flight.h"

void undo_let_go(struct stack *st)
{
	chunk_ix k = st->acked;

	/* They are linked as they were in the queue. */
	while (st->acked_chunks) {
		chunk_ix next = chunk_at(st->arena, k)->next;

		tcp_sendq_put(st, k);
		st->acked_chunks--;
		k = next;
	}
	st->acked = 0;
}

/* The send queue of the copy. False: it is not what the copy describes. */
static bool mend_send_queue(struct stack *st, struct conn *c)
{
	uint32_t end = arena_chunks_end(st->arena), sum = 0, n = 0;

	if (!c->snd_head)
		return !c->snd_queued;
	for (chunk_ix k = c->snd_head;; n++) {
		const struct chunk *h;

		if (!k || k >= end || n >= end)
			return false;
		h = chunk_at(st->arena, k);
		sum += (uint32_t)(h->end - h->start);
		if (k == c->snd_tail)
			break;
		k = h->next;
	}
	chunk_at(st->arena, c->snd_tail)->next = 0;
	return sum == c->snd_queued;
}

/*
 * The receive queue of the copy ends where it ended. Small payloads join the
 * last frame (coalescing): what it holds beyond the copy's count came with the
 * change.
 */
static bool mend_recv_queue(struct stack *st, struct conn *c)
{
	uint32_t end = arena_frames_end(st->arena), sum = 0, n = 0;

	if (!c->rcv_first)
		return !c->rcv_queued;
	for (frame_ix ix = c->rcv_first;; n++) {
		struct frame *f;

		if (!ix || ix >= end || n >= end)
			return false;
		f = frame_at(st->arena, ix);
		sum += f->payload - f->payload_off;
		if (ix == c->rcv_last) {
			uint32_t grown = sum - c->rcv_queued;

			if (grown > f->payload - f->payload_off)
				return false;
			f->next = 0;
			f->payload -= grown;
			f->tcp.end_seq =
				f->tcp.seq + f->payload - f->payload_off;
			return true;
		}
		ix = f->next;
	}
}

conn_ix undo_apply(struct stack *st)
{
	struct undo *u = &st->host->undo;
	conn_ix ix = atomic_load(&u->conn);
	struct conn *c;

	atomic_store(&u->conn, 0);
	if (!ix || ix >= slot_end(st->conns) || u->impossible)
		return 0;
	c = conn_at(st, ix);
	if (u->part)
		undo_copy_part(c, &u->before);
	else
		mem_copy(c, &u->before, sizeof(*c));
	if (u->chunk && u->chunk < arena_chunks_end(st->arena))
		chunk_at(st->arena, u->chunk)->start = u->start;
	c->ooo_first = 0;
	c->ooo_last = 0;
	c->ooo_frames = 0;
	c->ooo_bytes = 0;
	c->sacks = 0;
	if (c->proto != STACK_TCP)
		return 0;
	/* What lies outside of the copy may be half changed. */
	if (c->flight.next)
		flight_forget(st, c);
	return mend_send_queue(st, c) && mend_recv_queue(st, c) ? ix : 0;
}
