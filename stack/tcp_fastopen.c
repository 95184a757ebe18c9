/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP Fast Open, RFC 7413: data with the SYN, for a peer that has shown a
 * cookie, which proves that it gets what is sent to its address.
 *
 * Client. sendto(MSG_FASTOPEN), or connect() and a first send on a socket with
 * TCP_FASTOPEN_CONNECT. With a cookie at hand the connection is in SYN-SENT,
 * but its SYN waits for the data (FO_DEFER); tcp_output() sends it. The data of
 * a SYN lies in the send queue as unsent: snd_nxt stays behind the SYN until
 * the answer says how much was taken, so what was not is sent as new data is.
 * Without a cookie the SYN asks for one (FO_ASK). What was learnt is kept per
 * peer in the host.
 *
 * Server. A SYN with a good cookie makes a connection that is accepted at once
 * and may send, although in SYN-RECEIVED (FO_CHILD). Its snd_una lies behind
 * the SYN-ACK already, so that the send queue is as ever; the SYN-ACK is
 * repeated until anything is acknowledged.
 *
 * The cookie is Linux's, SipHash-2-4 of the two addresses: hosts that share a
 * key accept each other's.
 */
#include "stack/tcp.h"
#include "base/mem.h"
#include "base/random.h"

#include <errno.h>

#define COOKIE_BYTES 8	/* of those we make */
#define OPTION_SPACE 40 /* left free: boxes on the way may add options */

/* --- what is known of peers --------------------------------------------------
 */

static struct fastopen_peer *peer_find(const struct stack *st,
				       const struct ip_addr *addr)
{
	for (uint32_t i = 0; i < FASTOPEN_PEERS; i++)
		if (ip_equal(&st->host->fastopen[i].addr, addr))
			return &st->host->fastopen[i];
	return NULL;
}

static struct fastopen_peer *peer_make(struct stack *st,
				       const struct ip_addr *addr)
{
	struct fastopen_peer *p = peer_find(st, addr);

	if (p)
		return p;
	p = &st->host->fastopen[st->host->fastopen_next++ % FASTOPEN_PEERS];
	mem_zero(p, sizeof(*p));
	p->addr = *addr;
	return p;
}

void tcp_fastopen_forget(struct stack_host *h)
{
	mem_zero(h->fastopen, sizeof(h->fastopen));
}

/* --- client ------------------------------------------------------------------
 */

/* What the SYN may carry, by what is known of the peer. */
static uint16_t syn_room(const struct conn *c, const struct fastopen_peer *p)
{
	uint32_t mss = tcp_advertised_mss(c);

	if (p && p->mss)
		mss = min_u32(mss, p->mss);
	mss = max_u32(mss, TCP_MSS_MIN);
	return (uint16_t)(mss - OPTION_SPACE);
}

/* connect() begins: true - the SYN waits for its data. */
bool tcp_fastopen_connect(struct stack *st, struct conn *c)
{
	const struct fastopen_peer *p;
	uint32_t on = st->host->tuning.fastopen;
	bool want = c->fastopen & (FO_WANT | FO_CONNECT);

	c->fastopen &= FO_CONNECT | FO_NO_COOKIE;
	c->syn_bytes = 0;
	if (!want || !(on & FASTOPEN_CLIENT))
		return false;
	c->fastopen |= FO_WANT;
	p = peer_find(st, &c->peer);
	if ((c->fastopen & FO_NO_COOKIE) || (on & FASTOPEN_CLIENT_NO_COOKIE)) {
		c->fastopen |= FO_DEFER;
	} else if (p && p->bytes) {
		c->fastopen |= FO_DEFER | FO_COOKIE | (p->exp ? FO_EXP : 0);
	} else {
		c->fastopen |= FO_ASK;
		if (p && p->try_exp == 1)
			c->fastopen |= FO_EXP;
		return false;
	}
	c->syn_bytes = syn_room(c, p);
	return true;
}

/* The first SYN was not answered, or was too big: a plain one follows. */
void tcp_fastopen_retreat(struct conn *c)
{
	c->fastopen &= (uint16_t) ~(FO_COOKIE | FO_ASK | FO_DEFER);
	c->fastopen |= FO_PLAIN;
}

/* The cookie in a SYN-ACK, or that there was none, is remembered. */
static void learn(struct stack *st, struct conn *c, const struct tcp_in *in)
{
	struct fastopen_peer *p;
	bool asked = !c->total_retrans && (c->fastopen & FO_ASK);

	if (in->cookie_bytes > FASTOPEN_COOKIE_MAX && !asked && !in->mss)
		return;
	p = peer_make(st, &c->peer);
	if (in->mss)
		p->mss = in->mss;
	if (in->has_fastopen && in->cookie_bytes &&
	    (c->fastopen & (FO_COOKIE | FO_ASK) || c->total_retrans)) {
		p->bytes = in->cookie_bytes;
		p->exp = in->fastopen_exp;
		mem_copy(p->cookie, in->cookie, in->cookie_bytes);
		p->try_exp = 0;
	} else if (asked && !p->bytes) {
		uint8_t next = c->fastopen & FO_EXP ? 2 : 1;

		if (next > p->try_exp)
			p->try_exp = next;
	}
}

