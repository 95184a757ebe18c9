/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Below TCP: Ethernet, ARP and ND, IPv4 and IPv6, ICMP, UDP. Bad input is a
 * counted drop, whatever it is.
 */
#include "stack/csum.h"
#include "stack/script.h"
#include "base/random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static conn_ix udp_socket(struct testnet *n, uint32_t h, uint16_t port,
			  uint32_t flags)
{
	struct ip_addr any = { .d = { 0, 0 } };
	conn_ix c;

	assert_int_equal(conn_open(&n->st[h], STACK_UDP, 1, h + 1, &c), 0);
	if (port)
		assert_int_equal(conn_bind(&n->st[h], c, &any, port, flags), 0);
	return c;
}

static int send_to(struct testnet *n, uint32_t h, conn_ix c, uint32_t bytes,
		   const struct ip_addr *to, uint16_t port)
{
	static uint8_t buf[65536];
	frame_ix ix = frame_alloc(&n->arena);

	for (uint32_t i = 0; i < bytes; i++)
		buf[i] = (uint8_t)(i * 3 + i / 256);
	assert_int_equal(frame_fill(&n->arena, ix, buf, bytes), 0);
	return udp_send(&n->st[h], c, ix, to, port);
}

/* The oldest datagram's length, its bytes checked; -1: none. */
static int take(struct testnet *n, uint32_t h, conn_ix c, struct udp_note *note)
{
	static uint8_t buf[65536];
	frame_ix ix = udp_take(&n->st[h], c, note, false);
	uint32_t bytes;

	if (!ix)
		return -1;
	bytes = frame_at(&n->arena, ix)->payload;
	frame_copy_out(&n->arena, frame_at(&n->arena, ix), 0, buf, bytes);
	for (uint32_t i = 0; i < bytes; i++)
		assert_int_equal(buf[i], (uint8_t)(i * 3 + i / 256));
	frame_free(&n->arena, ix);
	return (int)bytes;
}

static void datagrams_of_every_size(void **state)
{
	static const uint32_t sizes[] = { 0,	1,    320,  321,  1472,
					  1473, 2952, 4096, 9000, 65507 };

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct testnet *n = testnet_new(2, 1);
		conn_ix a = udp_socket(n, 0, 0, 0);
		conn_ix b = udp_socket(n, 1, 53, STACK_INET6);
		struct ip_addr to = v6 ? testnet_ip6(1) : testnet_ip4(1);
		struct ip_addr from = v6 ? testnet_ip6(0) : testnet_ip4(0);
		struct udp_note note;

		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			assert_int_equal(send_to(n, 0, a, sizes[i], &to, 53),
					 0);
			testnet_run(n);
			assert_int_equal(take(n, 1, b, &note), sizes[i]);
			assert_true(ip_equal(&note.from, &from));
			assert_true(ip_equal(&note.to, &to));
			assert_int_equal(note.port, testnet_conn(n, a)->lport);
			assert_int_equal(note.ttl, 64);
		}
		conn_close(&n->st[0], a);
		conn_close(&n->st[1], b);
		assert_true(testnet_free(n));
	}
}

static void loopback_needs_no_fragments(void **state)
{
	struct testnet *n = testnet_new(1, 1);
	conn_ix a = udp_socket(n, 0, 7, 0);
	struct ip_addr to = ip_from_v4(be32(0x7f000001));
	struct udp_note note;

	(void)state;
	assert_int_equal(send_to(n, 0, a, 60000, &to, 7), 0);
	assert_int_equal(testnet_run(n), 1);
	assert_int_equal(take(n, 0, a, &note), 60000);
	conn_close(&n->st[0], a);
	assert_true(testnet_free(n));
}

static void what_udp_refuses(void **state)
{
	struct testnet *n = testnet_new(2, 1);
	conn_ix a = udp_socket(n, 0, 0, 0), b = udp_socket(n, 1, 0, 0);
	struct ip_addr to = testnet_ip4(1), far = ip_from_v4(be32(0x08080808));
	struct ip_addr all = ip_from_v4(UINT32_MAX), other = testnet_ip4(3);
	struct ip_addr mine = testnet_ip4(0);

	(void)state;
	assert_int_equal(send_to(n, 0, a, 10, NULL, 0), -EDESTADDRREQ);
	assert_int_equal(send_to(n, 0, a, 10, &far, 5), -ENETUNREACH);
	assert_int_equal(send_to(n, 0, a, 65508, &to, 5), -EMSGSIZE);
	assert_int_equal(send_to(n, 0, a, 10, &all, 5), -EACCES);
	assert_int_equal(conn_bind(&n->st[0], b, &other, 5, 0), -EADDRNOTAVAIL);
	assert_int_equal(conn_bind(&n->st[0], a, &mine, 5, 0), 0);
	assert_int_equal(conn_bind(&n->st[0], a, &mine, 6, 0), -EINVAL);
	conn_close(&n->st[0], a);
	conn_close(&n->st[1], b);
	assert_true(testnet_free(n));
}

