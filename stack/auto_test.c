/* SPDX-License-Identifier: BSD-2-Clause */
/* auto.h: addresses found by DHCP and router advertisements, and lost again. */
#include "stack/auto.h"
#include "base/random.h"
#include "stack/csum.h"
#include "stack/shape.h"
#include "stack/testnet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define CLIENT 0u
#define SERVER 1u
#define SECOND 1000u

static const struct ip_addr any;

/* A network whose host 0 has no address; host 1 is a server's. */
static struct testnet *net(bool dhcp, bool slaac)
{
	struct testnet *n = testnet_new(3, 5);
	struct stack_config *g = &n->host[CLIENT]->config;

	memset(&g->addr4, 0, 16);
	memset(&g->addr6, 0, 16);
	stack_auto_start(&n->st[CLIENT], dhcp, slaac);
	return n;
}

static conn_ix server(struct testnet *n)
{
	conn_ix c;

	assert_int_equal(conn_open(&n->st[SERVER], STACK_UDP, 1,
				   n->host[SERVER]->config.vif, &c),
			 0);
	assert_int_equal(conn_bind(&n->st[SERVER], c, &any, DHCP_SERVER, 0), 0);
	conn_set(&n->st[SERVER], c, CONN_BROADCAST, 1);
	return c;
}

/* Waits for a message of @type; *m is it. Its sender is in note. */
static void expect(struct testnet *n, conn_ix s, uint8_t type, uint8_t m[600],
		   struct udp_note *note)
{
	for (int i = 0; i < 40000; i++) {
		frame_ix ix = udp_take(&n->st[SERVER], s, note, false);
		uint32_t bytes;

		if (!ix) {
			testnet_wait(n, 10);
			continue;
		}
		bytes = frame_at(&n->arena, ix)->payload;
		assert_in_range(bytes, 300, 600);
		frame_copy_out(&n->arena, frame_at(&n->arena, ix), 0, m, bytes);
		frame_free(&n->arena, ix);
		assert_int_equal(get32(m + 236), 0x63825363);
		assert_int_equal(m[240], 53);
		if (m[242] == type)
			return;
	}
	fail_msg("no message of type %u", type);
}

/* Answers @m with @type: 10.0.0.99/24, router 10.0.0.2, for @lease_s. */
static void answer(struct testnet *n, conn_ix s, const uint8_t *m, uint8_t type,
		   uint32_t lease_s)
{
	static const uint8_t head[] = { 54,  4, 10, 0, 0,  2, 1, 4, 255, 255,
					255, 0, 3,  4, 10, 0, 0, 2, 51,	 4 };
	struct ip_addr to = ip_from_v4(UINT32_MAX);
	frame_ix ix = frame_alloc(&n->arena);
	uint8_t r[300] = { 2, 1, 6 };
	uint8_t *p = r + 240;

	memcpy(r + 4, m + 4, 4);
	put32(r + 16, 0x0a000063);
	memcpy(r + 28, m + 28, 16);
	put32(r + 236, 0x63825363);
	*p++ = 53;
	*p++ = 1;
	*p++ = type;
	memcpy(p, head, sizeof(head));
	put32(p + sizeof(head), lease_s);
	p[sizeof(head) + 4] = 255;
	assert_int_equal(frame_fill(&n->arena, ix, r, sizeof(r)), 0);
	assert_int_equal(udp_send(&n->st[SERVER], s, ix, &to, DHCP_CLIENT), 0);
	testnet_run(n);
}

static bool has4(struct testnet *n)
{
	return n->host[CLIENT]->config.addr4.w[3] == be32(0x0a000063);
}

/* DISCOVER to ACK; then the probes. */
static void lease(struct testnet *n, conn_ix s, uint32_t lease_s)
{
	struct udp_note note;
	uint8_t m[600];

	expect(n, s, 1, m, &note);
	assert_int_equal(get16(m + 10), 0x8000);
	answer(n, s, m, 2, lease_s);
	expect(n, s, 3, m, &note);
	answer(n, s, m, 5, lease_s);
	assert_false(has4(n));
	testnet_wait(n, 5 * SECOND);
}

static void an_address_is_leased(void **state)
{
	struct testnet *n = net(true, false);
	const struct stack_config *g = &n->host[CLIENT]->config;
	conn_ix s = server(n);

	(void)state;
	/* Nobody listens for a while. */
	testnet_wait(n, 200 * SECOND);
	lease(n, s, 600);
	assert_true(has4(n));
	assert_int_equal(g->prefix4, 24);
	assert_int_equal(g->gateway4.w[3], be32(0x0a000002));
	conn_close(&n->st[SERVER], s);
	assert_true(testnet_free(n));
}

