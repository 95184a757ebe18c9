/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an acknowledgement does: frees chunks, times the round trip, opens the
 *window, detects loss and repairs it.
 *
 * Recovery (RFC 6675 with SACK, RFC 6582 without):
 *
 *	snd_una ... high_rxt ... lost_end ... recover <= snd_nxt
 *	  resent since   lost, to be    in flight, as
 *	  it began       resent         far as known
 *
 * pipe is what is thought to be in the network: resent and not yet
 *acknowledged, plus sent above lost_end and not SACKed. OPEN -> RECOVERY on
 *evidence of loss, any -> LOSS on a timeout (everything up to snd_nxt is lost
 *then), both -> OPEN when `recover` is acknowledged, or at once when the echoed
 *timestamp shows that nothing had been lost (Eifel, RFC 3522).
 */
#include "stack/tcp.h"

#define DUPACKS 3

uint32_t tcp_pipe(const struct conn *c)
{
	uint32_t flight = c->snd_nxt - c->snd_una, pipe, s;

	if (likely(c->recovery == TCP_OPEN)) {
		if (c->sackeds)
			return tcp_unsacked(c, c->snd_una, c->snd_nxt);
		s = c->flags & CONN_SACK ? 0 : (uint32_t)c->dupacks * c->mss;
		return flight > s ? flight - s : 0;
	}
	pipe = tcp_unsacked(c, c->snd_una, seq_min(c->high_rxt, c->lost_end)) +
	       tcp_unsacked(c, seq_max(c->lost_end, c->snd_una), c->snd_nxt);
	if (c->flags & CONN_SACK)
		return pipe;
	/* Each duplicate ack means that one segment has left the network. */
	s = (uint32_t)c->dupacks * c->mss;
	return pipe > s ? pipe - s : 0;
}

/* Sends again what is lost, as far as the congestion window goes. */
void tcp_recover_output(struct stack *st, struct conn *c)
{
	while (c->recovery != TCP_OPEN) {
		uint32_t from = seq_max(c->high_rxt, c->snd_una);
		uint32_t to = c->lost_end, pipe, room, done;

		if (!tcp_hole(c, &from, &to))
			return;
		pipe = tcp_pipe(c);
		room = c->cwnd > pipe ? c->cwnd - pipe : 0;
		if (room < c->mss) {
			if (pipe)
				return;
			room = c->mss;
		}
		done = tcp_resend(st, c, from, min_u32(to - from, room));
		if (!done)
			return;
		c->high_rxt = from + done;
		if (c->recovery == TCP_RECOVERY)
			c->prr_out += done;
		if (c->recovery == TCP_LOSS)
			count(st, TcpExt_TCPSlowStartRetrans);
		else
			count(st, TcpExt_TCPFastRetrans);
		/* The first byte's resend is given its time, as Linux has it.
		 */
		if (!c->rtx_at || c->rtx_kind != TCP_RTX_RESEND ||
		    from == c->snd_una)
			tcp_rtx_arm(st, c);
	}
}

static void remember(struct stack *st, struct conn *c)
{
	c->prior_cwnd = c->cwnd;
	c->prior_ssthresh = c->ssthresh;
	c->ts_echo_min = tcp_ms(st) + c->ts_offset;
	c->ssthresh = tcp_cc_loss(st, c);
	if (unlikely(c->watch & ECN_OK))
		c->watch |= ECN_SAY_CWR;
}

/* A count of the bytes that have left the network, SACKed ones among them. */
static uint32_t delivered(const struct conn *c)
{
	return c->snd_nxt - tcp_unsacked(c, c->snd_una, c->snd_nxt);
}

static void enter_recovery(struct stack *st, struct conn *c, uint32_t lost)
{
	uint32_t to, done;

	/* A mark has cut this window already: RFC 3168, section 6.1.2. */
	if (!(c->watch & ECN_CUT) || seq_ge(c->snd_una, c->recover))
		remember(st, c);
	else
		c->prior_cwnd = 0;
	c->watch &= (uint8_t) ~(ECN_CUT | TLP_OUT | TLP_RESENT);
	c->cwnd = c->ssthresh;
	c->prr_flight = c->snd_nxt - c->snd_una;
	c->prr_delivered = 0;
	c->prr_mark = delivered(c);
	c->recovery = TCP_RECOVERY;
	c->recover = c->snd_nxt;
	c->high_rxt = c->snd_una;
	if (seq_le(lost, c->snd_una))
		lost = seq_min(c->snd_una + c->mss, c->snd_nxt);
	c->lost_end = lost;
	if (c->flags & CONN_SACK)
		count(st, TcpExt_TCPSackRecovery);
	else
		count(st, TcpExt_TCPRenoRecovery);
	/* The first goes whatever the pipe holds. */
	to = min_u32(lost - c->snd_una, c->mss);
	if (c->sackeds)
		to = min_u32(to, c->sacked[0].start - c->snd_una);
	done = tcp_resend(st, c, c->snd_una, to);
	c->high_rxt = c->snd_una + done;
	c->prr_out = done;
	if (done)
		count(st, TcpExt_TCPFastRetrans);
	/* The next acks say how much follows: reduce(). */
	if (c->flags & CONN_SACK)
		c->cwnd = max_u32(tcp_pipe(c), c->mss);
	tcp_rtx_arm(st, c);
}

