/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Explicit congestion notification, RFC 3168, as Linux plays it: listeners
 * agree when they are asked, connect() asks only where the host's configuration
 * says so.
 *
 * Receiver: a segment marked CE turns ECE on in all that is sent, until CWR
 * comes. Sender: ECE cuts the window as a loss does, once per window of data
 * (c->recover), and the next new segment carries CWR. New data bears ECT(0);
 * acks, probes and what is sent again do not (section 6.1.5), nor SYNs.
 */
#include "stack/tcp.h"

/* The peer's SYN, or SYN-ACK, in a packet with @tos. */
void tcp_ecn_agree(const struct stack *st, struct conn *c,
		   const struct tcp_in *in, uint8_t tos)
{
	uint8_t asked = in->flags & (TCP_ECE | TCP_CWR);
	bool answer = in->flags & TCP_ACK;

	if (answer ? (c->watch & ECN_ASKED) && asked == TCP_ECE
		   : st->host->tuning.ecn && asked == (TCP_ECE | TCP_CWR) &&
			     !(tos & ECN_MASK))
		c->watch = ECN_OK;
	else
		c->watch = 0;
}

uint8_t tcp_ecn_syn_flags(const struct stack *st, struct conn *c, bool answer)
{
	if (answer)
		return c->watch & ECN_OK ? TCP_ECE : 0;
	/* A SYN that was lost may have been dropped for this: not again. */
	if (st->host->tuning.ecn != 1 || c->retries) {
		c->watch = 0;
		return 0;
	}
	c->watch = ECN_ASKED;
	return TCP_ECE | TCP_CWR;
}

/* A segment for a connection that has agreed. */
void tcp_ecn_input(struct stack *st, struct conn *c, const struct tcp_in *in,
		   uint8_t tos)
{
	if (!(c->watch & ECN_OK) || (in->flags & TCP_SYN))
		return;
	if (in->bytes) {
		if (in->flags & TCP_CWR) {
			c->watch &= (uint16_t)~ECN_DEMAND;
			/* Its window may be a single segment now. */
			c->flags |= CONN_ACK_NOW;
		}
		if ((tos & ECN_MASK) == ECN_CE) {
			if (!(c->watch & ECN_DEMAND))
				c->flags |= CONN_ACK_NOW;
			c->watch |= ECN_DEMAND;
		}
		if (tos & ECN_MASK)
			c->watch |= ECN_SEEN;
	}
	/* An ack of this window, and not yet answered. */
	if ((in->flags & TCP_ECE) && c->recovery == TCP_OPEN &&
	    seq_gt(in->ack, c->snd_una) && seq_le(in->ack, c->snd_nxt) &&
	    (!(c->watch & ECN_CUT) || seq_ge(in->ack, c->recover))) {
		c->ssthresh = tcp_cc_loss(st, c);
		c->cwnd = c->ssthresh;
		c->recover = c->snd_nxt;
		c->watch &= (uint16_t) ~(TLP_OUT | TLP_RESENT);
		c->watch |= ECN_CUT | ECN_SAY_CWR;
		/* A loss that turns out to be none takes back no mark's cut. */
		c->undo = 0;
	} else if ((c->watch & ECN_CUT) && c->recovery == TCP_OPEN &&
		   seq_ge(in->ack, c->recover)) {
		c->watch &= (uint16_t)~ECN_CUT;
	}
	/* Nor does the window grow before the cut has shown. */
	if (c->watch & ECN_CUT)
		c->flags &= ~CONN_CWND_FULL;
}

/* @bytes from @seq on are about to leave: flags for them; c->tos is set as
 * well. */
uint8_t tcp_ecn_output(struct conn *c, uint32_t seq, uint32_t bytes)
{
	uint8_t flags = 0;

	if (!(c->watch & ECN_OK) || !bytes || seq != c->snd_nxt)
		return 0;
	if (c->watch & ECN_SAY_CWR)
		flags = TCP_CWR;
	c->watch &= (uint16_t)~ECN_SAY_CWR;
	c->tos |= ECN_ECT0;
	return flags;
}
