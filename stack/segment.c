/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See segment.h. Each piece has the super-frame's headers with its own lengths,
 * identification (counted up, as hardware does), sequence number and flags: CWR
 * in the first only, FIN and PSH in the last only.
 */
#include "stack/segment.h"
#include "base/mem.h"
#include "stack/csum.h"
#include "stack/shape.h"
#include "stack/wire.h"

#include <errno.h>
#include <string.h>

#define HEADER_USUAL 72 /* Ethernet, IPv4, TCP, timestamps; in words */

/* What is the same in every piece. */
struct plan {
	bool v4;
	uint8_t proto;
	uint32_t l4_header;
	uint32_t seq;
	uint16_t id;
	/* Sums of what the checksums cover, without lengths, identification
	 * and the checksums themselves. */
	uint64_t ip_sum, pseudo_sum;
};

/* The headers are where and what the frame says? */
static bool understand(const struct frame *f, struct plan *p)
{
	uint32_t l3 = f->l3_off, l4 = f->l4_off, ip;

	if (f->header_bytes > FRAME_HEADER_ROOM || l3 < ETH_BYTES ||
	    l4 < l3 + IPV4_BYTES || l4 + UDP_BYTES > f->header_bytes)
		return false;
	p->v4 = f->header[l3] >> 4 == 4;
	ip = p->v4 ? IPV4_BYTES : IPV6_BYTES;
	if (l4 < l3 + ip)
		return false;
	p->proto = f->header[l3 + (p->v4 ? 9 : 6)];
	if (f->gso_type == FRAME_GSO_UDP) {
		p->proto = IP_UDP;
		p->l4_header = UDP_BYTES;
	} else if (f->gso_type) {
		p->proto = IP_TCP;
		if (l4 + TCP_BYTES > f->header_bytes)
			return false;
		p->l4_header = (f->header[l4 + 12] >> 4) * 4u;
	} else {
		return true;
	}
	return l4 + p->l4_header == f->header_bytes;
}

static void prepare(const struct frame *f, struct plan *p)
{
	const uint8_t *ip = f->header + f->l3_off;
	struct ip_addr src, dst;

	if (p->v4) {
		const struct ipv4_header *h = (const struct ipv4_header *)ip;
		uint32_t ihl = (uint32_t)(f->l4_off - f->l3_off);

		src = ip_from_v4(h->src);
		dst = ip_from_v4(h->dst);
		p->id = be16(h->id);
		/* To take a word away is to add its complement (RFC 1624). */
		p->ip_sum = csum_add(0, h, ihl) + (uint16_t)~h->total +
			    (uint16_t)~h->id + (uint16_t)~h->csum;
	} else {
		memcpy(&src, ip + 8, 16);
		memcpy(&dst, ip + 24, 16);
	}
	p->pseudo_sum = csum_pseudo(&src, &dst, p->proto, 0);
	if (p->proto == IP_TCP)
		p->seq = be32(
			((const struct tcp_header *)(f->header + f->l4_off))
				->seq);
}

/* Headers of the @i-th piece, which begins at @off. */
static inline void rewrite(struct frame *f, const struct plan *p, uint32_t i,
			   uint32_t off, bool last)
{
	uint8_t *ip = f->header + f->l3_off, *l4 = f->header + f->l4_off;
	uint32_t l4_bytes = p->l4_header + f->payload;
	uint16_t l4_csum = csum_fold(p->pseudo_sum + be16((uint16_t)l4_bytes));

	if (likely(p->v4)) {
		struct ipv4_header *h = (struct ipv4_header *)ip;
		uint32_t ihl = (uint32_t)(f->l4_off - f->l3_off);

		h->total = be16((uint16_t)(ihl + l4_bytes));
		h->id = be16((uint16_t)(p->id + i));
		h->csum = (uint16_t)~csum_fold(p->ip_sum + h->total + h->id);
	} else {
		uint32_t ext = (uint32_t)(f->l4_off - f->l3_off) - IPV6_BYTES;

		put16(ip + 4, (uint16_t)(ext + l4_bytes));
	}
	if (likely(p->proto == IP_TCP)) {
		struct tcp_header *t = (struct tcp_header *)l4;
		uint8_t flags = t->flags;

		t->seq = be32(p->seq + off);
		t->csum = l4_csum;
		if (i)
			flags &= (uint8_t)~TCP_CWR;
		if (!last)
			flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
		if (unlikely(flags & TCP_URG)) {
			/* The mark lies in this piece, behind it, or was before
			 * it. */
			if (be16(t->urgent) > off)
				t->urgent =
					be16((uint16_t)(be16(t->urgent) - off));
			else
				flags &= (uint8_t)~TCP_URG;
		}
		t->flags = flags;
	} else {
		put16(l4 + 4, (uint16_t)l4_bytes);
		((struct wire16 *)(l4 + csum_field(p->proto)))->v = l4_csum;
	}
	f->flags |= FRAME_NEEDS_CSUM;
}

