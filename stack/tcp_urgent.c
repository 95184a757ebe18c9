/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Urgent data, RFC 6093: a mark in the stream. The pointer names the byte
 * behind the urgent one; that byte stays where it is, as SO_OOBINLINE has it.
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
	c->flags |= CONN_URG_RCVD;
	conn_event(st, c, STACK_PRI);
}

int tcp_urgent(struct stack *st, conn_ix ix, uint8_t *byte, bool peek)
{
	struct conn *c = conn_at(st, ix);
	uint32_t at = c->rcv_up - 1;

	if (!(c->flags & CONN_URG_RCVD) || seq_lt(at, tcp_unread(c)))
		return -EINVAL;
	if (seq_ge(at, tcp_unread(c) + c->rcv_queued))
		return -EAGAIN;
	tcp_copy(st, ix, at - tcp_unread(c), byte, 1, true);
	if (!peek)
		c->flags &= ~CONN_URG_RCVD;
	return 0;
}

bool tcp_at_mark(const struct stack *st, conn_ix ix)
{
	const struct conn *c = conn_at(st, ix);

	return c->rcv_up && c->rcv_up - 1 == tcp_unread(c);
}
