/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receive side: frames in order for the reader, frames out of order for
 * later, and the window that both are measured against.
 *
 * A queued frame's tcp.seq is the first byte not consumed (at payload_off),
 * tcp.end_seq lies behind its last byte; a FIN is not counted, FRAME_FIN says
 * that one follows. Frames out of order are sorted and do not overlap.
 *
 * The window's right edge (rcv_adv) never moves left. It moves right when that
 * is worth a segment (RFC 9293, 3.8.6.2.2), and the reader tells the peer when
 * the window was shut or has at least doubled (Linux).
 */
#include "stack/tcp.h"
#include "stack/undo.h"
#include "stack/shape.h"
#include "base/mem.h"

#include <errno.h>

#define OOO_FRAMES_MIN 64u

uint16_t tcp_window(struct conn *c)
{
	uint32_t free =
		c->rcvbuf > c->rcv_queued ? c->rcvbuf - c->rcv_queued : 0;
	uint32_t told = c->rcv_adv - c->rcv_nxt;
	uint32_t window = told, w;

	free = min_u32(free, c->rcv_most);
	if (free > told && free - told >= min_u32(c->mss, c->rcvbuf / 2))
		window = free;
	w = window >> c->rcv_wscale;
	if (w << c->rcv_wscale < told)
		w++;
	w = min_u32(w, 65535);
	c->rcv_adv = c->rcv_nxt + (w << c->rcv_wscale);
	return (uint16_t)w;
}

void tcp_quick_ack(struct stack *st, struct conn *c)
{
	c->quick = TCP_QUICK_ACKS;
	if (c->flags & CONN_ACK_DUE)
		tcp_send_ack(st, c);
}

/* After data: now, or soon? */
void tcp_ack_policy(struct stack *st, struct conn *c)
{
	if ((c->flags & CONN_ACK_NOW) || c->ooo_first ||
	    c->rcv_nxt - c->rcv_wup > c->rcv_mss ||
	    (c->quick && !(c->flags & CONN_PINGPONG))) {
		tcp_send_ack(st, c);
		return;
	}
	if (c->flags & CONN_ACK_DUE)
		return;
	c->flags |= CONN_ACK_DUE;
	c->delack_at = st->now_ns + TCP_DELACK_NS;
	timer_arm(st, c, c->delack_at);
}

/* What the peer's segments look like decides what "every second segment" means.
 */
static void note_arrival(struct stack *st, struct conn *c, uint32_t segment)
{
	if (segment > c->rcv_mss)
		c->rcv_mss = (uint16_t)min_u32(segment, c->mss);
	/* The first data, and data after a pause, is acknowledged at once. */
	if (!c->bytes_received ||
	    st->now_ns - c->last_recv_ns > (uint64_t)c->rto_us * 1000)
		c->quick = TCP_QUICK_ACKS;
	c->last_recv_ns = st->now_ns;
}

/* Small frames share one slot: a peer's many small segments do not eat the
 * arena. */
static bool coalesce(struct stack *st, struct conn *c, struct frame *f,
		     uint32_t bytes)
{
	struct frame *last;

	if (!c->rcv_last || (f->flags & FRAME_REFS))
		return false;
	last = frame_at(st->arena, c->rcv_last);
	if ((last->flags & FRAME_REFS) ||
	    last->payload + bytes > FRAME_INLINE_MAX)
		return false;
	mem_copy(last->data + last->payload, f->data + f->payload_off, bytes);
	last->payload += bytes;
	last->tcp.end_seq += bytes;
	count(st, TcpExt_TCPRcvCoalesce);
	return true;
}

/* @bytes at rcv_nxt, at payload_off of @f, which is @ix; consumes it. */
static inline void append(struct stack *st, struct conn *c, uint32_t bytes,
			  frame_ix ix, struct frame *f)
{
	if (((const struct tcp_header *)(f->header + f->l4_off))->flags &
	    TCP_PSH)
		c->pushed = true;
	if (coalesce(st, c, f, bytes)) {
		frame_free(st->arena, ix);
	} else {
		f->next = 0;
		f->tcp.seq = c->rcv_nxt;
		f->tcp.end_seq = c->rcv_nxt + bytes;
		if (c->rcv_last)
			frame_at(st->arena, c->rcv_last)->next = ix;
		else
			c->rcv_first = ix;
		c->rcv_last = ix;
	}
	c->rcv_nxt += bytes;
	c->rcv_most += max_u32(2 * bytes, 2u * c->mss);
	if (c->rcv_most > c->rcvbuf)
		c->rcv_most = c->rcvbuf;
	c->bytes_received += bytes;
	store_u32(&c->rcv_queued, c->rcv_queued + bytes);
}

