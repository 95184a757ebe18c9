/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The send queue: chunks linked by `next`, [start, end) of each, the first byte
 * being snd_una. A cursor (cur, cur_off) stays at snd_nxt, so that sending
 * costs the pieces that are sent and not the length of the queue.
 *
 * Cursor: cur == 0 means the queue was empty when it was last looked at.
 * cur_off may equal the end of its chunk: the next byte is the next one
 * appended, here or in the next chunk.
 *
 * Chunks go back as soon as they are acknowledged, the last one too: the
 * allocator hands out the warmest first.
 *
 * A chunk of the queue may be a *stand-in*: its [start, end) lie in another's
 * bytes, its own are not used, and it holds one reference of that one, which
 * goes when it does. So what was received leaves again where it lies
 * (tcp_append_frames()), and acknowledging, cutting and undoing are as for any
 * chunk. Frames refer to where the bytes are: nobody but the queue ever names a
 * stand-in. Bytes that somebody else refers to never change (base/frame.h), so
 * a stand-in may grow by what follows in the same chunk.
 */
#include "stack/tcp.h"
#include "stack/tcp_flight.h"
#include "stack/undo.h"
#include "base/mem.h"

/*
 * In chunk.batch, which means nothing else while a chunk lives: a record ends
 * with the chunk (MSG_EOR), and no segment goes beyond. The rest: tcp_lent().
 */
#define END_OF_RECORD 1u

/* Less than this is copied: a reference costs a chunk's place and keeps all of
 * the chunk that it is to. */
#define REFER_MIN 2048

void tcp_end_record(struct stack *st, conn_ix ix)
{
	struct conn *c = conn_at(st, ix);

	if (c->snd_tail)
		chunk_at(st->arena, c->snd_tail)->batch |= END_OF_RECORD;
}

uint32_t tcp_room(const struct conn *c)
{
	uint32_t queued = load_u32(&c->snd_queued);
	uint32_t limit = load_u32(&c->sndbuf);

	if (unlikely(c->fastopen & FO_DEFER))
		limit = min_u32(limit, c->syn_bytes);
	if (unlikely(c->snd_end - c->snd_nxt >= c->notsent_lowat) &&
	    tcp_synchronized(c))
		return 0;
	return queued < limit ? limit - queued : 0;
}

/*
 * For a peer with a small window Linux fills buffers of half of it, looks for
 * room before each, and fills the last beyond the limit.
 */
uint32_t tcp_fill(const struct conn *c)
{
	uint32_t room = tcp_room(c), goal = c->max_wnd / 2, begun;

	if (likely(goal >= TCP_SUPER_MAX) || goal < c->mss ||
	    !tcp_synchronized(c))
		return room;
	goal -= goal % c->mss;
	begun = (c->snd_end - c->snd_nxt) % goal;
	return room || begun ? goal - begun : 0;
}

static void link_chunk(struct stack *st, struct conn *c, chunk_ix k)
{
	if (c->snd_tail)
		chunk_at(st->arena, c->snd_tail)->next = k;
	else
		c->snd_head = k;
	c->snd_tail = k;
	chunk_at(st->arena, k)->batch = 0;
	if (!c->cur) {
		c->cur = k;
		c->cur_off = chunk_at(st->arena, k)->start;
	}
}

/* Copies @bytes behind the queue; fewer when there are no chunks. Returns how
 * many.
 */
static uint32_t copy_in(struct stack *st, struct conn *c, const uint8_t *s,
			uint32_t bytes)
{
	uint32_t done = 0;

	while (done < bytes) {
		struct chunk *k = NULL;
		uint32_t n;

		if (c->snd_tail)
			k = chunk_at(st->arena, c->snd_tail);
		if (!k || k->end == CHUNK_BYTES || k->batch) {
			chunk_ix fresh = chunk_alloc(st->arena);

			if (!fresh)
				break;
			link_chunk(st, c, fresh);
			k = chunk_at(st->arena, fresh);
		}
		n = min_u32(bytes - done, CHUNK_BYTES - k->end);
		mem_copy(chunk_bytes(st->arena, c->snd_tail) + k->end, s + done,
			 n);
		k->end = (uint16_t)(k->end + n);
		done += n;
	}
	return done;
}