static void a_lease_is_renewed_or_lost(void **state)
{
	struct testnet *n = net(true, false);
	conn_ix s = server(n);
	struct udp_note note;
	uint8_t m[600];

	(void)state;
	lease(n, s, 600);
	/* At half time, by unicast and from the address. */
	testnet_wait(n, 290 * SECOND);
	expect(n, s, 3, m, &note);
	assert_int_equal(note.from.w[3], be32(0x0a000063));
	assert_int_equal(note.to.w[3], testnet_ip4(SERVER).w[3]);
	assert_int_equal(get32(m + 12), 0x0a000063);
	answer(n, s, m, 5, 600);
	/* Now the server is silent: by broadcast from 7/8 on, then it is over.
	 */
	testnet_wait(n, 530 * SECOND);
	assert_true(has4(n));
	do {
		expect(n, s, 3, m, &note);
	} while (note.to.w[3] != UINT32_MAX);
	testnet_wait(n, 80 * SECOND);
	assert_false(has4(n));
	lease(n, s, 600);
	assert_true(has4(n));
	/* And one that is refused. */
	testnet_wait(n, 290 * SECOND);
	expect(n, s, 3, m, &note);
	answer(n, s, m, 6, 600);
	assert_false(has4(n));
	conn_close(&n->st[SERVER], s);
	assert_true(testnet_free(n));
}

static void an_address_in_use_is_declined(void **state)
{
	struct testnet *n = net(true, false);
	conn_ix s = server(n);
	struct udp_note note;
	uint8_t m[600];

	(void)state;
	n->host[2]->config.addr4 = ip_from_v4(be32(0x0a000063));
	lease(n, s, 600);
	assert_false(has4(n));
	expect(n, s, 4, m, &note);
	n->host[2]->config.addr4 = testnet_ip4(2);
	lease(n, s, 600);
	assert_true(has4(n));
	/* Somebody takes it later: defended once, then given up. */
	for (int i = 0; i < 2; i++) {
		arp_announce(&n->st[2], be32(0x0a000063));
		testnet_run(n);
		assert_int_equal(has4(n), !i);
	}
	expect(n, s, 4, m, &note);
	conn_close(&n->st[SERVER], s);
	assert_true(testnet_free(n));
}

/* An address that was given by hand is kept, and defended now and then. */
static void a_given_address_is_defended(void **state)
{
	struct testnet *n = testnet_new(3, 5);
	struct ip_addr mine = testnet_ip4(CLIENT);

	(void)state;
	for (uint32_t s = 0; s < 25; s++) {
		uint64_t before = testnet_count(n, SERVER, Arp_InRequests);

		arp_announce(&n->st[2], mine.w[3]);
		testnet_run(n);
		/* The claim, and every ten seconds its answer. */
		assert_int_equal(testnet_count(n, SERVER, Arp_InRequests),
				 before + 1 + (s % 10 == 0));
		assert_true(ip_equal(&n->host[CLIENT]->config.addr4, &mine));
		testnet_wait(n, 1000);
	}
	assert_true(testnet_free(n));
}

static void damaged_answers_break_nothing(void **state)
{
	struct testnet *n = net(true, false);
	struct ip_addr to = ip_from_v4(UINT32_MAX);
	conn_ix s = server(n);
	struct udp_note note;
	uint64_t dice = 7;
	uint8_t m[600];

	(void)state;
	expect(n, s, 1, m, &note);
	for (int i = 0; i < 20000; i++) {
		frame_ix ix = frame_alloc(&n->arena);
		uint32_t bytes = 236 + (uint32_t)random_next(&dice) % 100;
		uint8_t r[400] = { 2, 1, 6 };

		memcpy(r + 4, m + 4, 4);
		memcpy(r + 28, m + 28, 16);
		put32(r + 236, 0x63825363);
		for (uint32_t k = 240; k < sizeof(r); k++)
			r[k] = (uint8_t)(random_next(&dice) % 60);
		assert_int_equal(frame_fill(&n->arena, ix, r, bytes), 0);
		assert_int_equal(
			udp_send(&n->st[SERVER], s, ix, &to, DHCP_CLIENT), 0);
		testnet_run(n);
	}
	assert_false(has4(n));
	conn_close(&n->st[SERVER], s);
	testnet_wait(n, 100);
	assert_true(testnet_free(n));
}

/* --- SLAAC -------------------------------------------------------------------
 */