static void nobody_there_is_told(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct testnet *n = testnet_new(2, 1);
		conn_ix a = udp_socket(n, 0, 0, 0);
		struct ip_addr to = v6 ? testnet_ip6(1) : testnet_ip4(1);

		assert_int_equal(conn_connect(&n->st[0], a, &to, 99), 0);
		assert_int_equal(send_to(n, 0, a, 10, NULL, 0), 0);
		testnet_run(n);
		assert_true(testnet_events(n, a) & STACK_ERR);
		assert_int_equal(send_to(n, 0, a, 10, NULL, 0), -ECONNREFUSED);
		assert_int_equal(testnet_count(n, 1, Udp_NoPorts), 1);
		conn_close(&n->st[0], a);
		assert_true(testnet_free(n));
	}
}

static void broadcasts_are_heard_by_all(void **state)
{
	struct testnet *n = testnet_new(3, 1);
	struct ip_addr all = ip_from_v4(be32(0x0a0000ff));
	struct ip_addr group = ip_from_v4(be32(0xe0000101));
	conn_ix a = udp_socket(n, 0, 0, 0), b[3];
	struct udp_note note;

	(void)state;
	b[0] = udp_socket(n, 1, 68, STACK_REUSEADDR);
	b[1] = udp_socket(n, 1, 68, STACK_REUSEADDR);
	b[2] = udp_socket(n, 2, 68, 0);
	conn_set(&n->st[0], a, CONN_BROADCAST, 1);
	assert_int_equal(send_to(n, 0, a, 500, &all, 68), 0);
	testnet_run(n);
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(n, i < 2 ? 1 : 2, b[i], &note), 500);
	/* The group is another matter: group_test.c. */
	assert_int_equal(send_to(n, 0, a, 5, &group, 68), 0);
	testnet_run(n);
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(n, i < 2 ? 1 : 2, b[i], &note), -1);
	conn_close(&n->st[0], a);
	conn_close(&n->st[1], b[0]);
	conn_close(&n->st[1], b[1]);
	conn_close(&n->st[2], b[2]);
	assert_true(testnet_free(n));
}

static void a_queue_has_an_end(void **state)
{
	struct testnet *n = testnet_new(2, 1);
	conn_ix a = udp_socket(n, 0, 0, 0), b = udp_socket(n, 1, 5, 0);
	struct ip_addr to = testnet_ip4(1);

	(void)state;
	conn_set(&n->st[1], b, CONN_RCVBUF, 10000);
	for (int i = 0; i < 100; i++)
		send_to(n, 0, a, 0, &to, 5);
	testnet_run(n);
	assert_in_range(testnet_count(n, 1, Udp_RcvbufErrors), 50, 70);
	conn_close(&n->st[0], a);
	conn_close(&n->st[1], b);
	assert_true(testnet_free(n));
}

/* No frames for the pieces: an error, counted where the kernel counts it. */
static void a_lack_of_frames_is_counted(void **state)
{
	struct testnet *n = testnet_new(2, 1);
	conn_ix a = udp_socket(n, 0, 0, 0), b = udp_socket(n, 1, 53, 0);
	struct ip_addr to = testnet_ip4(1);
	static uint8_t buf[5000];
	frame_ix whole = frame_alloc(&n->arena), held = 0, ix;

	(void)state;
	assert_int_equal(frame_fill(&n->arena, whole, buf, sizeof(buf)), 0);
	while ((ix = frame_alloc(&n->arena))) {
		frame_at(&n->arena, ix)->next = held;
		held = ix;
	}
	assert_int_equal(udp_send(&n->st[0], a, whole, &to, 53), -ENOBUFS);
	while ((ix = held)) {
		held = frame_at(&n->arena, ix)->next;
		frame_free(&n->arena, ix);
	}
	assert_int_equal(testnet_count(n, 0, Udp_SndbufErrors), 1);
	assert_int_equal(testnet_count(n, 0, Ip_OutDiscards), 1);
	assert_int_equal(testnet_count(n, 0, Udp_OutDatagrams), 0);
	assert_int_equal(send_to(n, 0, a, 5000, &to, 53), 0);
	assert_int_equal(testnet_count(n, 0, Udp_OutDatagrams), 1);
	testnet_run(n);
	conn_close(&n->st[0], a);
	conn_close(&n->st[1], b);
	assert_true(testnet_free(n));
}

