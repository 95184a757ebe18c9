/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the owner does to a connection and learns from it: connect, shutdown,
 * close, errors, readiness. The order of checks, and so which error wins, is
 * Linux's.
 *
 * Teardown. tcp_done() is the only way to CLOSED: it takes the connection out
 * of every chain, timer and list first, then drops the send queue. The receive
 * queue stays for an owner who may still read it. The slot is freed when there
 * is no owner and no listener that will hand it to one; nothing refers to it
 * then, since lists hold only what is neither closed nor free.
 */
#include "stack/tcp.h"

#include <errno.h>

void tcp_init(struct conn *c)
{
	c->flight.room = TCP_RUNS_OWN;
	c->mss = TCP_MSS_DEFAULT;
	c->mss_peer = TCP_MSS_DEFAULT;
	c->rcv_mss = TCP_MSS_DEFAULT;
	c->rto_us = TCP_RTO_INITIAL_US;
	c->syn_retries = 6;
	c->keep_idle_s = 7200;
	c->keep_intvl_s = 75;
	c->keep_cnt = 9;
}

int tcp_may_connect(const struct conn *c)
{
	switch (c->state) {
	case CONN_CLOSED:
		return 0;
	case CONN_LISTEN:
		return -EINVAL;
	case CONN_SYN_SENT:
	case CONN_SYN_RECEIVED:
		return -EALREADY;
	default:
		return -EISCONN;
	}
}

/* A socket whose last connection has ended starts anew. */
static void start_over(struct stack *st, struct conn *c)
{
	tcp_recvq_free(st, c);
	c->flags &=
		~(CONN_FIN_QUEUED | CONN_FIN_RCVD | CONN_RESET | CONN_PINGPONG |
		  CONN_ACK_NOW | CONN_ACK_DUE | CONN_CWND_FULL | CONN_TIMED |
		  CONN_PUSH_ALL | CONN_URG_SEND | CONN_URG_RCVD | CONN_DSACK |
		  CONN_TS | CONN_SACK | CONN_WSCALE);
	c->watch = 0;
	c->rcv_most = 0;
	c->delivered = 0;
	c->backoff = 0;
	c->retries = 0;
	c->probes = 0;
	c->recovery = TCP_OPEN;
	c->dupacks = 0;
	c->undo = 0;
	c->cc_phase = CC_NONE;
	c->rack_seen = 0;
	c->rack_steps = 0;
	c->min_rtt_us = 0;
	c->srtt8_us = 0;
	c->rto_us = TCP_RTO_INITIAL_US;
	c->rcv_mss = TCP_MSS_DEFAULT;
	c->rcv_wscale = tcp_wscale(st);
	c->rate_waits = false;
	c->space_at_ns = 0;
	c->space_bytes = 0;
	c->snd_wscale = 0;
	c->route_gen = 0;
	c->error = 0;
	c->soft_error = 0;
	c->ts_recent = 0;
	c->last_recv_ns = 0;
	c->last_send_ns = 0;
	c->mtu = (uint16_t)pmtu_known(st, &c->peer);
	c->mtu_low = 0;
	c->mtu_probe = 0;
	c->mss_peer = UINT16_MAX;
	c->rcv_nxt = 0;
	c->rcv_wup = 0;
	c->max_wnd = 0;
}

/*
 * As tcp_disconnect() of Linux leaves a socket: what shutdown() did is undone,
 * unread data gone, an address stays if it was asked for.
 */
static void forget(struct stack *st, struct conn *c, int err)
{
	start_over(st, c);
	c->flags &= ~(CONN_RCV_SHUT | CONN_SND_SHUT);
	c->snd_una = 0;
	c->snd_nxt = 0;
	c->snd_end = 0;
	memset(&c->peer, 0, sizeof(c->peer));
	c->pport = 0;
	if (!(c->locked & ADDR_ASKED)) /* its port is shown on */
		memset(&c->local, 0, sizeof(c->local));
	c->error = (uint16_t)err;
}

void tcp_start_over(struct stack *st, conn_ix ix, int err)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer;

	if (c->state != CONN_CLOSED)
		return;
	outer = writing_begin(st, ix);
	forget(st, c, err);
	writing_end(st, outer);
}

