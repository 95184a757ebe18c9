/* SPDX-License-Identifier: BSD-2-Clause */
/* See wire.h. */
#include "port/wire.h"
#include "stack/csum.h"
#include "stack/wire.h"

#include <errno.h>
#include <string.h>

/* The smallest segment that a device may ask us to believe in. */
#define SEGMENT_MIN 8

static bool parse_v4(const uint8_t *p, uint32_t bytes, struct port_headers *h)
{
	const struct ipv4_header *ip = (const struct ipv4_header *)p;
	uint32_t ihl = (ip->ver_ihl & 15u) * 4;

	if (ip->ver_ihl >> 4 != 4 || ihl < IPV4_BYTES || ihl > bytes)
		return false;
	h->ip_bytes = be16(ip->total);
	if (h->ip_bytes < ihl || h->ip_bytes > bytes)
		return false;
	h->v4 = true;
	h->fragment = be16(ip->frag) & (IPV4_MF | IPV4_OFF);
	h->proto = ip->proto;
	h->l4_off = ETH_BYTES + ihl;
	return true;
}

static bool parse_v6(const uint8_t *p, uint32_t bytes, struct port_headers *h)
{
	const struct ipv6_header *ip = (const struct ipv6_header *)p;

	if (be32(ip->ver_class_flow) >> 28 != 6)
		return false;
	h->ip_bytes = IPV6_BYTES + be16(ip->payload);
	if (h->ip_bytes > bytes)
		return false;
	h->v6 = true;
	h->proto = ip->next;
	h->l4_off = ETH_BYTES + IPV6_BYTES;
	return true;
}

bool port_parse(const uint8_t *frame, uint32_t bytes, struct port_headers *h)
{
	uint32_t left, l4 = 0;

	*h = (struct port_headers){ 0 };
	if (bytes < ETH_BYTES)
		return false;
	h->type = get16(frame + 12);
	left = bytes - ETH_BYTES;
	h->header_bytes = min_u32(bytes, 54);
	if (h->type == ETH_IPV4 &&
	    (left < IPV4_BYTES || !parse_v4(frame + ETH_BYTES, left, h)))
		return false;
	if (h->type == ETH_IPV6 &&
	    (left < IPV6_BYTES || !parse_v6(frame + ETH_BYTES, left, h)))
		return false;
	if (!h->l4_off)
		return true;
	left = ETH_BYTES + h->ip_bytes - h->l4_off;
	if (!h->fragment && h->proto == IP_TCP && left >= TCP_BYTES)
		l4 = (frame[h->l4_off + 12] >> 4) * 4u;
	else if (!h->fragment && h->proto == IP_UDP && left >= UDP_BYTES)
		l4 = UDP_BYTES;
	if (l4 > left)
		l4 = 0;
	h->header_bytes = min_u32(h->l4_off + l4, FRAME_HEADER_ROOM);
	return true;
}

/* TCP or UDP whose header lies before header_bytes, whole. */
static bool has_l4(const struct port_headers *h, uint8_t proto)
{
	return h->l4_off && !h->fragment && h->proto == proto &&
	       h->header_bytes >=
		       h->l4_off + (proto == IP_TCP ? TCP_BYTES : UDP_BYTES);
}

/* The sum from csum_start on, put where the device says. */
static bool complete(const struct virtio_net_hdr *v, uint8_t *frame,
		     uint32_t bytes)
{
	uint32_t start = v->csum_start, at = start + v->csum_offset;
	uint16_t sum;

	if (start < ETH_BYTES || at + 2 > bytes)
		return false;
	sum = (uint16_t)~csum_fold(csum_add(0, frame + start, bytes - start));
	((struct wire16 *)(frame + at))->v = sum ? sum : 0xffff;
	return true;
}

/* Checksum and segmentation as the device has them, into the frame's words. */
static int offloads_in(const struct virtio_net_hdr *v, uint8_t *frame,
		       uint32_t bytes, const struct port_headers *h,
		       struct frame *f)
{
	uint8_t gso = v->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	bool open = v->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, ours;
	uint8_t proto = gso == FRAME_GSO_UDP ? IP_UDP : IP_TCP;
	uint32_t field = csum_field(h->proto);