/* Less than SO_RCVLOWAT is no event, but a reader who wants no more may sleep.
 */
static void tell_reader(struct stack *st, struct conn *c)
{
	if (c->sock)
		st->ops->event(st, c->self,
			       c->rcv_queued >= c->rcvlowat ? STACK_IN : 0);
}

void tcp_data_in_order(struct stack *st, struct conn *c, uint32_t bytes,
		       frame_ix ix)
{
	struct frame *f = frame_at(st->arena, ix);

	note_arrival(st, c, f->gso_bytes ? f->gso_bytes : bytes);
	append(st, c, bytes, ix, f);
	tell_reader(st, c);
}

/* Frames that are in order now join the queue; returns true if a FIN is
 * reached. */
static bool merge(struct stack *st, struct conn *c)
{
	bool fin = false;

	while (c->ooo_first) {
		frame_ix ix = c->ooo_first;
		struct frame *f = frame_at(st->arena, ix);
		uint32_t skip;

		if (seq_gt(f->tcp.seq, c->rcv_nxt))
			break;
		c->ooo_first = f->next;
		if (!c->ooo_first)
			c->ooo_last = 0;
		c->ooo_frames--;
		c->ooo_bytes -= f->tcp.end_seq - f->tcp.seq;
		if ((f->flags & FRAME_FIN) &&
		    seq_ge(f->tcp.end_seq, c->rcv_nxt))
			fin = true;
		if (seq_le(f->tcp.end_seq, c->rcv_nxt)) {
			frame_free(st->arena, ix);
			continue;
		}
		skip = c->rcv_nxt - f->tcp.seq;
		f->payload_off += skip;
		append(st, c, f->tcp.end_seq - c->rcv_nxt, ix, f);
	}
	tcp_sack_clean(c);
	return fin;
}

/* Cuts @f's tail so that it ends at @end. */
static void cut(struct stack *st, frame_ix ix, uint32_t end)
{
	struct frame *f = frame_at(st->arena, ix);

	frame_trim(st->arena, ix, f->payload_off + (end - f->tcp.seq));
	f->tcp.end_seq = end;
	f->flags &= (uint8_t)~FRAME_FIN;
}

static void dsack(struct stack *st, struct conn *c, uint32_t start,
		  uint32_t end, bool ooo)
{
	if (!(c->flags & CONN_SACK) || start == end)
		return;
	c->flags |= CONN_DSACK;
	c->dsack.start = start;
	c->dsack.end = end;
	if (ooo)
		count(st, TcpExt_TCPDSACKOfoSent);
	else
		count(st, TcpExt_TCPDSACKOldSent);
}

/* Trims the front of @ix by what @prev holds; false when nothing new remains.
 */
static bool trim_front(struct stack *st, struct conn *c, struct frame *f,
		       struct frame *p)
{
	if (seq_ge(p->tcp.end_seq, f->tcp.end_seq)) {
		/* But perhaps the FIN is new. */
		if (p->tcp.end_seq == f->tcp.end_seq)
			p->flags |= f->flags & FRAME_FIN;
		dsack(st, c, f->tcp.seq, f->tcp.end_seq, true);
		/* The block that holds it follows at once: RFC 2883, 4. */
		if (f->tcp.seq != f->tcp.end_seq)
			tcp_sack_note(c, f->tcp.seq, f->tcp.end_seq);
		count(st, TcpExt_TCPOFOMerge);
		return false;
	}
	if (seq_gt(p->tcp.end_seq, f->tcp.seq)) {
		f->payload_off += p->tcp.end_seq - f->tcp.seq;
		f->tcp.seq = p->tcp.end_seq;
	}
	return true;
}

/* Frees what follows @ix and lies within it; returns what follows then. */
static frame_ix absorb(struct stack *st, struct conn *c, frame_ix ix,
		       frame_ix next)
{
	struct frame *f = frame_at(st->arena, ix);

	while (next) {
		struct frame *n = frame_at(st->arena, next);
		frame_ix after = n->next;

		if (seq_gt(n->tcp.end_seq, f->tcp.end_seq)) {
			if (seq_lt(n->tcp.seq, f->tcp.end_seq))
				cut(st, ix, n->tcp.seq);
			break;
		}
		f->flags |= n->flags & FRAME_FIN;
		c->ooo_bytes -= n->tcp.end_seq - n->tcp.seq;
		c->ooo_frames--;
		frame_free(st->arena, next);
		next = after;
	}
	return next;
}