void tcp_show(struct stack *st, conn_ix ix, const struct ip_addr *local,
	      uint16_t port)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer = writing_begin(st, ix);

	if (local) {
		c->local = *local;
		c->locked |= ADDR_ASKED;
	}
	c->lport = port;
	writing_end(st, outer);
}

int tcp_connect(struct stack *st, struct conn *c, const struct ip_addr *from,
		const struct ip_addr *to, uint16_t port)
{
	struct ip_addr old_local = c->local;
	uint16_t old_port = c->lport;
	struct conn *other;
	int err = 0;

	c->local = *from;
	c->peer = *to;
	c->pport = port;
	c->snd_end = 0;
	if (!(c->flags & CONN_BOUND)) {
		c->lport = 0;
		err = port_choose(st, c);
	} else {
		other = hash_find(st,
				  conn_hash(st->host, from, c->lport, to, port),
				  from, c->lport, to, port);
		if (other && !tcp_time_wait_yield(st, other, c))
			err = -EADDRNOTAVAIL;
	}
	if (err)
		goto undo;
	start_over(st, c);
	c->ts_offset = tcp_ts_offset(st, c);
	c->snd_una = c->snd_end ? c->snd_end : tcp_isn(st, c);
	c->snd_nxt = c->snd_una + 1;
	c->snd_end = c->snd_nxt;
	c->recover = c->snd_una;
	c->snd_small = c->snd_una;
	c->snd_push = c->snd_una;
	tcp_mss_update(c);
	c->flags |= CONN_TIMED;
	c->rtt_at_ns = st->now_ns;
	c->stalled_ns = st->now_ns;
	c->state = CONN_SYN_SENT;
	hash_add(st, c);
	count(st, Tcp_ActiveOpens);
	if (tcp_fastopen_connect(st, c))
		return 0;
	err = tcp_send_syn(st, c);
	if (err && err != -ENOBUFS) {
		hash_remove(st, c);
		c->state = CONN_CLOSED;
		goto undo;
	}
	tcp_rtx_arm(st, c);
	return 0;
undo:
	c->local = old_local;
	c->lport = old_port;
	memset(&c->peer, 0, sizeof(c->peer));
	c->pport = 0;
	return err;
}

uint32_t tcp_ready(const struct conn *c)
{
	uint32_t ready = 0;

	if (c->state == CONN_LISTEN)
		return c->accept_first ? STACK_IN : 0;
	if (c->state == CONN_CLOSED || c->state == CONN_TIME_WAIT ||
	    ((c->flags & CONN_RCV_SHUT) && (c->flags & CONN_SND_SHUT)))
		ready |= STACK_HUP;
	if (c->flags & CONN_RCV_SHUT)
		ready |= STACK_IN | STACK_RDHUP;
	if (c->fastopen & FO_DEFER)
		ready |= STACK_OUT;
	if (tcp_may_send(c)) {
		bool at;

		/* The urgent byte alone is nothing to read. */
		if (c->rcv_queued >= c->rcvlowat &&
		    (likely(!(c->flags & CONN_URG_RCVD)) ||
		     tcp_before_mark(c, &at)))
			ready |= STACK_IN;
		if ((c->flags & CONN_SND_SHUT) || tcp_writeable(c))
			ready |= STACK_OUT;
		if ((c->flags & CONN_URG_RCVD) && !c->urgent_taken &&
		    seq_gt(c->rcv_up, tcp_unread(c)))
			ready |= STACK_PRI;
	}
	if (c->error)
		ready |= STACK_ERR;
	return ready;
}

bool tcp_done(struct stack *st, struct conn *c)
{
	if (c->state == CONN_ESTABLISHED || c->state == CONN_CLOSE_WAIT)
		st->host->count[COUNT_Tcp_CurrEstab]--;
	tcp_listen_forget(st, c);
	tcp_fastopen_count(st, c, -1);
	c->fastopen &= (uint16_t) ~(FO_CHILD | FO_DEFER);
	tcp_time_wait_leave(st, c);
	hash_remove(st, c);
	if (!(c->locked & PORT_ASKED))
		bound_remove(st, c);
	timer_cancel(st, c);
	c->rtx_at = 0;
	c->delack_at = 0;
	c->keep_at = 0;
	c->rate_waits = false;
	c->state = CONN_CLOSED;
	c->flags |= CONN_RCV_SHUT | CONN_SND_SHUT;
	c->flags &= ~(CONN_ACK_NOW | CONN_ACK_DUE | CONN_FIN_QUEUED);
	tcp_sendq_free(st, c);
	if (c->sock || c->listener)
		return true;
	tcp_recvq_free(st, c);
	conn_free(st, c);
	return false;
}