	ours = open && field && has_l4(h, h->proto) &&
	       v->csum_start == h->l4_off && v->csum_offset == field;
	if (ours)
		f->flags |= FRAME_NEEDS_CSUM;
	else if (open && (gso || !complete(v, frame, bytes)))
		return -EINVAL;
	else if (v->flags & VIRTIO_NET_HDR_F_DATA_VALID)
		f->flags |= FRAME_CSUM_OK;
	if (!gso)
		return 0;
	if (!ours || !has_l4(h, proto) || v->gso_size < SEGMENT_MIN ||
	    !(gso == FRAME_GSO_TCPV4   ? h->v4
	      : gso == FRAME_GSO_TCPV6 ? h->v6
				       : gso == FRAME_GSO_UDP))
		return -EINVAL;
	if (ETH_BYTES + h->ip_bytes - h->header_bytes > v->gso_size) {
		f->gso_type = gso;
		f->gso_bytes = v->gso_size;
	}
	return 0;
}

int port_frame_in(struct arena *a, const struct virtio_net_hdr *v,
		  uint8_t *frame, uint32_t bytes, const struct port_headers *h,
		  frame_ix *ix)
{
	frame_ix made = frame_alloc(a);
	struct frame *f = frame_at(a, made);
	int err;

	if (!made)
		return -ENOBUFS;
	err = offloads_in(v, frame, bytes, h, f);
	/* What lies behind the IP packet is padding, and ends here. */
	if (h->ip_bytes)
		bytes = ETH_BYTES + h->ip_bytes;
	if (!err)
		err = frame_fill(a, made, frame + h->header_bytes,
				 bytes - h->header_bytes);
	if (err) {
		frame_free(a, made);
		return err;
	}
	memcpy(f->header, frame, h->header_bytes);
	f->header_bytes = (uint8_t)h->header_bytes;
	f->l3_off = ETH_BYTES;
	f->l4_off = (uint8_t)min_u32(h->l4_off ? h->l4_off : ETH_BYTES,
				     FRAME_HEADER_ROOM);
	*ix = made;
	return 0;
}

static int bytes_out(const struct arena *a, struct frame *f, struct iovec *iov)
{
	uint32_t sum = 0;

	if (!(f->flags & FRAME_REFS)) {
		if (f->payload > FRAME_INLINE_MAX)
			return -EINVAL;
		*iov = (struct iovec){ f->data, f->payload };
		return f->payload ? 1 : 0;
	}
	if (f->refs > FRAME_REFS_MAX)
		return -EINVAL;
	for (uint8_t i = 0; i < f->refs; i++) {
		const struct frame_ref *r = &f->ref[i];

		if (r->chunk >= arena_chunks_end(a) ||
		    r->off + r->bytes > CHUNK_BYTES)
			return -EINVAL;
		iov[i] = (struct iovec){ chunk_bytes(a, r->chunk) + r->off,
					 r->bytes };
		sum += r->bytes;
	}
	return sum == f->payload ? f->refs : -EINVAL;
}

int port_frame_out(const struct arena *a, struct frame *f,
		   struct virtio_net_hdr *v, struct iovec *iov)
{
	const uint8_t *ip = f->header + f->l3_off;
	uint8_t proto;
	int n;

	if (f->header_bytes < ETH_BYTES || f->header_bytes > FRAME_HEADER_ROOM)
		return -EINVAL;
	memset(v, 0, sizeof(*v));
	if (f->flags & FRAME_NEEDS_CSUM) {
		if (f->l3_off != ETH_BYTES ||
		    f->l4_off < ETH_BYTES + IPV4_BYTES ||
		    f->l4_off + UDP_BYTES > f->header_bytes)
			return -EINVAL;
		proto = ip[*ip >> 4 == 4 ? 9 : 6];
		v->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		v->csum_start = f->l4_off;
		v->csum_offset = (uint16_t)csum_field(proto);
		if (!v->csum_offset)
			return -EINVAL;
		if (f->gso_type && f->payload > f->gso_bytes) {
			v->gso_type = f->gso_type;
			v->gso_size = f->gso_bytes;
			v->hdr_len = f->header_bytes;
			if (proto == IP_TCP &&
			    (f->header[f->l4_off + 13] & TCP_CWR))
				v->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
		}
	}
	iov[0] = (struct iovec){ v, PORT_HEADER_BYTES };
	iov[1] = (struct iovec){ f->header, f->header_bytes };
	n = bytes_out(a, f, iov + 2);
	return n < 0 ? n : n + 2;
}