/* Sorts @ix into the frames out of order; consumes it. */
static void insert(struct stack *st, struct conn *c, frame_ix ix)
{
	struct frame *f = frame_at(st->arena, ix);
	frame_ix prev = 0, next = c->ooo_first;

	if (c->ooo_frames >= OOO_FRAMES_MIN + c->rcvbuf / 1024) {
		count(st, TcpExt_TCPOFODrop);
		frame_free(st->arena, ix);
		return;
	}
	/* Most often it goes to the end. */
	if (c->ooo_last &&
	    seq_ge(f->tcp.seq, frame_at(st->arena, c->ooo_last)->tcp.seq)) {
		prev = c->ooo_last;
		next = 0;
	}
	while (next) {
		const struct frame *n = frame_at(st->arena, next);

		if (seq_gt(n->tcp.seq, f->tcp.seq))
			break;
		prev = next;
		next = n->next;
	}
	if (prev && !trim_front(st, c, f, frame_at(st->arena, prev))) {
		frame_free(st->arena, ix);
		return;
	}
	next = absorb(st, c, ix, next);
	f->next = next;
	if (prev)
		frame_at(st->arena, prev)->next = ix;
	else
		c->ooo_first = ix;
	if (!next)
		c->ooo_last = ix;
	c->ooo_frames++;
	c->ooo_bytes += f->tcp.end_seq - f->tcp.seq;
	count(st, TcpExt_TCPOFOQueue);
	if (f->tcp.seq != f->tcp.end_seq)
		tcp_sack_note(c, f->tcp.seq, f->tcp.end_seq);
}

/*
 * The payload of an acceptable segment (and its FIN); consumes @ix, whose
 * payload is exactly the segment's.
 */
void tcp_data(struct stack *st, struct conn *c, const struct tcp_in *in,
	      frame_ix ix)
{
	struct frame *f = frame_at(st->arena, ix);
	bool fin = in->flags & TCP_FIN;
	uint32_t seq = in->seq, end = in->seq + in->bytes;

	f->flags &= (uint8_t) ~(FRAME_FIN | FRAME_PUSH);
	if (seq_lt(seq, c->rcv_nxt)) {
		/* Part of it, or all, is old. */
		dsack(st, c, seq, seq_min(end, c->rcv_nxt), false);
		c->flags |= CONN_ACK_NOW;
		if (seq_lt(end, c->rcv_nxt) || (end == c->rcv_nxt && !fin))
			goto drop;
		f->payload_off = c->rcv_nxt - seq;
		seq = c->rcv_nxt;
	}
	f->tcp.seq = seq;
	f->tcp.end_seq = end;
	if (fin)
		f->flags |= FRAME_FIN;
	if (seq_gt(end, c->rcv_adv)) {
		c->flags |= CONN_ACK_NOW;
		if (seq_ge(seq, c->rcv_adv)) {
			count(st, TcpExt_TCPZeroWindowDrop);
			goto drop;
		}
		cut(st, ix, c->rcv_adv);
		end = c->rcv_adv;
		fin = false;
	}
	if (seq != c->rcv_nxt) {
		c->flags |= CONN_ACK_NOW;
		insert(st, c, ix);
		return;
	}
	if (end != seq) {
		note_arrival(st, c, f->gso_bytes ? f->gso_bytes : in->bytes);
		append(st, c, end - seq, ix, f);
	} else {
		frame_free(st->arena, ix);
	}
	if (c->ooo_first) {
		c->flags |= CONN_ACK_NOW;
		if (merge(st, c))
			fin = true;
	}
	if (fin)
		tcp_fin_input(st, c);
	else
		tell_reader(st, c);
	return;
drop:
	frame_free(st->arena, ix);
}

void tcp_recvq_free(struct stack *st, struct conn *c)
{
	struct frame_list in = { c->rcv_first, c->rcv_last };
	struct frame_list out = { c->ooo_first, c->ooo_last };

	if (c->rcv_first)
		undo_impossible(st, c);
	c->rcv_first = 0;
	c->rcv_last = 0;
	c->ooo_first = 0;
	c->ooo_last = 0;
	c->ooo_frames = 0;
	c->ooo_bytes = 0;
	c->sacks = 0;
	store_u32(&c->rcv_queued, 0);
	frame_list_free(st->arena, &in);
	frame_list_free(st->arena, &out);
}

uint32_t tcp_readable(const struct conn *c)
{
	return load_u32(&c->rcv_queued);
}

