/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be sent now: the least of what is queued, what the peer's window
 * takes, and what the congestion window leaves, in pieces of up to 64 KiB.
 *
 * A piece that is shorter than a segment is sent when it ends the queue and
 * neither Nagle (as Minshall refined it: one short segment in flight), CORK nor
 * MSG_MORE holds it back; or when it fills half of the largest window the peer
 * ever had (RFC 9293, 3.8.6.2.1).
 *
 * Whatever remains unsent with nothing in flight has a date: the persist timer.
 */
#include "stack/tcp.h"
#include "stack/pace.h"
#include "stack/tcp_flight.h"

void tcp_rtx_arm(struct stack *st, struct conn *c)
{
	uint64_t in = tcp_rto_ns(c), probe = tcp_probe_ns(c);

	c->rtx_kind = TCP_RTX_RESEND;
	if (probe <= in || (probe != UINT64_MAX && !c->backoff)) {
		/* No later than the timeout, which counts from the probe then.
		 */
		c->rtx_kind = TCP_RTX_PROBE;
		in = min_u64(in, probe);
	}
	c->rtx_at = st->now_ns + in;
	timer_arm(st, c, c->rtx_at);
}

/* New bytes are on their way. */
static inline void sent(struct stack *st, struct conn *c, uint32_t bytes,
			bool fin)
{
	flight_sent(st, c, bytes + fin);
	tcp_rate_count(st, c, bytes);
	tcp_sendq_advance(st, c, bytes);
	c->snd_nxt += bytes + fin;
	if (unlikely(c->recovery == TCP_RECOVERY))
		c->prr_out += bytes;
	if (bytes % c->mss)
		c->snd_small = c->snd_nxt;
}

/* What has been sent has a date: of a burst, the last segment's. */
static void arm_sent(struct stack *st, struct conn *c)
{
	if (!c->rtx_at || c->rtx_kind == TCP_RTX_PROBE ||
	    c->rtx_kind == TCP_RTX_PERSIST)
		tcp_rtx_arm(st, c);
}

void tcp_sent(struct stack *st, struct conn *c, uint32_t bytes, bool fin)
{
	sent(st, c, bytes, fin);
	arm_sent(st, c);
}

/* Must a short tail wait? */
static bool held(const struct conn *c, bool more)
{
	if (c->flags & (CONN_PUSH_ALL | CONN_FIN_QUEUED))
		return false;
	if (more || (c->flags & CONN_F_CORK))
		return true;
	if (c->flags & CONN_F_NODELAY)
		return false;
	return c->snd_nxt != c->snd_una && seq_gt(c->snd_small, c->snd_una);
}

/*
 * The most that goes in one piece: what leaves in a millisecond at the speed
 * that window and round trip allow, as Linux sizes it, so that a piece is no
 * burst on a slow link; more the shorter the round trip is. A fabric's takes
 * 64 KiB.
 */
static uint32_t piece(const struct stack *st, const struct conn *c)
{
	uint32_t mss = c->mss, rtt = c->min_rtt_us >> 9;
	uint64_t rate, bytes = 0;

	if (unlikely(!c->srtt8_us))
		return max_u32(c->cwnd / 2 / mss, 1) * mss;
	if (likely(!rtt))
		return TCP_SUPER_MAX;
	rate = (uint64_t)max_u32(c->cwnd, c->snd_nxt - c->snd_una) *
	       (c->cwnd < c->ssthresh / 2 ? 16 : 10) * 1000000 / c->srtt8_us;
	bytes = rate >> 10;
	if (rtt < 17)
		bytes += 65536u >> rtt;
	bytes = bytes / mss;
	if (bytes < st->host->tuning.min_tso_segments)
		bytes = st->host->tuning.min_tso_segments;
	/* Two pieces at least share the window. */
	if (bytes > c->cwnd / 2 / mss)
		bytes = max_u32(c->cwnd / 2 / mss, 1);
	return (uint32_t)min_u64(bytes * mss, TCP_SUPER_MAX);
}

/* The largest piece: less where it would block a slow link for long. */
static uint32_t super_max(const struct stack *st, const struct conn *c)
{
	uint32_t max = st->host->config.super_max, unit;

	if (unlikely(max))
		return min_u32(max_u32(max, c->mss), TCP_SUPER_MAX);
	if (likely(!conn_is_paced(c)))
		return TCP_SUPER_MAX;
	unit = atomic_load_explicit(&pace_at(st->paces, c->self)->unit,
				    memory_order_relaxed);
	unit = min_u32(unit, TCP_SUPER_MAX);
	return unit < 2u * c->mss ? c->mss : unit - unit % c->mss;
}

/* How many bytes the next segment carries; 0: none now. */
static uint32_t quota(struct stack *st, struct conn *c, bool more)
{
	uint32_t unsent = c->snd_end - c->snd_nxt;
	uint32_t edge = c->snd_una + c->snd_wnd;
	uint32_t window = seq_gt(edge, c->snd_nxt) ? edge - c->snd_nxt : 0;
	uint32_t pipe = tcp_pipe(c);
	uint32_t room = c->cwnd > pipe ? c->cwnd - pipe : 0;
	uint32_t mss = c->mss;
	uint32_t len = min_u32(min_u32(unsent, window), super_max(st, c));

	if (unlikely(c->locked & RATE_MAX)) {
		len = min_u32(len, tcp_rate_quota(st, c));
		if (c->rate_waits)
			return 0;
	}
	if (len > 2 * mss)
		len = min_u32(len, piece(st, c));
	if (room < len) {
		c->flags |= CONN_CWND_FULL;
		if (room < min_u32(len, mss)) {
			if (c->snd_nxt != c->snd_una)
				return 0;
			len = min_u32(len, mss);
		} else {
			len = room;
		}
	}
	if (len == unsent) {
		if (len % mss == 0 || !held(c, more))
			return len;
	} else if (len < mss) {
		/* The window ends within a segment. */
		return window < unsent && len == window &&
				       len >= max_u32(c->max_wnd / 2, 1)
			       ? len
			       : 0;
	}
	return len < mss ? 0 : len - len % mss;
}

