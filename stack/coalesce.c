/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See segment.h: what frame_segment() cut becomes whole again. Headers may
 * differ in what counts up (length, identification, sequence number, checksums)
 * and in PSH, which ends a super-frame; whatever else differs tells the
 * receiver something, and so stays a frame of its own.
 */
#include "stack/segment.h"
#include "stack/csum.h"
#include "stack/wire.h"
#include "base/mem.h"

#include <string.h>

#define PAYLOAD_MAX (65535u - IPV6_BYTES - TCP_BYTES_MAX)

struct shape {
	uint32_t l4; /* where the TCP header begins; 0: not to be coalesced */
	uint32_t seq;
	bool v4;
};

static inline uint64_t word(const uint8_t *p)
{
	return ((const struct mem_word *)p)->v;
}

/* A data segment like any other, its payload in chunks, its checksum right. */
static struct shape shape_of(const struct frame *f)
{
	const uint8_t *ip = f->header + ETH_BYTES;
	const struct tcp_header *t;
	struct shape s = { 0 };
	uint32_t l4, bytes;

	/* What is counted as under way is given back frame by frame. */
	if (f->held || !(f->flags & FRAME_REFS) ||
	    !(f->flags & (FRAME_CSUM_OK | FRAME_NEEDS_CSUM)) || !f->payload ||
	    f->header_bytes < ETH_BYTES + IPV4_BYTES + TCP_BYTES)
		return s;
	switch (get16(f->header + 12)) {
	case ETH_IPV4:
		l4 = ETH_BYTES + IPV4_BYTES;
		bytes = get16(ip + 2);
		/* No options, not a fragment. */
		if (ip[0] != 0x45 || ip[9] != IP_TCP ||
		    (get16(ip + 6) & (uint16_t)~IPV4_DF))
			return s;
		s.v4 = true;
		break;
	case ETH_IPV6:
		l4 = ETH_BYTES + IPV6_BYTES;
		bytes = get16(ip + 4) + IPV6_BYTES;
		if (ip[6] != IP_TCP || f->header_bytes < l4 + TCP_BYTES)
			return s;
		break;
	default:
		return s;
	}
	t = (const struct tcp_header *)(f->header + l4);
	/* The header ends where the payload begins, and no padding follows. */
	if ((t->flags & (uint8_t)~TCP_PSH) != TCP_ACK ||
	    l4 + (t->off >> 4) * 4u != f->header_bytes ||
	    bytes + ETH_BYTES != f->header_bytes + f->payload)
		return s;
	s.l4 = l4;
	s.seq = be32(t->seq);
	return s;
}

/* Do the headers agree in all that must? */
static bool alike(const struct frame *f, const struct frame *g,
		  const struct shape *s)
{
	const uint8_t *a = f->header, *b = g->header;
	const uint8_t *x = a + s->l4, *y = b + s->l4;

	if (f->header_bytes != g->header_bytes || f->tx_vif != g->tx_vif ||
	    word(a) != word(b) || word(a + 6) != word(b + 6))
		return false;
	a += ETH_BYTES;
	b += ETH_BYTES;
	if (s->v4 ? a[1] != b[1] || a[8] != b[8] ||
			    get16(a + 6) != get16(b + 6) ||
			    word(a + 12) != word(b + 12)
		  : get32(a) != get32(b) || a[7] != b[7] ||
			    memcmp(a + 8, b + 8, 32))
		return false;
	/* Ports, acknowledgement, window; the first must not be pushed. */
	if (get32(x) != get32(y) || get32(x + 8) != get32(y + 8) ||
	    get16(x + 14) != get16(y + 14) || (x[13] & TCP_PSH))
		return false;
	return !memcmp(x + TCP_BYTES, y + TCP_BYTES,
		       f->header_bytes - s->l4 - TCP_BYTES);
}

/* How many of @g's pieces join without being one more: its first may go on
 * where
 * @f's last ends. */
static bool goes_on(const struct frame *f, const struct frame *g)
{
	const struct frame_ref *r = &f->ref[f->refs - 1];

	return r->chunk == g->ref[0].chunk &&
	       r->off + r->bytes == g->ref[0].off;
}

/* The payload of @g, which follows @f's, becomes part of it; frees @g. */
static bool join(struct arena *a, struct frame *f, frame_ix ix)
{
	struct frame *g = frame_at(a, ix);
	uint32_t one = goes_on(f, g);

	if (f->refs + g->refs - one > FRAME_REFS_MAX)
		return false;
	if (one) {
		f->ref[f->refs - 1].bytes =
			(uint16_t)(f->ref[f->refs - 1].bytes + g->ref[0].bytes);
		chunk_put(a, g->ref[0].chunk);
	}
	for (uint32_t i = one; i < g->refs; i++)
		f->ref[f->refs++] = g->ref[i];
	f->payload += g->payload;
	/* Its references are ours now. */
	g->refs = 0;
	g->flags = 0;
	frame_free(a, ix);
	return true;
}

/* A super-frame's own lengths and checksums. */
static void finish(struct frame *f, const struct shape *s, uint32_t segment)
{
	struct tcp_header *t = (struct tcp_header *)(f->header + s->l4);
	uint32_t l4_bytes = f->header_bytes - s->l4 + f->payload;
	uint8_t *ip = f->header + ETH_BYTES;
	struct ip_addr src, dst;

	if (s->v4) {
		struct ipv4_header *h = (struct ipv4_header *)ip;

		h->total = be16((uint16_t)(IPV4_BYTES + l4_bytes));
		h->csum = 0;
		h->csum = (uint16_t)~csum_fold(csum_add(0, h, IPV4_BYTES));
		src = ip_from_v4(h->src);
		dst = ip_from_v4(h->dst);
	} else {
		put16(ip + 4, (uint16_t)l4_bytes);
		memcpy(&src, ip + 8, 16);
		memcpy(&dst, ip + 24, 16);
	}
	t->csum = csum_fold(csum_pseudo(&src, &dst, IP_TCP, l4_bytes));
	f->flags |= FRAME_NEEDS_CSUM | FRAME_CSUM_OK;
	f->gso_type = s->v4 ? FRAME_GSO_TCPV4 : FRAME_GSO_TCPV6;
	f->gso_bytes = (uint16_t)segment;
}

void frame_coalesce(struct arena *a, struct frame_list *list)
{
	struct frame_list in = *list;
	struct frame *f = NULL; /* being grown, the last of @list */
	uint32_t segment = 0;
	struct shape s = { 0 };
	frame_ix ix;

	*list = (struct frame_list){ 0, 0 };
	while ((ix = frame_list_pop(a, &in))) {
		struct frame *g = frame_at(a, ix);
		struct shape n = { 0 };

		if (!g->gso_type)
			n = shape_of(g);
		if (f && n.l4 == s.l4 && n.v4 == s.v4 &&
		    n.seq == s.seq + f->payload && g->payload <= segment &&
		    f->payload % segment == 0 &&
		    f->payload + g->payload <= PAYLOAD_MAX && alike(f, g, &s)) {
			uint8_t push = g->header[s.l4 + 13] & TCP_PSH;

			if (join(a, f, ix)) {
				f->header[s.l4 + 13] |= push;
				continue;
			}
		}
		if (f && f->payload > segment)
			finish(f, &s, segment);
		frame_list_add(a, list, ix);
		f = n.l4 ? g : NULL;
		segment = g->payload;
		s = n;
	}
	if (f && f->payload > segment)
		finish(f, &s, segment);
}
