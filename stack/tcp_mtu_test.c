/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths that take less than the link: with a word about it, and without. */
#include "stack/script.h"
#include "stack/tcp.h"
#include "stack/testnet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TOTAL (4u << 20)

static uint32_t hole_bytes; /* larger IP packets are swallowed */
static uint32_t swallowed;

static bool pass(struct testnet *n, uint32_t from, frame_ix ix)
{
	const struct frame *f = frame_at(&n->arena, ix);
	uint32_t segment = f->gso_type ? f->gso_bytes : f->payload;

	(void)from;
	/* A super-frame would be cut before; its tail may be small, but what it
	 * is about is the rest. */
	if (f->header_bytes - 14u + min_u32(segment, f->payload) <= hole_bytes)
		return true;
	swallowed++;
	return false;
}

struct transfer {
	struct testnet *n;
	conn_ix a, b, l;
	uint32_t sent, read;
};

static void begin(struct transfer *t, uint16_t port)
{
	*t = (struct transfer){ .n = testnet_new(2, 1) };
	testnet_pair(t->n, 0, 1, port, &t->a, &t->b, &t->l);
	t->n->pass = pass;
	swallowed = 0;
	hole_bytes = 65535;
}

/* @bytes more through the connection, in virtual time; at most @ms of it. */
static void move(struct transfer *t, uint32_t bytes, uint32_t ms)
{
	static uint8_t block[65536], got[65536];
	struct testnet *n = t->n;
	uint32_t goal = t->read + bytes;

	for (uint32_t i = 0; i < ms && t->read < goal; i++) {
		uint32_t room = tcp_room(testnet_conn(n, t->a)), r;

		room = min_u32(room, min_u32(sizeof(block), goal - t->sent));
		if (room) {
			for (uint32_t k = 0; k < room; k++)
				block[k] = (uint8_t)((t->sent + k) * 7);
			t->sent += tcp_append(&n->st[0], t->a, block, room);
			tcp_push(&n->st[0], t->a, false);
		}
		testnet_wait(n, 1);
		while ((r = tcp_copy(&n->st[1], t->b, 0, got, sizeof(got),
				     false))) {
			for (uint32_t k = 0; k < r; k++)
				assert_int_equal(got[k],
						 (uint8_t)((t->read + k) * 7));
			t->read += r;
			tcp_consumed(&n->st[1], t->b);
		}
	}
	assert_int_equal(t->read, goal);
}

static void finish(struct transfer *t)
{
	conn_abort(&t->n->st[0], t->a);
	hole_bytes = 65535;
	testnet_run(t->n);
	conn_close(&t->n->st[1], t->b);
	conn_close(&t->n->st[1], t->l);
	testnet_run(t->n);
	assert_true(testnet_free(t->n));
}

/* RFC 4821: segments shrink after timeouts, and grow to what gets through. */
static void a_black_hole_is_found_out(void **state)
{
	static const uint32_t holes[] = { 1400, 1300, 1100, 600 };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(holes); i++) {
		struct transfer t;
		struct conn *c;
		conn_ix d = 0, e = 0, l = 0;

		begin(&t, 80);
		c = testnet_conn(t.n, t.a);
		move(&t, TOTAL, 20000);
		assert_int_equal(c->mtu_low, 0);
		/* The route changes, without a word. */
		hole_bytes = holes[i];
		move(&t, TOTAL, 60000);
		assert_true(c->mtu_low <= holes[i]);
		assert_true(c->mtu_low + 9u > holes[i]);
		assert_true(swallowed < 120);
		/* The next connection knows it. */
		swallowed = 0;
		testnet_pair(t.n, 0, 1, 81, &d, &e, &l);
		assert_true(testnet_conn(t.n, d)->mss + 52u <= holes[i]);
		assert_true(testnet_conn(t.n, d)->mss + 61u > holes[i]);
		conn_abort(&t.n->st[0], d);
		testnet_run(t.n);
		conn_close(&t.n->st[1], e);
		conn_close(&t.n->st[1], l);
		/* And it is tried again one day. */
		hole_bytes = 65535;
		testnet_wait(t.n, 601 * 1000);
		move(&t, TOTAL, 20000);
		assert_true(c->mtu_low + 9 > 1500);
		finish(&t);
	}
}

/* A probe that is lost alone costs no window. */
static void a_lost_probe_is_no_congestion(void **state)
{
	struct transfer t;
	struct conn *c;
	uint32_t ssthresh;

	(void)state;
	begin(&t, 80);
	c = testnet_conn(t.n, t.a);
	move(&t, TOTAL, 20000);
	hole_bytes = 1200;
	move(&t, 100000, 60000);
	/* The timeouts have set it; what follows does not. */
	ssthresh = c->ssthresh;
	move(&t, TOTAL, 20000);
	assert_true(testnet_count(t.n, 0, TcpExt_TCPMTUPFail) >= 3);
	assert_true(testnet_count(t.n, 0, TcpExt_TCPMTUPSuccess) >= 2);
	assert_int_equal(c->ssthresh, ssthresh);
	finish(&t);
}

/* Larger segments get through while a repair's window is one small segment: it
 * holds one of the larger then. */
