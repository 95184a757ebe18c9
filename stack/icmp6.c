/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMPv6, RFC 4443, and of neighbour discovery, RFC 4861, what a host without
 * routers to find needs: solicitations answered, advertisements learned from.
 */
#include "stack/stack_internal.h"
#include "stack/auto.h"
#include "stack/csum.h"
#include "stack/group.h"
#include "stack/shape.h"

#include <errno.h>

#define ND_BYTES  ((uint32_t)sizeof(struct nd_message))
#define QUOTE_MAX 128u

/* Sends a message whose header and payload are in place; consumes @ix. */
static void send(struct stack *st, frame_ix ix, const struct ip_addr *src,
		 const struct ip_addr *dst, uint8_t hops)
{
	struct frame *f = frame_at(st->arena, ix);
	struct icmp_header *i = (struct icmp_header *)(f->header + f->l4_off);
	uint32_t l4 = f->header_bytes - f->l4_off + f->payload;
	struct ip_out o = {
		.src = src, .dst = dst, .proto = IP_ICMPV6, .ttl = hops
	};

	if (i->type == ICMP6_ECHO_REPLY)
		count(st, Icmp_OutEchoReps);
	else if (i->type == ICMP6_UNREACHABLE)
		count(st, Icmp_OutDestUnreachs);
	else if (i->type == ICMP6_PARAMETER)
		count(st, Icmp_OutParmProbs);
	i->csum = 0;
	i->csum = (uint16_t)~csum_fold(csum_frame(st->arena, f, f->l4_off) +
				       csum_pseudo(src, dst, IP_ICMPV6, l4));
	f->flags = (uint8_t)((f->flags & FRAME_REFS) | FRAME_CSUM_OK);
	count(st, Icmp_OutMsgs);
	ip_output(st, ix, &o);
}

/* An advertisement or a solicitation about @target, with our address as option.
 */
static void nd_send(struct stack *st, uint8_t type, const struct ip_addr *src,
		    const struct ip_addr *dst, const struct ip_addr *target,
		    uint32_t flags)
{
	frame_ix ix = l4_frame(st, false, ND_BYTES);
	struct nd_message *m;
	struct frame *f;

	if (!ix)
		return;
	f = frame_at(st->arena, ix);
	m = (struct nd_message *)(f->header + f->l4_off);
	m->icmp.type = type;
	m->icmp.code = 0;
	m->icmp.rest = be32(flags);
	m->target[0] = target->d[0];
	m->target[1] = target->d[1];
	m->option = type == ICMP6_NS ? 1 : 2;
	m->units = 1;
	mac_copy(m->mac, st->host->config.mac);
	send(st, ix, src, dst, 255);
}

/* RFC 4291, 2.7.1: the solicited-node group. */
static struct ip_addr solicited_group(const struct ip_addr *target)
{
	struct ip_addr group = { .b = { 0xff, 2, [11] = 1, [12] = 0xff } };

	group.b[13] = target->b[13];
	group.b[14] = target->b[14];
	group.b[15] = target->b[15];
	return group;
}

void icmp6_solicit(struct stack *st, const struct ip_addr *target)
{
	struct ip_addr group = solicited_group(target), src;

	if (path_source(st, target, &src))
		return;
	count(st, Arp_OutRequests);
	nd_send(st, ICMP6_NS, &src, &group, target, 0);
}

void icmp6_probe(struct stack *st, const struct ip_addr *target)
{
	static const struct ip_addr none;
	frame_ix ix = l4_frame(st, false, ND_BYTES - 8);
	struct ip_addr group = solicited_group(target);
	struct nd_message *m;
	struct frame *f;

	if (!ix)
		return;
	/* RFC 4861, 4.3: without an address, without the option. */
	f = frame_at(st->arena, ix);
	m = (struct nd_message *)(f->header + f->l4_off);
	m->icmp = (struct icmp_header){ .type = ICMP6_NS };
	m->target[0] = target->d[0];
	m->target[1] = target->d[1];
	send(st, ix, &none, &group, 255);
}

void icmp6_router_solicit(struct stack *st)
{
	static const struct ip_addr routers = { .b = { 0xff, 2, [15] = 2 } };
	frame_ix ix = l4_frame(st, false, ICMP_BYTES + 8);
	struct frame *f;
	uint8_t *m;

	if (!ix)
		return;
	f = frame_at(st->arena, ix);
	m = f->header + f->l4_off;
	memset(m, 0, ICMP_BYTES + 8);
	m[0] = ICMP6_RS;
	m[8] = 1;
	m[9] = 1;
	mac_copy(m + 10, st->host->config.mac);
	send(st, ix, &st->host->link6, &routers, 255);
}

