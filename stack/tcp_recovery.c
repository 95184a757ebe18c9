/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recovery: what is done about a loss, and when it turns out that there was
 * none.
 *
 * OPEN -> RECOVERY when something is lost (RACK, or three duplicate acks where
 * SACK was not agreed: RFC 6582), any -> LOSS on a timeout, both -> OPEN when
 * `recover` is acknowledged. In RECOVERY the window shrinks as RFC 6937 has it,
 * so that the flight loses its share over one round trip; in LOSS it is one
 * segment beyond what may still be in flight, and grows as in slow start.
 *
 * Needless cuts are taken back, three ways: the ack of what was resent first
 * echoes the timestamp of an original (Eifel, RFC 3522); all that was sent
 * again is reported as duplicate (RFC 3708, by D-SACK); after a timeout an
 * original is acknowledged that was never sent again (F-RTO, RFC 5682).
 */
#include "stack/tcp.h"
#include "stack/tcp_flight.h"

uint32_t tcp_pipe(const struct conn *c)
{
	uint32_t pipe =
		c->snd_nxt - c->snd_una - c->sacked_bytes - c->lost_bytes;
	uint32_t gone;

	if (likely(!c->dupacks || (c->flags & CONN_SACK)))
		return pipe;
	/* Each duplicate ack means that one segment has left the network. */
	gone = (uint32_t)c->dupacks * c->mss;
	return pipe > gone ? pipe - gone : 0;
}

static void note_resent(struct conn *c, uint32_t end, uint32_t bytes)
{
	if (!(c->undo & (UNDO_FIRST | UNDO_LATER)) && (c->undo & UNDO_OPEN)) {
		c->undo |= UNDO_FIRST;
		c->undo_end = end;
	}
	c->undo_bytes += bytes;
}

/* Sends again what is lost, as far as the congestion window goes. */
void tcp_recover_output(struct stack *st, struct conn *c)
{
	uint32_t from, to, pipe, room, done;

	while (c->recovery != TCP_OPEN && flight_lost(st, c, &from, &to)) {
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
		if (c->recovery == TCP_RECOVERY)
			c->prr_out += done;
		note_resent(c, from + done, done);
		if (c->recovery == TCP_LOSS)
			count(st, TcpExt_TCPSlowStartRetrans);
		else
			count(st, TcpExt_TCPFastRetrans);
		/* The first byte's resend is given its time, as Linux has it.
		 */
		if (!c->rtx_at || c->rtx_kind == TCP_RTX_PROBE ||
		    c->rtx_kind == TCP_RTX_PERSIST ||
		    (c->rtx_kind == TCP_RTX_RESEND && from == c->snd_una))
			tcp_rtx_arm(st, c);
	}
}

static void remember(struct stack *st, struct conn *c)
{
	c->prior_cwnd = c->cwnd;
	c->prior_ssthresh = c->ssthresh;
	c->prior_w_max = c->w_max;
	c->undo = UNDO_OPEN;
	c->undo_una = c->snd_una;
	c->undo_bytes = 0;
	c->ts_echo_min = tcp_ms(st) + c->ts_offset;
	c->ssthresh = tcp_cc_loss(st, c);
	if (unlikely(c->watch & ECN_OK))
		c->watch |= ECN_SAY_CWR;
}

/* What was lost was too big, which is no congestion: sent again, the window as
 * it is. */
static void repair(struct stack *st, struct conn *c)
{
	c->watch &= (uint16_t) ~(ECN_CUT | TLP_OUT | TLP_RESENT);
	c->recovery = TCP_LOSS;
	c->cc_phase = CC_NONE;
	c->recover = c->snd_nxt;
	c->undo = 0;
	tcp_recover_output(st, c);
}

void tcp_resegment(struct stack *st, struct conn *c)
{
	if (c->snd_una == c->snd_nxt)
		return;
	flight_lose(st, c, c->snd_una, c->snd_nxt);
	if (c->recovery == TCP_OPEN)
		repair(st, c);
	else
		tcp_recover_output(st, c);
}

