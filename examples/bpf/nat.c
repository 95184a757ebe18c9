/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port translation: a port of the VIF leads to another port of the same host.
 *
 *	toami vif set /web program=$PWD/nat.o
 *	toami map set /web:forward 80 8080
 *
 * `forward` has a port for each port that is to be translated on the way in;
 * answers are translated back on the way out by the map that this program fills
 * for itself. Works for IPv4 and IPv6, TCP and UDP, with IPv4 options; what it
 * does to checksums is nothing: they follow.
 */
#include <toami/bpf.h>

#define TCP  6
#define UDP  17
#define IPV4 0x0800
#define IPV6 0x86dd

TOAMI_MAP(forward, TOAMI_HASH, u32, u32, 1024);
TOAMI_MAP(back, TOAMI_HASH, u32, u32, 1024);

struct ports {
	u16 from, to;
};

TOAMI_INLINE struct ports *parse(struct toami_packet *p)
{
	struct toami_eth *eth = (void *)p->data;
	u32 l4 = p->l4_off;
	u8 protocol;

	if (eth->type == toami_be16(IPV4)) {
		struct toami_ip4 *ip = (void *)(eth + 1);

		if ((unsigned char *)(ip + 1) > p->data_end)
			return 0;
		protocol = ip->protocol;
	} else if (eth->type == toami_be16(IPV6)) {
		struct toami_ip6 *ip = (void *)(eth + 1);

		if ((unsigned char *)(ip + 1) > p->data_end)
			return 0;
		protocol = ip->next;
	} else {
		return 0;
	}
	if (protocol != TCP && protocol != UDP)
		return 0;
	/* The natural look at lengths: an offset, a size, the window. */
	if (l4 + sizeof(struct ports) > p->window)
		return 0;
	return (void *)(p->data + l4);
}

SECTION("rx") int entering(struct toami_packet *p)
{
	struct ports *ports = parse(p);
	u32 port, *to, inner;

	if (!ports)
		return TOAMI_PASS;
	port = toami_be16(ports->to);
	to = toami_map_find(&forward, &port);
	if (!to)
		return TOAMI_PASS;
	inner = *to & 0xffff;
	toami_map_set(&back, &inner, &port, TOAMI_ANY);
	ports->to = toami_be16(inner);
	return TOAMI_PASS;
}

SECTION("tx") int leaving(struct toami_packet *p)
{
	struct ports *ports = parse(p);
	u32 port, *outer;

	if (!ports)
		return TOAMI_PASS;
	port = toami_be16(ports->from);
	outer = toami_map_find(&back, &port);
	if (outer)
		ports->from = toami_be16((u16)*outer);
	return TOAMI_PASS;
}
