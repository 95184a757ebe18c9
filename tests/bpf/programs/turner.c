/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends UDP that comes for port 7009 on to another VIF and its address. */
#include <toami/bpf.h>

#define UDP 17

TOAMI_MAP(vif, TOAMI_ARRAY, u32, u32, 1);
TOAMI_MAP(address, TOAMI_ARRAY, u32, u32, 1);

struct headers {
	struct toami_eth eth;
	struct toami_ip4 ip;
	struct toami_udp udp;
} __attribute__((packed));

SECTION("rx") int turner(struct toami_packet *p)
{
	struct headers *h = (void *)p->data;
	u32 zero = 0, *to, *ip;

	if ((unsigned char *)(h + 1) > p->data_end ||
	    h->ip.version_words != 0x45 || h->ip.protocol != UDP ||
	    h->udp.to != toami_be16(7009))
		return TOAMI_PASS;
	to = toami_map_find(&vif, &zero);
	ip = toami_map_find(&address, &zero);
	if (!to || !ip)
		return TOAMI_DROP;
	h->ip.to = *ip;
	return toami_redirect(p, *to);
}