static void neighbours_are_asked_for(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct testnet *n = testnet_new(2, 1);
		conn_ix a = udp_socket(n, 0, 0, 0);
		conn_ix b = udp_socket(n, 1, 5, STACK_INET6);
		struct ip_addr to = v6 ? testnet_ip6(1) : testnet_ip4(1);
		struct ip_addr none = v6 ? testnet_ip6(77) : testnet_ip4(77);
		struct udp_note note;

		n->use_arp = true;
		for (int i = 0; i < 6; i++)
			assert_int_equal(send_to(n, 0, a, 100, &to, 5), 0);
		testnet_run(n);
		/* Four wait for the answer, the oldest gave way. */
		for (int i = 0; i < 4; i++)
			assert_int_equal(take(n, 1, b, &note), 100);
		assert_int_equal(take(n, 1, b, &note), -1);
		assert_int_equal(send_to(n, 0, a, 100, &none, 5), 0);
		testnet_wait(n, 10000);
		assert_int_equal(testnet_count(n, 0, Arp_Failed), 1);
		assert_true(stack_next_timer_ns(n->host[0]) == UINT64_MAX);
		conn_close(&n->st[0], a);
		conn_close(&n->st[1], b);
		assert_true(testnet_free(n));
	}
}

/* Nobody has the address: connect() learns it, and a connected UDP socket. */
static void a_silent_neighbour_is_reported(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct testnet *n = testnet_new(1, 1);
		struct ip_addr none = v6 ? testnet_ip6(77) : testnet_ip4(77);
		conn_ix u = udp_socket(n, 0, 0, v6 ? STACK_INET6 : 0), c;

		n->use_arp = true;
		assert_int_equal(conn_open(&n->st[0], STACK_TCP, 9,
					   n->host[0]->config.vif, &c),
				 0);
		assert_int_equal(conn_connect(&n->st[0], c, &none, 80), 0);
		assert_int_equal(conn_connect(&n->st[0], u, &none, 5), 0);
		assert_int_equal(send_to(n, 0, u, 100, &none, 5), 0);
		testnet_wait(n, 2900);
		assert_int_equal(conn_error(&n->st[0], c), 0);
		testnet_wait(n, 200);
		assert_true(testnet_events(n, c) & STACK_ERR);
		assert_int_equal(conn_error(&n->st[0], c), EHOSTUNREACH);
		assert_int_equal(conn_error(&n->st[0], u), EHOSTUNREACH);
		conn_close(&n->st[0], c);
		conn_close(&n->st[0], u);
		assert_true(testnet_free(n));
	}
}