void tcp_enter_loss(struct stack *st, struct conn *c)
{
	if (c->recovery != TCP_LOSS || seq_ge(c->snd_una, c->recover))
		remember(st, c);
	if (c->sackeds && c->sacked[0].start == c->snd_una) {
		count(st, TcpExt_TCPSACKReneging);
		c->sackeds = 0;
	}
	/* A second timeout in a row: trust nothing that was reported. */
	if (c->retries > 1)
		c->sackeds = 0;
	c->watch &= (uint8_t) ~(ECN_CUT | TLP_OUT | TLP_RESENT);
	c->cwnd = c->mss;
	c->recovery = TCP_LOSS;
	c->recover = c->snd_nxt;
	c->high_rxt = c->snd_una;
	c->lost_end = c->snd_nxt;
	c->dupacks = 0;
	tcp_recover_output(st, c);
}

static void leave_recovery(struct conn *c)
{
	if (c->recovery == TCP_RECOVERY)
		c->epoch_ns = 0; /* PRR's counts were there */
	c->recovery = TCP_OPEN;
	c->dupacks = 0;
	c->lost_end = c->snd_una;
	c->high_rxt = c->snd_una;
}

/*
 * The first ack that moves snd_una after the first resend echoes the resend's
 * timestamp, or that of an original which was late, not lost.
 */
static bool spurious(struct conn *c, const struct tcp_in *in)
{
	bool first = c->prior_cwnd != 0;

	if (!first || !(c->flags & CONN_TS) || !in->has_ts || !in->tsecr)
		return false;
	if (seq_lt(in->tsecr, c->ts_echo_min))
		return true;
	c->prior_cwnd = 0;
	return false;
}

/* snd_una has moved while something was being repaired. */
static void advance_recovery(struct stack *st, struct conn *c,
			     const struct tcp_in *in, uint32_t acked)
{
	if (spurious(c, in)) {
		c->cwnd = max_u32(c->cwnd, c->prior_cwnd);
		c->ssthresh = max_u32(c->ssthresh, c->prior_ssthresh);
		leave_recovery(c);
		return;
	}
	if (seq_ge(c->snd_una, c->recover)) {
		if (c->recovery == TCP_RECOVERY)
			c->cwnd = c->ssthresh;
		leave_recovery(c);
		return;
	}
	if (c->recovery == TCP_LOSS) {
		c->flags |= CONN_CWND_FULL;
		tcp_cc_acked(st, c, acked);
	} else if (!(c->flags & CONN_SACK)) {
		/* A partial ack: the next segment is lost too (RFC 6582). */
		uint32_t n = acked / c->mss;

		c->dupacks = (uint8_t)(c->dupacks > n ? c->dupacks - n : 0);
		c->lost_end = seq_min(c->snd_una + c->mss, c->snd_nxt);
		c->high_rxt = c->snd_una;
	}
	if (seq_lt(c->high_rxt, c->snd_una))
		c->high_rxt = c->snd_una;
	if (seq_lt(c->lost_end, c->snd_una))
		c->lost_end = c->snd_una;
}

/* The blocks of a SACK option; returns true when they tell something new. */
static bool sack_input(struct stack *st, struct conn *c,
		       const struct tcp_in *in)
{
	bool news = false;

	for (uint32_t i = 0; i < in->sacks; i++) {
		uint32_t s = in->sack[i].start, e = in->sack[i].end;

		if (seq_ge(s, e))
			continue;
		/* Below the ack, or within the next block: a D-SACK (RFC 2883).
		 */
		if (seq_le(e, c->snd_una) || seq_lt(s, c->snd_una) ||
		    (i == 0 && in->sacks > 1 && seq_ge(s, in->sack[1].start) &&
		     seq_le(e, in->sack[1].end))) {
			count(st, TcpExt_TCPDSACKRecv);
			continue;
		}
		if (seq_gt(e, c->snd_nxt))
			continue;
		news |= tcp_sacked_add(c, s, e);
	}
	return news;
}

/* Below the returned number every hole is lost. */
static uint32_t lost_below(const struct conn *c)
{
	const struct tcp_range *last;

	if (unlikely(c->watch & TLP_OUT) && c->sackeds) {
		/* The probe is there; what left two round trips before is not.
		 */
		last = &c->sacked[c->sackeds - 1];
		if (seq_ge(last->end, c->recover))
			return last->start;
	}
	return tcp_sacked_lost(c);
}

