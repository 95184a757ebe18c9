/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP for IPv4, RFC 792 and 1122: echo answered, errors sent and understood.
 *
 * An error quotes the header that provoked it and eight bytes or more behind;
 * from these the connection is found. What is quoted was sent by us, so source
 * is local.
 */
#include "stack/stack_internal.h"
#include "stack/csum.h"
#include "stack/shape.h"

#include <errno.h>

#define ICMP_ERRORS_PER_SECOND 1000
#define QUOTE_MAX	       128u

bool icmp_allowed(struct stack *st)
{
	struct stack_host *h = st->host;

	host_limits_begin(st);
	if (h->icmp_errors >= ICMP_ERRORS_PER_SECOND) {
		count(st, Icmp_OutRateLimitGlobal);
		return false;
	}
	h->icmp_errors++;
	return true;
}

/* Sends an ICMP message whose L4 header and payload are in place; consumes @ix.
 */
static void send(struct stack *st, frame_ix ix, const struct ip_addr *src,
		 const struct ip_addr *dst, uint8_t tos)
{
	struct frame *f = frame_at(st->arena, ix);
	struct icmp_header *i = (struct icmp_header *)(f->header + f->l4_off);
	struct ip_out o = {
		.src = src, .dst = dst, .proto = IP_ICMP, .ttl = 64, .tos = tos
	};

	if (i->type == ICMP_ECHO_REPLY)
		count(st, Icmp_OutEchoReps);
	else if (i->type == ICMP_UNREACHABLE)
		count(st, Icmp_OutDestUnreachs);
	i->csum = 0;
	i->csum = (uint16_t)~csum_fold(csum_frame(st->arena, f, f->l4_off));
	f->flags = (uint8_t)((f->flags & FRAME_REFS) | FRAME_CSUM_OK);
	count(st, Icmp_OutMsgs);
	ip_output(st, ix, &o);
}

bool icmp_echo(struct stack *st, struct packet *p, uint8_t reply)
{
	struct frame *f = p->f;
	struct icmp_header i =
		*(const struct icmp_header *)(f->header + f->l4_off);

	count(st, Icmp_InEchos);
	if (!p->unicast) {
		frame_free(st->arena, p->ix);
		return false;
	}
	i.type = reply;
	f->gso_type = FRAME_GSO_NONE;
	l4_prepare(f, p->v4, ICMP_BYTES);
	*(struct icmp_header *)(f->header + f->l4_off) = i;
	f->tx_vif = st->host->config.vif;
	return true;
}

/* Linux's table of what an unreachable code means: icmp(7). */
static int unreach_errno(uint8_t code, bool *hard)
{
	static const uint8_t table[16] = {
		ENETUNREACH,  EHOSTUNREACH, ENOPROTOOPT,  ECONNREFUSED,
		EMSGSIZE,     EOPNOTSUPP,   ENETUNREACH,  EHOSTDOWN,
		ENONET,	      ENETUNREACH,  EHOSTUNREACH, ENETUNREACH,
		EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH,
	};

	*hard = code == 2 || code == 3 || code == 5 || code == 8 ||
		(code >= 9 && code <= 15 && code != 11 && code != 12);
	return code < 16 ? table[code] : EHOSTUNREACH;
}

void icmp_news(struct stack *st, const struct packet *p, uint8_t proto,
	       uint8_t echo, const struct ip_addr *local,
	       const struct ip_addr *peer, const uint8_t *l4, int err,
	       bool hard, uint32_t mtu)
{
	if (proto == echo) /* a request: its id is the port */
		conn_icmp(st, proto, local, get16(l4 + 4), peer, PING_PORT, 0,
			  err, hard, mtu, p->ix);
	else
		conn_icmp(st, proto, local, get16(l4), peer, get16(l4 + 2),
			  get32(l4 + 4), err, hard, mtu, p->ix);
}

