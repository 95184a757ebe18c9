/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP between two hosts on a perfect link: what a program sees. */
#include "stack/testnet.h"
#include "stack/wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct pair {
	struct testnet *n;
	conn_ix a, b, l;
};

static struct pair pair_new(void)
{
	struct pair p = { .n = testnet_new(2, 1) };

	testnet_pair(p.n, 0, 1, 80, &p.a, &p.b, &p.l);
	return p;
}

static void pair_free(struct pair *p)
{
	assert_true(testnet_free(p->n));
}

static uint8_t byte_at(uint32_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

/* Writes [from, from + bytes) of the pattern; returns what was taken. */
static uint32_t put(struct testnet *n, uint32_t h, conn_ix c, uint32_t from,
		    uint32_t bytes)
{
	static uint8_t buf[1 << 20];

	for (uint32_t i = 0; i < bytes; i++)
		buf[i] = byte_at(from + i);
	bytes = tcp_append(&n->st[h], c, buf, bytes);
	tcp_push(&n->st[h], c, false);
	return bytes;
}

/* Reads what is there and checks it against the pattern. */
static uint32_t get(struct testnet *n, uint32_t h, conn_ix c, uint32_t from,
		    uint32_t max)
{
	static uint8_t buf[1 << 20];
	uint32_t got = tcp_copy(&n->st[h], c, 0, buf, max, false);

	for (uint32_t i = 0; i < got; i++)
		assert_int_equal(buf[i], byte_at(from + i));
	tcp_consumed(&n->st[h], c);
	return got;
}

static void connects_and_closes(void **state)
{
	struct pair p = pair_new();
	struct testnet *n = p.n;
	struct ip_addr at, peer;
	uint16_t port;

	(void)state;
	assert_int_equal(testnet_conn(n, p.a)->state, CONN_ESTABLISHED);
	assert_int_equal(testnet_conn(n, p.b)->state, CONN_ESTABLISHED);
	assert_true(conn_ready(&n->st[0], p.a) == STACK_OUT);
	assert_int_equal(conn_names(&n->st[1], p.b, &at, &port, &peer, NULL),
			 0);
	assert_int_equal(port, 80);
	peer = testnet_ip4(1);
	assert_true(ip_equal(&at, &peer));

	conn_close(&n->st[0], p.a);
	testnet_run(n);
	assert_true(conn_ready(&n->st[1], p.b) & STACK_RDHUP);
	assert_int_equal(tcp_recv_error(&n->st[1], p.b), 1);
	conn_close(&n->st[1], p.b);
	testnet_run(n);
	assert_int_equal(testnet_conn(n, p.b)->state, CONN_FREE);
	assert_int_equal(testnet_conn(n, p.a)->state, CONN_TIME_WAIT);
	conn_close(&n->st[1], p.l);
	testnet_wait(n, 59000);
	assert_int_equal(testnet_conn(n, p.a)->state, CONN_TIME_WAIT);
	testnet_wait(n, 2000);
	assert_int_equal(testnet_conn(n, p.a)->state, CONN_FREE);
	assert_true(stack_next_timer_ns(n->host[0]) == UINT64_MAX);
	assert_true(stack_next_timer_ns(n->host[1]) == UINT64_MAX);
	pair_free(&p);
}

static void carries_bytes_of_every_size(void **state)
{
	static const uint32_t sizes[] = { 1,	100,  320,   321,   1448,  1449,
					  4096, 4097, 65160, 65161, 200000 };
	struct pair p = pair_new();
	struct testnet *n = p.n;
	uint32_t off = 0;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t got = 0;

		assert_int_equal(put(n, 0, p.a, off, sizes[i]), sizes[i]);
		testnet_run(n);
		got = get(n, 1, p.b, off, 1 << 20);
		assert_int_equal(got, sizes[i]);
		/* And back. */
		assert_int_equal(put(n, 1, p.b, off, sizes[i]), sizes[i]);
		testnet_run(n);
		assert_int_equal(get(n, 0, p.a, off, 1 << 20), sizes[i]);
		off += sizes[i];
	}
	conn_close(&n->st[0], p.a);
	conn_close(&n->st[1], p.b);
	conn_close(&n->st[1], p.l);
	testnet_wait(n, 61000);
	pair_free(&p);
}