static void a_window_holds_a_segment(void **state)
{
	struct transfer t;
	struct conn *c;

	(void)state;
	begin(&t, 80);
	c = testnet_conn(t.n, t.a);
	hole_bytes = 140;
	move(&t, 20000, 60000);
	assert_true(c->mtu_low && c->mss <= 100);
	c->mtu_probe = 552;
	c->mtu_probe_end = c->snd_una;
	c->cwnd = c->mss;
	c->ssthresh = 2u * c->mss;
	tcp_mtu_acked(&t.n->st[0], c);
	assert_int_equal(c->mss, 500);
	assert_int_equal(c->cwnd, 500);
	assert_int_equal(c->ssthresh, 1000);
	finish(&t);
}

/* RFC 4821, 7.7: an error bounds the search, and is no proof of what it names.
 */
static void an_error_does_not_grow_segments(void **state)
{
	struct transfer t;
	struct conn *c;
	uint16_t mss;

	(void)state;
	begin(&t, 80);
	c = testnet_conn(t.n, t.a);
	hole_bytes = 600;
	move(&t, 20000, 60000);
	mss = c->mss;
	assert_true(c->mtu_low && mss < 600);
	tcp_mtu_learned(&t.n->st[0], c, 1347);
	assert_int_equal(c->mss, mss);
	assert_true(c->mtu_high <= 1347);
	finish(&t);
}

/* RFC 1191: an error that quotes what is in flight is believed, one that does
 * not is not; the window stays; others learn of it; it is forgotten. */
static void an_icmp_error_is_heeded_and_forgotten(void **state)
{
	struct script s = script_new();
	struct stack *st = &s.n->st[0];
	conn_ix l = 0, c = script_accept(&s, true, &l);
	struct conn *k = testnet_conn(s.n, c);
	static const uint8_t bytes[14480];
	uint8_t icmp[8 + 28] = { 3, 4, 0, 0, 0, 0, 1300 >> 8, 1300 & 255 };
	struct ip_addr peer = k->peer;
	uint32_t cwnd, got = 0;
	struct seen e;

	(void)state;
	tcp_append(st, c, bytes, sizeof(bytes));
	tcp_push(st, c, false);
	while ((e = script_next(&s)).any)
		got += e.bytes;
	assert_int_equal(got, sizeof(bytes));
	cwnd = k->cwnd;
	icmp[8] = 0x45;
	icmp[8 + 9] = IP_TCP;
	memcpy(icmp + 8 + 12, &k->local.w[3], 4);
	memcpy(icmp + 8 + 16, &k->peer.w[3], 4);
	put16(icmp + 28, s.lport);
	put16(icmp + 30, s.pport);
	for (int good = 0; good < 2; good++) {
		uint16_t sum;

		put32(icmp + 32, good ? k->snd_una : k->snd_una - 1000);
		put16(icmp + 2, 0);
		sum = 0;
		for (uint32_t i = 0, x = 0; i < sizeof(icmp); i += 2) {
			x += get16(icmp + i);
			x = (x & 0xffff) + (x >> 16);
			sum = (uint16_t)x;
		}
		put16(icmp + 2, (uint16_t)~sum);
		assert_int_equal(k->mtu, 1500);
		stack_input(st, script_raw(s.n, IP_ICMP, icmp, sizeof(icmp)));
		if (!good)
			assert_false(script_next(&s).any);
	}
	assert_int_equal(k->mtu, 1300);
	assert_int_equal(k->mss, 1300 - 52);
	assert_int_equal(k->cwnd, cwnd);
	e = script_next(&s);
	assert_int_equal(e.seq, s.ack);
	assert_true(e.bytes % 1248 == 0);
	assert_int_equal(pmtu_known(st, &peer), 1300);
	st->now_ns += 599 * NSEC_PER_SEC;
	assert_int_equal(pmtu_known(st, &peer), 1300);
	st->now_ns += 2 * NSEC_PER_SEC;
	assert_int_equal(pmtu_known(st, &peer), 1500);
	conn_abort(st, c);
	conn_close(st, l);
	frame_list_free(&s.n->arena, &st->out);
	assert_true(script_free(&s));
}

/* More destinations than the cache holds: the oldest is forgotten. */
static void the_cache_forgets_the_oldest(void **state)
{
	struct testnet *n = testnet_new(1, 1);
	struct stack *st = &n->st[0];

	(void)state;
	for (uint32_t i = 0; i < PMTU_MAX + 10; i++) {
		struct ip_addr to = ip_from_v4(be32(0x0b000000 + i));

		st->now_ns += NSEC_PER_SEC;
		pmtu_learn(st, &to, 1000 + i);
	}
	for (uint32_t i = 0; i < PMTU_MAX + 10; i++) {
		struct ip_addr to = ip_from_v4(be32(0x0b000000 + i));

		assert_int_equal(pmtu_known(st, &to),
				 i < 10 ? STACK_MTU : 1000 + i);
	}
	assert_true(testnet_free(n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_black_hole_is_found_out),
		cmocka_unit_test(a_lost_probe_is_no_congestion),
		cmocka_unit_test(a_window_holds_a_segment),
		cmocka_unit_test(an_error_does_not_grow_segments),
		cmocka_unit_test(an_icmp_error_is_heeded_and_forgotten),
		cmocka_unit_test(the_cache_forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
