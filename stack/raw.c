/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Raw sockets, raw(7): every packet of one IP protocol, and packets of any
 * make.
 *
 * A raw socket is bound to its protocol, which stands in the place of the port.
 * What comes is copied to each that fits before the stack itself looks at it;
 * IPv4's with the IP header, IPv6's without. What is sent gets an IP header, or
 * has one of its own (IP_HDRINCL), of which total length and checksum are
 * filled in, and source address and id where they are 0.
 */
#include "stack/csum.h"
#include "stack/group.h"
#include "stack/shape.h"
#include "stack/stack_internal.h"

#include <errno.h>

void conn_raw(struct stack *st, conn_ix ix, uint8_t protocol)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer = writing_begin(st, ix);

	st->host->raws = true;
	c->lport = protocol;
	c->raw.header = protocol == IP_RAW && c->proto == STACK_RAW;
	if (c->proto == STACK_RAW6)
		c->flags |= CONN_INET6 | CONN_V6ONLY;
	bound_add(st, c);
	writing_end(st, outer);
}

int raw_bind(struct stack *st, struct conn *c, const struct ip_addr *addr)
{
	if (!ip_is_any(addr) && !host_has(st->host, addr) &&
	    !ip_is_multicast(addr) && !host_is_broadcast(st->host, addr))
		return -EADDRNOTAVAIL;
	c->local = *addr;
	return 0;
}

/* Does the socket's filter of ICMP types stop it? */
static bool filtered(struct stack *st, const struct conn *c,
		     const struct packet *p)
{
	uint8_t type;

	if (p->proto != (p->v4 ? IP_ICMP : IP_ICMPV6) || !p->l4_bytes)
		return false;
	if (p->f->header_bytes > p->f->l4_off)
		type = p->f->header[p->f->l4_off];
	else
		frame_copy_out(st->arena, p->f, 0, &type, 1);
	return (!p->v4 || type < 32) &&
	       (c->raw.filter[type / 32] >> (type % 32) & 1);
}

static bool fits(struct stack *st, const struct conn *c, const struct packet *p)
{
	if (!ip_is_any(&c->local) && !ip_equal(&c->local, &p->dst))
		return false;
	if (c->pport && !ip_equal(&c->peer, &p->src))
		return false;
	if (ip_is_multicast(&p->dst) &&
	    !group_wanted(st->host, c, &p->dst, &p->src))
		return false;
	return !filtered(st, c, p);
}

bool raw_input(struct stack *st, const struct packet *p)
{
	uint8_t proto = p->v4 ? STACK_RAW : STACK_RAW6;
	struct conn *c = NULL;
	bool any = false;

	while ((c = bound_next(st, c, proto, p->proto))) {
		frame_ix copy;
		struct frame *f;

		if (!fits(st, c, p))
			continue;
		any = true;
		copy = frame_clone(st->arena, p->ix);
		if (!copy)
			break;
		f = frame_at(st->arena, copy);
		csum_close(st->arena, f, p->proto);
		if (frame_header_set(st->arena, copy,
				     p->v4 ? ETH_BYTES : f->l4_off))
			frame_free(st->arena, copy);
		else
			udp_queue(st, c, copy);
	}
	return any;
}

/* Its header is the program's own: into its place, and completed. */
static int own_header(struct stack *st, const struct conn *c, frame_ix ix,
		      const struct ip_out *o)
{
	struct frame *f = frame_at(st->arena, ix);
	struct ipv4_header *h = (struct ipv4_header *)(f->header + ETH_BYTES);
	uint32_t bytes = f->payload, ihl;
	struct path p;
	int err;

	f->l3_off = ETH_BYTES;
	f->header_bytes = ETH_BYTES;
	if (frame_header_set(st->arena, ix, ETH_BYTES + IPV4_BYTES))
		return -EINVAL;
	ihl = (h->ver_ihl & 15u) * 4;
	if (ihl < IPV4_BYTES || ihl > bytes ||
	    frame_header_set(st->arena, ix, ETH_BYTES + ihl))
		return -EINVAL;
	err = path_find(st, o->dst, &p);
	if (err)
		return err;
	if (bytes > path_mtu(st, &p, o->dst))
		return -EMSGSIZE;
	((struct eth_header *)f->header)->type = be16(ETH_IPV4);
	f->l4_off = (uint8_t)(ETH_BYTES + ihl);
	h->total = be16((uint16_t)bytes);
	if (!h->src)
		h->src = o->src->w[3];
	if (!h->id)
		h->id = be16(st->host->ip_id++);
	h->csum = 0;
	h->csum = (uint16_t)~csum_fold(csum_add(0, h, ihl));
	f->tx_vif = c->vif;
	f->pace = c->self;
	count(st, Ip_OutRequests);
	path_send(st, &p, ix);
	return 0;
}

/* ICMPv6's checksum is the kernel's business: RFC 3542, section 3.1. */
static int close_icmp6(struct stack *st, frame_ix ix, const struct ip_out *o)
{
	struct frame *f = frame_at(st->arena, ix);
	struct wire16 *sum;

	if (frame_header_set(st->arena, ix, f->l4_off + 4u))
		return -EINVAL;
	sum = (struct wire16 *)(f->header + f->l4_off + 2);
	sum->v = 0;
	sum->v = (uint16_t)~csum_fold(
		csum_frame(st->arena, f, f->l4_off) +
		csum_pseudo(o->src, o->dst, o->proto, f->payload + 4));
	return 0;
}

int raw_send(struct stack *st, struct conn *c, frame_ix ix,
	     const struct ip_out *o)
{
	struct frame *f = frame_at(st->arena, ix);
	bool v4 = ip_is_v4(o->dst);
	int err = 0;

	if (v4 != (c->proto == STACK_RAW)) {
		err = -EINVAL;
	} else if (c->raw.header) {
		err = own_header(st, c, ix, o);
		if (!err)
			return 0;
	} else {
		l4_prepare(f, v4, 0);
		f->flags &= FRAME_REFS;
		if (o->proto == IP_ICMPV6 && !v4)
			err = close_icmp6(st, ix, o);
	}
	if (err) {
		frame_free(st->arena, ix);
		return err;
	}
	f->tx_vif = c->vif;
	f->pace = c->self;
	f->gso_type = FRAME_GSO_NONE;
	f->gso_bytes = 0;
	return ip_output(st, ix, o);
}

int raw_option(struct stack *st, conn_ix ix, enum raw_option opt, void *value,
	       bool set)
{
	struct conn *c = conn_at(st, ix);
	uint32_t *filter = value;
	uint32_t words = c->proto == STACK_RAW ? 1 : 8;

	switch (opt) {
	case RAW_FILTER:
		if (!is_raw(c) ||
		    c->lport != (c->proto == STACK_RAW ? IP_ICMP : IP_ICMPV6))
			return -EOPNOTSUPP;
		for (uint32_t i = 0; i < words; i++) {
			if (set)
				c->raw.filter[i] = filter[i];
			else
				filter[i] = c->raw.filter[i];
		}
		return (int)(words * sizeof(*filter));
	case RAW_HEADER:
		if (c->proto != STACK_RAW)
			return -ENOPROTOOPT;
		if (set)
			c->raw.header = *(int *)value != 0;
		else
			*(int *)value = c->raw.header;
		return sizeof(int);
	default:
		return -ENOPROTOOPT;
	}
}