/* What becomes of an IPv4 header with one thing wrong. */
static void bad_headers_are_counted(void **state)
{
	static const struct {
		uint32_t at; /* byte of the frame */
		uint8_t value;
		bool fix; /* the header's checksum is right again */
		enum stack_counter want;
	} cases[] = {
		{ 0, 0x04, false, COUNT_Eth_InForeign },
		{ 12, 0x12, false, COUNT_Eth_InBad },
		{ 14, 0x55, true, COUNT_Ip_InHdrErrors },  /* version */
		{ 14, 0x44, true, COUNT_Ip_InHdrErrors },  /* IHL 16 */
		{ 14, 0x4f, true, COUNT_Ip_InHdrErrors },  /* IHL too long */
		{ 16, 0xff, true, COUNT_Ip_InHdrErrors },  /* total too long */
		{ 17, 0x05, true, COUNT_Ip_InHdrErrors },  /* total < IHL */
		{ 22, 0x00, false, COUNT_Ip_InHdrErrors }, /* checksum */
		{ 23, 99, true, COUNT_Ip_InUnknownProtos },
		{ 26, 0xe0, true, COUNT_Ip_InAddrErrors }, /* from a group */
		{ 26, 127, true, COUNT_Ip_InAddrErrors },  /* from 127/8 */
		{ 33, 0x99, true, COUNT_Ip_InAddrErrors }, /* to another */
		{ 30, 127, true, COUNT_Ip_InAddrErrors },  /* to 127/8 */
		{ 39, 0x04, false, COUNT_Udp_InErrors },   /* length < 8 */
		{ 38, 0x40, false, COUNT_Udp_InErrors },   /* length too long */
		{ 40, 0x12, false, COUNT_Udp_InCsumErrors },
		{ 20, 0x20, true, COUNT_Ip_ReasmReqds }, /* a first piece */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct testnet *n = testnet_new(2, 1);
		uint8_t l4[20] = { 0, 9, 0, 5, 0, 20, 0, 0 };
		struct ip_addr src = testnet_ip4(1), dst = testnet_ip4(0);
		conn_ix c = udp_socket(n, 0, 5, 0);
		struct ipv4_header *h;
		uint64_t before;
		struct frame *f;
		frame_ix ix;

		((struct udp_header *)l4)->csum = (uint16_t)~csum_fold(
			csum_add(0, l4, 20) + csum_pseudo(&src, &dst, 17, 20));
		ix = script_raw(n, IP_UDP, l4, sizeof(l4));
		f = frame_at(&n->arena, ix);
		f->header[cases[i].at] = cases[i].value;
		h = (struct ipv4_header *)(f->header + ETH_BYTES);
		if (cases[i].fix) {
			h->csum = 0;
			h->csum = (uint16_t)~csum_fold(csum_add(
				0, h, min_u32((h->ver_ihl & 15u) * 4, 40)));
		}
		before = n->host[0]->count[cases[i].want];
		stack_input(&n->st[0], ix);
		if (cases[i].want != COUNT_Eth_InBad)
			assert_int_equal(n->host[0]->count[cases[i].want],
					 before + 1);
		assert_int_equal(testnet_count(n, 0, Udp_InDatagrams), 0);
		testnet_wait(n, 40000);
		conn_close(&n->st[0], c);
		assert_true(testnet_free(n));
	}
}

/* Ethernet pads; the header's total says what counts. */
static void padding_is_cut(void **state)
{
	static const uint32_t pads[] = { 1, 18, 300 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pads); i++) {
		struct testnet *n = testnet_new(2, 1);
		uint8_t l4[400] = { 0, 9, 0, 5, 0, 12, 0, 0, 0, 3, 6, 9 };
		conn_ix c = udp_socket(n, 0, 5, 0);
		struct ipv4_header *h;
		struct udp_note note;
		frame_ix ix = script_raw(n, IP_UDP, l4, 12 + pads[i]);

		h = (struct ipv4_header *)(frame_at(&n->arena, ix)->header +
					   ETH_BYTES);
		h->total = be16(20 + 12);
		h->csum = 0;
		h->csum = (uint16_t)~csum_fold(csum_add(0, h, 20));
		stack_input(&n->st[0], ix);
		assert_int_equal(take(n, 0, c, &note), 4);
		conn_close(&n->st[0], c);
		assert_true(testnet_free(n));
	}
}

static void pieces_that_overlap_are_refused(void **state)
{
	static const struct {
		uint32_t off[4], bytes[4]; /* in units of 8; last: no more */
		bool whole;
	} cases[] = {
		{ { 0, 2, 4 }, { 2, 2, 2 }, true },
		{ { 4, 0, 2 }, { 2, 2, 2 }, false }, /* the end within */
		{ { 0, 1, 3 }, { 2, 2, 2 }, false },
		{ { 2, 0, 4 }, { 2, 3, 2 }, false },
		{ { 0, 0, 2 }, { 2, 2, 2 }, true }, /* an exact repeat */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct testnet *n = testnet_new(2, 1);
		conn_ix c = udp_socket(n, 0, 5, 0);
		uint8_t l4[64] = { 0, 9, 0, 5, 0, 0 };
		uint32_t total = 0;

		for (int k = 0; k < 3; k++)
			total = max_u32(total,
					(cases[i].off[k] + cases[i].bytes[k]) *
						8);
		l4[5] = (uint8_t)total;
		for (int k = 0; k < 3; k++) {
			uint32_t bytes = cases[i].bytes[k] * 8;
			frame_ix ix = script_raw(
				n, IP_UDP, l4 + cases[i].off[k] * 8, bytes);
			struct ipv4_header *h =
				(struct ipv4_header *)(frame_at(&n->arena, ix)
							       ->header +
						       ETH_BYTES);

			h->id = 7;
			h->frag = be16((uint16_t)(cases[i].off[k] |
						  (k < 2 ? IPV4_MF : 0)));
			h->csum = 0;
			h->csum = (uint16_t)~csum_fold(csum_add(0, h, 20));
			stack_input(&n->st[0], ix);
		}
		assert_int_equal(testnet_count(n, 0, Ip_ReasmOKs),
				 cases[i].whole);
		testnet_wait(n, 31000);
		conn_close(&n->st[0], c);
		assert_true(testnet_free(n));
	}
}

