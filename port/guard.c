/* SPDX-License-Identifier: BSD-2-Clause */
/* See guard.h. */
#include "port/guard.h"
#include "stack/wire.h"

#include <string.h>

static bool has4(const struct port_guard *g, uint32_t addr)
{
	return !addr || (!ip_is_any(&g->addr4) && addr == g->addr4.w[3]);
}

static bool has6(const struct port_guard *g, const uint8_t *addr)
{
	struct ip_addr a;

	memcpy(&a, addr, 16);
	return ip_is_any(&a) || (a.b[0] == 0xfe && (a.b[1] & 0xc0) == 0x80) ||
	       (!ip_is_any(&g->addr6) && ip_equal(&a, &g->addr6));
}

bool port_guard_passes(const struct port_guard *g, const uint8_t *frame,
		       uint32_t bytes, const struct port_headers *h)
{
	const uint8_t *src = frame + 6, *l3 = frame + ETH_BYTES;

	if (!g->host)
		return !(src[0] & 1) &&
		       !(src[0] == 2 && src[1] == 0x74 && src[2] == 0x6f);
	if (!mac_equal(src, g->mac))
		return false;
	if (h->v4)
		return has4(g, ((const struct ipv4_header *)l3)->src);
	if (h->v6)
		return has6(g, l3 + 8);
	if (h->type == ETH_ARP) {
		const struct arp_header *a = (const struct arp_header *)l3;

		return bytes >= ETH_BYTES + sizeof(*a) &&
		       mac_equal(a->sender_mac, g->mac) && has4(g, a->sender);
	}
	return false;
}