/*
 * A SYN-ACK for a SYN of ours: how much of the SYN's data it takes. Returns
 * false when it acknowledges what was never sent.
 */
bool tcp_fastopen_answer(const struct conn *c, const struct tcp_in *in)
{
	uint32_t taken = in->ack - c->snd_nxt;
	uint32_t queued = c->snd_end - c->snd_nxt;

	return !taken || ((c->fastopen & FO_WANT) &&
			  taken <= min_u32(queued, c->syn_bytes));
}

/* The connection is established: what the SYN carried is settled. */
void tcp_fastopen_established(struct stack *st, struct conn *c,
			      const struct tcp_in *in)
{
	uint32_t taken = in->ack - c->snd_nxt;
	uint32_t left = c->syn_bytes - taken;
	int n;

	if (!(c->fastopen & FO_WANT))
		return;
	learn(st, c, in);
	c->fastopen &= (uint16_t) ~(FO_COOKIE | FO_ASK | FO_DEFER | FO_EXP);
	if (!c->syn_bytes || !c->snd_queued)
		return;
	if (taken) {
		tcp_sendq_advance(st, c, taken);
		c->snd_nxt += taken;
		tcp_sendq_drop(st, c, taken);
		c->snd_una = c->snd_nxt;
		c->bytes_acked += taken;
	}
	if (!left) {
		c->fastopen |= FO_DATA;
		count(st, TcpExt_TCPFastOpenActive);
		return;
	}
	count(st, TcpExt_TCPFastOpenActiveFail);
	/* Again, by itself; what else is queued follows. */
	left = min_u32(left, c->snd_wnd);
	n = left ? tcp_send_data(st, c, c->snd_nxt, left, false) : 0;
	if (n > 0) {
		uint32_t small = c->snd_small;

		tcp_sent(st, c, (uint32_t)n, false);
		/* It is no reason for Nagle to hold others back. */
		c->snd_small = small;
		c->total_retrans++;
	}
}

int conn_connect_fast(struct stack *st, conn_ix ix, const struct ip_addr *addr,
		      uint16_t port)
{
	struct conn *c = conn_at(st, ix);
	int err = tcp_may_connect(c);

	if (err)
		return err;
	if (!(st->host->tuning.fastopen & FASTOPEN_CLIENT))
		return -EOPNOTSUPP;
	c->fastopen |= FO_WANT;
	err = conn_connect(st, ix, addr, port);
	if (err)
		c->fastopen &= (uint16_t)~FO_WANT;
	return err;
}

bool tcp_deferred(const struct stack *st, conn_ix ix)
{
	const struct conn *c = conn_at(st, ix);

	return c->state == CONN_SYN_SENT && (c->fastopen & FO_DEFER);
}

void tcp_await(struct stack *st, conn_ix ix)
{
	struct conn *c = conn_at(st, ix);

	if (c->state == CONN_SYN_SENT)
		c->fastopen |= FO_WRITER;
}

int tcp_fastopen_key(struct stack *st, conn_ix ix, const uint64_t key[2])
{
	struct conn *c = conn_at(st, ix);

	if (c->proto != STACK_TCP ||
	    (c->state != CONN_CLOSED && c->state != CONN_LISTEN))
		return -EINVAL;
	c->fastopen_key[0] = key[0];
	c->fastopen_key[1] = key[1];
	c->fastopen |= FO_KEY;
	return 0;
}

/* --- server ------------------------------------------------------------------
 */

/* What a client at @c's peer is to show us. */
static void cookie_make(const struct stack *st, const struct conn *l,
			const struct conn *c, uint8_t cookie[COOKIE_BYTES])
{
	const uint64_t *key = l->fastopen & FO_KEY
				      ? l->fastopen_key
				      : st->host->tuning.fastopen_key;
	uint64_t words[4] = { c->peer.d[0], c->peer.d[1], c->local.d[0],
			      c->local.d[1] };
	uint64_t hash;

	if (ip_is_v4(&c->peer)) {
		words[0] = (uint64_t)c->local.w[3] << 32 | c->peer.w[3];
		hash = siphash24(key, words, 1);
	} else {
		hash = siphash24(key, words, 4);
	}
	mem_copy(cookie, &hash, COOKIE_BYTES);
}

