/* SPDX-License-Identifier: BSD-2-Clause */
/* See gro.h. */
#include "port/gro.h"
#include "stack/csum.h"
#include "stack/wire.h"

#include <string.h>

#define TCP_PLAIN (TCP_ACK | TCP_PSH)

static uint64_t pseudo(const uint8_t *frame, const struct port_headers *h,
		       uint32_t l4_bytes)
{
	const uint8_t *ip = frame + ETH_BYTES;
	struct ip_addr src, dst;

	if (h->v4) {
		src = ip_from_v4(((const struct ipv4_header *)ip)->src);
		dst = ip_from_v4(((const struct ipv4_header *)ip)->dst);
	} else {
		memcpy(&src, ip + 8, 16);
		memcpy(&dst, ip + 24, 16);
	}
	return csum_pseudo(&src, &dst, IP_TCP, l4_bytes);
}

static uint32_t end_of(const struct port_headers *h)
{
	return ETH_BYTES + h->ip_bytes;
}

/* Addresses and ports: equal for one connection, and rarely for two. */
static uint32_t hash_of(const uint8_t *frame, const struct port_headers *h)
{
	const uint8_t *ip = frame + ETH_BYTES;
	uint32_t x = get32(frame + h->l4_off) * 0x9e3779b1u;

	x ^= h->v4 ? get32(ip + 12) + get32(ip + 16) * 31
		   : get32(ip + 20) + get32(ip + 36) * 31;
	return x ^ x >> 15;
}

static bool csum_is_good(const struct virtio_net_hdr *v, const uint8_t *frame,
			 const struct port_headers *h)
{
	uint32_t l4 = end_of(h) - h->l4_off;
	const struct ipv4_header *ip =
		(const struct ipv4_header *)(frame + ETH_BYTES);

	if (h->v4 && csum_fold(csum_add(0, ip, IPV4_BYTES)) != 0xffff)
		return false;
	if (v->flags &
	    (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID))
		return true;
	return csum_fold(csum_add(0, frame + h->l4_off, l4) +
			 pseudo(frame, h, l4)) == 0xffff;
}

/* A data segment with nothing remarkable about it. */
static bool is_plain(const struct virtio_net_hdr *v, const uint8_t *frame,
		     const struct port_headers *h)
{
	const struct tcp_header *t =
		(const struct tcp_header *)(frame + h->l4_off);

	return v->gso_type == VIRTIO_NET_HDR_GSO_NONE && !h->fragment &&
	       h->l4_off == ETH_BYTES + (h->v4 ? IPV4_BYTES : IPV6_BYTES) &&
	       !(t->flags & (uint8_t)~TCP_PLAIN) && (t->flags & TCP_ACK) &&
	       end_of(h) > h->header_bytes;
}

/* Headers alike but for what counts up: lengths, identification, checksums. */
static bool is_alike(const struct frame *f, const uint8_t *frame,
		     const struct port_headers *h)
{
	const uint8_t *x = f->header, *ip = frame + ETH_BYTES;
	const uint8_t *t = frame + h->l4_off, *u = x + h->l4_off;
	const uint8_t *y = x + ETH_BYTES;

	if (f->header_bytes != h->header_bytes || f->l4_off != h->l4_off ||
	    memcmp(x, frame, ETH_BYTES))
		return false;
	if (h->v4 ? (ip[1] != y[1] || get16(ip + 6) != get16(y + 6) ||
		     ip[8] != y[8] || memcmp(ip + 12, y + 12, 8))
		  : (get32(ip) != get32(y) || ip[7] != y[7] ||
		     memcmp(ip + 8, y + 8, 32)))
		return false;
	/* Ports, acknowledgement, window, options. */
	return get32(t) == get32(u) && get32(t + 8) == get32(u + 8) &&
	       get16(t + 14) == get16(u + 14) &&
	       !memcmp(t + TCP_BYTES, u + TCP_BYTES,
		       h->header_bytes - h->l4_off - TCP_BYTES);
}

/* Copies more payload behind that of @f; false: it does not fit. */
static bool append(struct arena *a, frame_ix ix, const uint8_t *src,
		   uint32_t bytes)
{
	struct frame *f = frame_at(a, ix);
	struct frame_ref *r;
	uint32_t n, room;

	if (!(f->flags & FRAME_REFS))
		return false;
	r = &f->ref[f->refs - 1];
	room = CHUNK_BYTES - ((uint32_t)r->off + r->bytes);
	n = min_u32(room, bytes);
	if (bytes > n) {
		chunk_ix k;

		if (f->refs == FRAME_REFS_MAX)
			return false;
		k = chunk_alloc(a);
		if (!k)
			return false;
		memcpy(chunk_bytes(a, k), src + n, bytes - n);
		f->ref[f->refs++] =
			(struct frame_ref){ k, 0, (uint16_t)(bytes - n) };
	}
	memcpy(chunk_bytes(a, r->chunk) + r->off + r->bytes, src, n);
	r->bytes = (uint16_t)(r->bytes + n);
	f->payload += bytes;
	return true;
}