static void echo_comes_back(void **state)
{
	struct testnet *n = testnet_new(2, 1);
	uint8_t ping[1008] = { ICMP_ECHO, 0, 0, 0, 1, 2, 3, 4 };
	const struct frame *f;
	uint8_t back[1000];
	frame_ix ix;

	(void)state;
	for (uint32_t i = 8; i < sizeof(ping); i++)
		ping[i] = (uint8_t)i;
	((struct icmp_header *)ping)->csum =
		(uint16_t)~csum_fold(csum_add(0, ping, sizeof(ping)));
	stack_input(&n->st[0], script_raw(n, IP_ICMP, ping, sizeof(ping)));
	ix = frame_list_pop(&n->arena, &n->st[0].out);
	assert_int_not_equal(ix, 0);
	f = frame_at(&n->arena, ix);
	assert_int_equal(f->header[34], ICMP_ECHO_REPLY);
	assert_int_equal(testnet_count(n, 0, Icmp_InEchos), 1);
	assert_int_equal(testnet_count(n, 0, Icmp_OutEchoReps), 1);
	assert_int_equal(f->payload, 1000);
	frame_copy_out(&n->arena, f, 0, back, 1000);
	assert_memory_equal(back, ping + 8, 1000);
	assert_int_equal(csum_fold(csum_frame(&n->arena, f, 34)), 0xffff);
	frame_free(&n->arena, ix);
	ping[10] ^= 1;
	stack_input(&n->st[0], script_raw(n, IP_ICMP, ping, sizeof(ping)));
	assert_int_equal(testnet_count(n, 0, Icmp_InCsumErrors), 1);
	assert_true(testnet_free(n));
}

/* Ports: who may share, who may not. */
static void binding_follows_the_rules(void **state)
{
	enum { ANY, ANY6, LO, MINE };
	static const struct {
		int first, second;
		uint32_t flags1, flags2;
		int want;
	} cases[] = {
		{ ANY, ANY, 0, 0, -EADDRINUSE },
		{ ANY, MINE, 0, 0, -EADDRINUSE },
		{ LO, MINE, 0, 0, 0 },
		{ MINE, MINE, 0, 0, -EADDRINUSE },
		{ ANY, ANY, STACK_REUSEADDR, STACK_REUSEADDR, 0 },
		{ ANY, ANY, STACK_REUSEADDR, 0, -EADDRINUSE },
		{ ANY, ANY, STACK_REUSEPORT, STACK_REUSEPORT, 0 },
		{ ANY, ANY6, 0, STACK_INET6, -EADDRINUSE },
		{ ANY, ANY6, 0, STACK_INET6 | STACK_V6ONLY, 0 },
		{ ANY6, MINE, STACK_INET6, 0, -EADDRINUSE },
		{ ANY6, MINE, STACK_INET6 | STACK_V6ONLY, 0, 0 },
	};
	struct ip_addr at[4] = { { .d = { 0, 0 } },
				 { .d = { 0, 0 } },
				 ip_from_v4(be32(0x7f000001)),
				 testnet_ip4(0) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct testnet *n = testnet_new(1, 1);
		conn_ix a, b;

		conn_open(&n->st[0], STACK_TCP, 1, 1, &a);
		conn_open(&n->st[0], STACK_TCP, 1, 1, &b);
		assert_int_equal(conn_bind(&n->st[0], a, &at[cases[i].first],
					   80, cases[i].flags1),
				 0);
		assert_int_equal(conn_bind(&n->st[0], b, &at[cases[i].second],
					   80, cases[i].flags2),
				 cases[i].want);
		conn_close(&n->st[0], a);
		conn_close(&n->st[0], b);
		assert_true(testnet_free(n));
	}
}

