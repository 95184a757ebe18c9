/* SPDX-License-Identifier: BSD-2-Clause */
/* group.h, igmp.c, mld.c: who hears what, and what routers are told. */
#include "stack/csum.h"
#include "stack/group.h"
#include "stack/shape.h"
#include "stack/testnet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define PORT 5353

/* The reports that have passed, newest last: type of record or message, and the
 * last byte of the group. */
static struct {
	uint8_t type;
	uint8_t group;
	uint8_t sources;
} told[64];
static uint32_t tolds;

static const struct ip_addr any;

/* Notes reports on the wire, and checks what every one has to have. */
static bool listen(struct testnet *n, uint32_t from, frame_ix ix)
{
	static uint8_t b[1600];
	const struct frame *f = frame_at(&n->arena, ix);
	uint32_t bytes = f->header_bytes + f->payload;
	const uint8_t *m = NULL, *ip = b + ETH_BYTES;
	bool v4;

	(void)from;
	if (bytes > sizeof(b))
		return true;
	memcpy(b, f->header, f->header_bytes);
	frame_copy_out(&n->arena, f, 0, b + f->header_bytes, f->payload);
	v4 = *ip >> 4 == 4;
	if (v4 && ip[9] == IP_IGMP && !(*ip == 0x45 && ip[20] == 0x11)) {
		assert_int_equal(*ip, 0x46);
		assert_int_equal(ip[8], 1);
		assert_int_equal(get32(ip + 20), 0x94040000);
		assert_int_equal(csum_fold(csum_add(0, ip, 24)), 0xffff);
		assert_int_equal(
			csum_fold(csum_add(0, ip + 24, get16(ip + 2) - 24u)),
			0xffff);
		m = ip + 24;
		told[tolds].type = m[0] == 0x22 ? m[8] : m[0];
		told[tolds].group = m[m[0] == 0x22 ? 15 : 7];
		told[tolds++].sources = m[0] == 0x22 ? m[11] : 0;
	} else if (!v4 && ip[6] == IP6_HOP && ip[48] != ICMP6_MLD_QUERY) {
		struct ip_addr src, dst;
		uint32_t l4 = get16(ip + 4) - 8u;

		memcpy(&src, ip + 8, 16);
		memcpy(&dst, ip + 24, 16);
		assert_int_equal(ip[7], 1);
		assert_int_equal(src.b[0], 0xfe);
		assert_int_equal(get32(ip + 40), IP_ICMPV6 << 24 | 0x0502);
		assert_int_equal(
			csum_fold(csum_add(0, ip + 48, l4) +
				  csum_pseudo(&src, &dst, IP_ICMPV6, l4)),
			0xffff);
		m = ip + 48;
		told[tolds].type = m[0] == ICMP6_MLD2_REPORT ? m[8] : m[0];
		told[tolds].group = m[m[0] == ICMP6_MLD2_REPORT ? 27 : 23];
		told[tolds++].sources = m[0] == ICMP6_MLD2_REPORT ? m[11] : 0;
	}
	assert_true(tolds < ARRAY_SIZE(told));
	return true;
}

static void expect_told(struct testnet *n, uint8_t type, uint8_t group,
			uint8_t sources, uint32_t times)
{
	testnet_wait(n, 3000);
	assert_int_equal(tolds, times);
	for (uint32_t i = 0; i < tolds; i++) {
		assert_int_equal(told[i].type, type);
		assert_int_equal(told[i].group, group);
		assert_int_equal(told[i].sources, sources);
	}
	tolds = 0;
}

static struct testnet *net(uint32_t hosts)
{
	struct testnet *n = testnet_new(hosts, 3);

	n->pass = listen;
	tolds = 0;
	return n;
}

static conn_ix socket_on(struct testnet *n, uint32_t host)
{
	conn_ix c;

	assert_int_equal(conn_open(&n->st[host], STACK_UDP, 1 + host,
				   n->host[host]->config.vif, &c),
			 0);
	assert_int_equal(conn_bind(&n->st[host], c, &any, PORT,
				   STACK_REUSEADDR | STACK_INET6),
			 0);
	return c;
}

static void send_group(struct testnet *n, uint32_t host, conn_ix c,
		       const struct ip_addr *group)
{
	frame_ix ix = frame_alloc(&n->arena);

	assert_int_equal(frame_fill(&n->arena, ix, "hello", 5), 0);
	assert_int_equal(udp_send(&n->st[host], c, ix, group, PORT), 0);
	testnet_run(n);
}

static bool hears(struct testnet *n, uint32_t host, conn_ix c)
{
	struct udp_note note;
	frame_ix ix = udp_take(&n->st[host], c, &note, false);

	frame_free(&n->arena, ix);
	return ix;
}

static struct ip_addr group_of(bool v4, uint8_t last)
{
	struct ip_addr g = { .b = { 0xff, 0x15, [15] = last } };

	return v4 ? ip_from_v4(be32(0xe8000000u | last)) : g;
}

