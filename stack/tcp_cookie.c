/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYN cookies: a listener whose queue of half-open connections is full answers
 *without remembering, and knows the answer again when its acknowledgement comes
 *(RFC 4987, section 3.6).
 *
 * The sequence number of such a SYN-ACK, as Linux composes it:
 *
 *	hash(flow) + irs + (minute << 24) + ((hash(flow, minute) + mss index) &
 *0xffffff)
 *
 * A cookie is good for the minute it was made in and the next. What else the
 *SYN offered is kept in the low bits of the SYN-ACK's timestamp, which the peer
 *echoes:
 *
 *	bits 0-3: the peer's window scale, 15: none offered;  bit 4: SACK;  bit
 *5: ECN
 *
 * Without timestamps only the MSS survives. Lost is the repetition of the
 *SYN-ACK: a peer whose ack is lost has to speak again by itself, which it does
 *when it has data.
 */
#include "stack/tcp.h"
#include "base/random.h"

#define MINUTE_NS  (60 * NSEC_PER_SEC)
#define COOKIE_AGE 2 /* minutes */
#define DATA_MASK  0xffffffu

#define TS_MASK	  63u
#define TS_WSCALE 15u
#define TS_SACK	  16u
#define TS_ECN	  32u

/* The MSS values that a cookie can name, and what a 1,500-byte link gives among
 * them. */
static const uint16_t mss4[4] = { 536, 1300, 1440, 1460 };
static const uint16_t mss6[4] = { 1220, 1420, 1440, 8940 };

static uint32_t hash(const struct stack *st, const struct conn *c,
		     uint64_t salt)
{
	uint64_t words[5] = { c->local.d[0] ^ c->peer.d[0], c->local.d[1],
			      c->peer.d[1], (uint64_t)c->lport << 16 | c->pport,
			      salt << 8 | 8 };

	return (uint32_t)siphash(st->host->config.secret, words, 5);
}

static uint32_t minute_of(const struct stack *st)
{
	return (uint32_t)(st->now_ns / MINUTE_NS) & 0xff;
}

/* @c, which nobody will remember, is all that the SYN said. */
void tcp_cookie_send(struct stack *st, struct conn *l, struct conn *c)
{
	const uint16_t *mss = ip_is_v4(&c->peer) ? mss4 : mss6;
	uint32_t index = 3, minute = minute_of(st), irs = c->rcv_nxt - 1;

	while (index && mss[index] > c->mss_peer)
		index--;
	c->snd_una = hash(st, c, 0) + irs + (minute << 24) +
		     ((hash(st, c, minute + 1u) + index) & DATA_MASK);
	if (c->flags & CONN_TS) {
		uint32_t now = tcp_ms(st), ts = now & ~TS_MASK;

		ts |= c->flags & CONN_WSCALE ? c->snd_wscale : TS_WSCALE;
		ts |= c->flags & CONN_SACK ? TS_SACK : 0;
		ts |= c->watch & ECN_OK ? TS_ECN : 0;
		/* Not of the future. */
		if (seq_gt(ts, now))
			ts -= TS_MASK + 1;
		c->ts_offset += ts - now;
	} else {
		c->flags &= ~(CONN_SACK | CONN_WSCALE);
		c->rcv_wscale = 0;
		c->watch = 0;
	}
	l->cookie_ns = st->now_ns;
	count(st, TcpExt_TCPReqQFullDoCookies);
	count(st, TcpExt_SyncookiesSent);
	tcp_send_syn(st, c);
}

/*
 * Whether @in acknowledges a cookie of @l's that was sent to @c's peer; then
 * @syn is the SYN as far as it can be known.
 */
bool tcp_cookie_check(struct stack *st, const struct conn *l,
		      const struct conn *c, const struct tcp_in *in,
		      struct tcp_in *syn)
{
	uint32_t minute = minute_of(st), irs = in->seq - 1, v, age, index;
	uint32_t ts = in->tsecr - c->ts_offset;

	/* Guessing is not even begun where none were sent. */
	if (!l->cookie_ns || st->now_ns - l->cookie_ns > COOKIE_AGE * MINUTE_NS)
		return false;
	v = in->ack - 1 - hash(st, c, 0) - irs;
	age = (minute - (v >> 24)) & 0xff;
	index = (v - hash(st, c, ((minute - age) & 0xff) + 1u)) & DATA_MASK;
	if (age >= COOKIE_AGE || index > 3) {
		count(st, TcpExt_SyncookiesFailed);
		return false;
	}
	memset(syn, 0, sizeof(*syn));
	syn->seq = irs;
	syn->flags = TCP_SYN;
	syn->window = in->window;
	syn->mss = (ip_is_v4(&c->peer) ? mss4 : mss6)[index];
	if (in->has_ts) {
		syn->has_ts = true;
		syn->tsval = in->tsval;
		syn->has_sackok = ts & TS_SACK;
		syn->flags |= ts & TS_ECN ? TCP_ECE | TCP_CWR : 0;
		syn->wscale = ts & TS_WSCALE;
		syn->has_wscale = syn->wscale != TS_WSCALE;
	}
	count(st, TcpExt_SyncookiesRecv);
	return true;
}