/* The frame of a flow gets the lengths and offloads of what it has become. */
static void finish(struct arena *a, struct port_gro_flow *w)
{
	struct frame *f = frame_at(a, w->ix);
	uint32_t l4 = f->header_bytes - f->l4_off + f->payload;
	uint8_t *ip = f->header + ETH_BYTES;
	struct port_headers h = { .v4 = *ip >> 4 == 4 };

	if (w->segments == 1)
		return;
	if (h.v4) {
		struct ipv4_header *v4 = (struct ipv4_header *)ip;

		v4->total = be16((uint16_t)(IPV4_BYTES + l4));
		v4->csum = 0;
		v4->csum = (uint16_t)~csum_fold(csum_add(0, v4, IPV4_BYTES));
	} else {
		put16(ip + 4, (uint16_t)l4);
	}
	f->gso_type = h.v4 ? FRAME_GSO_TCPV4 : FRAME_GSO_TCPV6;
	f->gso_bytes = (uint16_t)w->segment_bytes;
	((struct tcp_header *)(f->header + f->l4_off))->csum =
		csum_fold(pseudo(f->header, &h, l4));
	f->flags |= FRAME_NEEDS_CSUM | FRAME_CSUM_OK;
}

static void let_go(struct port_gro *g, struct arena *a, uint32_t i,
		   struct frame_list *out)
{
	finish(a, &g->flow[i]);
	frame_list_add(a, out, g->flow[i].ix);
	g->held--;
	memmove(&g->flow[i], &g->flow[i + 1],
		(g->held - i) * sizeof(g->flow[0]));
}

void port_gro_flush(struct port_gro *g, struct arena *a, struct frame_list *out)
{
	while (g->held)
		let_go(g, a, 0, out);
}

/* Begins to hold a segment. False: no memory, the caller goes on with it. */
static bool hold(struct port_gro *g, struct arena *a,
		 const struct virtio_net_hdr *v, const uint8_t *frame,
		 const struct port_headers *h, uint32_t hash,
		 struct frame_list *out)
{
	uint32_t payload = end_of(h) - h->header_bytes, off = 0;
	const struct tcp_header *t =
		(const struct tcp_header *)(frame + h->l4_off);
	frame_ix ix = frame_alloc(a);
	struct frame *f = frame_at(a, ix);
	chunk_ix k;

	if (!ix)
		return false;
	/* In a chunk from the start, so that the next one goes behind it. */
	while (off < payload) {
		uint32_t n = min_u32(payload - off, CHUNK_BYTES);

		k = chunk_alloc(a);
		if (!k) {
			frame_free(a, ix);
			return false;
		}
		memcpy(chunk_bytes(a, k), frame + h->header_bytes + off, n);
		f->flags |= FRAME_REFS;
		f->ref[f->refs++] = (struct frame_ref){ k, 0, (uint16_t)n };
		f->payload += n;
		off += n;
	}
	memcpy(f->header, frame, h->header_bytes);
	f->header_bytes = (uint8_t)h->header_bytes;
	f->l3_off = ETH_BYTES;
	f->l4_off = (uint8_t)h->l4_off;
	f->flags |= v->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM ? FRAME_NEEDS_CSUM
							   : FRAME_CSUM_OK;
	if (g->held == PORT_GRO_FLOWS)
		let_go(g, a, 0, out);
	g->flow[g->held++] = (struct port_gro_flow){
		.ix = ix,
		.hash = hash,
		.next_seq = be32(t->seq) + payload,
		.segments = 1,
		.segment_bytes = payload,
	};
	return true;
}

/* Is @frame the next of flow @w, and does it fit? Then it becomes part of it.
 */
static bool join(struct arena *a, struct port_gro_flow *w, const uint8_t *frame,
		 const struct port_headers *h)
{
	struct frame *f = frame_at(a, w->ix);
	const struct tcp_header *t =
		(const struct tcp_header *)(frame + h->l4_off);
	uint32_t payload = end_of(h) - h->header_bytes;

	if (be32(t->seq) != w->next_seq || payload > w->segment_bytes ||
	    f->header_bytes + f->payload + payload > 65535 ||
	    !is_alike(f, frame, h) ||
	    !append(a, w->ix, frame + h->header_bytes, payload))
		return false;
	w->next_seq += payload;
	w->segments++;
	((struct tcp_header *)(f->header + f->l4_off))->flags |= t->flags;
	return true;
}

bool port_gro_add(struct port_gro *g, struct arena *a,
		  const struct virtio_net_hdr *v, const uint8_t *frame,
		  const struct port_headers *h, struct frame_list *out)
{
	bool plain, ends;
	uint32_t hash;

	if (!(h->v4 || h->v6) || h->proto != IP_TCP || h->fragment ||
	    h->header_bytes < h->l4_off + TCP_BYTES)
		return false;
	hash = hash_of(frame, h);
	plain = is_plain(v, frame, h) && csum_is_good(v, frame, h);
	for (uint32_t i = 0; i < g->held; i++) {
		struct port_gro_flow *w = &g->flow[i];
		uint32_t payload = end_of(h) - h->header_bytes;

		if (w->hash != hash)
			continue;
		ends = payload < w->segment_bytes ||
		       (((const struct tcp_header *)(frame + h->l4_off))
				->flags &
			TCP_PSH);
		if (plain && join(a, w, frame, h)) {
			if (ends)
				let_go(g, a, i, out);
			return true;
		}
		/* The order within a connection stays. */
		let_go(g, a, i, out);
		break;
	}
	if (!plain ||
	    (((const struct tcp_header *)(frame + h->l4_off))->flags & TCP_PSH))
		return false;
	return hold(g, a, v, frame, h, hash, out);
}
