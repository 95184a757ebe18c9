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
