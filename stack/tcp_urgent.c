/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Urgent data, RFC 6093: a mark in the stream. The pointer names the byte
 * behind the urgent one.
 *
 * As on Linux, that byte is left out of what is read unless SO_OOBINLINE is
 * set, and a read never crosses the mark, so that its place is seen. The mark
 * (rcv_up, CONN_URG_RCVD) lasts until it has been read over.
 */
#include "stack/tcp.h"

#include <errno.h>

void tcp_send_urgent(struct stack *st, conn_ix ix)
{
	struct conn *c = conn_at(st, ix);

	/* RFC 6093: the pointer names the byte behind the urgent one. */
	c->snd_up = c->snd_end;
	c->flags |= CONN_URG_SEND | CONN_PUSH_ALL;
}

void tcp_urgent_input(struct stack *st, struct conn *c, const struct tcp_in *in)
{
	uint32_t up = in->seq + in->urgent;

	if (!in->urgent || seq_le(up, c->rcv_nxt))
		return;
	if ((c->flags & CONN_URG_RCVD) && seq_le(up, c->rcv_up))
		return;
	c->rcv_up = up;
	c->urgent_taken = false;
	c->flags |= CONN_URG_RCVD;
	conn_event(st, c, STACK_PRI);
}

int tcp_urgent(struct stack *st, conn_ix ix, uint8_t *byte, bool peek)
{
	struct conn *c = conn_at(st, ix);
	uint32_t at = c->rcv_up - 1;

	if (!(c->flags & CONN_URG_RCVD) || c->urgent_taken ||
	    c->urgent_inline || seq_lt(at, tcp_unread(c)))
		return -EINVAL;
	if (seq_ge(at, tcp_unread(c) + c->rcv_queued))
		return -EAGAIN;
	tcp_copy(st, ix, at - tcp_unread(c), byte, 1, true);
	if (!peek)
		c->urgent_taken = true;
	return 0;
}

uint32_t tcp_before_mark(const struct conn *c, bool *at)
{
	uint32_t queued = load_u32(&c->rcv_queued), ahead;

	*at = false;
	if (likely(!(c->flags & CONN_URG_RCVD)))
		return queued;
	ahead = c->rcv_up - 1 - tcp_unread(c);
	if (ahead && ahead < queued)
		return ahead;
	*at = !ahead && queued && !c->urgent_inline;
	return queued - *at;
}

void tcp_skip_mark(struct stack *st, conn_ix ix)
{
	uint8_t byte;

	tcp_copy(st, ix, 0, &byte, 1, false);
	tcp_urgent_passed(conn_at(st, ix));
}

bool tcp_at_mark(const struct stack *st, conn_ix ix)
{
	const struct conn *c = conn_at(st, ix);

	return (c->flags & CONN_URG_RCVD) && c->rcv_up - 1 == tcp_unread(c);
}
