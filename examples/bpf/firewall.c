/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A firewall with state: who is inside may open connections, who is outside may
 * only answer, but for ports that are open.
 *
 *	clang -O2 -g -target bpf -mcpu=v3 -c firewall.c -o firewall.o
 *	toami vif set /web program=$PWD/firewall.o
 *	toami map set /web:open 80 1
 *
 * Attached to /web, it knows what leaves (tx) and lets answers to that in (rx).
 * Map `open` has the TCP ports that anybody may connect to. What it refuses is
 * counted in map `refused`, by protocol.
 */
#include <toami/bpf.h>

#define TCP	6
#define UDP	17
#define IPV4	0x0800
#define IDLE_NS (120ull * 1000 * 1000 * 1000)

/* A flow as seen from inside; all fields in network byte order. */
struct flow {
	u32 inside, outside;
	u16 inside_port, outside_port;
	u32 protocol;
};

TOAMI_MAP(flows, TOAMI_HASH, struct flow, u64, 65536); /* last seen */
TOAMI_MAP(open, TOAMI_HASH, u32, u8, 256);
TOAMI_MAP(refused, TOAMI_ARRAY, u32, u64, 256);

struct ports {
	u16 from, to;
};

/* 1: *ip and *ports are there; 0: it is not IPv4 with ports. */
TOAMI_INLINE int parse(struct toami_packet *p, struct toami_ip4 **ip,
		       struct ports **ports)
{
	unsigned char *end = p->data_end;
	struct toami_eth *eth = (void *)p->data;
	struct toami_ip4 *i = (void *)(eth + 1);
	u32 words;

	if ((unsigned char *)(i + 1) > end || eth->type != toami_be16(IPV4))
		return 0;
	if (i->protocol != TCP && i->protocol != UDP)
		return 0;
	words = i->version_words & 15;
	*ports = (void *)((unsigned char *)i + 4 * words);
	if ((unsigned char *)(*ports + 1) > end)
		return 0;
	*ip = i;
	return 1;
}

SECTION("tx") int leaving(struct toami_packet *p)
{
	struct toami_ip4 *ip;
	struct ports *ports;
	struct flow flow;
	u64 now;

	if (!parse(p, &ip, &ports))
		return TOAMI_PASS;
	flow.inside = ip->from;
	flow.outside = ip->to;
	flow.inside_port = ports->from;
	flow.outside_port = ports->to;
	flow.protocol = ip->protocol;
	now = toami_now_ns();
	toami_map_set(&flows, &flow, &now, TOAMI_ANY);
	return TOAMI_PASS;
}

SECTION("rx") int entering(struct toami_packet *p)
{
	struct toami_ip4 *ip;
	struct ports *ports;
	struct flow flow;
	u64 *seen, *count;
	u32 port, protocol;

	if (!parse(p, &ip, &ports))
		return TOAMI_PASS;
	port = toami_be16(ports->to);
	protocol = ip->protocol;
	if (protocol == TCP && toami_map_find(&open, &port))
		return TOAMI_PASS;
	flow.inside = ip->to;
	flow.outside = ip->from;
	flow.inside_port = ports->to;
	flow.outside_port = ports->from;
	flow.protocol = protocol;
	seen = toami_map_find(&flows, &flow);
	if (seen && toami_now_ns() - *seen < IDLE_NS)
		return TOAMI_PASS;
	count = toami_map_find(&refused, &protocol);
	if (count)
		toami_add(count, 1);
	return TOAMI_DROP;
}
