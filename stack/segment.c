/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See segment.h. Each piece has the super-frame's headers with its own lengths,
 * identification (counted up, as hardware does), sequence number and flags: CWR
 * in the first only, FIN and PSH in the last only.
 */
#include "stack/segment.h"
#include "stack/csum.h"
#include "stack/shape.h"
#include "stack/wire.h"

#include <errno.h>
#include <string.h>

struct plan {
	bool v4;
	uint8_t proto;
	uint32_t l4_header;
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

/* Addresses as the pseudo header wants them. */
static uint64_t pseudo(const struct frame *f, const struct plan *p,
		       uint32_t l4_bytes)
{
	const uint8_t *ip = f->header + f->l3_off;
	struct ip_addr src, dst;

	if (p->v4) {
		const struct ipv4_header *h = (const struct ipv4_header *)ip;

		src = ip_from_v4(h->src);
		dst = ip_from_v4(h->dst);
	} else {
		memcpy(&src, ip + 8, 16);
		memcpy(&dst, ip + 24, 16);
	}
	return csum_pseudo(&src, &dst, p->proto, l4_bytes);
}

/* Headers of the @i-th piece, which begins at @off. */
static void rewrite(struct arena *a, struct frame *f, const struct plan *p,
		    uint32_t i, uint32_t off, bool last, bool csum)
{
	uint8_t *ip = f->header + f->l3_off, *l4 = f->header + f->l4_off;
	uint32_t l4_bytes = p->l4_header + f->payload;
	uint32_t field = csum_field(p->proto);

	if (p->v4) {
		struct ipv4_header *h = (struct ipv4_header *)ip;
		uint32_t ihl = (uint32_t)(f->l4_off - f->l3_off);

		h->total = be16((uint16_t)(ihl + l4_bytes));
		h->id = be16((uint16_t)(be16(h->id) + i));
		h->csum = 0;
		h->csum = (uint16_t)~csum_fold(csum_add(0, h, ihl));
	} else {
		uint32_t ext = (uint32_t)(f->l4_off - f->l3_off) - IPV6_BYTES;

		put16(ip + 4, (uint16_t)(ext + l4_bytes));
	}
	if (p->proto == IP_TCP) {
		struct tcp_header *t = (struct tcp_header *)l4;

		t->seq = be32(be32(t->seq) + off);
		if (i)
			t->flags &= (uint8_t)~TCP_CWR;
		/* The mark lies in this piece, behind it, or was before it. */
		if ((t->flags & TCP_URG) && be16(t->urgent) > off)
			t->urgent = be16((uint16_t)(be16(t->urgent) - off));
		else
			t->flags &= (uint8_t)~TCP_URG;
		if (!last)
			t->flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	} else {
		put16(l4 + 4, (uint16_t)l4_bytes);
	}
	((struct wire16 *)(l4 + field))->v = csum_fold(pseudo(f, p, l4_bytes));
	f->flags |= FRAME_NEEDS_CSUM;
	if (csum)
		csum_close(a, f, p->proto);
}

int frame_segment(struct arena *a, frame_ix ix, bool csum,
		  struct frame_list *list)
{
	struct frame *f = frame_at(a, ix);
	struct frame_list made = { 0, 0 };
	uint32_t off = 0, n = 0;
	struct plan p;

	if (!f->gso_type || f->payload <= f->gso_bytes) {
		if (csum && (f->flags & FRAME_NEEDS_CSUM)) {
			f->gso_type = FRAME_GSO_NONE;
			if (!understand(f, &p))
				goto bad;
			csum_close(a, f, p.proto);
		}
		f->gso_type = FRAME_GSO_NONE;
		f->gso_bytes = 0;
		frame_list_add(a, list, ix);
		return 1;
	}
	if (!f->gso_bytes || !understand(f, &p))
		goto bad;
	while (off < f->payload) {
		uint32_t bytes = min_u32(f->gso_bytes, f->payload - off);
		frame_ix piece = frame_alloc(a);
		struct frame *g;

		if (!piece || frame_refer_from(a, piece, f, off, bytes)) {
			frame_free(a, piece);
			frame_list_free(a, &made);
			frame_free(a, ix);
			return -ENOBUFS;
		}
		g = frame_at(a, piece);
		memcpy(g->header, f->header, f->header_bytes);
		g->header_bytes = f->header_bytes;
		g->l3_off = f->l3_off;
		g->l4_off = f->l4_off;
		g->tx_vif = f->tx_vif;
		g->pace = f->pace;
		g->rx_vif = f->rx_vif;
		g->flags |= f->flags & FRAME_CSUM_OK;
		rewrite(a, g, &p, n, off, off + bytes == f->payload, csum);
		frame_list_add(a, &made, piece);
		off += bytes;
		n++;
	}
	while ((ix = frame_list_pop(a, &made)))
		frame_list_add(a, list, ix);
	frame_free(a,
		   (frame_ix)(((unsigned char *)f - a->frames) / FRAME_BYTES));
	return (int)n;
bad:
	frame_free(a, ix);
	return -EINVAL;
}