/* Nothing new is acknowledged, but something was heard. */
static void duplicate(struct stack *st, struct conn *c, const struct tcp_in *in,
		      bool news, bool window_moved)
{
	uint32_t lost = c->snd_una;
	bool sack = c->flags & CONN_SACK;

	if (c->snd_una == c->snd_nxt)
		return;
	if (sack ? !news : in->bytes || window_moved || (in->flags & TCP_FIN))
		return;
	if (c->dupacks < UINT8_MAX)
		c->dupacks++;
	if (sack)
		lost = lost_below(c);
	if (c->recovery == TCP_OPEN) {
		if (seq_gt(lost, c->snd_una) || c->dupacks >= DUPACKS)
			enter_recovery(st, c, lost);
	} else if (sack && seq_gt(lost, c->lost_end)) {
		c->lost_end = lost;
	}
}

static void window_input(struct conn *c, const struct tcp_in *in,
			 uint32_t window)
{
	c->snd_wnd = window;
	c->snd_wl1 = in->seq;
	if (window > c->max_wnd)
		c->max_wnd = window;
	/* What waited for the window is looked at by tcp_output() now. */
	if (c->rtx_kind == TCP_RTX_PERSIST && window) {
		c->rtx_at = 0;
		c->backoff = 0;
	}
}

/* @acked of the sequence space is done with. */
static void clean(struct stack *st, struct conn *c, const struct tcp_in *in,
		  uint32_t acked)
{
	bool was_writeable = tcp_writeable(c);
	uint32_t bytes = acked;

	if (unlikely(tcp_fin_sent(c) && in->ack == c->snd_nxt))
		bytes--;
	tcp_sendq_drop(st, c, bytes);
	c->snd_una = in->ack;
	c->bytes_acked += bytes;
	c->retries = 0;
	c->probes = 0;
	if ((c->flags & CONN_TIMED) && seq_gt(in->ack, c->rtt_seq)) {
		tcp_rtt_sample(c, st->now_ns - c->rtt_at_ns);
		c->flags &= ~CONN_TIMED;
		c->backoff = 0;
	} else if (in->has_ts) {
		c->backoff = 0;
	}
	if (unlikely(c->flags & CONN_URG_SEND) && seq_ge(c->snd_una, c->snd_up))
		c->flags &= ~CONN_URG_SEND;
	if (c->sackeds)
		tcp_sacked_trim(c);
	if (likely(c->recovery == TCP_OPEN)) {
		c->dupacks = 0;
		tcp_cc_acked(st, c, acked);
		if (c->sackeds && seq_gt(lost_below(c), c->snd_una))
			enter_recovery(st, c, lost_below(c));
	} else {
		advance_recovery(st, c, in, acked);
	}
	if (c->snd_una == c->snd_nxt)
		c->rtx_at = 0;
	else
		tcp_rtx_arm(st, c);
	if (!was_writeable && tcp_writeable(c))
		conn_event(st, c, STACK_OUT);
}

/*
 * RFC 6937: what the network has delivered says how much may follow. Above
 * ssthresh in proportion, so that the flight shrinks over one round trip; below
 * it as in slow start, bounded by what was delivered (PRR-SSRB).
 */
static void reduce(struct conn *c)
{
	uint32_t pipe = tcp_pipe(c), mark = delivered(c), fresh = 0;
	uint32_t allowed, more;

	/* A range forgotten by a full scoreboard is not taken back. */
	if (seq_gt(mark, c->prr_mark)) {
		fresh = mark - c->prr_mark;
		c->prr_mark = mark;
		c->prr_delivered += fresh;
	}
	if (pipe > c->ssthresh) {
		allowed = (uint32_t)(((uint64_t)c->prr_delivered * c->ssthresh +
				      c->prr_flight - 1) /
				     c->prr_flight);
		more = allowed > c->prr_out ? allowed - c->prr_out : 0;
	} else {
		more = c->prr_delivered > c->prr_out
			       ? c->prr_delivered - c->prr_out
			       : 0;
		more = max_u32(more, fresh) + c->mss;
		more = min_u32(more, c->ssthresh - pipe);
	}
	c->cwnd = max_u32(pipe + more, c->mss);
}

/* Returns false when the segment is to be dropped: RFC 5961, section 5. */
bool tcp_ack(struct stack *st, struct conn *c, const struct tcp_in *in)
{
	uint32_t window = in->window << c->snd_wscale;
	uint32_t acked = in->ack - c->snd_una;
	bool moved = window != c->snd_wnd;
	bool news = false;

	if (unlikely(seq_gt(in->ack, c->snd_nxt))) {
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
	if (acked || seq_gt(in->seq, c->snd_wl1) ||
	    (in->seq == c->snd_wl1 && (window > c->snd_wnd || !window)))
		window_input(c, in, window);
	if (unlikely(in->sacks) && (c->flags & CONN_SACK))
		news = sack_input(st, c, in);
	if (acked)
		clean(st, c, in, acked);
	else
		duplicate(st, c, in, news, moved);
	if (unlikely(c->rtx_kind == TCP_RTX_PERSIST))
		c->probes = 0;
	if (unlikely(c->recovery != TCP_OPEN)) {
		if (news && seq_gt(tcp_sacked_lost(c), c->lost_end))
			c->lost_end = tcp_sacked_lost(c);
		if (c->recovery == TCP_RECOVERY && (c->flags & CONN_SACK))
			reduce(c);
		tcp_recover_output(st, c);
	}
	return true;
}