static void bulk_uses_super_segments(void **state)
{
	struct pair p = pair_new();
	struct testnet *n = p.n;
	uint32_t sent = 0, got = 0, total = 8u << 20;

	(void)state;
	n->delivered = 0;
	while (got < total) {
		uint32_t more;

		if (sent < total)
			sent += put(n, 0, p.a, sent,
				    min_u32(total - sent, 128 * 1024));
		testnet_run(n);
		more = get(n, 1, p.b, got, 1 << 20);
		if (!more)
			testnet_wait(n, 1);
		got += more;
	}
	/* 8 MiB in 64 KiB pieces: 129 frames and as many acks, and a slow
	 * start. */
	assert_true(n->delivered < 600);
	conn_close(&n->st[0], p.a);
	conn_close(&n->st[1], p.b);
	conn_close(&n->st[1], p.l);
	testnet_wait(n, 61000);
	pair_free(&p);
}

static void a_shut_window_stops_and_opens(void **state)
{
	struct pair p = pair_new();
	struct testnet *n = p.n;
	uint32_t sent = 0, got = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		sent += put(n, 0, p.a, sent, 100000);
		testnet_run(n);
	}
	/* Both buffers full, no more. */
	assert_true(tcp_readable(testnet_conn(n, p.b)) <= STACK_RECV_BUFFER);
	assert_true(sent >= STACK_RECV_BUFFER);
	testnet_wait(n, 5000);
	while (got < sent) {
		uint32_t more = get(n, 1, p.b, got, 10000);

		got += more;
		testnet_run(n);
		if (!more)
			testnet_wait(n, 300);
	}
	conn_close(&n->st[0], p.a);
	conn_close(&n->st[1], p.b);
	conn_close(&n->st[1], p.l);
	testnet_wait(n, 61000);
	pair_free(&p);
}

static void nobody_listens(void **state)
{
	struct testnet *n = testnet_new(2, 3);
	struct ip_addr to = testnet_ip4(1);
	conn_ix c;

	(void)state;
	assert_int_equal(conn_open(&n->st[0], STACK_TCP, 1, 1, &c), 0);
	assert_int_equal(conn_connect(&n->st[0], c, &to, 99), 0);
	testnet_run(n);
	assert_true(testnet_events(n, c) & STACK_ERR);
	assert_int_equal(conn_error(&n->st[0], c), ECONNREFUSED);
	conn_close(&n->st[0], c);
	assert_true(testnet_free(n));
}

static void talks_to_itself(void **state)
{
	struct testnet *n = testnet_new(1, 4);
	struct ip_addr any = { .d = { 0, 0 } },
		       to = ip_from_v4(be32(0x7f000001));
	struct ip_addr local;
	conn_ix l, a, b;

	(void)state;
	assert_int_equal(conn_open(&n->st[0], STACK_TCP, 1, 1, &l), 0);
	assert_int_equal(conn_bind(&n->st[0], l, &any, 7, 0), 0);
	assert_int_equal(tcp_listen(&n->st[0], l, 5), 0);
	assert_int_equal(conn_open(&n->st[0], STACK_TCP, 2, 1, &a), 0);
	assert_int_equal(conn_connect(&n->st[0], a, &to, 7), 0);
	testnet_run(n);
	b = tcp_accept(&n->st[0], l);
	assert_int_not_equal(b, 0);
	conn_own(&n->st[0], b, 3, 1);
	conn_names(&n->st[0], b, NULL, NULL, &local, NULL);
	assert_true(ip_equal(&local, &to));
	put(n, 0, a, 0, 5000);
	testnet_run(n);
	assert_int_equal(get(n, 0, b, 0, 10000), 5000);
	conn_abort(&n->st[0], a);
	testnet_run(n);
	assert_int_equal(tcp_recv_error(&n->st[0], b), -ECONNRESET);
	conn_close(&n->st[0], b);
	conn_close(&n->st[0], l);
	assert_true(testnet_free(n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects_and_closes),
		cmocka_unit_test(carries_bytes_of_every_size),
		cmocka_unit_test(bulk_uses_super_segments),
		cmocka_unit_test(a_shut_window_stops_and_opens),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(talks_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