static void nd_input(struct stack *st, struct packet *p, uint8_t type)
{
	static const struct ip_addr all = { .b = { 0xff, 2, [15] = 1 } };
	struct frame *f = p->f;
	struct nd_message m;
	struct ip_addr target;
	uint64_t d[2];
	bool has_mac, unknown = ip_is_any(&p->src);
	bool from_us = mac_equal(f->header + 6, st->host->config.mac);

	/* RFC 4861, 7.1: nothing from beyond the link. */
	if (p->ttl != 255 || p->l4_bytes < ND_BYTES - 8)
		return;
	memset(&m, 0, sizeof(m));
	has_mac = p->l4_bytes >= ND_BYTES;
	if (frame_header_set(st->arena, p->ix,
			     f->l4_off + (has_mac ? ND_BYTES : ND_BYTES - 8)))
		return;
	memcpy(&m, f->header + f->l4_off, has_mac ? ND_BYTES : ND_BYTES - 8);
	has_mac = has_mac && m.units == 1 &&
		  m.option == (type == ICMP6_NS ? 1 : 2);
	d[0] = m.target[0];
	d[1] = m.target[1];
	target = ip_from_v6(d);
	/* Another's probe for our address, or his claim to it. */
	if ((type == ICMP6_NA || unknown) && !from_us)
		slaac_claimed(st, &target);
	if (type == ICMP6_NA) {
		if (has_mac && !host_has(st->host, &target))
			neigh_learn(st, &target, m.mac, false);
		return;
	}
	if (!host_has(st->host, &target) || ip_is_loopback(&target))
		return;
	if (has_mac && !unknown && !host_has(st->host, &p->src))
		neigh_learn(st, &p->src, m.mac, true);
	/* Override; solicited, unless the asker has no address yet. */
	nd_send(st, ICMP6_NA, &target, unknown ? &all : &p->src, &target,
		unknown ? 0x20000000u : 0x60000000u);
}

static void error_input(struct stack *st, struct packet *p,
			const struct icmp_header *i)
{
	uint8_t quote[QUOTE_MAX];
	const struct ipv6_header *h = (const struct ipv6_header *)quote;
	uint32_t bytes = min_u32(p->f->payload, QUOTE_MAX), mtu = 0;
	struct ip_addr local, peer;
	uint64_t src[2], dst[2];
	bool hard = false;
	int err = EHOSTUNREACH;

	if (bytes < IPV6_BYTES + 8)
		return;
	frame_copy_out(st->arena, p->f, 0, quote, bytes);
	src[0] = h->src[0];
	src[1] = h->src[1];
	dst[0] = h->dst[0];
	dst[1] = h->dst[1];
	local = ip_from_v6(src);
	peer = ip_from_v6(dst);
	if (!host_has(st->host, &local) ||
	    (h->next != IP_TCP && h->next != IP_UDP &&
	     h->next != STACK_UDPLITE && h->next != IP_ICMPV6))
		return;
	switch (i->type) {
	case ICMP6_TOO_BIG:
		mtu = max_u32(be32(i->rest), IPV6_MIN_MTU);
		err = EMSGSIZE;
		break;
	case ICMP6_UNREACHABLE:
		hard = i->code == ICMP6_UNREACH_PORT ||
		       i->code == ICMP6_UNREACH_ADMIN;
		err = i->code == ICMP6_UNREACH_PORT    ? ECONNREFUSED
		      : i->code == ICMP6_UNREACH_ADMIN ? EACCES
		      : i->code == ICMP6_UNREACH_ROUTE ? ENETUNREACH
						       : EHOSTUNREACH;
		break;
	case ICMP6_PARAMETER:
		hard = true;
		err = EPROTO;
		break;
	default:
		break;
	}
	icmp_news(st, p, h->next, IP_ICMPV6, &local, &peer, quote + IPV6_BYTES,
		  err, hard, mtu);
}

void icmp6_input(struct stack *st, struct packet *p)
{
	struct icmp_header i;

	if (!icmp_take(st, p, &i))
		goto out;
	switch (i.type) {
	case ICMP6_ECHO:
		if (icmp_echo(st, p, ICMP6_ECHO_REPLY))
			send(st, p->ix, &p->dst, &p->src, 64);
		return;
	case ICMP6_MLD_QUERY:
		mld_input(st, p);
		break;
	case ICMP6_RA:
		slaac_advertised(st, p);
		break;
	case ICMP6_ECHO_REPLY:
		count(st, Icmp_InEchoReps);
		if (ping_input(st, p))
			return;
		break;
	case ICMP6_NS:
	case ICMP6_NA:
		nd_input(st, p, i.type);
		break;
	case ICMP6_UNREACHABLE:
	case ICMP6_TOO_BIG:
		count(st, Icmp_InDestUnreachs);
		error_input(st, p, &i);
		break;
	case ICMP6_TIME_EXCEEDED:
		count(st, Icmp_InTimeExcds);
		error_input(st, p, &i);
		break;
	case ICMP6_PARAMETER:
		count(st, Icmp_InParmProbs);
		error_input(st, p, &i);
		break;
	default:
		break;
	}
out:
	frame_free(st->arena, p->ix);
}

void icmp6_unreachable(struct stack *st, const struct packet *p, uint8_t code)
{
	bool header = code == UINT8_MAX; /* an unknown next header */
	frame_ix ix;
	struct icmp_header *i = icmp_error(st, p, &ix);

	if (!i)
		return;
	i->type = header ? ICMP6_PARAMETER : ICMP6_UNREACHABLE;
	i->code = header ? 1 : code;
	/* Where the next header is named: for us, always in the IPv6 header. */
	i->rest = header ? be32(6) : 0;
	send(st, ix, &p->dst, &p->src, 64);
}
