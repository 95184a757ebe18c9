/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a network tells a host that asks it for addresses and has joined groups:
 * DHCP answers, router advertisements, neighbour discovery, ARP, queries of
 * IGMP and MLD, in any order and with time between. After each step every
 * invariant of world_check() holds, and addresses are such as hosts can have.
 * HACKING.md has the commands.
 *
 * The input is a row of steps: a byte that says which, one for the body's
 * length, the body.
 */
#include "fuzz/world.h"
#include "stack/auto.h"
#include "stack/csum.h"
#include "stack/tcp.h"
#include "stack/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 24
#define L4	  (ETH_BYTES + IPV6_BYTES) /* the farther of both */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t frame[640]; /* DHCP: 303 and a body of 255 at most */

static void join(conn_ix c, const struct ip_addr *group, uint8_t source)
{
	struct ip_addr from = { .d = { 0, 0 } };

	if (source)
		from = ip_is_v4(group) ? world_ip4(source) : world_ip6(source);
	if (conn_join(&world_stack, c, group, &from))
		abort();
}

static void begin(void)
{
	struct ip_addr g4 = ip_from_v4(be32(0xef010203));
	struct ip_addr s4 = ip_from_v4(be32(0xe8010203));
	struct ip_addr g6 = { .b = { 0xff, 5, [15] = 9 } };
	conn_ix c, c6;

	world_begin();
	if (conn_open(&world_stack, STACK_UDP, 7, 1, &c) ||
	    conn_open(&world_stack, STACK_UDP, 8, 1, &c6))
		abort();
	join(c, &g4, 0);
	join(c, &s4, 9);
	join(c6, &g6, 0);
	memset(&world.host.config.addr4, 0, sizeof(struct ip_addr));
	memset(&world.host.config.addr6, 0, sizeof(struct ip_addr));
	stack_auto_start(&world_stack, true, true);
	world_check();
	world_advance(20 * NSEC_PER_SEC);
	world_check();
	world_save();
}

/* The body lies at frame + @head; what is before it is written here. */
static void ethernet(uint16_t type)
{
	static const uint8_t peer[6] = { 2, 0, 0, 0, 0, 2 };

	memcpy(frame, world.host.config.mac, 6);
	memcpy(frame + 6, peer, 6);
	put16(frame + 12, type);
}

static void ipv4(uint8_t proto, uint8_t ttl, uint32_t to, uint32_t bytes)
{
	uint8_t *ip = frame + ETH_BYTES;

	ethernet(ETH_IPV4);
	memset(ip, 0, IPV4_BYTES);
	ip[0] = 0x45;
	put16(ip + 2, (uint16_t)(IPV4_BYTES + bytes));
	ip[8] = ttl;
	ip[9] = proto;
	put32(ip + 12, 0x0a000002);
	put32(ip + 16, to);
	world_input(frame, ETH_BYTES + IPV4_BYTES + bytes, FRAME_HEADER_ROOM,
		    FRAME_CSUM_OK);
}

static void ipv6(uint8_t ttl, uint32_t bytes)
{
	uint8_t *ip = frame + ETH_BYTES;

	ethernet(ETH_IPV6);
	memset(ip, 0, IPV6_BYTES);
	ip[0] = 0x60;
	put16(ip + 4, (uint16_t)bytes);
	ip[6] = IP_ICMPV6;
	ip[7] = ttl;
	ip[8] = 0xfe;
	ip[9] = 0x80;
	ip[23] = 2;
	ip[24] = 0xff;
	ip[25] = 2;
	ip[39] = 1;
	world_input(frame, ETH_BYTES + IPV6_BYTES + bytes, FRAME_HEADER_ROOM,
		    FRAME_CSUM_OK);
}

/* An answer to what was asked last: of the server and with the address that
 * fit, or with those of the body; then the body's options. */
