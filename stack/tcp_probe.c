/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tail loss probes: RFC 8985, section 7. The end of a flight has nothing behind
 * it whose SACK would show that it was lost. So two round trips after the last
 * ack, long before the timeout, one segment goes: new, or the last one again.
 * What its SACK then leaves open was sent two round trips earlier, and is lost.
 *
 * One probe at a time, in TCP_OPEN only; it ends at c->recover, which is free
 * then but for a window cut by ECN (no probe while that lasts).
 */
#include "stack/tcp.h"
#include "stack/tcp_flight.h"

#define SLACK_NS (2 * NSEC_PER_MSEC)
#define NEAR_US	 1000 /* round trips below are a machine's own */
#define LEAST_NS (10 * NSEC_PER_MSEC) /* a peer may be descheduled so long */

/* When a probe is due, from now; UINT64_MAX: there will be none. */
uint64_t tcp_probe_ns(const struct conn *c)
{
	uint64_t in;

	if (!(c->flags & CONN_SACK) || c->snd_nxt == c->snd_una ||
	    c->recovery != TCP_OPEN || c->sacked_bytes || c->backoff ||
	    !c->srtt8_us || (c->watch & (TLP_OUT | ECN_CUT)))
		return UINT64_MAX;
	in = c->srtt8_us / 4 * NSEC_PER_USEC + SLACK_NS;
	/* The ack of a lone segment may be delayed. */
	if (c->snd_nxt - c->snd_una <= c->mss)
		return in + TCP_RTO_MIN_US * NSEC_PER_USEC;
	return in > LEAST_NS || c->srtt8_us >= NEAR_US * 8 ? in : LEAST_NS;
}

void tcp_probe_timer(struct stack *st, struct conn *c)
{
	uint32_t flight = c->snd_nxt - c->snd_una;
	uint32_t edge = c->snd_una + c->snd_wnd, n = 0;
	int sent = 0;

	if (!flight)
		return;
	if (seq_gt(edge, c->snd_nxt))
		n = min_u32(min_u32(c->snd_end - c->snd_nxt, edge - c->snd_nxt),
			    c->mss);
	if (n && !tcp_fin_sent(c) && !c->rate_waits)
		sent = tcp_send_data(st, c, c->snd_nxt, n, false);
	if (sent > 0) {
		flight_sent(st, c, (uint32_t)sent);
		tcp_rate_count(st, c, (uint32_t)sent);
		tcp_sendq_advance(st, c, (uint32_t)sent);
		c->snd_nxt += (uint32_t)sent;
		c->watch |= TLP_OUT;
	} else if (tcp_resend(st, c, c->snd_nxt - min_u32(flight, c->mss),
			      c->mss)) {
		c->watch |= TLP_OUT | TLP_RESENT;
	}
	if (c->watch & TLP_OUT) {
		c->recover = c->snd_nxt;
		count(st, TcpExt_TCPLossProbes);
	}
	c->rtx_kind = TCP_RTX_RESEND;
	c->rtx_at = st->now_ns + tcp_rto_ns(c);
}

/* An ack while a probe is out: section 7.4.2. */
void tcp_probe_input(struct stack *st, struct conn *c, const struct tcp_in *in)
{
	bool dsack = in->sacks && seq_le(in->sack[0].end, in->ack);

	if (seq_lt(in->ack, c->recover) || seq_gt(in->ack, c->snd_nxt))
		return;
	if ((c->watch & TLP_RESENT) && !dsack) {
		if (in->ack == c->recover && seq_gt(in->ack, c->snd_una))
			return; /* of the original or the probe: we shall see */
		if (seq_gt(in->ack, c->recover)) {
			/* The probe has repaired a loss, which counts as one.
			 */
			c->ssthresh = tcp_cc_loss(st, c);
			c->cwnd = min_u32(c->cwnd, c->ssthresh);
			count(st, TcpExt_TCPLossProbeRecovery);
		}
	}
	c->watch &= (uint16_t) ~(TLP_OUT | TLP_RESENT);
}