/* @p holds an error: who of ours is it about? */
static void error_input(struct stack *st, struct packet *p,
			const struct icmp_header *i)
{
	uint8_t quote[QUOTE_MAX];
	const struct ipv4_header *h = (const struct ipv4_header *)quote;
	uint32_t bytes = min_u32(p->f->payload, QUOTE_MAX), ihl;
	struct ip_addr local, peer;
	uint32_t mtu = 0;
	bool hard = false;
	int err;

	if (bytes < IPV4_BYTES + 8)
		return;
	frame_copy_out(st->arena, p->f, 0, quote, bytes);
	ihl = (h->ver_ihl & 15u) * 4;
	if (h->ver_ihl >> 4 != 4 || ihl < IPV4_BYTES || ihl + 8 > bytes)
		return;
	local = ip_from_v4(h->src);
	peer = ip_from_v4(h->dst);
	if (!host_has(st->host, &local) ||
	    (h->proto != IP_TCP && h->proto != IP_UDP &&
	     h->proto != STACK_UDPLITE && h->proto != IP_ICMP))
		return;
	if (i->type == ICMP_UNREACHABLE && i->code == ICMP_UNREACH_FRAG) {
		/* RFC 1191; what claims less than any IPv4 link is not heeded.
		 */
		mtu = be32(i->rest) & 0xffff;
		if (mtu < 552)
			mtu = 552;
		err = EMSGSIZE;
	} else if (i->type == ICMP_UNREACHABLE) {
		err = unreach_errno(i->code, &hard);
	} else {
		err = i->type == ICMP_PARAMETER ? EPROTO : EHOSTUNREACH;
		hard = i->type == ICMP_PARAMETER;
	}
	icmp_news(st, p, h->proto, IP_ICMP, &local, &peer, quote + ihl, err,
		  hard, mtu);
}

bool icmp_take(struct stack *st, struct packet *p, struct icmp_header *i)
{
	count(st, Icmp_InMsgs);
	if (p->l4_bytes < ICMP_BYTES ||
	    frame_header_set(st->arena, p->ix, p->f->l4_off + ICMP_BYTES)) {
		count(st, Icmp_InErrors);
		return false;
	}
	if (!l4_csum_ok(st, p)) {
		count(st, Icmp_InCsumErrors);
		count(st, Icmp_InErrors);
		return false;
	}
	*i = *(const struct icmp_header *)(p->f->header + p->f->l4_off);
	return true;
}

void icmp_input(struct stack *st, struct packet *p)
{
	struct icmp_header i;

	if (!icmp_take(st, p, &i))
		goto out;
	switch (i.type) {
	case ICMP_ECHO:
		if (icmp_echo(st, p, ICMP_ECHO_REPLY))
			send(st, p->ix, &p->dst, &p->src, p->tos);
		return;
	case ICMP_ECHO_REPLY:
		count(st, Icmp_InEchoReps);
		if (ping_input(st, p))
			return;
		break;
	case ICMP_UNREACHABLE:
		count(st, Icmp_InDestUnreachs);
		error_input(st, p, &i);
		break;
	case ICMP_TIME_EXCEEDED:
		count(st, Icmp_InTimeExcds);
		error_input(st, p, &i);
		break;
	case ICMP_PARAMETER:
		count(st, Icmp_InParmProbs);
		error_input(st, p, &i);
		break;
	default:
		break;
	}
out:
	frame_free(st->arena, p->ix);
}

/* As much of the offending packet as an error may quote: RFC 1812, RFC 4443. */
static void quote_packet(struct stack *st, const struct packet *p, frame_ix ix)
{
	const uint32_t max = FRAME_INLINE_MAX;
	const struct frame *f = p->f;
	uint8_t bytes[FRAME_INLINE_MAX];
	uint32_t header = min_u32(f->header_bytes - f->l3_off, max);
	uint32_t rest = min_u32(f->payload, max - header);

	memcpy(bytes, f->header + f->l3_off, header);
	frame_copy_out(st->arena, f, 0, bytes + header, rest);
	frame_fill(st->arena, ix, bytes, header + rest);
}

struct icmp_header *icmp_error(struct stack *st, const struct packet *p,
			       frame_ix *ix)
{
	struct frame *f;

	*ix = l4_frame(st, p->v4, ICMP_BYTES);
	if (!*ix)
		return NULL;
	quote_packet(st, p, *ix);
	f = frame_at(st->arena, *ix);
	return (struct icmp_header *)(f->header + f->l4_off);
}

static void unreachable4(struct stack *st, const struct packet *p, uint8_t code)
{
	frame_ix ix;
	struct icmp_header *i = icmp_error(st, p, &ix);

	if (!i)
		return;
	i->type = ICMP_UNREACHABLE;
	i->code = code;
	i->rest = 0;
	send(st, ix, &p->dst, &p->src, 0xc0);
}

void icmp_unreachable(struct stack *st, const struct packet *p, uint8_t code4,
		      uint8_t code6)
{
	if (!p->unicast || ip_is_any(&p->src) || ip_is_multicast(&p->src) ||
	    !icmp_allowed(st))
		return;
	if (p->v4)
		unreachable4(st, p, code4);
	else
		icmp6_unreachable(st, p, code6);
}
