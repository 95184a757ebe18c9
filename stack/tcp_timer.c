/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens when nothing happens: resending, probing, delayed acks,
 * keepalive, and the ends of FIN-WAIT-2 and TIME-WAIT. Three dates a
 * connection: rtx_at (resend or probe, never both), delack_at, keep_at
 * (keepalive or one of the two ends). One more, rate_at_ns, where a ceiling
 * holds new data back.
 */
#include "stack/tcp.h"
#include "stack/pace.h"
#include "stack/tcp_flight.h"

#include <errno.h>

#define UNDER_WAY_MAX_NS (10 * NSEC_PER_SEC)

/* Gives up; the owner hears what ICMP had said, if anything. */
static bool give_up(struct stack *st, struct conn *c)
{
	count(st, TcpExt_TCPAbortOnTimeout);
	return tcp_fail(st, c, c->soft_error ? c->soft_error : ETIMEDOUT);
}

static bool user_timed_out(const struct stack *st, const struct conn *c)
{
	return c->user_timeout_ms &&
	       st->now_ns - c->stalled_ns >= c->user_timeout_ms * NSEC_PER_MSEC;
}

/* The neighbour may have moved. */
static void doubt_path(struct stack *st, struct conn *c)
{
	struct path p;

	c->route_gen = 0;
	if (!path_find(st, &c->peer, &p) && p.kind == PATH_LINK)
		neigh_doubt(st, &p.next);
}

static bool handshake_timer(struct stack *st, struct conn *c)
{
	uint32_t max = c->syn_retries;

	if (c->listener) {
		const struct conn *l = conn_at(st, c->listener);

		max = st->host->tuning.synack_retries;
		if (l->defer_accept_s)
			max += 2;
	}
	if (c->retries >= max || (!c->listener && user_timed_out(st, c))) {
		count(st, Tcp_AttemptFails);
		return give_up(st, c);
	}
	c->retries++;
	c->backoff++;
	c->flags &= ~CONN_TIMED;
	doubt_path(st, c);
	tcp_fastopen_retreat(c);
	count(st, TcpExt_TCPTimeouts);
	tcp_count_resent(st, c);
	tcp_send_syn(st, c);
	tcp_rtx_arm(st, c);
	return true;
}

static bool resend_timer(struct stack *st, struct conn *c)
{
	uint32_t max =
		c->flags & CONN_ORPHAN ? TCP_RETRIES_ORPHAN : TCP_RETRIES;

	if (c->snd_una == c->snd_nxt)
		return true;
	if (!c->retries)
		c->stalled_ns = st->now_ns - tcp_rto_ns(c);
	if (c->retries >= max || user_timed_out(st, c))
		return give_up(st, c);
	c->retries++;
	if (c->backoff < 20)
		c->backoff++;
	doubt_path(st, c);
	count(st, TcpExt_TCPTimeouts);
	tcp_mtu_timeout(st, c);
	tcp_enter_loss(st, c);
	tcp_rtx_arm(st, c);
	return true;
}

/* Nothing in flight, something unsent: the window is shut, or a tail is held
 * back. */
static bool persist_timer(struct stack *st, struct conn *c)
{
	uint32_t unsent = c->snd_end - c->snd_nxt;
	uint32_t room = c->snd_wnd;

	if (c->snd_nxt != c->snd_una || tcp_fin_sent(c))
		return true;
	if (!unsent && !(c->flags & CONN_FIN_QUEUED))
		return true;
	if (room) {
		/* Silly or corked: it has waited long enough. */
		c->flags |= CONN_PUSH_ALL;
		c->snd_push = c->snd_end;
		tcp_output(st, c, false);
		if (c->snd_nxt == c->snd_una && unsent && !c->rate_waits) {
			int n = tcp_send_data(
				st, c, c->snd_nxt,
				min_u32(min_u32(unsent, room), c->mss), false);

			if (n > 0) {
				flight_sent(st, c, (uint32_t)n);
				tcp_rate_count(st, c, (uint32_t)n);
				tcp_sendq_advance(st, c, (uint32_t)n);
				c->snd_nxt += (uint32_t)n;
				tcp_rtx_arm(st, c);
			}
		}
		if (c->rtx_at || c->rate_waits)
			return true;
	} else {
		if (!c->probes)
			c->stalled_ns = st->now_ns;
		if (c->probes >= (c->flags & CONN_ORPHAN ? TCP_RETRIES_ORPHAN
							 : TCP_RETRIES) ||
		    (c->probes && user_timed_out(st, c)))
			return give_up(st, c);
		c->probes++;
		if (c->backoff < 20)
			c->backoff++;
		count(st, TcpExt_TCPWinProbe);
		tcp_send_probe(st, c);
	}
	c->rtx_kind = TCP_RTX_PERSIST;
	c->rtx_at = st->now_ns + tcp_rto_ns(c);
	return true;
}

