/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A load balancer: one address in front, several servers behind it.
 *
 *	toami vif add /web; toami vif add /web/a --address auto ...
 *	toami vif set /web program=$PWD/balancer.o
 *	toami map set /web:count 0 2
 *	toami map set /web:servers 0 ADDRESS-OF-A
 *	toami map set /web:servers 1 ADDRESS-OF-B
 *
 * Attached to the VIF that owns the address in front: what enters it for that
 * address goes to a server, chosen by a hash of the client's address and port,
 * so that a connection stays where it is. What the servers answer leaves the
 * same VIF, and gets the address in front again. `chosen` counts packets a
 * server.
 */
#include <toami/bpf.h>

#define TCP  6
#define IPV4 0x0800
#define MOST 64

struct key {
	u32 client, port;
};

/* The address in front, as the client knows it. */
struct front {
	u32 address;
};

TOAMI_MAP(count, TOAMI_ARRAY, u32, u32, 1);
TOAMI_MAP(servers, TOAMI_ARRAY, u32, u32, MOST); /* network byte order */
TOAMI_MAP(chosen, TOAMI_ARRAY, u32, u64, MOST);
TOAMI_MAP(fronts, TOAMI_HASH, struct key, struct front, 65536);

struct headers {
	struct toami_eth eth;
	struct toami_ip4 ip;
	u16 from, to;
} __attribute__((packed));

TOAMI_INLINE struct headers *parse(struct toami_packet *p)
{
	struct headers *h = (void *)p->data;

	if ((unsigned char *)(h + 1) > p->data_end ||
	    h->eth.type != toami_be16(IPV4) || h->ip.version_words != 0x45 ||
	    h->ip.protocol != TCP)
		return 0;
	return h;
}

TOAMI_SUBPROG u32 mix(u32 client, u32 port)
{
	u64 v = ((u64)client << 16 | port) * 0x9e3779b97f4a7c15ull;

	return (u32)(v >> 32);
}

SECTION("rx") int entering(struct toami_packet *p)
{
	struct headers *h = parse(p);
	struct key key;
	struct front front;
	u32 zero = 0, which, *n, *server;
	u64 *packets;

	if (!h)
		return TOAMI_PASS;
	n = toami_map_find(&count, &zero);
	if (!n || !*n)
		return TOAMI_PASS;
	key.client = h->ip.from;
	key.port = h->from;
	which = mix(key.client, key.port) % *n;
	server = toami_map_find(&servers, &which);
	if (!server || !*server)
		return TOAMI_DROP;
	front.address = h->ip.to;
	toami_map_set(&fronts, &key, &front, TOAMI_ANY);
	packets = toami_map_find(&chosen, &which);
	if (packets)
		toami_add(packets, 1);
	h->ip.to = *server;
	return TOAMI_PASS;
}

SECTION("tx") int leaving(struct toami_packet *p)
{
	struct headers *h = parse(p);
	struct front *front;
	struct key key;

	if (!h)
		return TOAMI_PASS;
	key.client = h->ip.to;
	key.port = h->to;
	front = toami_map_find(&fronts, &key);
	if (front)
		h->ip.from = front->address;
	return TOAMI_PASS;
}