static void added(struct conn *c, uint32_t bytes)
{
	c->snd_end += bytes;
	store_u32(&c->snd_queued, c->snd_queued + bytes);
}

uint32_t tcp_append(struct stack *st, conn_ix ix, const void *src,
		    uint32_t bytes)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer;

	bytes = min_u32(bytes, max_u32(tcp_room(c), tcp_fill(c)));
	outer = writing_begin(st, ix);
	bytes = copy_in(st, c, src, bytes);
	added(c, bytes);
	writing_end(st, outer);
	return bytes;
}

/* Behind the queue, [off, off + bytes) of @from: by reference, if that pays.
 * Returns the bytes: fewer, there are no chunks. */
static uint32_t lend(struct stack *st, struct conn *c, chunk_ix from,
		     uint32_t off, uint32_t bytes)
{
	struct chunk *k;
	chunk_ix ix;

	if (c->snd_tail) {
		k = chunk_at(st->arena, c->snd_tail);
		if (k->batch == from << 1 && k->end == off) {
			k->end = (uint16_t)(off + bytes);
			return bytes;
		}
	}
	if (bytes < REFER_MIN)
		return copy_in(st, c, chunk_bytes(st->arena, from) + off,
			       bytes);
	ix = chunk_alloc(st->arena);
	if (!ix)
		return 0;
	k = chunk_at(st->arena, ix);
	k->start = (uint16_t)off;
	k->end = (uint16_t)(off + bytes);
	link_chunk(st, c, ix);
	chunk_get(st->arena, from);
	k->batch = from << 1;
	return bytes;
}

/* The first @bytes of what @f has left. */
static uint32_t append_frame(struct stack *st, struct conn *c,
			     const struct frame *f, uint32_t bytes)
{
	uint32_t skip = f->payload_off, done = 0;

	if (!(f->flags & FRAME_REFS))
		return copy_in(st, c, f->data + skip, bytes);
	for (uint8_t i = 0; i < f->refs && done < bytes; i++) {
		const struct frame_ref *r = &f->ref[i];
		uint32_t n, got;

		if (skip >= r->bytes) {
			skip -= r->bytes;
			continue;
		}
		n = min_u32(r->bytes - skip, bytes - done);
		got = lend(st, c, r->chunk, r->off + skip, n);
		done += got;
		if (got < n)
			break;
		skip = 0;
	}
	return done;
}

uint32_t tcp_append_frames(struct stack *st, conn_ix ix,
			   struct frame_list *list, uint32_t bytes)
{
	struct conn *c = conn_at(st, ix);
	uint32_t done = 0;
	conn_ix outer;

	bytes = min_u32(bytes, max_u32(tcp_room(c), tcp_fill(c)));
	outer = writing_begin(st, ix);
	while (done < bytes && list->first) {
		struct frame *f = frame_at(st->arena, list->first);
		uint32_t n = min_u32(bytes - done, f->payload - f->payload_off);
		uint32_t got = append_frame(st, c, f, n);

		done += got;
		f->payload_off += got;
		if (f->payload_off == f->payload)
			frame_free(st->arena, frame_list_pop(st->arena, list));
		if (got < n)
			break;
	}
	added(c, done);
	writing_end(st, outer);
	return done;
}

void tcp_append_chunks(struct stack *st, conn_ix ix, chunk_ix first)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer = writing_begin(st, ix);

	while (first) {
		struct chunk *k = chunk_at(st->arena, first);
		chunk_ix next = k->next;
		uint32_t n = (uint32_t)(k->end - k->start);

		k->next = 0;
		link_chunk(st, c, first);
		added(c, n);
		first = next;
	}
	writing_end(st, outer);
}