static bool serves(const struct stack *st, const struct conn *l)
{
	uint32_t on = st->host->tuning.fastopen;
	uint32_t max = l->fastopen_max;

	if (!(on & FASTOPEN_SERVER))
		return false;
	if (!max && (on & FASTOPEN_EVERY_LISTENER))
		max = max_u32(l->backlog, 1);
	return l->fastopens < max;
}

/*
 * A SYN for @l, whose connection @c is being made: true - it is to be accepted
 * at once. Notes in @c what the SYN-ACK says of a cookie.
 */
bool tcp_fastopen_listen(struct stack *st, const struct conn *l, struct conn *c,
			 const struct tcp_in *in)
{
	uint8_t cookie[COOKIE_BYTES];
	uint16_t exp = in->fastopen_exp ? FO_EXP : 0;

	if (!(in->bytes || in->has_fastopen) || !serves(st, l))
		return false;
	if ((st->host->tuning.fastopen & FASTOPEN_SERVER_NO_COOKIE) ||
	    (l->fastopen & FO_NO_COOKIE))
		return true;
	if (!in->has_fastopen)
		return false;
	if (in->cookie_bytes) {
		cookie_make(st, l, c, cookie);
		if (in->cookie_bytes == COOKIE_BYTES &&
		    !memcmp(cookie, in->cookie, COOKIE_BYTES))
			return true;
		count(st, TcpExt_TCPFastOpenPassiveFail);
	} else {
		count(st, TcpExt_TCPFastOpenCookieReqd);
	}
	c->fastopen |= FO_COOKIE | exp;
	return false;
}

void tcp_fastopen_count(struct stack *st, const struct conn *c, int32_t by)
{
	struct conn *l;

	if (!(c->fastopen & FO_CHILD) || !c->fastopen_of)
		return;
	l = conn_at(st, c->fastopen_of);
	/* The listener may be gone, and its slot another's. */
	if (l->state == CONN_LISTEN && l->host == c->host &&
	    (by > 0 || l->fastopens))
		l->fastopens += (uint32_t)by;
}

/* Something was acknowledged: the handshake is over. */
void tcp_fastopen_confirmed(struct stack *st, struct conn *c)
{
	if (!(c->fastopen & FO_CHILD))
		return;
	tcp_fastopen_count(st, c, -1);
	c->fastopen &= (uint16_t)~FO_CHILD;
	tcp_rtt_handshake(st, c);
	c->backoff = 0;
	c->retries = 0;
	c->delivered++;
}

/* --- the option --------------------------------------------------------------
 */

/* As much of @opt, which has @used bytes of 40 in it, as the cookie takes. */
uint32_t tcp_fastopen_option(const struct stack *st, const struct conn *c,
			     uint8_t *opt, uint32_t used, bool answer)
{
	const struct fastopen_peer *peer;
	uint8_t cookie[FASTOPEN_COOKIE_MAX];
	uint8_t bytes = 0, *p = opt;
	uint32_t n, head;

	if (!(c->fastopen & (FO_COOKIE | FO_ASK)))
		return 0;
	if (answer) {
		if (!c->listener)
			return 0;
		bytes = COOKIE_BYTES;
		cookie_make(st, conn_at(st, c->listener), c, cookie);
	} else if (c->fastopen & FO_COOKIE) {
		peer = peer_find(st, &c->peer);
		if (!peer || !peer->bytes)
			return 0;
		bytes = (uint8_t)min_u32(peer->bytes, FASTOPEN_COOKIE_MAX);
		mem_copy(cookie, peer->cookie, bytes);
	}
	head = c->fastopen & FO_EXP ? 4 : 2;
	n = head + bytes;
	if (used + ((n + 3) & ~3u) > OPTION_SPACE)
		return 0;
	if (c->fastopen & FO_EXP) {
		p[0] = TCP_OPT_EXP;
		put16(p + 2, TCP_EXP_FASTOPEN);
	} else {
		p[0] = TCP_OPT_FASTOPEN;
	}
	p[1] = (uint8_t)n;
	mem_copy(p + head, cookie, bytes);
	for (; n % 4; n++)
		p[n] = TCP_OPT_NOP;
	return n;
}

/* @n bytes of option at @p, a Fast Open one of either kind. */
void tcp_fastopen_parse(const uint8_t *p, uint32_t n, struct tcp_in *in)
{
	uint32_t head = p[0] == TCP_OPT_EXP ? 4 : 2;

	if (n < head || !(in->flags & TCP_SYN))
		return;
	n -= head;
	if (n && (n < 4 || n > FASTOPEN_COOKIE_MAX || n % 2))
		return;
	in->has_fastopen = true;
	in->fastopen_exp = head == 4;
	in->cookie_bytes = (uint8_t)n;
	mem_copy(in->cookie, p + head, n);
}
