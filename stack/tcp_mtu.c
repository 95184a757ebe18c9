/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How large TCP's segments may be on this path: what the cache says, and where
 * nobody says anything, what gets through (PLPMTUD, RFC 4821).
 *
 * A path that swallows large packets without a word looks like a peer that has
 * gone, except that small ones pass. So after three timeouts in a row segments
 * shrink, to 1,024 bytes and then by halves, as Linux has it. From then on, or
 * when an ICMP error has shrunk them, [mtu_low, mtu_high] is searched: one
 * segment of the size in the middle is sent when there is enough to follow it;
 * it arrives, and mtu_low moves up, or it alone is lost, and mtu_high moves
 * down, which is no congestion. When the two have met there is peace for ten
 * minutes.
 */
#include "stack/tcp.h"
#include "stack/tcp_flight.h"

#define BASE_MSS      1024u
#define TIMEOUTS      3
#define CLOSE_ENOUGH  8u
#define CWND_SEGMENTS 11u
#define AGAIN_NS      (600 * NSEC_PER_SEC)

static uint32_t headers(const struct conn *c)
{
	return (ip_is_v4(&c->peer) ? IPV4_BYTES : IPV6_BYTES) + TCP_BYTES;
}

static uint32_t options(const struct conn *c)
{
	return c->flags & CONN_TS ? 12 : 0;
}

uint32_t tcp_mtu_payload(const struct conn *c)
{
	return c->mtu_low - headers(c);
}

/* The largest packet that makes sense at all. */
static uint32_t mtu_most(const struct stack *st, const struct conn *c)
{
	return min_u32(st->host->config.mtu, c->mss_peer + headers(c));
}

/* Segments are to fit into @mtu from now on. */
static void shrink(struct stack *st, struct conn *c, uint32_t mtu)
{
	c->mtu_low = (uint16_t)mtu;
	c->mtu_high = (uint16_t)mtu;
	c->mtu_probe = 0;
	c->mtu_at_ns = st->now_ns + AGAIN_NS;
	tcp_mss_update(c);
}

void tcp_mtu_learned(struct stack *st, struct conn *c, uint32_t mtu)
{
	uint32_t mss = c->mss;

	pmtu_learn(st, &c->peer, mtu);
	if (c->mtu_probe && mtu < c->mtu_probe) {
		/* The probe was too big, which is what it was to find out. */
		c->mtu_high = (uint16_t)max_u32(mtu, c->mtu_low);
		if (mtu >= c->mtu_low)
			return;
	}
	if (mtu >= c->mtu)
		return;
	c->mtu = (uint16_t)mtu;
	if (mtu >= c->mtu_low && c->mtu_low) {
		/* No larger ones: that smaller ones get through is known. */
		c->mtu_high = (uint16_t)min_u32(c->mtu_high, mtu);
		return;
	}
	shrink(st, c, mtu);
	if (c->mss < mss && tcp_synchronized(c))
		tcp_resegment(st, c);
}

void tcp_mtu_refresh(struct stack *st, struct conn *c)
{
	uint32_t mtu = pmtu_known(st, &c->peer);

	/* What this connection has found out itself is no news to it. */
	if (mtu >= (c->mtu_low ? c->mtu_low : c->mtu) || !tcp_synchronized(c))
		return;
	c->mtu = (uint16_t)mtu;
	shrink(st, c, mtu);
}

void tcp_mtu_timeout(struct stack *st, struct conn *c)
{
	uint32_t most = mtu_most(st, c), mss;

	c->mtu_probe = 0;
	if (c->retries <= TIMEOUTS || st->host->config.mtu_trusted ||
	    c->snd_nxt - c->snd_una < TCP_MSS_MIN)
		return;
	mss = c->mtu_low || c->mss <= BASE_MSS ? c->mss / 2u : BASE_MSS;
	mss = max_u32(mss, TCP_MSS_MIN);
	if (mss >= c->mss)
		return;
	shrink(st, c, mss + options(c) + headers(c));
	c->mtu_high = (uint16_t)most;
	c->mtu_at_ns = st->now_ns;
	count(st, TcpExt_TCPMTUPFail);
}