/* An advertisement of host 1: fd01::/64 valid for @valid_s. */
static void advertise(struct testnet *n, uint16_t router_s, uint32_t valid_s,
		      uint8_t hops, uint8_t option_units)
{
	struct stack *st = &n->st[SERVER];
	struct ip_addr all = { .b = { 0xff, 2, [15] = 1 } };
	struct path to = { .kind = PATH_MULTICAST, .next = all };
	frame_ix ix = l4_frame(st, false, 48);
	struct frame *f = frame_at(&n->arena, ix);
	uint8_t *m = f->header + f->l4_off;
	struct ip_out o = { .src = &n->host[SERVER]->link6,
			    .dst = &all,
			    .ttl = hops,
			    .proto = IP_ICMPV6 };

	memset(m, 0, 48);
	m[0] = ICMP6_RA;
	put16(m + 6, router_s);
	m[16] = 3;
	m[17] = option_units;
	m[18] = 64;
	m[19] = 0xc0;
	put32(m + 20, valid_s);
	put32(m + 24, valid_s);
	m[32] = 0xfd;
	m[33] = 1;
	((struct wire16 *)(m + 2))->v = (uint16_t)~csum_fold(
		csum_add(0, m, 48) + csum_pseudo(o.src, &all, IP_ICMPV6, 48));
	ipv6_write(f, &o, IP_ICMPV6, 48);
	path_send(st, &to, ix);
	testnet_run(n);
}

static bool has6(struct testnet *n)
{
	const struct ip_addr *a = &n->host[CLIENT]->config.addr6;

	return a->w[0] == be32(0xfd010000) &&
	       a->d[1] == n->host[CLIENT]->link6.d[1];
}

static void a_prefix_makes_an_address(void **state)
{
	struct testnet *n = net(false, true);
	const struct stack_config *g = &n->host[CLIENT]->config;

	(void)state;
	/* From beyond the link, or damaged: nothing. */
	advertise(n, 1800, 7200, 254, 4);
	advertise(n, 1800, 7200, 255, 0);
	advertise(n, 1800, 7200, 255, 5);
	testnet_wait(n, 2 * SECOND);
	assert_true(ip_is_any(&g->addr6) && ip_is_any(&g->gateway6));
	advertise(n, 1800, 7200, 255, 4);
	assert_true(ip_is_any(&g->addr6));
	testnet_wait(n, 2 * SECOND);
	assert_true(has6(n));
	assert_int_equal(g->prefix6, 64);
	assert_true(ip_equal(&g->gateway6, &n->host[SERVER]->link6));
	/* A short life is not believed; the router's is. */
	advertise(n, 10, 1, 255, 4);
	testnet_wait(n, 20 * SECOND);
	assert_true(has6(n) && ip_is_any(&g->gateway6));
	advertise(n, 1800, 0, 255, 4);
	assert_false(ip_is_any(&g->gateway6));
	testnet_wait(n, 7300 * SECOND);
	assert_true(ip_is_any(&g->addr6) && ip_is_any(&g->gateway6));
	assert_true(testnet_free(n));
}

static void a_claimed_one_is_not_used(void **state)
{
	struct testnet *n = net(false, true);

	(void)state;
	n->host[2]->config.addr6 = n->host[CLIENT]->link6;
	n->host[2]->config.addr6.w[0] = be32(0xfd010000);
	n->host[2]->config.addr6.w[1] = 0;
	advertise(n, 1800, 7200, 255, 4);
	testnet_wait(n, 5 * SECOND);
	assert_false(has6(n));
	assert_int_equal(n->host[CLIENT]->slaac.state, SLAAC_TAKEN);
	assert_true(testnet_free(n));
}

static void death_begins_anew(void **state)
{
	struct testnet *n = net(true, true);
	conn_ix s = server(n);
	struct udp_note note;
	uint8_t m[600];

	(void)state;
	expect(n, s, 1, m, &note);
	n->host[CLIENT]->dhcp.state = DHCP_PROBING;
	stack_recover(&n->st[CLIENT]);
	lease(n, s, 600);
	assert_true(has4(n));
	stack_recover(&n->st[CLIENT]);
	testnet_wait(n, 200 * SECOND);
	assert_true(has4(n));
	conn_close(&n->st[SERVER], s);
	assert_true(testnet_free(n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_leased),
		cmocka_unit_test(a_lease_is_renewed_or_lost),
		cmocka_unit_test(an_address_in_use_is_declined),
		cmocka_unit_test(a_given_address_is_defended),
		cmocka_unit_test(damaged_answers_break_nothing),
		cmocka_unit_test(a_prefix_makes_an_address),
		cmocka_unit_test(a_claimed_one_is_not_used),
		cmocka_unit_test(death_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