bool tcp_fail(struct stack *st, struct conn *c, int err)
{
	c->error = (uint16_t)err;
	if (!tcp_done(st, c))
		return false;
	conn_event(st, c,
		   STACK_IN | STACK_OUT | STACK_ERR | STACK_HUP | STACK_RDHUP);
	return true;
}

/* FIN behind all that is queued. */
static void finish(struct stack *st, struct conn *c)
{
	c->flags |= CONN_SND_SHUT | CONN_FIN_QUEUED;
	if (c->state == CONN_ESTABLISHED) {
		c->state = CONN_FIN_WAIT1;
		st->host->count[COUNT_Tcp_CurrEstab]--;
	} else if (c->fastopen & FO_CHILD && c->state == CONN_SYN_RECEIVED) {
		c->state = CONN_FIN_WAIT1;
	} else if (c->state == CONN_CLOSE_WAIT) {
		c->state = CONN_LAST_ACK;
		st->host->count[COUNT_Tcp_CurrEstab]--;
	}
	tcp_output(st, c, false);
}

static bool wants_reset(const struct conn *c)
{
	return c->state == CONN_ESTABLISHED || c->state == CONN_CLOSE_WAIT ||
	       c->state == CONN_FIN_WAIT1 || c->state == CONN_FIN_WAIT2 ||
	       c->state == CONN_SYN_RECEIVED || c->state == CONN_LAST_ACK ||
	       c->state == CONN_CLOSING;
}

/* The owner is gone (c->sock is 0). */
void tcp_close(struct stack *st, struct conn *c)
{
	bool unread = c->rcv_queued != 0;

	c->flags |= CONN_ORPHAN;
	if (c->state == CONN_LISTEN) {
		tcp_listen_close(st, c);
		tcp_done(st, c);
		return;
	}
	if (c->state == CONN_CLOSED || c->state == CONN_SYN_SENT) {
		tcp_done(st, c);
		return;
	}
	/* The port that it was bound to is its own until it is done. */
	tcp_recvq_free(st, c);
	if (c->state == CONN_TIME_WAIT)
		return;
	if (unread || !c->linger_s) {
		if (unread)
			count(st, TcpExt_TCPAbortOnClose);
		else
			count(st, TcpExt_TCPAbortOnLinger);
		tcp_send_reset(st, c);
		tcp_done(st, c);
		return;
	}
	c->flags |= CONN_RCV_SHUT;
	c->keep_at = 0;
	if (c->state == CONN_FIN_WAIT2) {
		c->keep_at = st->now_ns + TCP_TIME_WAIT_NS;
		timer_arm(st, c, c->keep_at);
		return;
	}
	if (!(c->flags & CONN_FIN_QUEUED))
		finish(st, c);
}

void tcp_abort(struct stack *st, struct conn *c)
{
	c->flags |= CONN_ORPHAN;
	if (c->state == CONN_LISTEN)
		tcp_listen_close(st, c);
	if (wants_reset(c))
		tcp_send_reset(st, c);
	tcp_done(st, c);
}