void tcp_mtu_proven(struct stack *st, struct conn *c)
{
	if (c->mtu_low && c->mtu_low < c->mtu)
		pmtu_learn(st, &c->peer, c->mtu_low);
}

void tcp_mtu_acked(struct stack *st, struct conn *c)
{
	if (seq_lt(c->snd_una, c->mtu_probe_end))
		return;
	c->mtu_low = c->mtu_probe;
	c->mtu = (uint16_t)max_u32(c->mtu, c->mtu_low);
	c->mtu_probe = 0;
	tcp_mss_update(c);
	/* A repair's window may be a single one of the smaller segments. */
	c->cwnd = max_u32(c->cwnd, c->mss);
	c->ssthresh = max_u32(c->ssthresh, 2u * c->mss);
	pmtu_learn(st, &c->peer, c->mtu_low);
	count(st, TcpExt_TCPMTUPSuccess);
}

bool tcp_mtu_lost(struct stack *st, struct conn *c)
{
	uint32_t from, to;

	if (!c->mtu_probe || !flight_lost(st, c, &from, &to))
		return false;
	/* Lost, and nothing below it. */
	if (seq_lt(from, c->mtu_probe_end - c->mtu_probe) ||
	    seq_ge(from, c->mtu_probe_end))
		return false;
	c->mtu_high = (uint16_t)(c->mtu_probe - 1);
	c->mtu_probe = 0;
	count(st, TcpExt_TCPMTUPFail);
	return true;
}

/* Is it time, and is there what it takes? Returns the probe's payload, or 0. */
static uint32_t worth_a_probe(struct stack *st, struct conn *c)
{
	uint32_t unsent = c->snd_end - c->snd_nxt, size, pipe = tcp_pipe(c);
	uint32_t edge = c->snd_una + c->snd_wnd;

	if (c->mtu_at_ns > st->now_ns || c->recovery != TCP_OPEN ||
	    c->sacked_bytes || c->cwnd < CWND_SEGMENTS * c->mss)
		return 0;
	if (c->mtu_high <= c->mtu_low + CLOSE_ENOUGH) {
		/* Found; perhaps the path changes some day. */
		c->mtu_high = (uint16_t)mtu_most(st, c);
		c->mtu_at_ns = st->now_ns + AGAIN_NS;
		return 0;
	}
	size = (c->mtu_low + c->mtu_high + 1u) / 2 - options(c) - headers(c);
	/* Enough behind it to show by SACK that it alone is missing. */
	if (unsent < size + 4 * c->mss || pipe + size + 3 * c->mss > c->cwnd ||
	    seq_gt(c->snd_nxt + size + 4 * c->mss, edge))
		return 0;
	return size;
}

void tcp_mtu_probe(struct stack *st, struct conn *c)
{
	uint32_t size;
	uint16_t mss = c->mss;
	int n;

	if (c->mtu_probe || !(c->flags & CONN_SACK))
		return;
	size = worth_a_probe(st, c);
	if (!size)
		return;
	/* In one piece, which is what it is about. */
	c->mss = (uint16_t)size;
	n = tcp_send_data(st, c, c->snd_nxt, size, false);
	c->mss = mss;
	if (n <= 0)
		return;
	flight_sent(st, c, (uint32_t)n);
	tcp_rate_count(st, c, (uint32_t)n);
	tcp_sendq_advance(st, c, (uint32_t)n);
	c->snd_nxt += (uint32_t)n;
	if ((uint32_t)n == size) {
		c->mtu_probe = (uint16_t)(size + options(c) + headers(c));
		c->mtu_probe_end = c->snd_nxt;
		count(st, TcpExt_TCPMTUProbes);
	}
	if (!c->rtx_at)
		tcp_rtx_arm(st, c);
}
