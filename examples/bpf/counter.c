/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each client sends: packets and bytes by network.
 *
 *	toami vif set /web program-in=$PWD/counter.o
 *	toami map set /web:networks 10.77.0.0/24 0
 *	toami map dump /web:clients
 *
 * `networks` tells, by the longest prefix, under which number a client's
 *packets are summed up in `sums`; `clients` has each client by itself. TCP
 *options are looked through for the largest segment that the client announces,
 *which shows how a loop over a packet is written.
 */
#include <toami/bpf.h>

#define TCP  6
#define IPV4 0x0800
#define SYN  0x02

struct sum {
	u64 packets, bytes;
	u64 mss; /* announced last */
};

TOAMI_MAP(networks, TOAMI_LPM, struct toami_prefix4, u32, 1024);
TOAMI_MAP(sums, TOAMI_ARRAY, u32, struct sum, 256);
TOAMI_MAP(clients, TOAMI_HASH, u32, struct sum, 16384);

TOAMI_INLINE void add(struct sum *s, struct toami_packet *p)
{
	toami_add(&s->packets, 1);
	toami_add(&s->bytes, p->length);
}

/* The MSS option of a SYN, or 0. */
TOAMI_INLINE u32 announced(struct toami_packet *p)
{
	u32 at = p->l4_off + sizeof(struct toami_tcp);

	for (u32 n = 0; n < 20; n++) {
		u32 kind, bytes;

		if (at + 2 > p->window)
			return 0;
		kind = p->data[at];
		bytes = p->data[at + 1];
		if (kind == 0)
			return 0;
		if (kind == 1) {
			at++;
			continue;
		}
		if (kind == 2) {
			if (at + 4 > p->window)
				return 0;
			return (u32)p->data[at + 2] << 8 | p->data[at + 3];
		}
		if (bytes < 2)
			return 0;
		at += bytes;
	}
	return 0;
}

SECTION("rx") int entering(struct toami_packet *p)
{
	struct toami_eth *eth = (void *)p->data;
	struct toami_ip4 *ip = (void *)(eth + 1);
	struct toami_tcp *tcp = (void *)(ip + 1);
	struct toami_prefix4 network = { .bits = 32 };
	struct sum *s, fresh = { 0 };
	u32 client, *number;

	if ((unsigned char *)(ip + 1) > p->data_end ||
	    eth->type != toami_be16(IPV4))
		return TOAMI_PASS;
	client = ip->from;
	s = toami_map_find(&clients, &client);
	if (!s) {
		toami_map_set(&clients, &client, &fresh, TOAMI_NEW);
		s = toami_map_find(&clients, &client);
	}
	if (s) {
		add(s, p);
		if (ip->version_words == 0x45 && ip->protocol == TCP &&
		    (unsigned char *)(tcp + 1) <= p->data_end &&
		    tcp->flags & SYN)
			s->mss = announced(p);
	}
	toami_copy(network.address, &client, sizeof(client));
	number = toami_map_find(&networks, &network);
	if (number) {
		s = toami_map_find(&sums, number);
		if (s)
			add(s, p);
	}
	return TOAMI_PASS;
}
