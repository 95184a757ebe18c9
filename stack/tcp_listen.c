/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listeners: from SYN to accept().
 *
 * A SYN makes a connection in SYN-RECEIVED that hangs in the listener's list of
 * half-open ones. The handshake's last ack moves it to the accept queue, where
 * it stays, whatever becomes of it, until it is accepted or the listener
 * closes. As in Linux, a full accept queue drops SYNs, and last acks too: the
 * SYN-ACK is repeated and the peer acks again. When there are too many
 * half-open ones, or no slot for another, the SYN is answered with a cookie
 * (tcp_cookie.c).
 *
 * `order` numbers what waits for accept(), so that the queue can be rebuilt
 * from slots.
 */
#include "stack/tcp.h"
#include "base/random.h"

#include <errno.h>

uint32_t tcp_isn(const struct stack *st, const struct conn *c)
{
	uint64_t words[5] = { c->local.d[0] ^ c->peer.d[0], c->local.d[1],
			      c->peer.d[1], (uint64_t)c->lport << 16 | c->pport,
			      6 };

	/* RFC 6528: a secret function of the flow, and a clock of 64 ns. */
	return (uint32_t)siphash(st->host->config.secret, words, 5) +
	       (uint32_t)(st->now_ns >> 6);
}

/* One offset per pair of hosts, so that later connections have later
 * timestamps. */
uint32_t tcp_ts_offset(const struct stack *st, const struct conn *c)
{
	uint64_t words[4] = { c->local.d[0] ^ c->peer.d[0], c->local.d[1],
			      c->peer.d[1], 7 };

	return (uint32_t)siphash(st->host->config.secret, words, 4);
}

void tcp_syn_add(struct stack *st, struct conn *l, struct conn *c)
{
	c->q_prev = 0;
	c->q_next = l->syn_first;
	if (l->syn_first)
		conn_at(st, l->syn_first)->q_prev = c->self;
	l->syn_first = c->self;
	l->syns++;
}

static void syn_remove(struct stack *st, struct conn *l, struct conn *c)
{
	if (c->q_prev)
		conn_at(st, c->q_prev)->q_next = c->q_next;
	else
		l->syn_first = c->q_next;
	if (c->q_next)
		conn_at(st, c->q_next)->q_prev = c->q_prev;
	c->q_next = 0;
	c->q_prev = 0;
	l->syns--;
}

void tcp_accept_add(struct stack *st, struct conn *l, struct conn *c)
{
	c->q_next = 0;
	c->flags |= CONN_ACCEPTABLE;
	if (l->accept_last)
		conn_at(st, l->accept_last)->q_next = c->self;
	else
		l->accept_first = c->self;
	l->accept_last = c->self;
	l->accepts++;
}

/* @c, half open, waits no longer. */
void tcp_listen_forget(struct stack *st, struct conn *c)
{
	if (!c->listener || (c->flags & CONN_ACCEPTABLE))
		return;
	syn_remove(st, conn_at(st, c->listener), c);
	c->listener = 0;
}

int tcp_listen(struct stack *st, conn_ix ix, uint32_t backlog)
{
	struct conn *c = conn_at(st, ix);
	struct conn *other = NULL;
	conn_ix outer;

	if (c->state == CONN_LISTEN) {
		c->backlog = backlog;
		return 0;
	}
	if (c->state != CONN_CLOSED || c->proto != STACK_TCP)
		return -EINVAL;
	if (!(c->flags & CONN_BOUND)) {
		struct ip_addr any = { .d = { 0, 0 } };
		uint32_t flags = 0;
		int err;

		if (c->flags & CONN_INET6)
			flags |= STACK_INET6;
		if (c->flags & CONN_V6ONLY)
			flags |= STACK_V6ONLY;
		err = conn_bind(st, ix, &any, 0, flags);
		if (err)
			return err;
	}
	/* SO_REUSEADDR lets several bind, but one of them listen. */
	while ((other = bound_next(st, other, STACK_TCP, c->lport)))
		if (other != c && other->state == CONN_LISTEN &&
		    (ip_equal(&other->local, &c->local) ||
		     ip_is_any(&other->local) || ip_is_any(&c->local)) &&
		    (other->flags & CONN_INET6) == (c->flags & CONN_INET6) &&
		    !((other->flags & CONN_REUSEPORT) &&
		      (c->flags & CONN_REUSEPORT)))
			return -EADDRINUSE;
	outer = writing_begin(st, ix);
	/* The union held a connection's fields. */
	c->accept_first = 0;
	c->accept_last = 0;
	c->syn_first = 0;
	c->accepts = 0;
	c->syns = 0;
	c->fastopens = 0;
	c->cookie_ns = 0;
	c->backlog = backlog;
	c->flags &= ~(CONN_RCV_SHUT | CONN_SND_SHUT);
	atomic_signal_fence(memory_order_seq_cst);
	c->state = CONN_LISTEN;
	writing_end(st, outer);
	return 0;
}