static void who_has_joined_hears(void **state)
{
	(void)state;
	for (int v4 = 0; v4 < 2; v4++) {
		struct testnet *n = net(3);
		struct ip_addr g = group_of(v4, 7), h = group_of(v4, 8);
		conn_ix a = socket_on(n, 0), b = socket_on(n, 1),
			c = socket_on(n, 1), d = socket_on(n, 2);

		send_group(n, 0, a, &g);
		assert_false(hears(n, 1, b) || hears(n, 2, d));
		assert_int_equal(conn_join(&n->st[1], b, &g, &any), 0);
		assert_int_equal(conn_join(&n->st[1], b, &g, &any),
				 -EADDRINUSE);
		expect_told(n, GROUP_TO_EXCLUDE, 7, 0, 2);
		send_group(n, 0, a, &g);
		assert_true(hears(n, 1, b));
		/* Linux: others of the host, too, unless they say no. */
		assert_true(hears(n, 1, c));
		assert_false(hears(n, 2, d) || hears(n, 0, a));
		conn_set(&n->st[1], c, CONN_MULTICAST_ALL, 0);
		send_group(n, 0, a, &g);
		assert_true(hears(n, 1, b));
		assert_false(hears(n, 1, c));
		send_group(n, 0, a, &h);
		assert_false(hears(n, 1, b));
		/* The second one to join is not news; the last to leave is. */
		assert_int_equal(conn_join(&n->st[1], c, &g, &any), 0);
		expect_told(n, GROUP_TO_EXCLUDE, 7, 0, 2);
		conn_close(&n->st[1], c);
		expect_told(n, GROUP_TO_EXCLUDE, 7, 0, 2);
		assert_int_equal(conn_leave(&n->st[1], b, &g, &any), 0);
		assert_int_equal(conn_leave(&n->st[1], b, &g, &any),
				 -EADDRNOTAVAIL);
		expect_told(n, GROUP_TO_INCLUDE, 7, 0, 2);
		send_group(n, 0, a, &g);
		assert_false(hears(n, 1, b));
		conn_close(&n->st[0], a);
		conn_close(&n->st[1], b);
		conn_close(&n->st[2], d);
		assert_true(stack_next_timer_ns(n->host[1]) == UINT64_MAX);
		assert_true(testnet_free(n));
	}
}

static void some_sources_only(void **state)
{
	(void)state;
	for (int v4 = 0; v4 < 2; v4++) {
		struct testnet *n = net(3);
		struct ip_addr g = group_of(v4, 9);
		struct ip_addr from = v4 ? testnet_ip4(0) : testnet_ip6(0);
		struct ip_addr other = v4 ? testnet_ip4(2) : testnet_ip6(2);
		conn_ix a = socket_on(n, 0), b = socket_on(n, 1),
			d = socket_on(n, 2);

		assert_int_equal(conn_join(&n->st[1], b, &g, &from), 0);
		expect_told(n, GROUP_TO_INCLUDE, 9, 1, 2);
		assert_int_equal(conn_join(&n->st[1], b, &g, &any), -EINVAL);
		send_group(n, 0, a, &g);
		assert_true(hears(n, 1, b));
		send_group(n, 2, d, &g);
		assert_false(hears(n, 1, b));
		assert_int_equal(conn_join(&n->st[1], b, &g, &other), 0);
		expect_told(n, GROUP_TO_INCLUDE, 9, 2, 2);
		send_group(n, 2, d, &g);
		assert_true(hears(n, 1, b));
		assert_int_equal(conn_leave(&n->st[1], b, &g, &from), 0);
		expect_told(n, GROUP_TO_INCLUDE, 9, 1, 2);
		conn_close(&n->st[1], b);
		expect_told(n, GROUP_TO_INCLUDE, 9, 0, 2);
		conn_close(&n->st[0], a);
		conn_close(&n->st[2], d);
		assert_true(testnet_free(n));
	}
}

static void loops_back_where_wanted(void **state)
{
	(void)state;
	for (int v4 = 0; v4 < 2; v4++) {
		struct testnet *n = net(1);
		struct ip_addr g = group_of(v4, 7);
		conn_ix a = socket_on(n, 0);

		assert_int_equal(conn_join(&n->st[0], a, &g, &any), 0);
		send_group(n, 0, a, &g);
		assert_true(hears(n, 0, a));
		conn_set(&n->st[0], a, CONN_MULTICAST_LOOP, 0);
		send_group(n, 0, a, &g);
		assert_false(hears(n, 0, a));
		conn_close(&n->st[0], a);
		testnet_wait(n, 3000);
		assert_true(testnet_free(n));
	}
}

