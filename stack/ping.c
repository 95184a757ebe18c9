/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets for echo requests: what Linux calls ping sockets, IPPROTO_ICMP and
 * IPPROTO_ICMPV6 with SOCK_DGRAM.
 *
 * The program writes and reads messages from the ICMP header on. The identifier
 * is the socket's port, so that replies find it; the rest is the program's.
 */
#include "stack/csum.h"
#include "stack/shape.h"
#include "stack/stack_internal.h"

#include <errno.h>

bool ping_input(struct stack *st, struct packet *p)
{
	struct frame *f = p->f;
	const struct icmp_header *i =
		(const struct icmp_header *)(f->header + f->l4_off);
	struct conn *c =
		bound_find(st, p->v4 ? STACK_ICMP : STACK_ICMP6, &p->dst,
			   (uint16_t)(be32(i->rest) >> 16), &p->src, PING_PORT);

	/* The header is part of what the program reads. */
	if (!c || frame_header_set(st->arena, p->ix, f->l4_off))
		return false;
	udp_queue(st, c, p->ix);
	return true;
}

int ping_prepare(struct stack *st, struct conn *c, frame_ix frame, bool v4)
{
	struct frame *f = frame_at(st->arena, frame);
	struct icmp_header *i;

	l4_prepare(f, v4, 0);
	if (frame_header_set(st->arena, frame, f->l4_off + ICMP_BYTES))
		return -EINVAL;
	i = (struct icmp_header *)(f->header + f->l4_off);
	if (i->type != (v4 ? ICMP_ECHO : ICMP6_ECHO) || i->code)
		return -EINVAL;
	i->rest = be32((uint32_t)c->lport << 16 | (be32(i->rest) & 0xffff));
	return 0;
}

void ping_close(struct stack *st, struct frame *f, const struct ip_out *o)
{
	struct icmp_header *i = (struct icmp_header *)(f->header + f->l4_off);
	uint32_t l4 = f->header_bytes - f->l4_off + f->payload;
	uint64_t pseudo = o->proto == IP_ICMP
				  ? 0
				  : csum_pseudo(o->src, o->dst, o->proto, l4);

	i->csum = 0;
	i->csum = (uint16_t)~csum_fold(csum_frame(st->arena, f, f->l4_off) +
				       pseudo);
	f->flags = (uint8_t)((f->flags & (FRAME_REFS | FRAME_STAMP)) |
			     FRAME_CSUM_OK);
	count(st, Icmp_OutMsgs);
	count(st, Icmp_OutEchos);
}