/* What a connection has from its listener. */
static void inherit(struct conn *c, const struct conn *l)
{
	c->flags |= l->flags &
		    (CONN_REUSEADDR | CONN_REUSEPORT | CONN_V6ONLY |
		     CONN_INET6 | CONN_F_NODELAY | CONN_F_CORK | CONN_F_KEEP);
	c->vif = l->vif;
	c->sndbuf = l->sndbuf;
	c->rcvbuf = l->rcvbuf;
	c->locked = l->locked;
	c->rcvlowat = l->rcvlowat;
	c->ttl = l->ttl;
	c->tos = l->tos;
	c->linger_s = l->linger_s;
	c->maxseg = l->maxseg;
	c->keep_idle_s = l->keep_idle_s;
	c->keep_intvl_s = l->keep_intvl_s;
	c->keep_cnt = l->keep_cnt;
	c->reno = l->reno;
	c->max_Bps = l->max_Bps;
	c->user_timeout_ms = l->user_timeout_ms;
	c->notsent_lowat = l->notsent_lowat;
}

/* Who talks to whom, and what the listener's connections are like. */
static void address(struct stack *st, struct conn *c, const struct conn *l,
		    const struct packet *p)
{
	const struct tcp_header *t =
		(const struct tcp_header *)(p->f->header + p->f->l4_off);

	inherit(c, l);
	c->local = p->dst;
	c->peer = p->src;
	c->lport = l->lport;
	c->pport = be16(t->sport);
	c->ts_offset = tcp_ts_offset(st, c);
	c->mtu = (uint16_t)pmtu_known(st, &c->peer);
}

/* What the SYN says. */
static void hear_syn(struct stack *st, struct conn *c, const struct tcp_in *syn,
		     uint8_t tos)
{
	c->rcv_nxt = syn->seq + 1;
	c->rcv_wup = c->rcv_nxt;
	c->rcv_wscale = tcp_wscale(st);
	tcp_options_agree(st, c, syn);
	tcp_ecn_agree(st, c, syn, tos);
	c->snd_wnd = syn->window;
}

/* Half open from now on; its SYN-ACK has the number @isn. */
static void half_open(struct stack *st, struct conn *l, struct conn *c,
		      uint32_t isn)
{
	c->listener = l->self;
	c->snd_una = isn;
	c->snd_nxt = isn + 1;
	c->snd_end = c->snd_nxt;
	c->recover = isn;
	c->snd_small = isn;
	c->snd_push = isn;
	c->state = CONN_SYN_RECEIVED;
	hash_add(st, c);
	tcp_syn_add(st, l, c);
	count(st, Tcp_PassiveOpens);
}

/* Half open, but accepted with what the SYN brought: RFC 7413. */
static void fast_open(struct stack *st, struct conn *l, struct conn *c,
		      const struct tcp_in *in, struct packet *p)
{
	uint32_t isn = tcp_isn(st, c);

	c->listener = l->self;
	c->snd_una = isn + 1;
	c->snd_nxt = isn + 1;
	c->snd_end = isn + 1;
	c->recover = isn;
	c->snd_small = isn;
	c->snd_push = isn;
	c->max_wnd = c->snd_wnd;
	c->snd_wl1 = in->seq;
	c->state = CONN_SYN_RECEIVED;
	c->fastopen |= FO_CHILD;
	c->rcv_adv = c->rcv_nxt + tcp_syn_window(c);
	hash_add(st, c);
	count(st, Tcp_PassiveOpens);
	count(st, TcpExt_TCPFastOpenPassive);
	if (in->bytes && in->bytes <= c->rcv_adv - c->rcv_nxt) {
		c->fastopen |= FO_DATA;
		tcp_data_in_order(st, c, in->bytes, p->ix);
		p->ix = 0;
	}
	tcp_send_syn(st, c);
	c->order = ++st->host->accept_order;
	tcp_accept_add(st, l, c);
	c->fastopen_of = l->self;
	tcp_fastopen_count(st, c, 1);
	conn_event(st, l, STACK_IN);
}

/* A connection that lives no longer than its SYN-ACK takes to write. */
static void answer_with_cookie(struct stack *st, struct conn *l,
			       const struct packet *p, const struct tcp_in *in)
{
	struct conn c;

	memset(&c, 0, sizeof(c));
	tcp_init(&c);
	c.proto = STACK_TCP;
	address(st, &c, l, p);
	hear_syn(st, &c, in, p->tos);
	c.state = CONN_SYN_RECEIVED;
	tcp_cookie_send(st, l, &c);
}

/*
 * An ack that no connection knows: a cookie come home? Returns the half-open
 * connection that it establishes, which has still to hear the segment; or NULL.
 */