/* Frames of real conversations, changed at random: nothing may break. */
static bool mangle(struct testnet *n, uint32_t from, frame_ix ix)
{
	uint64_t *r = n->pass_arg;
	uint32_t times = (uint32_t)random_next(r) % 3;
	frame_ix copy = frame_alloc(&n->arena);
	struct frame *f = frame_at(&n->arena, ix), *g;
	static uint8_t bytes[65536];

	/* A changed copy goes before the true one. */
	if (!copy)
		return true;
	g = frame_at(&n->arena, copy);
	frame_copy_out(&n->arena, f, 0, bytes, f->payload);
	memcpy(g->header, f->header, f->header_bytes);
	g->header_bytes = f->header_bytes;
	g->flags = f->flags & (FRAME_CSUM_OK | FRAME_NEEDS_CSUM);
	for (uint32_t i = 0; i <= times; i++)
		g->header[12 + random_next(r) % (g->header_bytes - 12u)] =
			(uint8_t)random_next(r);
	if (random_next(r) % 4 == 0)
		g->header_bytes =
			(uint8_t)(random_next(r) % (FRAME_HEADER_ROOM + 1));
	if (frame_fill(&n->arena, copy, bytes,
		       random_next(r) % 4
			       ? f->payload
			       : (uint32_t)random_next(r) % (f->payload + 1)))
		frame_free(&n->arena, copy);
	else
		testnet_input(n, from, copy);
	return true;
}

static void mangled_frames_break_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 60; seed++) {
		struct testnet *n = testnet_new(2, seed);
		struct ip_addr to4 = testnet_ip4(1), to6 = testnet_ip6(1);
		conn_ix u = udp_socket(n, 0, 9, 0);
		conn_ix v = udp_socket(n, 1, 9, STACK_INET6);
		uint64_t r = seed;
		conn_ix l;
		static uint8_t buf[100000];

		n->use_arp = seed & 1;
		n->pass_arg = &r;
		n->pass = mangle;
		conn_open(&n->st[1], STACK_TCP, 1, 2, &l);
		conn_bind(&n->st[1], l, &(struct ip_addr){ .d = { 0, 0 } }, 80,
			  STACK_INET6);
		tcp_listen(&n->st[1], l, 100);
		for (int i = 0; i < 20; i++) {
			conn_ix c, d;

			conn_open(&n->st[0], STACK_TCP, 1, 1, &c);
			conn_connect(&n->st[0], c, i & 1 ? &to6 : &to4, 80);
			testnet_wait(n, 5);
			send_to(n, 0, u, (uint32_t)random_next(&r) % 5000,
				i & 1 ? &to6 : &to4, 9);
			tcp_append(&n->st[0], c, buf,
				   (uint32_t)random_next(&r) % 50000);
			tcp_push(&n->st[0], c, false);
			testnet_wait(n, 50);
			d = tcp_accept(&n->st[1], l);
			if (d) {
				conn_own(&n->st[1], d, 1, 2);
				tcp_copy(&n->st[1], d, 0, buf, 100000, false);
				tcp_consumed(&n->st[1], d);
				conn_close(&n->st[1], d);
			}
			conn_close(&n->st[0], c);
		}
		n->pass = NULL;
		conn_close(&n->st[0], u);
		conn_close(&n->st[1], v);
		conn_close(&n->st[1], l);
		testnet_wait(n, 2000000);
		assert_true(testnet_free(n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_of_every_size),
		cmocka_unit_test(loopback_needs_no_fragments),
		cmocka_unit_test(what_udp_refuses),
		cmocka_unit_test(nobody_there_is_told),
		cmocka_unit_test(broadcasts_are_heard_by_all),
		cmocka_unit_test(a_queue_has_an_end),
		cmocka_unit_test(a_lack_of_frames_is_counted),
		cmocka_unit_test(neighbours_are_asked_for),
		cmocka_unit_test(a_silent_neighbour_is_reported),
		cmocka_unit_test(bad_headers_are_counted),
		cmocka_unit_test(padding_is_cut),
		cmocka_unit_test(pieces_that_overlap_are_refused),
		cmocka_unit_test(echo_comes_back),
		cmocka_unit_test(binding_follows_the_rules),
		cmocka_unit_test(mangled_frames_break_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