int tcp_shutdown(struct stack *st, conn_ix ix, int how)
{
	struct conn *c = conn_at(st, ix);
	bool rd = how != 1, wr = how != 0;
	uint32_t events = 0;
	conn_ix outer;
	int err = 0;

	if (how < 0 || how > 2)
		return -EINVAL;
	if (c->proto != STACK_TCP) {
		/* Without a peer it is an error, and done all the same, as by
		 * inet_shutdown() of Linux: programs wake readers so. */
		c->flags |= (rd ? CONN_RCV_SHUT : 0) | (wr ? CONN_SND_SHUT : 0);
		conn_event(st, c, STACK_IN | STACK_RDHUP);
		return c->state == CONN_ESTABLISHED ? 0 : -ENOTCONN;
	}
	outer = writing_begin(st, ix);
	if (c->state == CONN_CLOSED || c->state == CONN_TIME_WAIT) {
		/* An error, and done all the same, as above. */
		c->flags |= (rd ? CONN_RCV_SHUT : 0) | (wr ? CONN_SND_SHUT : 0);
		events = STACK_IN | STACK_RDHUP | STACK_HUP;
		err = -ENOTCONN;
		goto out;
	}
	if (c->state == CONN_LISTEN) {
		if (rd) {
			tcp_listen_close(st, c);
			tcp_done(st, c);
			forget(st, c, 0);
			events = STACK_IN | STACK_HUP;
		}
		goto out;
	}
	if (c->state == CONN_SYN_SENT) {
		tcp_done(st, c);
		forget(st, c, ECONNRESET);
		events = STACK_IN | STACK_OUT | STACK_HUP | STACK_ERR;
		goto out;
	}
	if (rd) {
		c->flags |= CONN_RCV_SHUT;
		events |= STACK_IN | STACK_RDHUP;
	}
	if (wr && !(c->flags & CONN_FIN_QUEUED)) {
		events |= STACK_OUT;
		finish(st, c);
	}
	if ((c->flags & CONN_RCV_SHUT) && (c->flags & CONN_SND_SHUT))
		events |= STACK_HUP;
out:
	conn_event(st, c, events);
	writing_end(st, outer);
	return err;
}

int tcp_send_error(struct stack *st, conn_ix ix)
{
	struct conn *c = conn_at(st, ix);
	int err = c->error;

	if (err) {
		c->error = 0;
		return -err;
	}
	if (c->flags & CONN_SND_SHUT)
		return -EPIPE;
	if (c->fastopen & (FO_DEFER | FO_CHILD))
		return 0;
	if (c->state == CONN_SYN_SENT || c->state == CONN_SYN_RECEIVED)
		return -EAGAIN;
	if (c->state != CONN_ESTABLISHED && c->state != CONN_CLOSE_WAIT)
		return -EPIPE;
	return 0;
}

int tcp_recv_error(struct stack *st, conn_ix ix)
{
	struct conn *c = conn_at(st, ix);
	int err = c->error;

	if (c->rcv_queued)
		return 0;
	/* The end was reached in order: what came later is the writer's. */
	if (c->flags & CONN_FIN_RCVD)
		return 1;
	if (err) {
		c->error = 0;
		return -err;
	}
	if (c->flags & CONN_RCV_SHUT)
		return 1;
	if (c->state == CONN_CLOSED || c->state == CONN_LISTEN)
		return -ENOTCONN;
	return 0;
}

/* RFC 5927: only what quotes bytes in flight is believed. */
void tcp_icmp(struct stack *st, struct conn *c, uint32_t seq, int err,
	      uint32_t mtu)
{
	if (c->state == CONN_LISTEN || c->state == CONN_CLOSED ||
	    c->state == CONN_TIME_WAIT)
		return;
	if (seq_lt(seq, c->snd_una - !!(c->fastopen & FO_CHILD)) ||
	    seq_gt(seq, c->snd_nxt)) {
		count(st, TcpExt_OutOfWindowIcmps);
		return;
	}
	if (mtu) {
		if (mtu >= 256 && mtu < st->host->config.mtu)
			tcp_mtu_learned(st, c, mtu);
		/* The SYN's data did it: without, and the data later. */
		if (c->state == CONN_SYN_SENT && c->fastopen & FO_WANT &&
		    !(c->fastopen & FO_DEFER)) {
			tcp_fastopen_retreat(c);
			tcp_send_syn(st, c);
		}
		return;
	}
	if (c->state == CONN_SYN_SENT || c->state == CONN_SYN_RECEIVED) {
		count(st, Tcp_AttemptFails);
		tcp_fail(st, c, err);
		return;
	}
	c->soft_error = (uint8_t)err;
}

void conn_stamp(struct stack *st, conn_ix ix, bool on)
{
	struct conn *c = conn_at(st, ix);

	if (on)
		c->watch |= STAMP_WAIT;
	else
		c->watch &= (uint16_t)~STAMP_WAIT;
}

void conn_stream(const struct stack *st, conn_ix ix, uint32_t *una,
		 uint32_t *nxt, uint32_t *end)
{
	const struct conn *c = conn_at(st, ix);

	*una = c->snd_una;
	*nxt = c->snd_nxt;
	*end = c->snd_end;
}