/* How much of the congestion window a round trip has used at most. */
static void note_use(struct conn *c)
{
	uint32_t out = c->snd_nxt - c->snd_una;

	if (out > c->max_out || seq_ge(c->snd_una, c->max_out_end)) {
		c->max_out = out;
		c->max_out_end = c->snd_nxt;
	}
}

static bool invites(const struct conn *c, uint32_t times)
{
	return (uint64_t)(c->snd_end - c->snd_nxt) * times < c->notsent_lowat;
}

void tcp_output(struct stack *st, struct conn *c, bool more)
{
	/* Too much was unsent for a writer (TCP_NOTSENT_LOWAT)? */
	bool fin, some = false, waiting = !invites(c, 2);
	int n;

	if (unlikely(c->fastopen & FO_DEFER)) {
		c->fastopen &= (uint16_t)~FO_DEFER;
		c->rtt_at_ns = st->now_ns;
		c->stalled_ns = st->now_ns;
		tcp_send_syn(st, c);
		tcp_rtx_arm(st, c);
		return;
	}
	if (unlikely(!tcp_may_send(c) || c->state == CONN_CLOSED ||
		     c->state == CONN_LISTEN || c->state == CONN_TIME_WAIT))
		return;
	if (c->snd_nxt == c->snd_una && c->last_send_ns &&
	    c->snd_end != c->snd_nxt)
		tcp_cc_idle(st, c);
	c->flags &= ~CONN_CWND_FULL;
	if (unlikely(st->host->pmtus) && c->route_gen != path_gen(st))
		tcp_mtu_refresh(st, c);
	if (unlikely(c->mtu_low) && !more && !c->rate_waits)
		tcp_mtu_probe(st, c);
	while (!tcp_fin_sent(c)) {
		uint32_t bytes = 0;

		if (c->snd_end != c->snd_nxt) {
			if (unlikely(conn_is_paced(c)) &&
			    !stack_pace_room(st, c))
				break;
			bytes = quota(st, c, more);
			if (!bytes)
				break;
		} else if (!(c->flags & CONN_FIN_QUEUED) ||
			   seq_ge(c->snd_nxt, c->snd_una + c->snd_wnd)) {
			break;
		}
		fin = (c->flags & CONN_FIN_QUEUED) &&
		      c->snd_nxt + bytes == c->snd_end &&
		      seq_lt(c->snd_end, c->snd_una + c->snd_wnd);
		n = tcp_send_data(st, c, c->snd_nxt, bytes, fin);
		if (n < 0 || (!n && !fin))
			break;
		sent(st, c, (uint32_t)n, fin && (uint32_t)n == bytes);
		some = true;
	}
	if (some)
		arm_sent(st, c);
	if (c->snd_nxt == c->snd_end)
		c->flags &= ~CONN_PUSH_ALL;
	note_use(c);
	if (unlikely(waiting) && invites(c, 2))
		conn_event(st, c, STACK_OUT);
	if (c->rtx_at || tcp_fin_sent(c))
		return;
	if (c->snd_nxt != c->snd_una) {
		tcp_rtx_arm(st, c);
	} else if (!c->rate_waits &&
		   (c->snd_end != c->snd_nxt || (c->flags & CONN_FIN_QUEUED))) {
		c->rtx_kind = TCP_RTX_PERSIST;
		c->rtx_at = st->now_ns + (c->snd_wnd ? TCP_RTO_MIN_US * 1000u
						     : tcp_rto_ns(c));
		timer_arm(st, c, c->rtx_at);
	}
}

void tcp_push(struct stack *st, conn_ix ix, bool more)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer = writing_begin(st, ix);

	/* As Linux: PSH ends a write, and each half window of a long one. */
	if (!more || c->snd_end - c->snd_push > c->max_wnd / 2)
		c->snd_push = c->snd_end;
	tcp_output(st, c, more);
	writing_end(st, outer);
}

/* What CORK, MSG_MORE or Nagle kept back goes now. */
void tcp_push_held(struct stack *st, struct conn *c)
{
	if (c->proto != STACK_TCP || !tcp_synchronized(c))
		return;
	c->flags |= CONN_PUSH_ALL;
	tcp_output(st, c, false);
}

/* Sends again up to @bytes from @seq on, and FIN if it lies there; returns how
 * far. */
uint32_t tcp_resend(struct stack *st, struct conn *c, uint32_t seq,
		    uint32_t bytes)
{
	uint32_t data_end = seq_min(c->snd_nxt, c->snd_end);
	uint32_t n = seq_lt(seq, data_end) ? data_end - seq : 0;
	bool fin;
	int done;

	n = min_u32(min_u32(n, bytes), super_max(st, c));
	if (n > c->mss)
		n -= n % c->mss;
	fin = tcp_fin_sent(c) && seq + n == c->snd_end;
	if (!n && !fin)
		return 0;
	done = tcp_send_data(st, c, seq, n, fin);
	if (done < 0)
		return 0;
	tcp_count_resent(st, c);
	tcp_rate_count(st, c, (uint32_t)done);
	fin = fin && (uint32_t)done == n;
	flight_resent(st, c, seq, seq + (uint32_t)done + fin);
	return (uint32_t)done + fin;
}