/* Where @seq lies, which is not before snd_una and not beyond snd_end. */
static chunk_ix locate(struct stack *st, const struct conn *c, uint32_t seq,
		       uint32_t *off)
{
	uint32_t skip = seq - c->snd_una;
	chunk_ix k = c->snd_head;

	if (seq == c->snd_nxt && c->cur) {
		*off = c->cur_off;
		return c->cur;
	}
	while (k) {
		const struct chunk *h = chunk_at(st->arena, k);
		uint32_t n = (uint32_t)(h->end - h->start);

		if (skip < n) {
			*off = h->start + skip;
			return k;
		}
		skip -= n;
		k = h->next;
	}
	return 0;
}

/*
 * Gives frame @ix the payload [seq, seq + bytes): copied when it fits into the
 * frame, referred to otherwise. Returns the bytes given, fewer when the frame
 * is full of pieces.
 */
uint32_t tcp_sendq_attach(struct stack *st, struct conn *c, uint32_t seq,
			  uint32_t bytes, frame_ix ix)
{
	struct frame *f = frame_at(st->arena, ix);
	uint32_t off = 0, done = 0;
	chunk_ix k = locate(st, c, seq, &off);
	bool copy = bytes <= FRAME_INLINE_MAX;

	while (k && done < bytes) {
		const struct chunk *h = chunk_at(st->arena, k);
		uint32_t n = min_u32(bytes - done, h->end - off);

		chunk_ix at = tcp_lent(h) ? tcp_lent(h) : k;

		if (!n) {
			/* At the end of its chunk: on to the next. */
		} else if (copy) {
			mem_copy(f->data + done,
				 chunk_bytes(st->arena, at) + off, n);
			f->payload += n;
		} else if (frame_refer(st->arena, ix, at, (uint16_t)off,
				       (uint16_t)n)) {
			break;
		}
		done += n;
		if (unlikely(h->batch & END_OF_RECORD) && n &&
		    off + n == h->end)
			break;
		k = h->next;
		if (k)
			off = chunk_at(st->arena, k)->start;
	}
	return done;
}

/* snd_nxt moves by @bytes: so does the cursor. */
void tcp_sendq_advance(struct stack *st, struct conn *c, uint32_t bytes)
{
	while (bytes && c->cur) {
		const struct chunk *h = chunk_at(st->arena, c->cur);
		uint32_t n = (uint32_t)(h->end - c->cur_off);

		if (bytes <= n) {
			c->cur_off = (uint16_t)(c->cur_off + bytes);
			break;
		}
		bytes -= n;
		if (!h->next)
			break;
		c->cur = h->next;
		c->cur_off = chunk_at(st->arena, c->cur)->start;
	}
}

/* The first @bytes are acknowledged. */
void tcp_sendq_drop(struct stack *st, struct conn *c, uint32_t bytes)
{
	store_u32(&c->snd_queued, c->snd_queued - bytes);
	while (c->snd_head) {
		chunk_ix k = c->snd_head;
		struct chunk *h = chunk_at(st->arena, k);
		uint32_t n = (uint32_t)(h->end - h->start);

		if (bytes < n) {
			undo_note_start(st, c, k);
			h->start = (uint16_t)(h->start + bytes);
			return;
		}
		bytes -= n;
		c->snd_head = h->next;
		if (c->cur == k) {
			c->cur = h->next;
			if (c->cur)
				c->cur_off = chunk_at(st->arena, c->cur)->start;
		}
		if (!c->snd_head)
			c->snd_tail = 0;
		if (!undo_keeps(st, c, k))
			tcp_sendq_put(st, k);
		if (!bytes)
			return;
	}
}

void tcp_sendq_free(struct stack *st, struct conn *c)
{
	chunk_ix k = c->snd_head;

	if (k)
		undo_impossible(st, c);
	flight_free(st, c);
	c->snd_head = 0;
	c->snd_tail = 0;
	c->cur = 0;
	store_u32(&c->snd_queued, 0);
	while (k) {
		chunk_ix next = chunk_at(st->arena, k)->next;

		tcp_sendq_put(st, k);
		k = next;
	}
}

uint32_t tcp_unacked(const struct conn *c)
{
	return load_u32(&c->snd_queued);
}

uint32_t tcp_unsent(const struct conn *c)
{
	if (!tcp_synchronized(c) || tcp_fin_sent(c))
		return 0;
	return c->snd_end - c->snd_nxt;
}
