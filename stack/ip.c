/* SPDX-License-Identifier: BSD-2-Clause */
/* What both IP versions share: delivery upward, frames and checksums downward.
 */
#include "stack/stack_internal.h"
#include "stack/csum.h"
#include "stack/group.h"
#include "stack/shape.h"
#include "stack/tcp.h"

#include <errno.h>

void ip_deliver(struct stack *st, struct packet *p)
{
	bool seen = unlikely(st->host->raws) && raw_input(st, p);

	switch (p->proto) {
	case IP_TCP:
		count(st, Ip_InDelivers);
		tcp_input(st, p);
		return;
	case IP_UDP:
	case STACK_UDPLITE:
		count(st, Ip_InDelivers);
		udp_input(st, p);
		return;
	case IP_ICMP:
		if (!p->v4)
			break;
		count(st, Ip_InDelivers);
		icmp_input(st, p);
		return;
	case IP_IGMP:
		if (!p->v4 || p->unicast)
			break;
		count(st, Ip_InDelivers);
		igmp_input(st, p);
		return;
	case IP_ICMPV6:
		if (p->v4)
			break;
		count(st, Ip_InDelivers);
		icmp6_input(st, p);
		return;
	default:
		break;
	}
	if (seen) {
		count(st, Ip_InDelivers);
		frame_free(st->arena, p->ix);
		return;
	}
	count(st, Ip_InUnknownProtos);
	if (p->unicast)
		icmp_unreachable(st, p, ICMP_UNREACH_PROTOCOL, UINT8_MAX);
	frame_free(st->arena, p->ix);
}

void l4_prepare(struct frame *f, bool v4, uint32_t l4_header)
{
	f->l3_off = ETH_BYTES;
	f->l4_off = (uint8_t)(ETH_BYTES + (v4 ? IPV4_BYTES : IPV6_BYTES));
	f->header_bytes = (uint8_t)(f->l4_off + l4_header);
}

frame_ix l4_frame(struct stack *st, bool v4, uint32_t l4_header)
{
	frame_ix ix = frame_alloc(st->arena);

	if (ix) {
		struct frame *f = frame_at(st->arena, ix);

		l4_prepare(f, v4, l4_header);
		f->tx_vif = st->host->config.vif;
	} else {
		count(st, Ip_OutDiscards);
	}
	return ix;
}

bool l4_csum_ok(const struct stack *st, const struct packet *p)
{
	uint64_t sum;

	if (p->f->flags & (FRAME_CSUM_OK | FRAME_NEEDS_CSUM))
		return true;
	sum = csum_frame(st->arena, p->f, p->f->l4_off);
	if (p->proto != IP_ICMP)
		sum += csum_pseudo(&p->src, &p->dst, p->proto, p->l4_bytes);
	return csum_fold(sum) == 0xffff;
}

void l4_csum_open(struct frame *f, const struct ip_out *o, uint32_t field,
		  uint32_t l4_bytes)
{
	((struct wire16 *)(f->header + f->l4_off + field))->v =
		csum_fold(csum_pseudo(o->src, o->dst, o->proto, l4_bytes));
	f->flags |= FRAME_NEEDS_CSUM | FRAME_CSUM_OK;
}

int ip_output(struct stack *st, frame_ix ix, const struct ip_out *o)
{
	struct path p;
	int err;

	count(st, Ip_OutRequests);
	err = path_find(st, o->dst, &p);
	if (err) {
		count(st, Ip_OutNoRoutes);
		frame_free(st->arena, ix);
		return err;
	}
	return ip_is_v4(o->dst) ? ipv4_output(st, ix, o, &p)
				: ipv6_output(st, ix, o, &p);
}

void ip_trim(struct stack *st, frame_ix ix, uint32_t total)
{
	struct frame *f = frame_at(st->arena, ix);

	if (total + ETH_BYTES < f->header_bytes) {
		frame_trim(st->arena, ix, 0);
		f->header_bytes = (uint8_t)(total + ETH_BYTES);
	} else {
		frame_trim(st->arena, ix, total + ETH_BYTES - f->header_bytes);
	}
}

static int fragment_fails(struct stack *st, frame_ix ix)
{
	count(st, Ip_FragFails);
	frame_free(st->arena, ix);
	return -ENOBUFS;
}

int ip_fragment(struct stack *st, frame_ix ix, const struct ip_out *o,
		struct path *path, uint32_t header, uint32_t room, uint32_t id,
		void (*write)(const struct ip_out *o,
			      const struct ip_piece *piece))
{
	struct frame *f = frame_at(st->arena, ix);
	uint32_t total, off = 0;

	/* A fragment cannot carry half of a checksum. */
	csum_close(st->arena, f, o->proto);
	/* The L4 header becomes the first bytes of what is cut up. */
	if (frame_header_set(st->arena, ix, f->l4_off))
		return fragment_fails(st, ix);
	total = f->payload;
	while (off < total) {
		uint32_t n = min_u32(room, total - off);
		frame_ix piece = l4_frame(st, ip_is_v4(o->dst), header);
		struct frame *g;

		if (!piece || frame_refer_from(st->arena, piece, f, off, n)) {
			frame_free(st->arena, piece);
			return fragment_fails(st, ix);
		}
		g = frame_at(st->arena, piece);
		g->tx_vif = f->tx_vif;
		g->pace = f->pace;
		g->flags |= f->flags & FRAME_CSUM_OK;
		if (unlikely(f->flags & FRAME_STAMP) && !off)
			frame_stamp_copy(g, f); /* the first, as Linux */
		write(o, &(struct ip_piece){ g, id, off, n, off + n < total });
		path_send(st, path, piece);
		count(st, Ip_FragCreates);
		off += n;
	}
	count(st, Ip_FragOKs);
	frame_free(st->arena, ix);
	return 0;
}
