/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IGMPv3 as a host speaks it, RFC 3376; version 2 (RFC 2236) while a querier
 * does. Every message carries the router alert option and a TTL of 1.
 */
#include "stack/group.h"
#include "stack/csum.h"
#include "stack/shape.h"

#define IGMP_QUERY     0x11
#define IGMP_REPORT_V2 0x16
#define IGMP_LEAVE_V2  0x17
#define IGMP_REPORT_V3 0x22

#define IGMP_BYTES    8
#define OPTION_BYTES  4
#define HEADERS_BYTES (ETH_BYTES + IPV4_BYTES + OPTION_BYTES)

/* What a code of eight bits stands for, in tenths of a second: section 4.1.1.
 */
static uint32_t code_value(uint8_t code)
{
	if (code < 128)
		return code;
	return (uint32_t)((code & 15) | 16) << (((code >> 4) & 7) + 3);
}

/* Sends @bytes at @igmp, its checksum not yet there, to @dst. */
static void send(struct stack *st, uint32_t dst, uint8_t *igmp, uint32_t bytes)
{
	struct path to = { .next = ip_from_v4(dst), .kind = PATH_MULTICAST };
	frame_ix ix = frame_alloc(st->arena);
	struct ipv4_header *h;
	struct frame *f;

	if (!ix)
		return;
	put16(igmp + 2, 0);
	((struct wire16 *)(igmp + 2))->v =
		(uint16_t)~csum_fold(csum_add(0, igmp, bytes));
	f = frame_at(st->arena, ix);
	f->header_bytes = HEADERS_BYTES;
	f->l3_off = ETH_BYTES;
	f->l4_off = HEADERS_BYTES;
	f->tx_vif = st->host->config.vif;
	put16(f->header + 12, ETH_IPV4);
	h = (struct ipv4_header *)(f->header + ETH_BYTES);
	*h = (struct ipv4_header){
		.ver_ihl = 0x46,
		.tos = 0xc0,
		.total = be16((uint16_t)(IPV4_BYTES + OPTION_BYTES + bytes)),
		.frag = be16(IPV4_DF),
		.ttl = 1,
		.proto = IP_IGMP,
		.src = st->host->config.addr4.w[3],
		.dst = dst,
	};
	put32((uint8_t *)h + IPV4_BYTES, 0x94040000);
	h->csum =
		(uint16_t)~csum_fold(csum_add(0, h, IPV4_BYTES + OPTION_BYTES));
	if (frame_fill(st->arena, ix, igmp, bytes))
		frame_free(st->arena, ix);
	else
		path_send(st, &to, ix);
}

void igmp_report(struct stack *st, const struct ip_addr *group,
		 enum group_record type, const struct ip_addr *source,
		 uint32_t sources, bool old)
{
	uint8_t m[IGMP_BYTES + 8 + 4 * GROUP_SOURCES_MAX] = { 0 };
	bool leaves = type == GROUP_TO_INCLUDE && !sources;

	if (old) {
		m[0] = leaves ? IGMP_LEAVE_V2 : IGMP_REPORT_V2;
		((struct wire32 *)(m + 4))->v = group->w[3];
		send(st, leaves ? be32(0xe0000002) : group->w[3], m,
		     IGMP_BYTES);
		return;
	}
	m[0] = IGMP_REPORT_V3;
	put16(m + 6, 1);
	m[8] = (uint8_t)type;
	put16(m + 10, (uint16_t)sources);
	((struct wire32 *)(m + 12))->v = group->w[3];
	for (uint32_t i = 0; i < sources; i++)
		((struct wire32 *)(m + 16 + 4 * i))->v = source[i].w[3];
	send(st, be32(0xe0000016), m, IGMP_BYTES + 8 + 4 * sources);
}

void igmp_input(struct stack *st, struct packet *p)
{
	struct frame *f = p->f;
	struct ip_addr group;
	const uint8_t *m;
	uint32_t ds;
	bool old;

	if (p->l4_bytes < IGMP_BYTES || p->ttl != 1 ||
	    csum_fold(csum_frame(st->arena, f, f->l4_off)) != 0xffff ||
	    frame_header_set(st->arena, p->ix, f->l4_off + IGMP_BYTES))
		goto out;
	m = f->header + f->l4_off;
	if (m[0] != IGMP_QUERY)
		goto out;
	group = ip_from_v4(((const struct wire32 *)(m + 4))->v);
	old = p->l4_bytes < 12;
	ds = old ? m[1] : code_value(m[1]);
	/* Version 1 has no time of its own. */
	group_asked(st, true, &group, (ds ? ds : 100) * 100, old);
out:
	frame_free(st->arena, p->ix);
}
