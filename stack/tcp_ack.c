/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an acknowledgement does: frees chunks, times the round trip, opens the
 * window. What it says of losses goes to tcp_recovery.c.
 */
#include "stack/tcp.h"
#include "stack/tcp_flight.h"

#define DUPACKS 3

/* [start, end) came twice: RFC 2883. */
static void duplicate_input(struct stack *st, struct conn *c, uint32_t start,
			    uint32_t end, struct tcp_heard *h)
{
	uint32_t bytes = end - start;

	count(st, TcpExt_TCPDSACKRecv);
	/* Older than any flight: a mistake, or worse. */
	if (seq_gt(end, c->snd_nxt) || bytes > c->max_wnd ||
	    c->snd_una - start > c->max_wnd)
		return;
	h->dsack = true;
	if (!(c->undo & UNDO_OPEN) || !c->undo_bytes ||
	    seq_lt(start, c->undo_una))
		return;
	c->undo_bytes -= min_u32(bytes, c->undo_bytes);
	h->needless = !c->undo_bytes;
}

/* The blocks of a SACK option. */
static void sack_input(struct stack *st, struct conn *c,
		       const struct tcp_in *in, struct tcp_heard *h)
{
	for (uint32_t i = 0; i < in->sacks; i++) {
		uint32_t s = in->sack[i].start, e = in->sack[i].end;

		if (seq_ge(s, e))
			continue;
		/* Below the ack, or within the next block: a D-SACK. */
		if (i == 0 && (seq_lt(s, in->ack) ||
			       (in->sacks > 1 && seq_ge(s, in->sack[1].start) &&
				seq_le(e, in->sack[1].end)))) {
			duplicate_input(st, c, s, e, h);
			continue;
		}
		if (seq_le(e, c->snd_una) || seq_lt(s, c->snd_una) ||
		    seq_gt(e, c->snd_nxt))
			continue;
		flight_sacked(st, c, s, e, h);
	}
}

/* Nothing new is acknowledged, but something was heard. */
static bool duplicate(struct stack *st, struct conn *c, const struct tcp_in *in,
		      bool window_moved)
{
	if (c->snd_una == c->snd_nxt || (c->flags & CONN_SACK) || in->bytes ||
	    window_moved || (in->flags & TCP_FIN))
		return false;
	if (c->dupacks < UINT8_MAX)
		c->dupacks++;
	if (c->recovery == TCP_OPEN && c->dupacks >= DUPACKS)
		flight_lose(st, c, c->snd_una,
			    seq_min(c->snd_una + c->mss, c->snd_nxt));
	return true;
}

/* @acked of the sequence space is done with. */
static void clean(struct stack *st, struct conn *c, const struct tcp_in *in,
		  uint32_t acked, struct tcp_heard *h)
{
	uint32_t bytes = acked;

	if (unlikely(tcp_fin_sent(c) && in->ack == c->snd_nxt))
		bytes--;
	h->echoed = in->has_ts && in->tsecr && (c->flags & CONN_TS);
	h->echo_ms = in->tsecr - c->ts_offset;
	flight_acked(st, c, in->ack, h);
	tcp_sendq_drop(st, c, bytes);
	c->snd_una = in->ack;
	c->bytes_acked += bytes;
	c->retries = 0;
	c->probes = 0;
	if (likely(h->rtt_us)) {
		tcp_rtt_sample(c, h->rtt_us);
		c->backoff = 0;
	} else if (in->has_ts) {
		c->backoff = 0;
	}
	if (unlikely(c->mtu_probe))
		tcp_mtu_acked(st, c);
	if (unlikely(c->flags & CONN_URG_SEND) && seq_ge(c->snd_una, c->snd_up))
		c->flags &= ~CONN_URG_SEND;
}

/* Returns false when the segment is to be dropped: RFC 5961, section 5. */
bool tcp_ack(struct stack *st, struct conn *c, const struct tcp_in *in)
{
	uint32_t window = in->window << c->snd_wscale;
	uint32_t acked = in->ack - c->snd_una;
	bool moved = window != c->snd_wnd, amiss;
	bool was_writeable;
	struct tcp_heard h;

	if (unlikely(seq_gt(in->ack, c->snd_nxt))) {
		/* RFC 9293 wants an answer; Linux is silent while all is well.
		 */
		if (c->state != CONN_ESTABLISHED)
			tcp_challenge(st, c);
		return false;
	}
	if (unlikely((int32_t)acked < 0)) {
		if (seq_lt(in->ack, c->snd_una - max_u32(c->max_wnd, 65535))) {
			tcp_challenge(st, c);
			return false;
		}
		return true;
	}
	if (acked)
		tcp_window_set(c, in, window);
	else
		tcp_window_input(c, in, window);
	if (unlikely(c->rtx_kind == TCP_RTX_PERSIST))
		c->probes = 0;
	/* Most often this segment is about the other direction. */
	amiss = tcp_is_amiss(c) || in->sacks;
	if (!acked && likely(!amiss) && (c->flags & CONN_SACK))
		return true;
	was_writeable = tcp_writeable(c);
	h = (struct tcp_heard){ 0 };
	if (unlikely(in->sacks) && (c->flags & CONN_SACK))
		sack_input(st, c, in, &h);
	if (acked)
		clean(st, c, in, acked, &h);
	else
		amiss |= duplicate(st, c, in, moved);
	if (likely(c->recovery == TCP_OPEN) && acked) {
		c->dupacks = 0;
		/* What was reported earlier has counted for nothing yet, and
		 * does not now: Linux. */
		tcp_cc_acked(st, c, h.delivered ? h.delivered : acked,
			     h.rtt_us);
		if (unlikely(c->cwnd > c->sndbuf / 2))
			tcp_sndbuf_grow(st, c);
	}
	if (h.delivered)
		c->delivered += (h.delivered + c->mss - 1) / c->mss;
	/* The date counts from here; tcp_recovery_input() may have an earlier
	 * one. */
	if (acked) {
		if (c->snd_una == c->snd_nxt)
			c->rtx_at = 0;
		else
			tcp_rtx_arm(st, c);
	}
	if (unlikely(amiss))
		tcp_recovery_input(st, c, in, &h, acked);
	if (acked && !was_writeable && tcp_writeable(c))
		conn_event(st, c, STACK_OUT);
	return true;
}
