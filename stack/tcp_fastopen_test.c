/* SPDX-License-Identifier: BSD-2-Clause */
/* Data with the SYN, RFC 7413, between two hosts and against a scripted peer.
 */
#include "stack/script.h"
#include "stack/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static conn_ix listener(struct testnet *n, uint32_t max)
{
	struct ip_addr any = { .d = { 0, 0 } };
	conn_ix l;

	n->host[0]->tuning.fastopen = FASTOPEN_CLIENT | FASTOPEN_SERVER;
	assert_int_equal(conn_open(&n->st[0], STACK_TCP, 1, 1, &l), 0);
	assert_int_equal(conn_bind(&n->st[0], l, &any, 80, 0), 0);
	assert_int_equal(conn_set(&n->st[0], l, CONN_FASTOPEN, (int)max), 0);
	assert_int_equal(tcp_listen(&n->st[0], l, 8), 0);
	return l;
}

/* A connection begun for a sendto(MSG_FASTOPEN). */
static conn_ix begin(struct testnet *n)
{
	struct ip_addr to = testnet_ip4(0);
	conn_ix c;

	assert_int_equal(conn_open(&n->st[1], STACK_TCP, 2, 1, &c), 0);
	n->st[1].now_ns = n->now_ns;
	assert_int_equal(conn_connect_fast(&n->st[1], c, &to, 80), 0);
	return c;
}

static void drop(struct testnet *n, uint32_t host, conn_ix c)
{
	conn_abort(&n->st[host], c);
	testnet_run(n);
}

static void a_cookie_is_asked_for_then_shown(void **state)
{
	struct testnet *n = testnet_new(2, 7);
	conn_ix l = listener(n, 4), c, s;
	uint8_t got[16];

	(void)state;
	/* Nothing is known: the SYN asks, and goes at once. */
	c = begin(n);
	assert_false(tcp_deferred(&n->st[1], c));
	testnet_wait(n, 100);
	assert_int_equal(testnet_count(n, 0, TcpExt_TCPFastOpenCookieReqd), 1);
	s = tcp_accept(&n->st[0], l);
	assert_true(s != 0);
	conn_own(&n->st[0], s, 3, 1);
	drop(n, 1, c);
	drop(n, 0, s);
	/* Now the SYN waits for data. */
	c = begin(n);
	assert_true(tcp_deferred(&n->st[1], c));
	assert_true(conn_ready(&n->st[1], c) & STACK_OUT);
	assert_int_equal(tcp_append(&n->st[1], c, "hello", 5), 5);
	tcp_push(&n->st[1], c, false);
	assert_false(tcp_deferred(&n->st[1], c));
	testnet_run(n);
	assert_int_equal(testnet_count(n, 0, TcpExt_TCPFastOpenPassive), 1);
	assert_int_equal(testnet_count(n, 1, TcpExt_TCPFastOpenActive), 1);
	s = tcp_accept(&n->st[0], l);
	assert_true(s != 0);
	conn_own(&n->st[0], s, 3, 1);
	assert_int_equal(tcp_copy(&n->st[0], s, 0, got, sizeof(got), false), 5);
	assert_memory_equal(got, "hello", 5);
	assert_int_equal(tcp_unacked(testnet_conn(n, c)), 0);
	drop(n, 1, c);
	drop(n, 0, s);
	drop(n, 0, l);
	assert_true(testnet_free(n));
}

static void data_is_not_more_than_a_syn_carries(void **state)
{
	static uint8_t bytes[4000];
	struct testnet *n = testnet_new(2, 7);
	conn_ix l = listener(n, 4), c, s;

	(void)state;
	n->host[1]->tuning.fastopen |= FASTOPEN_CLIENT_NO_COOKIE;
	n->host[0]->tuning.fastopen |= FASTOPEN_SERVER_NO_COOKIE;
	c = begin(n);
	/* 1460, and 40 left for options. */
	assert_int_equal(tcp_append(&n->st[1], c, bytes, sizeof(bytes)), 1420);
	tcp_push(&n->st[1], c, false);
	testnet_run(n);
	s = tcp_accept(&n->st[0], l);
	assert_true(s != 0);
	conn_own(&n->st[0], s, 3, 1);
	assert_int_equal(tcp_readable(testnet_conn(n, s)), 1420);
	drop(n, 1, c);
	drop(n, 0, s);
	drop(n, 0, l);
	assert_true(testnet_free(n));
}

/* A server that does not do it acknowledges the SYN only: data follows. */
static void what_is_not_taken_goes_again(void **state)
{
	struct testnet *n = testnet_new(2, 7);
	conn_ix l = listener(n, 4), c, s;

	(void)state;
	n->host[1]->tuning.fastopen |= FASTOPEN_CLIENT_NO_COOKIE;
	n->host[0]->tuning.fastopen = 0;
	c = begin(n);
	assert_int_equal(tcp_append(&n->st[1], c, "hello", 5), 5);
	tcp_push(&n->st[1], c, false);
	testnet_wait(n, 100);
	s = tcp_accept(&n->st[0], l);
	assert_true(s != 0);
	conn_own(&n->st[0], s, 3, 1);
	assert_int_equal(tcp_readable(testnet_conn(n, s)), 5);
	assert_int_equal(testnet_count(n, 1, TcpExt_TCPFastOpenActiveFail), 1);
	drop(n, 1, c);
	drop(n, 0, s);
	drop(n, 0, l);
	assert_true(testnet_free(n));
}