/* A query, as a router of host 0 sends it: @old in the version before. */
static void query(struct testnet *n, bool v4, uint8_t group, bool old)
{
	struct stack *st = &n->st[0];
	uint32_t bytes = v4 ? (old ? 8 : 12) : (old ? 24 : 28);
	frame_ix ix = l4_frame(st, v4, bytes);
	struct frame *f = frame_at(&n->arena, ix);
	struct ip_addr dst =
		v4 ? ip_from_v4(be32(0xe0000001))
		   : (struct ip_addr){ .b = { 0xff, 2, [15] = 1 } };
	struct path to = { .kind = PATH_MULTICAST, .next = dst };
	struct ip_addr g = group_of(v4, group);
	uint8_t *m = f->header + f->l4_off;
	struct ip_out o = { .src = v4 ? &n->host[0]->config.addr4
				      : &n->host[0]->link6,
			    .dst = &dst,
			    .ttl = 1,
			    .proto = v4 ? IP_IGMP : IP_ICMPV6 };

	memset(m, 0, bytes);
	m[0] = v4 ? 0x11 : ICMP6_MLD_QUERY;
	if (v4) {
		m[1] = 10; /* one second */
		if (group)
			memcpy(m + 4, &g.w[3], 4);
		((struct wire16 *)(m + 2))->v =
			(uint16_t)~csum_fold(csum_add(0, m, bytes));
		ipv4_write(f, &o, bytes, 1, 0);
	} else {
		put16(m + 4, 1000);
		if (group)
			memcpy(m + 8, &g, 16);
		((struct wire16 *)(m + 2))->v = (uint16_t)~csum_fold(
			csum_add(0, m, bytes) +
			csum_pseudo(o.src, &dst, IP_ICMPV6, bytes));
		ipv6_write(f, &o, IP_ICMPV6, bytes);
	}
	path_send(st, &to, ix);
	testnet_run(n);
}

static void queries_are_answered(void **state)
{
	(void)state;
	for (int v4 = 0; v4 < 2; v4++) {
		struct testnet *n = net(2);
		struct ip_addr g = group_of(v4, 7);
		conn_ix b = socket_on(n, 1);

		assert_int_equal(conn_join(&n->st[1], b, &g, &any), 0);
		expect_told(n, GROUP_TO_EXCLUDE, 7, 0, 2);
		query(n, v4, 0, false);
		assert_int_equal(tolds, 0);
		expect_told(n, GROUP_IS_EXCLUDE, 7, 0, 1);
		query(n, v4, 7, false);
		expect_told(n, GROUP_IS_EXCLUDE, 7, 0, 1);
		query(n, v4, 8, false);
		expect_told(n, 0, 0, 0, 0);
		/* An old querier is spoken to in its own words. */
		query(n, v4, 0, true);
		expect_told(n, v4 ? 0x16 : ICMP6_MLD_REPORT, 7, 0, 1);
		conn_close(&n->st[1], b);
		expect_told(n, v4 ? 0x17 : ICMP6_MLD_DONE, 7, 0, 2);
		assert_true(testnet_free(n));
	}
}

static void death_keeps_the_living(void **state)
{
	struct testnet *n = net(2);
	struct ip_addr g = group_of(true, 7), h = group_of(true, 8);
	conn_ix a = socket_on(n, 0), b = socket_on(n, 1);

	(void)state;
	assert_int_equal(conn_join(&n->st[1], b, &g, &any), 0);
	expect_told(n, GROUP_TO_EXCLUDE, 7, 0, 2);
	/* A membership of a connection that is no more, and a torn group. */
	n->host[1]->member[1].group = h;
	n->host[1]->member[1].conn = b + 1;
	n->host[1]->member_end = 2;
	n->host[1]->group[0].state = GROUP_LEFT;
	stack_recover(&n->st[1]);
	expect_told(n, GROUP_TO_EXCLUDE, 7, 0, 2);
	send_group(n, 0, a, &h);
	assert_false(hears(n, 1, b));
	send_group(n, 0, a, &g);
	assert_true(hears(n, 1, b));
	conn_close(&n->st[0], a);
	conn_close(&n->st[1], b);
	testnet_wait(n, 3000);
	assert_true(testnet_free(n));
}

static void tables_have_an_end(void **state)
{
	struct testnet *n = net(1);
	conn_ix a = socket_on(n, 0);

	(void)state;
	for (uint32_t i = 0; i < GROUP_MAX; i++) {
		struct ip_addr g = group_of(true, (uint8_t)(i + 1));

		assert_int_equal(conn_join(&n->st[0], a, &g, &any), 0);
		tolds = 0;
		testnet_run(n);
	}
	struct ip_addr g = group_of(true, 200), not = testnet_ip4(1);

	assert_int_equal(conn_join(&n->st[0], a, &g, &any), -ENOBUFS);
	assert_int_equal(conn_join(&n->st[0], a, &not, &any), -EINVAL);
	n->pass = NULL;
	conn_close(&n->st[0], a);
	testnet_wait(n, 3000);
	assert_true(testnet_free(n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_joined_hears),
		cmocka_unit_test(some_sources_only),
		cmocka_unit_test(loops_back_where_wanted),
		cmocka_unit_test(queries_are_answered),
		cmocka_unit_test(death_keeps_the_living),
		cmocka_unit_test(tables_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
