/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPv4, RFC 791 and 1122.
 *
 * In: the length on the wire bounds the length in the header, never the other
 * way; what lies behind the header's total (Ethernet padding) is cut. Options
 * are skipped, source routes refused. Out: no options; larger than the path's
 * MTU means fragments, unless DF.
 */
#include "stack/stack_internal.h"
#include "stack/csum.h"
#include "stack/group.h"
#include "stack/shape.h"

#include <errno.h>

/* A header with options that ask for another route: RFC 7126, section 4.3. */
static bool has_source_route(const uint8_t *opt, uint32_t bytes)
{
	uint32_t i = 0;

	while (i < bytes) {
		uint32_t n;

		if (opt[i] == 0)
			return false;
		if (opt[i] == 1) {
			i++;
			continue;
		}
		if (i + 1 >= bytes)
			return true;
		n = opt[i + 1];
		if (n < 2 || i + n > bytes)
			return true;
		if (opt[i] == 131 || opt[i] == 137)
			return true;
		i += n;
	}
	return false;
}

/* Is the packet for us, and how? */
static bool accept(struct stack *st, struct packet *p)
{
	const struct stack_host *h = st->host;
	const struct eth_header *e = (const struct eth_header *)p->f->header;

	if (likely(ip_equal(&p->dst, &h->config.addr4)))
		p->unicast = !(e->dst[0] & 1);
	else if (ip_is_loopback(&p->dst))
		p->unicast = true;
	else if (ip_is_multicast(&p->dst) ? group_heard(h, &p->dst)
					  : host_is_broadcast(h, &p->dst))
		p->unicast = false;
	else
		return false;
	/* 127/8 exists on this host only; nobody is a group. */
	if (unlikely(p->src.b[12] == 127 || p->dst.b[12] == 127) &&
	    !mac_equal(e->src, h->config.mac))
		return false;
	return !ip_is_multicast(&p->src) && p->src.w[3] != UINT32_MAX;
}

void ipv4_input(struct stack *st, frame_ix ix)
{
	struct frame *f = frame_at(st->arena, ix);
	uint32_t have = f->header_bytes + f->payload - ETH_BYTES;
	const struct ipv4_header *h =
		(const struct ipv4_header *)(f->header + ETH_BYTES);
	uint32_t ihl, total, frag;
	struct packet p;

	count(st, Ip_InReceives);
	if (unlikely(f->header_bytes < ETH_BYTES + IPV4_BYTES) &&
	    frame_header_set(st->arena, ix, ETH_BYTES + IPV4_BYTES))
		goto bad;
	ihl = (h->ver_ihl & 15u) * 4;
	total = be16(h->total);
	if (unlikely(h->ver_ihl >> 4 != 4 || ihl < IPV4_BYTES || total < ihl ||
		     total > have))
		goto bad;
	if (unlikely(f->header_bytes < ETH_BYTES + ihl) &&
	    frame_header_set(st->arena, ix, ETH_BYTES + ihl))
		goto bad;
	if (!(f->flags & FRAME_CSUM_OK) &&
	    csum_fold(csum_add(0, h, ihl)) != 0xffff)
		goto bad;
	if (unlikely(ihl > IPV4_BYTES) &&
	    has_source_route(f->header + ETH_BYTES + IPV4_BYTES,
			     ihl - IPV4_BYTES))
		goto bad;
	if (unlikely(total < have))
		ip_trim(st, ix, total);
	f->l4_off = (uint8_t)(ETH_BYTES + ihl);
	p.ix = ix;
	p.f = f;
	p.src = ip_from_v4(h->src);
	p.dst = ip_from_v4(h->dst);
	p.l4_bytes = total - ihl;
	p.proto = h->proto;
	p.ttl = h->ttl;
	p.tos = h->tos;
	p.v4 = true;
	if (unlikely(!accept(st, &p))) {
		count(st, Ip_InAddrErrors);
		frame_free(st->arena, ix);
		return;
	}
	frag = be16(h->frag);
	if (unlikely(frag & (IPV4_MF | IPV4_OFF)) &&
	    !reass_input(st, &p, be16(h->id), (frag & IPV4_OFF) * 8,
			 frag & IPV4_MF))
		return;
	ip_deliver(st, &p);
	return;
bad:
	count(st, Ip_InHdrErrors);
	frame_free(st->arena, ix);
}

void ipv4_write(struct frame *f, const struct ip_out *o, uint32_t l4_bytes,
		uint16_t id, uint16_t frag)
{
	struct eth_header *e = (struct eth_header *)f->header;
	struct ipv4_header *h = (struct ipv4_header *)(f->header + ETH_BYTES);
	const struct wire32 *w = (const struct wire32 *)h;
	uint64_t sum;

	e->type = be16(ETH_IPV4);
	h->ver_ihl = 0x45;
	h->tos = o->tos;
	h->total = be16((uint16_t)(IPV4_BYTES + l4_bytes));
	h->id = be16(id);
	h->frag = be16(frag);
	h->ttl = o->ttl;
	h->proto = o->proto;
	h->csum = 0;
	h->src = o->src->w[3];
	h->dst = o->dst->w[3];
	/* Five words: once per frame, so not by way of csum_add(). */
	sum = (uint64_t)w[0].v + w[1].v + w[2].v + w[3].v + w[4].v;
	h->csum = (uint16_t)~csum_fold(sum);
}

static void write_piece(const struct ip_out *o, const struct ip_piece *p)
{
	ipv4_write(p->frame, o, p->bytes, (uint16_t)p->id,
		   (uint16_t)(p->off / 8 | (p->more ? IPV4_MF : 0)));
}

static int fragment(struct stack *st, frame_ix ix, const struct ip_out *o,
		    struct path *path)
{
	uint32_t room = (path_mtu(st, path, o->dst) - IPV4_BYTES) & ~7u;

	return ip_fragment(st, ix, o, path, 0, room, st->host->ip_id++,
			   write_piece);
}

int ipv4_output(struct stack *st, frame_ix ix, const struct ip_out *o,
		struct path *p)
{
	struct frame *f = frame_at(st->arena, ix);
	uint32_t l4 = f->header_bytes - f->l4_off + f->payload;

	if (IPV4_BYTES + l4 > 65535)
		goto too_long;
	if (IPV4_BYTES + l4 > path_mtu(st, p, o->dst) && !f->gso_type) {
		if (o->df)
			goto too_long;
		return fragment(st, ix, o, p);
	}
	ipv4_write(f, o, l4, o->df ? 0 : st->host->ip_id++,
		   o->df ? IPV4_DF : 0);
	path_send(st, p, ix);
	return 0;
too_long:
	count(st, Ip_FragFails);
	frame_free(st->arena, ix);
	return -EMSGSIZE;
}