void tcp_keep_arm(struct stack *st, struct conn *c)
{
	if (c->proto != STACK_TCP)
		return;
	if (c->state != CONN_ESTABLISHED && c->state != CONN_CLOSE_WAIT &&
	    !(c->state == CONN_FIN_WAIT2 && !(c->flags & CONN_ORPHAN)) &&
	    c->state != CONN_FIN_WAIT1)
		return;
	if (!(c->flags & CONN_F_KEEP)) {
		c->keep_at = 0;
		return;
	}
	c->keep_at = st->now_ns + c->keep_idle_s * NSEC_PER_SEC;
	timer_arm(st, c, c->keep_at);
}

static bool keep_timer(struct stack *st, struct conn *c)
{
	uint64_t heard = c->last_recv_ns > c->last_ack_ns ? c->last_recv_ns
							  : c->last_ack_ns;
	uint64_t idle = c->keep_idle_s * NSEC_PER_SEC;
	uint64_t quiet = st->now_ns - heard;

	c->keep_at = 0;
	if (!(c->flags & CONN_F_KEEP))
		return true;
	/* Something is on its way: its own timer decides. */
	if (c->snd_una != c->snd_nxt ||
	    (!tcp_fin_sent(c) && c->snd_end != c->snd_nxt)) {
		c->keep_at = st->now_ns + idle;
		return true;
	}
	if (quiet < idle) {
		c->probes = 0;
		c->keep_at = heard + idle;
		return true;
	}
	if (c->user_timeout_ms
		    ? c->probes && quiet >= c->user_timeout_ms * NSEC_PER_MSEC
		    : c->probes >= c->keep_cnt) {
		tcp_send_reset(st, c);
		return give_up(st, c);
	}
	c->probes++;
	count(st, TcpExt_TCPKeepAlive);
	tcp_send_probe(st, c);
	c->keep_at = st->now_ns + c->keep_intvl_s * NSEC_PER_SEC;
	return true;
}

static bool slow_timer(struct stack *st, struct conn *c)
{
	if (c->state == CONN_TIME_WAIT ||
	    (c->state == CONN_FIN_WAIT2 && (c->flags & CONN_ORPHAN))) {
		c->keep_at = 0;
		return tcp_done(st, c);
	}
	return keep_timer(st, c);
}

/*
 * What has not left yet is not lost. Not for ever, though: whoever holds it up
 * may have died with it.
 */
static bool is_under_way(const struct stack *st, const struct conn *c)
{
	const struct stack_pace *p = pace_at(st->paces, c->self);

	return pace_load(&p->sent) != pace_load(&p->passed) &&
	       c->rtx_kind != TCP_RTX_PERSIST &&
	       st->now_ns - c->last_ack_ns < UNDER_WAY_MAX_NS;
}

bool tcp_timer(struct stack *st, struct conn *c)
{
	if (c->delack_at && c->delack_at <= st->now_ns) {
		c->delack_at = 0;
		if (c->flags & CONN_ACK_DUE) {
			/* No answer came to carry it: not a dialogue. */
			c->flags &= ~CONN_PINGPONG;
			count(st, TcpExt_DelayedACKs);
			tcp_send_ack(st, c);
		}
	}
	if (unlikely(c->rate_waits) && c->rate_at_ns <= st->now_ns) {
		c->rate_waits = false;
		tcp_output(st, c, false);
	}
	if (c->rtx_at && c->rtx_at <= st->now_ns) {
		c->rtx_at = 0;
		if (unlikely(conn_is_paced(c)) && is_under_way(st, c)) {
			tcp_rtx_arm(st, c);
		} else if (c->state == CONN_SYN_SENT ||
			   c->state == CONN_SYN_RECEIVED ||
			   (c->fastopen & FO_CHILD)) {
			if (!handshake_timer(st, c))
				return false;
		} else if (c->rtx_kind == TCP_RTX_PROBE) {
			tcp_probe_timer(st, c);
		} else if (c->rtx_kind == TCP_RTX_REORDER) {
			tcp_rack_timer(st, c);
		} else if (c->rtx_kind == TCP_RTX_PERSIST) {
			if (!persist_timer(st, c))
				return false;
		} else if (!resend_timer(st, c)) {
			return false;
		}
	}
	if (c->keep_at && c->keep_at <= st->now_ns)
		return slow_timer(st, c);
	return true;
}
