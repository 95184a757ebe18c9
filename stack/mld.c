/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MLDv2 as a host speaks it, RFC 3810; version 1 (RFC 2710) while a querier
 * does. Every message has a hop-by-hop header with the router alert, hop limit
 * 1, and comes from the link-local address.
 */
#include "stack/group.h"
#include "stack/csum.h"
#include "stack/shape.h"

#define MLD_BYTES    24 /* of a query or report of version 1 */
#define ALERT_BYTES  8
#define RECORD_BYTES 20

/* What a code of sixteen bits stands for, milliseconds: section 5.1.3. */
static uint32_t code_value(uint16_t code)
{
	if (code < 32768)
		return code;
	return (uint32_t)((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3);
}

static void send(struct stack *st, const struct ip_addr *dst, uint8_t *mld,
		 uint32_t bytes)
{
	static const uint8_t alert[ALERT_BYTES] = { IP_ICMPV6, 0, 5, 2,
						    0,	       0, 1, 0 };
	struct path to = { .next = *dst, .kind = PATH_MULTICAST };
	struct ip_out o = {
		.src = &st->host->link6, .dst = dst, .proto = IP6_HOP, .ttl = 1
	};
	frame_ix ix = l4_frame(st, false, ALERT_BYTES);
	struct frame *f;

	if (!ix)
		return;
	put16(mld + 2, 0);
	((struct wire16 *)(mld + 2))->v =
		(uint16_t)~csum_fold(csum_add(0, mld, bytes) +
				     csum_pseudo(o.src, dst, IP_ICMPV6, bytes));
	f = frame_at(st->arena, ix);
	memcpy(f->header + f->l4_off, alert, ALERT_BYTES);
	ipv6_write(f, &o, IP6_HOP, ALERT_BYTES + bytes);
	count(st, Icmp_OutMsgs);
	if (frame_fill(st->arena, ix, mld, bytes))
		frame_free(st->arena, ix);
	else
		path_send(st, &to, ix);
}

void mld_report(struct stack *st, const struct ip_addr *group,
		enum group_record type, const struct ip_addr *source,
		uint32_t sources, bool old)
{
	static const struct ip_addr routers = { .b = { 0xff, 2, [15] = 2 } };
	static const struct ip_addr all = { .b = { 0xff, 2, [15] = 0x16 } };
	uint8_t m[8 + RECORD_BYTES + 16 * GROUP_SOURCES_MAX] = { 0 };
	bool leaves = type == GROUP_TO_INCLUDE && !sources;

	if (old) {
		m[0] = leaves ? ICMP6_MLD_DONE : ICMP6_MLD_REPORT;
		memcpy(m + 8, group, 16);
		send(st, leaves ? &routers : group, m, MLD_BYTES);
		return;
	}
	m[0] = ICMP6_MLD2_REPORT;
	put16(m + 6, 1);
	m[8] = (uint8_t)type;
	put16(m + 10, (uint16_t)sources);
	memcpy(m + 12, group, 16);
	for (uint32_t i = 0; i < sources; i++)
		memcpy(m + 28 + 16 * i, &source[i], 16);
	send(st, &all, m, 8 + RECORD_BYTES + 16 * sources);
}

void mld_input(struct stack *st, struct packet *p)
{
	struct frame *f = p->f;
	struct ip_addr group;
	const uint8_t *m;
	uint64_t d[2];
	uint16_t code;
	bool old = p->l4_bytes < 28;

	/* The caller has checked the sum. RFC 3810, section 5.1.14. */
	if (p->l4_bytes < MLD_BYTES || p->ttl != 1 || p->src.b[0] != 0xfe ||
	    frame_header_set(st->arena, p->ix, f->l4_off + MLD_BYTES))
		return;
	m = f->header + f->l4_off;
	code = get16(m + 4);
	memcpy(d, m + 8, 16);
	group = ip_from_v6(d);
	group_asked(st, false, &group, old ? code : code_value(code), old);
}