void tcp_enter_recovery(struct stack *st, struct conn *c)
{
	uint32_t from, to, done = 0;

	if (unlikely(c->mtu_probe) && tcp_mtu_lost(st, c)) {
		repair(st, c);
		return;
	}
	/* A mark has cut this window already: RFC 3168, section 6.1.2. */
	if (!(c->watch & ECN_CUT) || seq_ge(c->snd_una, c->recover))
		remember(st, c);
	else
		c->undo = 0;
	c->watch &= (uint16_t) ~(ECN_CUT | TLP_OUT | TLP_RESENT);
	c->cwnd = c->ssthresh;
	c->cc_phase = CC_REDUCE;
	c->prr_flight = c->snd_nxt - c->snd_una;
	c->prr_delivered = 0;
	c->recovery = TCP_RECOVERY;
	c->recover = c->snd_nxt;
	if (c->flags & CONN_SACK)
		count(st, TcpExt_TCPSackRecovery);
	else
		count(st, TcpExt_TCPRenoRecovery);
	/* The first goes whatever the pipe holds. */
	if (flight_lost(st, c, &from, &to))
		done = tcp_resend(st, c, from, min_u32(to - from, c->mss));
	c->prr_out = done;
	if (done) {
		note_resent(c, from + done, done);
		count(st, TcpExt_TCPFastRetrans);
	}
	/* The next acks say how much follows: tcp_reduce(). */
	if (c->flags & CONN_SACK)
		c->cwnd = max_u32(tcp_pipe(c), c->mss);
	if (c->rtx_kind != TCP_RTX_REORDER)
		tcp_rtx_arm(st, c);
}

void tcp_enter_loss(struct stack *st, struct conn *c)
{
	bool first = c->recovery != TCP_LOSS || seq_ge(c->snd_una, c->recover);

	if (first)
		remember(st, c);
	if (flight_head_sacked(st, c)) {
		count(st, TcpExt_TCPSACKReneging);
		flight_disbelieve(st, c);
	}
	/* A second timeout in a row: trust nothing that was reported. */
	if (c->retries > 1)
		flight_disbelieve(st, c);
	c->watch &= (uint16_t) ~(ECN_CUT | TLP_OUT | TLP_RESENT);
	c->dupacks = 0;
	flight_age(st, c);
	if (c->flags & CONN_SACK)
		flight_lose_old(st, c, tcp_rack_allowance_us(c));
	else
		flight_lose(st, c, c->snd_una, c->snd_nxt);
	c->cwnd = tcp_pipe(c) + c->mss;
	c->cc_phase = CC_NONE;
	c->recovery = TCP_LOSS;
	c->recover = c->snd_nxt;
	/* Where the last one's losses are only half repaired, new data would
	 * ask once more what is known: RFC 5682, 2.1, step 1. Twice in a row
	 * nothing was heard, and the question stands (Linux). */
	if (first)
		c->undo |= UNDO_FRTO;
	else if (c->retries <= 1)
		c->undo &= (uint8_t)~UNDO_FRTO;
	tcp_recover_output(st, c);
}

static void leave(struct stack *st, struct conn *c)
{
	if (c->recovery == TCP_RECOVERY) {
		c->cwnd = c->ssthresh;
		c->cc_phase = CC_NONE;
	}
	c->recovery = TCP_OPEN;
	c->dupacks = 0;
	c->undo &= (uint8_t) ~(UNDO_FIRST | UNDO_FRTO);
	if (c->lost_bytes)
		flight_found(st, c);
	if (unlikely(c->mtu_low))
		tcp_mtu_proven(st, c);
	tcp_rack_recovered(c);
}

/* Nothing had been lost: RFC 4015, RFC 9438 section 4.9. */
static void undo(struct stack *st, struct conn *c)
{
	leave(st, c);
	c->cwnd = max_u32(c->cwnd, c->prior_cwnd);
	c->ssthresh = max_u32(c->ssthresh, c->prior_ssthresh);
	c->w_max = c->prior_w_max;
	c->cc_phase = CC_NONE;
	c->undo = 0;
}