static void dhcp(const uint8_t *body, uint32_t bytes)
{
	uint8_t *udp = frame + ETH_BYTES + IPV4_BYTES, *m = udp + UDP_BYTES;
	const struct dhcp *d = &world.host.dhcp;
	uint8_t fits[] = { 53, 1, 0, 54, 4, 10, 0,    0,    2,	  51, 4,
			   0,  0, 0, 0,	 1, 4,	0xff, 0xff, 0xff, 0 };
	uint32_t your = 0x0a000009, at = 240;
	uint8_t how;

	if (bytes < 2)
		return;
	how = body[0];
	memset(udp, 0, UDP_BYTES + 240);
	fits[2] = body[1] & 7;
	fits[14] = how;
	if (d->server)
		memcpy(fits + 5, &d->server, 4);
	put32(m + 16, your);
	if (d->address)
		memcpy(m + 16, &d->address, 4);
	body += 2;
	bytes -= 2;
	if ((how & 1) && bytes > 4) {
		memcpy(m + 16, body, 4);
		body += 4;
		bytes -= 4;
	}
	if (!(how & 2)) {
		memcpy(m + at, fits, sizeof(fits));
		at += sizeof(fits);
	}
	memcpy(m + at, body, bytes);
	at += bytes;
	put16(udp, DHCP_SERVER);
	put16(udp + 2, DHCP_CLIENT);
	put16(udp + 4, (uint16_t)(UDP_BYTES + at));
	m[0] = 2;
	m[1] = 1;
	m[2] = 6;
	put32(m + 4, d->xid);
	memcpy(m + 28, world.host.config.mac, 6);
	put32(m + 236, 0x63825363);
	ipv4(IP_UDP, 64, 0xffffffff, UDP_BYTES + at);
}

static void igmp(const uint8_t *body, uint32_t bytes)
{
	uint8_t *m = frame + ETH_BYTES + IPV4_BYTES;

	memset(m, 0, 8);
	m[0] = 0x11;
	if (bytes)
		memcpy(m + 1, body, 1);
	if (bytes > 1)
		memcpy(m + 4, body + 1, bytes - 1);
	bytes = max_u32(bytes + 3, 8);
	put16(m + 2, (uint16_t)~be16(csum_fold(csum_add(0, m, bytes))));
	ipv4(IP_IGMP, 1, 0xe0000001, bytes);
}

static void icmp6(uint8_t type, const uint8_t *body, uint32_t bytes)
{
	uint8_t *m = frame + L4;

	memset(m, 0, 4);
	m[0] = type;
	memcpy(m + 4, body, bytes);
	ipv6(type == ICMP6_MLD_QUERY ? 1 : 255, 4 + bytes);
}

static void arp(const uint8_t *body, uint32_t bytes)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0 };
	uint8_t *m = frame + ETH_BYTES;

	memset(m, 0, 28);
	memcpy(m, head, sizeof(head));
	memcpy(m + 7, body, min_u32(bytes, 21));
	ethernet(ETH_ARP);
	world_input(frame, ETH_BYTES + 28, FRAME_HEADER_ROOM, 0);
}

/* Nothing that a stranger says makes a host take these. */
static void check_addresses(void)
{
	const struct stack_config *g = &world.host.config;
	uint8_t first = g->addr4.b[12];

	if (!ip_is_any(&g->addr4) &&
	    (!ip_is_v4(&g->addr4) || !first || first == 127 || first >= 224 ||
	     g->prefix4 > 32)) {
		fprintf(stderr, "an address that no host has\n");
		abort();
	}
	if (g->addr6.b[0] == 0xff || g->prefix6 > 128 || g->mtu < 68) {
		fprintf(stderr, "an address, prefix or MTU of nobody's\n");
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;

	if (!begun)
		begin();
	begun = true;
	world_restore();
	for (uint32_t i = 0; i < STEPS_MAX && size >= 2; i++) {
		uint8_t what = data[0] % 8;
		uint32_t bytes = min_u32(data[1], (uint32_t)size - 2);
		const uint8_t *body = data + 2;

		switch (what) {
		case 0:
		case 1:
			dhcp(body, bytes);
			break;
		case 2:
			icmp6(ICMP6_RA, body, bytes);
			break;
		case 3:
			icmp6(data[0] & 8 ? ICMP6_NS : ICMP6_NA, body, bytes);
			break;
		case 4:
			igmp(body, bytes);
			break;
		case 5:
			icmp6(ICMP6_MLD_QUERY, body, bytes);
			break;
		case 6:
			arp(body, bytes);
			break;
		default:
			world_advance(NSEC_PER_MSEC << (data[1] % 26));
			bytes = 0;
		}
		world_check();
		check_addresses();
		data += 2 + bytes;
		size -= 2 + bytes;
	}
	world_advance(100000 * NSEC_PER_SEC);
	world_check();
	return 0;
}