static const uint8_t wrong[] = { 2, 4, 5, 180, 34, 10, 1, 2,
				 3, 4, 5, 6,   7,  8,  1, 1 };

/* A wrong cookie gets the right one, and its data is not taken. */
static void a_wrong_cookie_is_mended(void **state)
{
	struct script s = script_new();
	struct seen e;
	uint8_t opt[16];
	conn_ix l, c;
	uint8_t byte;

	(void)state;
	s.n->st[0].now_ns = s.n->now_ns;
	s.lport = 80;
	l = listener(s.n, 2);
	script_send(&s, TCP_SYN, s.seq, 0, 100, 65535, wrong, sizeof(wrong));
	e = script_next(&s);
	assert_int_equal(e.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(e.ack, s.seq + 1);
	assert_int_equal(e.options, 16);
	assert_int_equal(e.opt[4], 34);
	assert_int_equal(e.opt[5], 10);
	assert_int_equal(tcp_accept(&s.n->st[0], l), 0);
	/* The peer gives up, and comes back with what it was told. */
	script_send(&s, TCP_RST, s.seq + 1, 0, 0, 0, NULL, 0);
	s.pport++;
	memcpy(opt, e.opt, 16);
	script_send(&s, TCP_SYN, s.seq, 0, 100, 65535, opt, sizeof(opt));
	e = script_next(&s);
	assert_int_equal(e.ack, s.seq + 101);
	assert_int_equal(e.options, 4);
	c = tcp_accept(&s.n->st[0], l);
	assert_true(c != 0);
	conn_own(&s.n->st[0], c, 2, 1);
	assert_int_equal(tcp_copy(&s.n->st[0], c, 0, &byte, 1, false), 1);
	assert_int_equal(byte, (uint8_t)s.seq);
	/* It may answer before the handshake is over, and repeats the SYN-ACK.
	 */
	assert_int_equal(tcp_append(&s.n->st[0], c, "yes", 3), 3);
	tcp_push(&s.n->st[0], c, false);
	assert_int_equal(script_next(&s).bytes, 3);
	script_wait(&s, 1100000);
	e = script_next(&s);
	assert_int_equal(e.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(e.ack, s.seq + 101);
	script_send(&s, TCP_ACK, s.seq + 101, e.seq + 4, 0, 65535, NULL, 0);
	assert_int_equal(testnet_conn(s.n, c)->state, CONN_ESTABLISHED);
	assert_int_equal(tcp_unacked(testnet_conn(s.n, c)), 0);
	conn_abort(&s.n->st[0], c);
	conn_close(&s.n->st[0], l);
	frame_list_free(&s.n->arena, &s.n->st[0].out);
	assert_true(script_free(&s));
}

/* No more than the listener allows wait for the end of their handshake. */
static void the_unconfirmed_are_counted(void **state)
{
	static const uint8_t mss[] = { 2, 4, 5, 180 };
	struct script s = script_new();
	conn_ix l, c;

	(void)state;
	s.n->st[0].now_ns = s.n->now_ns;
	s.lport = 80;
	l = listener(s.n, 1);
	s.n->host[0]->tuning.fastopen |= FASTOPEN_SERVER_NO_COOKIE;
	script_send(&s, TCP_SYN, s.seq, 0, 10, 65535, mss, 4);
	assert_int_equal(script_next(&s).ack, s.seq + 11);
	s.pport++;
	script_send(&s, TCP_SYN, s.seq, 0, 10, 65535, mss, 4);
	assert_int_equal(script_next(&s).ack, s.seq + 1);
	/* The first one's end makes room. */
	c = tcp_accept(&s.n->st[0], l);
	assert_true(c != 0);
	conn_own(&s.n->st[0], c, 2, 1);
	conn_abort(&s.n->st[0], c);
	while (script_next(&s).any)
		;
	s.pport++;
	script_send(&s, TCP_SYN, s.seq, 0, 10, 65535, mss, 4);
	assert_int_equal(script_next(&s).ack, s.seq + 11);
	conn_close(&s.n->st[0], l);
	frame_list_free(&s.n->arena, &s.n->st[0].out);
	assert_true(script_free(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_is_asked_for_then_shown),
		cmocka_unit_test(data_is_not_more_than_a_syn_carries),
		cmocka_unit_test(what_is_not_taken_goes_again),
		cmocka_unit_test(a_wrong_cookie_is_mended),
		cmocka_unit_test(the_unconfirmed_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