uint32_t tcp_low_water(const struct conn *c)
{
	return load_u32(&c->rcvlowat);
}

uint32_t tcp_take(struct stack *st, conn_ix ix, uint32_t max,
		  struct frame_list *list)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer = writing_begin(st, ix);
	uint32_t taken = 0;

	while (c->rcv_first) {
		frame_ix frame = c->rcv_first;
		struct frame *f = frame_at(st->arena, frame);
		uint32_t n = f->payload - f->payload_off;

		if (taken + n > max)
			break;
		c->rcv_first = f->next;
		if (!c->rcv_first)
			c->rcv_last = 0;
		frame_list_add(st->arena, list, frame);
		taken += n;
	}
	store_u32(&c->rcv_queued, c->rcv_queued - taken);
	writing_end(st, outer);
	return taken;
}

/* A frame with the next @bytes of the first one queued, which has more. */
static frame_ix split(struct stack *st, struct conn *c, uint32_t bytes)
{
	struct frame *f = frame_at(st->arena, c->rcv_first);
	frame_ix part = frame_alloc(st->arena);

	if (!part ||
	    frame_refer_from(st->arena, part, f, f->payload_off, bytes)) {
		frame_free(st->arena, part);
		return 0;
	}
	f->payload_off += bytes;
	f->tcp.seq += bytes;
	store_u32(&c->rcv_queued, c->rcv_queued - bytes);
	return part;
}

uint32_t tcp_take_part(struct stack *st, conn_ix ix, uint32_t max,
		       struct frame_list *list)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer = writing_begin(st, ix);
	uint32_t taken = tcp_take(st, ix, max, list);
	frame_ix part = 0;

	if (taken < max && c->rcv_first)
		part = split(st, c, max - taken);
	if (part) {
		frame_list_add(st->arena, list, part);
		taken = max;
	}
	writing_end(st, outer);
	return taken;
}

uint32_t tcp_copy(struct stack *st, conn_ix ix, uint32_t skip, void *dst,
		  uint32_t bytes, bool peek)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer = writing_begin(st, ix);
	frame_ix frame = c->rcv_first;
	uint8_t *d = dst;
	uint32_t done = 0;

	while (frame && done < bytes) {
		struct frame *f = frame_at(st->arena, frame);
		uint32_t n = f->payload - f->payload_off;
		frame_ix next = f->next;

		if (skip >= n) {
			skip -= n;
			frame = next;
			continue;
		}
		n = min_u32(n - skip, bytes - done);
		frame_copy_out(st->arena, f, f->payload_off + skip, d + done,
			       n);
		done += n;
		skip = 0;
		if (!peek) {
			f->payload_off += n;
			f->tcp.seq += n;
			if (f->payload_off < f->payload)
				break;
			c->rcv_first = next;
			if (!next)
				c->rcv_last = 0;
			frame_free(st->arena, frame);
		}
		frame = next;
	}
	if (!peek)
		store_u32(&c->rcv_queued, c->rcv_queued - done);
	writing_end(st, outer);
	return done;
}

void tcp_consumed(struct stack *st, conn_ix ix)
{
	struct conn *c = conn_at(st, ix);
	uint32_t told = c->rcv_adv - c->rcv_nxt, free, grow;
	conn_ix outer;

	tcp_urgent_passed(c);
	if (!tcp_synchronized(c) || (c->flags & CONN_FIN_RCVD))
		return;
	tcp_rcvbuf_adjust(st, c);
	/* All that was written has been read and nobody answers: the writer may
	 * be waiting for this ack before he writes more (Nagle). As Linux. */
	if (c->pushed && !c->rcv_queued &&
	    (c->flags & (CONN_ACK_DUE | CONN_PINGPONG)) == CONN_ACK_DUE) {
		outer = writing_begin(st, ix);
		tcp_send_ack(st, c);
		writing_end(st, outer);
		return;
	}
	free = c->rcvbuf > c->rcv_queued ? c->rcvbuf - c->rcv_queued : 0;
	free = min_u32(free, c->rcv_most);
	if (free <= told)
		return;
	grow = free - told;
	/* Worth a segment, and either doubled or a quarter of the buffer. */
	if (grow < min_u32(c->mss, c->rcvbuf / 2) ||
	    (grow < told && grow < c->rcvbuf / 4))
		return;
	if (told >= c->rcvbuf / 2 && grow < c->rcvbuf / 4)
		return;
	outer = writing_begin(st, ix);
	tcp_send_ack(st, c);
	writing_end(st, outer);
}
