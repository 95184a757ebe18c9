/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose frame this is, before it is delivered; see stack.h. */
#include "stack/stack_internal.h"

vif_ix stack_lane(const struct stack *st, const struct frame *f)
{
	const uint8_t *ip = f->header + f->l3_off;
	const uint8_t *l4 = f->header + f->l4_off;
	struct ip_addr src, dst;
	uint16_t sport, dport;
	const struct conn *c;
	uint8_t proto;

	if (!f->l4_off || f->l4_off + 4u > f->header_bytes)
		return 0;
	if (ip[0] >> 4 == 4) {
		const struct ipv4_header *h = (const struct ipv4_header *)ip;

		proto = h->proto;
		src = ip_from_v4(h->src);
		dst = ip_from_v4(h->dst);
	} else {
		proto = ip[6];
		memcpy(&src, ip + 8, sizeof(src));
		memcpy(&dst, ip + 24, sizeof(dst));
	}
	if (proto != STACK_TCP && proto != STACK_UDP)
		return 0;
	sport = (uint16_t)(l4[0] << 8 | l4[1]);
	dport = (uint16_t)(l4[2] << 8 | l4[3]);
	c = proto == STACK_TCP
		    ? hash_find(st,
				conn_hash(st->host, &dst, dport, &src, sport),
				&dst, dport, &src, sport)
		    : NULL;
	if (!c)
		c = bound_find(st, proto, &dst, dport, &src, sport);
	return c ? c->vif : 0;
}
