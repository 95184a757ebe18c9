/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors kept for who asks: ICMP messages about what a datagram socket has sent
 * (IP_RECVERR of Linux).
 *
 * The message itself is queued, in the list that a stream has for segments out
 * of order. What it means is read from it when it is taken: whom it is from,
 * where the datagram had gone, and as much of the datagram as it quotes.
 */
#include "stack/shape.h"
#include "stack/stack_internal.h"

#include <errno.h>

#define ERRORS_MAX 32 /* kept at a time; what comes then is lost */

void errors_keep(struct stack *st, struct conn *c, frame_ix news, int err)
{
	conn_ix outer;
	struct frame *f;
	frame_ix ix;

	if (c->ooo_frames >= ERRORS_MAX)
		return;
	ix = frame_clone(st->arena, news);
	if (!ix)
		return;
	f = frame_at(st->arena, ix);
	f->next = 0;
	f->note[0] = st->now_ns;
	f->note[1] = (uint64_t)err;
	outer = writing_begin(st, c->self);
	if (c->ooo_last)
		frame_at(st->arena, c->ooo_last)->next = ix;
	else
		c->ooo_first = ix;
	c->ooo_last = ix;
	c->ooo_frames++;
	writing_end(st, outer);
}

void errors_drop(struct stack *st, struct conn *c)
{
	struct frame_list list = { c->ooo_first, c->ooo_last };

	c->ooo_first = 0;
	c->ooo_last = 0;
	c->ooo_frames = 0;
	frame_list_free(st->arena, &list);
}

/* The quoted packet: where it went; returns the bytes before its payload. */
static uint32_t read_quote(const struct stack *st, const struct frame *f,
			   struct udp_error *e)
{
	uint8_t quote[IPV6_BYTES + UDP_BYTES + 20] = { 0 };
	uint32_t header, n = min_u32(f->payload, sizeof(quote));
	uint8_t proto;

	frame_copy_out(st->arena, f, 0, quote, n);
	if (e->v4) {
		const struct ipv4_header *h = (const struct ipv4_header *)quote;

		header = (h->ver_ihl & 15u) * 4;
		proto = h->proto;
		e->to = ip_from_v4(h->dst);
	} else {
		const struct ipv6_header *h = (const struct ipv6_header *)quote;
		uint64_t dst[2] = { h->dst[0], h->dst[1] };

		header = IPV6_BYTES;
		proto = h->next;
		e->to = ip_from_v6(dst);
	}
	e->port = 0;
	if (proto == IP_ICMP || proto == IP_ICMPV6)
		return header; /* its message is the payload */
	if (header + UDP_BYTES <= n)
		e->port = be16(
			((const struct udp_header *)(quote + header))->dport);
	return header + UDP_BYTES;
}

frame_ix udp_take_error(struct stack *st, conn_ix ix, struct udp_error *e,
			bool peek)
{
	struct conn *c = conn_at(st, ix);
	const struct icmp_header *i;
	frame_ix frame = c->ooo_first;
	struct frame *f;
	conn_ix outer;

	if (!(c->flags & CONN_F_RECVERR) || !frame)
		return 0;
	f = frame_at(st->arena, frame);
	udp_note_of(f, &e->note);
	i = (const struct icmp_header *)(f->header + f->l4_off);
	e->err = (int)f->note[1];
	e->v4 = f->header[f->l3_off] >> 4 == 4;
	e->type = i->type;
	e->code = i->code;
	e->info = e->err != EMSGSIZE ? 0
		  : e->v4	     ? be32(i->rest) & 0xffff
				     : be32(i->rest);
	e->offender = e->note.from;
	f->payload_off = min_u32(read_quote(st, f, e), f->payload);
	if (peek)
		return frame;
	outer = writing_begin(st, ix);
	c->ooo_first = f->next;
	if (!c->ooo_first)
		c->ooo_last = 0;
	c->ooo_frames--;
	/* The next one is what the socket's error says from now on. */
	c->error =
		c->ooo_first
			? (uint16_t)frame_at(st->arena, c->ooo_first)->note[1]
			: 0;
	writing_end(st, outer);
	f->next = 0;
	return frame;
}
