/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TIME-WAIT: 60 seconds, RFC 9293 section 3.3.2; given up early for a later
 * incarnation of the same flow (RFC 6191), for a connect() that can tell itself
 * apart by its timestamps, and, the oldest first, when there are too many.
 */
#include "stack/tcp.h"

static void list_remove(struct stack *st, struct conn *c)
{
	struct stack_host *h = st->host;

	if (!(c->flags & CONN_TIMEWAIT_Q))
		return;
	if (c->q_prev)
		conn_at(st, c->q_prev)->q_next = c->q_next;
	else
		h->tw_first = c->q_next;
	if (c->q_next)
		conn_at(st, c->q_next)->q_prev = c->q_prev;
	else
		h->tw_last = c->q_prev;
	c->q_next = 0;
	c->q_prev = 0;
	c->flags &= ~CONN_TIMEWAIT_Q;
	h->tw_count--;
}

/* At the end of the host's list; keep_at says until when. */
void tcp_time_wait_add(struct stack *st, struct conn *c)
{
	struct stack_host *h = st->host;

	c->q_next = 0;
	c->q_prev = h->tw_last;
	if (h->tw_last)
		conn_at(st, h->tw_last)->q_next = c->self;
	else
		h->tw_first = c->self;
	h->tw_last = c->self;
	h->tw_count++;
	c->flags |= CONN_TIMEWAIT_Q;
}

/* The oldest that nobody owns ends now; returns whether there was one. */
static bool drop_oldest(struct stack *st)
{
	conn_ix ix = st->host->tw_first;

	for (uint32_t i = 0; ix && i < 64; i++) {
		struct conn *c = conn_at(st, ix);

		ix = c->q_next;
		if (c->flags & CONN_ORPHAN) {
			tcp_done(st, c);
			return true;
		}
	}
	return false;
}

/* The table belongs to all hosts: one may fill an eighth of it with the past.
 */
static uint32_t most(const struct stack *st)
{
	return min_u32(TCP_TIME_WAIT_MAX, st->conns->pool->capacity / 8);
}

void tcp_time_wait_enter(struct stack *st, struct conn *c)
{
	tcp_sendq_free(st, c);
	c->flags |= CONN_RCV_SHUT | CONN_SND_SHUT;
	c->rtx_at = 0;
	c->delack_at = 0;
	c->state = CONN_TIME_WAIT;
	count(st, TcpExt_TW);
	if (st->host->tw_count >= most(st)) {
		count(st, TcpExt_TCPTimeWaitOverflow);
		drop_oldest(st);
	}
	tcp_time_wait_add(st, c);
	c->keep_at = st->now_ns + TCP_TIME_WAIT_NS;
	timer_arm(st, c, c->keep_at);
}

void tcp_time_wait_leave(struct stack *st, struct conn *c)
{
	list_remove(st, c);
}

conn_ix tcp_time_wait_recycle(struct stack *st)
{
	if (!drop_oldest(st))
		return 0;
	count(st, TcpExt_TWRecycled);
	return slot_alloc(st->conns);
}

/*
 * Linux's tcp_tw_reuse: safe where timestamps tell old from new, once the peer
 * has had the time to resend its FIN.
 */
bool tcp_time_wait_yield(struct stack *st, struct conn *old, struct conn *c)
{
	if (old->state != CONN_TIME_WAIT || !(old->flags & CONN_ORPHAN) ||
	    !(old->flags & CONN_TS) || tcp_ms(st) - old->ts_recent_ms <= 1000)
		return false;
	/* tcp_connect() begins above what the old one used. */
	c->snd_end = old->snd_nxt + 65537;
	if (!c->snd_end)
		c->snd_end = 1;
	count(st, TcpExt_TWRecycled);
	tcp_done(st, old);
	return true;
}

static void restart(struct stack *st, struct conn *c)
{
	list_remove(st, c);
	tcp_time_wait_add(st, c);
	c->keep_at = st->now_ns + TCP_TIME_WAIT_NS;
	timer_arm(st, c, c->keep_at);
}

bool tcp_time_wait_input(struct stack *st, struct conn *c,
			 const struct tcp_in *in)
{
	bool ts = in->has_ts && (c->flags & CONN_TS);
	bool old = ts && seq_lt(in->tsval, c->ts_recent);

	if (in->flags & TCP_RST) {
		if (!old && in->seq == c->rcv_nxt)
			tcp_done(st, c);
		return false;
	}
	if ((in->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && !old &&
	    (seq_gt(in->seq, c->rcv_nxt) ||
	     (ts && seq_gt(in->tsval, c->ts_recent)))) {
		if (!(c->flags & CONN_ORPHAN)) {
			/* Somebody still holds it: it loses its name only. */
			tcp_done(st, c);
			return true;
		}
		count(st, TcpExt_TWRecycled);
		tcp_done(st, c);
		return true;
	}
	if (!old && in->seq == c->rcv_nxt && !in->bytes &&
	    !(in->flags & (TCP_SYN | TCP_FIN))) {
		if (ts) {
			c->ts_recent = in->tsval;
			c->ts_recent_ms = tcp_ms(st);
		}
		return false;
	}
	if (in->flags & TCP_ACK)
		restart(st, c);
	tcp_challenge(st, c);
	return false;
}
