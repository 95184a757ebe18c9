/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPv6, RFC 8200.
 *
 * In: extension headers are skipped, at most a handful and only as far as
 * header[] reaches; a routing header with segments left is refused (RFC 5095);
 * fragments go to reass.c. Out: no extension headers but the fragment header,
 * where a datagram is larger than the path.
 */
#include "stack/stack_internal.h"
#include "stack/csum.h"
#include "stack/group.h"
#include "stack/shape.h"

#include <errno.h>

#define EXTENSIONS_MAX 8

static bool accept(struct stack *st, struct packet *p)
{
	const struct stack_host *h = st->host;
	const struct eth_header *e = (const struct eth_header *)p->f->header;
	bool loop = ip_is_loopback(&p->dst) || ip_is_loopback(&p->src);

	if (ip_is_v4(&p->src) || ip_is_v4(&p->dst))
		return false;
	if (ip_is_multicast(&p->src))
		return false;
	if (ip_is_multicast(&p->dst) && group_heard(h, &p->dst))
		p->unicast = false;
	else if (host_has(h, &p->dst))
		p->unicast = !(e->dst[0] & 1);
	else
		return false;
	return !loop || mac_equal(e->src, h->config.mac);
}

/* header[] reaches @bytes, or not. */
static bool reach(struct stack *st, const struct packet *p, uint32_t bytes)
{
	return p->f->header_bytes >= bytes ||
	       !frame_header_set(st->arena, p->ix, bytes);
}

/*
 * Skips extension headers. 1: p->proto and l4_off are set; 0: the frame was
 * consumed by reassembly; -EINVAL.
 */
static int skip_extensions(struct stack *st, struct packet *p)
{
	for (uint32_t i = 0; i < EXTENSIONS_MAX; i++) {
		uint32_t off = p->f->l4_off, bytes;
		const uint8_t *x = p->f->header + off;

		switch (p->proto) {
		case IP6_HOP:
		case IP6_DEST:
		case IP6_ROUTING:
			if (p->l4_bytes < 8 || !reach(st, p, off + 8))
				return -EINVAL;
			if (p->proto == IP6_ROUTING && x[3])
				return -EINVAL;
			bytes = (x[1] + 1u) * 8;
			break;
		case IP6_FRAG:
			if (p->l4_bytes < 8 || !reach(st, p, off + 8))
				return -EINVAL;
			bytes = 8;
			break;
		default:
			return 1;
		}
		if (bytes > p->l4_bytes || !reach(st, p, off + bytes))
			return -EINVAL;
		p->f->l4_off = (uint8_t)(off + bytes);
		p->l4_bytes -= bytes;
		if (p->proto == IP6_FRAG) {
			uint16_t frag = get16(x + 2);
			uint32_t id = get32(x + 4);

			p->proto = x[0];
			if ((frag & ~6u) &&
			    !reass_input(st, p, id, frag & ~7u, frag & 1))
				return 0;
		} else {
			p->proto = x[0];
		}
	}
	return -EINVAL;
}

void ipv6_input(struct stack *st, frame_ix ix)
{
	struct frame *f = frame_at(st->arena, ix);
	uint32_t have = f->header_bytes + f->payload - ETH_BYTES;
	const struct ipv6_header *h =
		(const struct ipv6_header *)(f->header + ETH_BYTES);
	uint64_t src[2], dst[2];
	uint32_t total;
	struct packet p;
	int n;

	count(st, Ip_InReceives);
	if (f->header_bytes < ETH_BYTES + IPV6_BYTES &&
	    frame_header_set(st->arena, ix, ETH_BYTES + IPV6_BYTES))
		goto bad;
	total = IPV6_BYTES + be16(h->payload);
	if (be32(h->ver_class_flow) >> 28 != 6 || total > have)
		goto bad;
	if (total < have)
		ip_trim(st, ix, total);
	f->l4_off = ETH_BYTES + IPV6_BYTES;
	src[0] = h->src[0];
	src[1] = h->src[1];
	dst[0] = h->dst[0];
	dst[1] = h->dst[1];
	p.ix = ix;
	p.f = f;
	p.src = ip_from_v6(src);
	p.dst = ip_from_v6(dst);
	p.l4_bytes = total - IPV6_BYTES;
	p.proto = h->next;
	p.ttl = h->hops;
	p.tos = (uint8_t)(be32(h->ver_class_flow) >> 20);
	p.v4 = false;
	if (!accept(st, &p)) {
		count(st, Ip_InAddrErrors);
		frame_free(st->arena, ix);
		return;
	}
	n = skip_extensions(st, &p);
	if (n > 0)
		ip_deliver(st, &p);
	if (n >= 0)
		return;
bad:
	count(st, Ip_InHdrErrors);
	frame_free(st->arena, ix);
}

void ipv6_write(struct frame *f, const struct ip_out *o, uint8_t next,
		uint32_t payload)
{
	struct eth_header *e = (struct eth_header *)f->header;
	struct ipv6_header *h = (struct ipv6_header *)(f->header + ETH_BYTES);

	e->type = be16(ETH_IPV6);
	h->ver_class_flow = be32(0x60000000u | (uint32_t)o->tos << 20);
	h->payload = be16((uint16_t)payload);
	h->next = next;
	h->hops = o->ttl;
	h->src[0] = o->src->d[0];
	h->src[1] = o->src->d[1];
	h->dst[0] = o->dst->d[0];
	h->dst[1] = o->dst->d[1];
}

static void write_piece(const struct ip_out *o, const struct ip_piece *p)
{
	struct frame *f = p->frame;
	struct ipv6_frag_header *x =
		(struct ipv6_frag_header *)(f->header + f->l4_off);

	x->next = o->proto;
	x->reserved = 0;
	x->frag = be16((uint16_t)(p->off | p->more));
	x->id = be32(p->id);
	ipv6_write(f, o, IP6_FRAG, p->bytes + (uint32_t)sizeof(*x));
}

static int fragment(struct stack *st, frame_ix ix, const struct ip_out *o,
		    struct path *path)
{
	const uint32_t header = sizeof(struct ipv6_frag_header);
	uint32_t room =
		(path_mtu(st, path, o->dst) - IPV6_BYTES - header) & ~7u;
	uint32_t id =
		st->host->ip6_frag_id++ ^ (uint32_t)st->host->config.secret[0];

	return ip_fragment(st, ix, o, path, header, room, id, write_piece);
}

int ipv6_output(struct stack *st, frame_ix ix, const struct ip_out *o,
		struct path *p)
{
	struct frame *f = frame_at(st->arena, ix);
	uint32_t l4 = f->header_bytes - f->l4_off + f->payload;

	if (l4 > 65535)
		goto too_long;
	if (IPV6_BYTES + l4 > path_mtu(st, p, o->dst) && !f->gso_type) {
		if (o->df)
			goto too_long;
		return fragment(st, ix, o, p);
	}
	ipv6_write(f, o, o->proto, l4);
	path_send(st, p, ix);
	return 0;
too_long:
	count(st, Ip_FragFails);
	frame_free(st->arena, ix);
	return -EMSGSIZE;
}