/* A piece of @f without its payload; 0: no memory. */
static inline frame_ix piece_of(struct arena *a, const struct frame *f)
{
	frame_ix ix = frame_alloc(a);
	struct frame *g = frame_at(a, ix);

	if (unlikely(!ix))
		return 0;
	/* As much as most have without asking how much it is. */
	for (uint32_t i = 0; i < HEADER_USUAL; i += 8)
		((struct mem_word *)(g->header + i))->v =
			((const struct mem_word *)(f->header + i))->v;
	if (unlikely(f->header_bytes > HEADER_USUAL))
		mem_copy(g->header + HEADER_USUAL, f->header + HEADER_USUAL,
			 f->header_bytes - HEADER_USUAL);
	g->header_bytes = f->header_bytes;
	g->l3_off = f->l3_off;
	g->l4_off = f->l4_off;
	g->tx_vif = f->tx_vif;
	g->pace = f->pace;
	g->rx_vif = f->rx_vif;
	return ix;
}

static apart int cut(struct arena *a, frame_ix ix, bool csum,
		     struct frame_list *list)
{
	struct frame *f = frame_at(a, ix);
	struct frame_list made = { 0, 0 };
	struct frame_place at = { 0, 0 };
	uint32_t off = 0, n = 0;
	struct plan p = { 0 };

	if (!f->gso_bytes || !understand(f, &p)) {
		frame_free(a, ix);
		return -EINVAL;
	}
	prepare(f, &p);
	while (off < f->payload) {
		uint32_t bytes = min_u32(f->gso_bytes, f->payload - off);
		frame_ix piece = piece_of(a, f);
		struct frame *g = frame_at(a, piece);

		if (unlikely(!piece ||
			     frame_refer_next(a, piece, f, &at, bytes))) {
			frame_free(a, piece);
			frame_list_free(a, &made);
			frame_free(a, ix);
			return -ENOBUFS;
		}
		g->flags |= f->flags & FRAME_CSUM_OK;
		rewrite(g, &p, n, off, off + bytes == f->payload);
		if (csum)
			csum_close(a, g, p.proto);
		frame_list_add(a, &made, piece);
		off += bytes;
		n++;
	}
	frame_list_join(a, list, &made);
	frame_free(a, ix);
	return (int)n;
}

/* The checksum of a frame that needs no cutting. */
static apart int complete(struct arena *a, frame_ix ix, struct frame_list *list)
{
	struct frame *f = frame_at(a, ix);
	struct plan p;

	if (!understand(f, &p)) {
		frame_free(a, ix);
		return -EINVAL;
	}
	csum_close(a, f, p.proto);
	frame_list_add(a, list, ix);
	return 1;
}

int frame_segment(struct arena *a, frame_ix ix, bool csum,
		  struct frame_list *list)
{
	struct frame *f = frame_at(a, ix);

	if (f->gso_type && f->payload > f->gso_bytes)
		return cut(a, ix, csum, list);
	f->gso_type = FRAME_GSO_NONE;
	f->gso_bytes = 0;
	if (csum && (f->flags & FRAME_NEEDS_CSUM))
		return complete(a, ix, list);
	frame_list_add(a, list, ix);
	return 1;
}
