/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RACK, RFC 8985: a segment is lost when one that left later is there and it is
 * still not, a *reordering window* longer than a round trip after it left. The
 * window is nothing while this path has never reordered and the evidence is
 * plain; else a quarter of the least round trip, a quarter more for each round
 * trip in which the peer reports a duplicate (what was sent again was needless
 * then), forgotten after sixteen recoveries without one.
 */
#include "stack/tcp.h"
#include "stack/tcp_flight.h"

#define DUPACKS	   3
#define STEPS_MAX  255
#define RECOVERIES 16

uint32_t tcp_rack_allowance_us(const struct conn *c)
{
	uint32_t steps = c->rack_steps ? c->rack_steps : 1;
	uint64_t us;

	if (!(c->rack_seen & RACK_REORDERED) &&
	    (c->recovery != TCP_OPEN || c->sacked_bytes >= DUPACKS * c->mss))
		return 0;
	us = (uint64_t)(c->min_rtt_us / 4) * steps;
	return (uint32_t)min_u64(us, c->srtt8_us / 8);
}

/* The peer got something twice. */
void tcp_rack_duplicate(struct conn *c)
{
	if (seq_lt(c->snd_una, c->rack_round))
		return;
	if (!c->rack_steps)
		c->rack_steps = 1;
	if (c->rack_steps < STEPS_MAX)
		c->rack_steps++;
	c->rack_keep = RECOVERIES;
	c->rack_round = c->snd_nxt;
}

void tcp_rack_recovered(struct conn *c)
{
	if (c->rack_keep && !--c->rack_keep)
		c->rack_steps = 0;
}

/* Looks for losses; what is not one yet has a date. */
void tcp_rack_detect(struct stack *st, struct conn *c)
{
	uint32_t soon = flight_overdue(st, c, tcp_rack_allowance_us(c));

	if (soon) {
		uint64_t at = st->now_ns + soon * NSEC_PER_USEC;

		if (c->rtx_at && c->rtx_kind == TCP_RTX_RESEND &&
		    c->rtx_at <= at)
			return;
		c->rtx_kind = TCP_RTX_REORDER;
		c->rtx_at = at;
		timer_arm(st, c, at);
	} else if (c->rtx_kind == TCP_RTX_REORDER) {
		tcp_rtx_arm(st, c);
	}
}

/* The date of something that may have been overtaken has come. */
void tcp_rack_timer(struct stack *st, struct conn *c)
{
	if (c->snd_una == c->snd_nxt)
		return;
	c->rtx_kind = TCP_RTX_RESEND;
	tcp_rack_detect(st, c);
	if (c->lost_bytes && c->recovery == TCP_OPEN)
		tcp_enter_recovery(st, c);
	tcp_recover_output(st, c);
	if (!c->rtx_at)
		tcp_rtx_arm(st, c);
}