/* Returns true when the cut was needless, and has been taken back. */
static bool spurious(struct stack *st, struct conn *c, const struct tcp_in *in,
		     const struct tcp_heard *h, uint32_t acked)
{
	if (!(c->undo & UNDO_OPEN))
		return false;
	if (acked && (c->undo & UNDO_FIRST) &&
	    seq_ge(c->snd_una, c->undo_end)) {
		c->undo ^= UNDO_FIRST | UNDO_LATER;
		if ((c->flags & CONN_TS) && in->has_ts && in->tsecr &&
		    seq_lt(in->tsecr, c->ts_echo_min)) {
			if (c->recovery == TCP_LOSS)
				count(st, TcpExt_TCPSpuriousRTOs);
			else
				count(st, TcpExt_TCPFullUndo);
			undo(st, c);
			return true;
		}
	}
	if (h->needless) {
		/* What was taken for lost had only been overtaken. */
		c->rack_seen |= RACK_REORDERED;
		count(st, TcpExt_TCPDSACKUndo);
		undo(st, c);
		return true;
	}
	if ((c->undo & UNDO_FRTO) && h->original) {
		count(st, TcpExt_TCPSpuriousRTOs);
		undo(st, c);
		return true;
	}
	return false;
}

/*
 * RFC 5682: the first ack after a timeout that advances, but not over all, is
 * answered with new data, and the next one decides. False: send again as ever.
 */
static bool probe_timeout(struct conn *c, const struct tcp_heard *h,
			  uint32_t acked)
{
	if (!(c->undo & UNDO_FRTO))
		return false;
	if (seq_gt(c->snd_nxt, c->recover)) {
		/* New data has left, and this is its answer. */
		if (h->sacked || !acked)
			c->undo &= (uint8_t)~UNDO_FRTO;
		return false;
	}
	if (!acked)
		return false;
	/* Whole segments, so that nothing holds them back. */
	if (c->snd_end - c->snd_nxt < c->mss ||
	    c->snd_nxt - c->snd_una + c->mss > c->snd_wnd) {
		c->undo &= (uint8_t)~UNDO_FRTO;
		return false;
	}
	c->recover = c->snd_nxt;
	return true;
}

/*
 * RFC 6937: what the network has delivered says how much may follow. Above
 * ssthresh in proportion, so that the flight shrinks over one round trip; below
 * it as in slow start, bounded by what was delivered (PRR-SSRB).
 */
static void reduce(struct conn *c, uint32_t fresh)
{
	uint32_t pipe = tcp_pipe(c), allowed, more;

	c->prr_delivered += fresh;
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

/* Without SACK a partial ack says that the next segment is lost too: RFC 6582.
 */
static void partial(struct stack *st, struct conn *c, uint32_t acked)
{
	uint32_t n = acked / c->mss;

	c->dupacks = (uint8_t)(c->dupacks > n ? c->dupacks - n : 0);
	flight_lose(st, c, c->snd_una,
		    seq_min(c->snd_una + c->mss, c->snd_nxt));
}

/*
 * An ack while something is amiss: a hole, a recovery, a duplicate. snd_una has
 * moved by @acked.
 */
void tcp_recovery_input(struct stack *st, struct conn *c,
			const struct tcp_in *in, const struct tcp_heard *h,
			uint32_t acked)
{
	bool probing = false;

	if (h->dsack)
		tcp_rack_duplicate(c);
	if (unlikely(c->undo) && spurious(st, c, in, h, acked))
		;
	else if (c->recovery != TCP_OPEN && seq_ge(c->snd_una, c->recover))
		leave(st, c);
	else if (c->recovery == TCP_RECOVERY && acked &&
		 !(c->flags & CONN_SACK))
		partial(st, c, acked);
	if (c->snd_una == c->snd_nxt)
		return;
	if (c->flags & CONN_SACK)
		tcp_rack_detect(st, c);
	if (c->recovery == TCP_OPEN) {
		if (c->lost_bytes)
			tcp_enter_recovery(st, c);
		return;
	}
	if (c->recovery == TCP_LOSS) {
		c->flags |= CONN_CWND_FULL;
		if (acked)
			tcp_cc_acked(st, c, acked, h->rtt_us);
		probing = probe_timeout(c, h, acked);
	} else if (c->flags & CONN_SACK) {
		reduce(c, h->delivered);
	}
	if (!probing)
		tcp_recover_output(st, c);
}