static struct conn *redeem_cookie(struct stack *st, struct conn *l,
				  const struct packet *p,
				  const struct tcp_in *in)
{
	struct tcp_in syn;
	struct conn flow, *c;
	conn_ix outer;

	memset(&flow, 0, sizeof(flow));
	address(st, &flow, l, p);
	if (!tcp_cookie_check(st, l, &flow, in, &syn)) {
		tcp_reply_reset(st, p, in);
		return NULL;
	}
	/* No room: the peer goes on as if the ack had been lost. */
	if (l->accepts > l->backlog) {
		count(st, TcpExt_ListenOverflows);
		count(st, TcpExt_ListenDrops);
		return NULL;
	}
	c = conn_new(st, STACK_TCP);
	if (!c) {
		count(st, TcpExt_ListenDrops);
		return NULL;
	}
	outer = writing_begin(st, c->self);
	address(st, c, l, p);
	hear_syn(st, c, &syn, 0);
	c->rcv_adv = c->rcv_nxt + tcp_syn_window(c);
	half_open(st, l, c, in->ack - 1);
	/* In case the segment is undone by a death: the SYN-ACK is repeated
	 * then. */
	tcp_rtx_arm(st, c);
	writing_end(st, outer);
	return c;
}

/*
 * A segment for a listener; the caller frees the frame. Returns a connection
 * that the segment is for after all, or NULL.
 */
struct conn *tcp_listen_input(struct stack *st, struct conn *l,
			      struct packet *p, const struct tcp_in *in)
{
	struct conn *c;
	conn_ix outer;

	if (in->flags & TCP_RST)
		return NULL;
	if (in->flags & TCP_ACK) {
		if (l->cookie_ns && !(in->flags & TCP_SYN))
			return redeem_cookie(st, l, p, in);
		tcp_reply_reset(st, p, in);
		return NULL;
	}
	if (!(in->flags & TCP_SYN) || (in->flags & TCP_FIN))
		return NULL;
	if (l->accepts > l->backlog) {
		count(st, TcpExt_ListenOverflows);
		count(st, TcpExt_ListenDrops);
		return NULL;
	}
	if (l->syns > l->backlog) {
		answer_with_cookie(st, l, p, in);
		return NULL;
	}
	c = conn_new(st, STACK_TCP);
	if (!c) {
		answer_with_cookie(st, l, p, in);
		return NULL;
	}
	outer = writing_begin(st, c->self);
	address(st, c, l, p);
	hear_syn(st, c, in, p->tos);
	c->stalled_ns = st->now_ns;
	c->flags |= CONN_TIMED;
	c->rtt_at_ns = st->now_ns;
	if (tcp_fastopen_listen(st, l, c, in)) {
		fast_open(st, l, c, in, p);
	} else {
		half_open(st, l, c, tcp_isn(st, c));
		tcp_send_syn(st, c);
	}
	tcp_rtx_arm(st, c);
	writing_end(st, outer);
	return NULL;
}

/* The last ack is here: true when @c may be established now. */
bool tcp_listen_promote(struct stack *st, struct conn *c,
			const struct tcp_in *in)
{
	struct conn *l = conn_at(st, c->listener);

	if (l->accepts > l->backlog) {
		count(st, TcpExt_ListenOverflows);
		return false;
	}
	if (l->defer_accept_s && !in->bytes && !(in->flags & TCP_FIN) &&
	    st->now_ns - c->stalled_ns < l->defer_accept_s * NSEC_PER_SEC)
		return false;
	syn_remove(st, l, c);
	c->order = ++st->host->accept_order;
	tcp_accept_add(st, l, c);
	conn_event(st, l, STACK_IN);
	return true;
}

conn_ix tcp_accept(struct stack *st, conn_ix listener)
{
	struct conn *l = conn_at(st, listener), *c;
	conn_ix outer;

	if (l->state != CONN_LISTEN || !l->accept_first)
		return 0;
	c = conn_at(st, l->accept_first);
	outer = writing_begin(st, c->self);
	l->accept_first = c->q_next;
	if (!l->accept_first)
		l->accept_last = 0;
	l->accepts--;
	c->q_next = 0;
	c->listener = 0;
	c->flags &= ~CONN_ACCEPTABLE;
	writing_end(st, outer);
	return c->self;
}

void tcp_peer(const struct stack *st, conn_ix ix, struct ip_addr *peer,
	      uint16_t *port)
{
	*peer = conn_at(st, ix)->peer;
	*port = conn_at(st, ix)->pport;
}

/* Half-open connections are forgotten, waiting ones reset: as Linux does. */
void tcp_listen_close(struct stack *st, struct conn *l)
{
	while (l->syn_first) {
		struct conn *c = conn_at(st, l->syn_first);

		tcp_listen_forget(st, c);
		tcp_done(st, c);
	}
	while (l->accept_first) {
		conn_ix ix = tcp_accept(st, l->self);

		tcp_abort(st, conn_at(st, ix));
	}
}
