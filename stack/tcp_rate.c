/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SO_MAX_PACING_RATE: how many bytes of payload a second a connection sends at
 * most, whatever its window allows.
 *
 * What leaves moves rate_at_ns by the time that it takes at that rate; before
 * that date nothing new leaves. Timers come late, by a tick at least: what that
 * costs is made up for, and who was idle for longer has earned no more. A piece
 * is what leaves in a millisecond, so that a slow stream is no train of bursts.
 *
 * What is sent again counts, but does not wait: repairs are paced by what
 * arrives (RFC 6937). Nor do the handshake's bytes, window probes and FIN.
 */
#include "stack/tcp.h"

/* How far behind its dates a stream may be and catch up. */
#define CATCH_UP_NS (UINT64_C(4) << WHEEL_TICK_SHIFT)

static bool is_slowed(const struct conn *c)
{
	/* As Linux: 0 is told, and obeyed by nobody. */
	return (c->locked & RATE_MAX) && c->max_Bps;
}

void tcp_rate_charge(const struct stack *st, struct conn *c, uint32_t bytes)
{
	uint64_t least =
		st->now_ns > CATCH_UP_NS ? st->now_ns - CATCH_UP_NS : 0;

	if (!is_slowed(c))
		return;
	if (c->rate_at_ns < least)
		c->rate_at_ns = least;
	c->rate_at_ns += (uint64_t)bytes * NSEC_PER_SEC / c->max_Bps;
}

uint32_t tcp_rate_quota(struct stack *st, struct conn *c)
{
	uint64_t least = st->host->tuning.min_tso_segments;
	uint64_t piece = c->max_Bps >> 10;

	c->rate_waits = false;
	if (!is_slowed(c))
		return TCP_SUPER_MAX;
	if (c->rate_at_ns > st->now_ns) {
		c->rate_waits = true;
		timer_arm(st, c, c->rate_at_ns);
		return 0;
	}
	if (piece < least * c->mss)
		piece = least * c->mss;
	return (uint32_t)min_u64(piece, TCP_SUPER_MAX);
}

void conn_max_rate_set(struct stack *st, conn_ix ix, uint64_t Bps)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer = writing_begin(st, ix);
	bool none = Bps == UINT64_MAX;

	if (c->proto == STACK_TCP && tcp_synchronized(c) &&
	    (!(c->locked & RATE_MAX) || c->max_Bps != Bps))
		c->rate_at_ns = st->now_ns;
	c->max_Bps = none ? 0 : Bps;
	c->locked =
		(uint8_t)(none ? c->locked & ~RATE_MAX : c->locked | RATE_MAX);
	if (c->rate_waits) {
		c->rate_waits = false;
		tcp_output(st, c, false);
	}
	writing_end(st, outer);
}

uint64_t conn_max_rate(const struct stack *st, conn_ix ix)
{
	const struct conn *c = conn_at(st, ix);

	return c->locked & RATE_MAX ? c->max_Bps : UINT64_MAX;
}
