/* SPDX-License-Identifier: BSD-2-Clause */
/* SYN cookies: a flood of SYNs from nowhere, and clients who notice nothing of
 * it. */
#include "stack/script.h"
#include "stack/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#define BACKLOG 8

static conn_ix listen_at(struct testnet *n, uint32_t backlog)
{
	struct ip_addr any = { .d = { 0, 0 } };
	conn_ix l;

	assert_int_equal(conn_open(&n->st[0], STACK_TCP, 1, 1, &l), 0);
	assert_int_equal(conn_bind(&n->st[0], l, &any, 80, 0), 0);
	assert_int_equal(tcp_listen(&n->st[0], l, backlog), 0);
	return l;
}

/* @count SYNs to host 0, each from another address and port; the answers are
 * lost. */
static void flood(struct testnet *n, uint32_t count)
{
	static uint32_t serial;
	struct tcp_header t = { .dport = be16(80),
				.off = TCP_BYTES << 2,
				.flags = TCP_SYN,
				.window = be16(1000) };

	n->st[0].now_ns = n->now_ns;
	for (uint32_t i = 0; i < count; i++) {
		frame_ix ix;

		serial++;
		t.sport = be16((uint16_t)serial);
		t.seq = serial * 2654435761u;
		ix = script_raw(n, IP_TCP, &t, TCP_BYTES);
		frame_at(&n->arena, ix)->flags |= FRAME_CSUM_OK;
		/* 10.x.y.z that is not on the link: nobody resets. */
		put32(frame_at(&n->arena, ix)->header + 26,
		      0x0a000000u | (serial % 60000 + 256));
		stack_input(&n->st[0], ix);
	}
	frame_list_free(&n->arena, &n->st[0].out);
}

static bool drop_fifth(struct testnet *n, uint32_t from, frame_ix ix)
{
	uint32_t *k = n->pass_arg;

	(void)from;
	(void)ix;
	return ++*k % 5;
}

static void one_client(struct testnet *n, conn_ix l, uint32_t i)
{
	struct ip_addr to = testnet_ip4(0);
	uint8_t sent[3000], got[3000];
	conn_ix c, s = 0;

	memset(sent, (int)i, sizeof(sent));
	assert_int_equal(conn_open(&n->st[1], STACK_TCP, 2, 2, &c), 0);
	n->st[1].now_ns = n->now_ns;
	assert_int_equal(conn_connect(&n->st[1], c, &to, 80), 0);
	for (uint32_t t = 0; t < 100 && !s; t++) {
		flood(n, 50);
		testnet_wait(n, 20);
		if (testnet_conn(n, c)->state == CONN_ESTABLISHED &&
		    !testnet_conn(n, c)->snd_queued) {
			tcp_append(&n->st[1], c, sent, sizeof(sent));
			tcp_push(&n->st[1], c, false);
		}
		s = tcp_accept(&n->st[0], l);
	}
	assert_true(s != 0);
	conn_own(&n->st[0], s, 3, 1);
	testnet_wait(n, 10000);
	/* What the SYN offered is known, though nobody remembered it. */
	assert_int_equal(testnet_conn(n, s)->flags &
				 (CONN_TS | CONN_SACK | CONN_WSCALE),
			 CONN_TS | CONN_SACK | CONN_WSCALE);
	assert_int_equal(testnet_conn(n, s)->snd_wscale, TCP_WSCALE);
	assert_int_equal(testnet_conn(n, s)->mss, 1448);
	assert_int_equal(tcp_copy(&n->st[0], s, 0, got, sizeof(got), false),
			 sizeof(got));
	assert_memory_equal(got, sent, sizeof(got));
	/* And back. */
	tcp_append(&n->st[0], s, sent, sizeof(sent));
	tcp_push(&n->st[0], s, false);
	testnet_wait(n, 10000);
	assert_int_equal(tcp_copy(&n->st[1], c, 0, got, sizeof(got), false),
			 sizeof(got));
	conn_close(&n->st[1], c);
	conn_close(&n->st[0], s);
	testnet_wait(n, 2000);
}

/* A full queue of half-open connections, and still every client is served. */
static void test_flood(void **state)
{
	struct testnet *n = testnet_new(2, 1);
	conn_ix l = listen_at(n, BACKLOG);
	uint32_t frames = 0;

	(void)state;
	flood(n, 100);
	for (uint32_t i = 0; i < 100; i++) {
		if (i == 50) {
			n->pass = drop_fifth;
			n->pass_arg = &frames;
		}
		one_client(n, l, i);
	}
	assert_true(testnet_count(n, 0, TcpExt_SyncookiesSent) > 1000);
	assert_true(testnet_count(n, 0, TcpExt_SyncookiesRecv) > 50);
	assert_int_equal(testnet_count(n, 0, TcpExt_SyncookiesFailed), 0);
	assert_int_equal(testnet_count(n, 1, Tcp_EstabResets), 0);
	conn_close(&n->st[0], l);
	n->pass = NULL;
	testnet_wait(n, 300000);
	assert_true(testnet_free(n));
}

/* SYN, and the cookie that comes back. */
static struct seen cookie(struct script *s, const uint8_t *opt, uint32_t bytes)
{
	struct seen seen;

	script_send(s, TCP_SYN, s->seq, 0, 0, 1000, opt, bytes);
	seen = script_next(s);
	assert_true(seen.any);
	assert_int_equal(seen.flags, TCP_SYN | TCP_ACK);
	s->ack = seen.seq + 1;
	return seen;
}

static void test_answers(void **state)
{
	static const uint8_t mss[] = { 2, 4, 0x05, 0x78 }; /* 1400 */
	struct script s = script_new();
	conn_ix l = listen_at(s.n, 0), c;
	struct seen seen;

	(void)state;
	flood(s.n, 10);
	/* No option but the MSS, which is rounded down. */
	seen = cookie(&s, mss, sizeof(mss));
	assert_int_equal(seen.options, 4);
	script_send(&s, TCP_ACK | TCP_PSH, s.seq + 1, s.ack, 5, 1000, NULL, 0);
	c = tcp_accept(&s.n->st[0], l);
	assert_true(c != 0);
	conn_own(&s.n->st[0], c, 2, 1);
	assert_int_equal(testnet_conn(s.n, c)->state, CONN_ESTABLISHED);
	assert_int_equal(testnet_conn(s.n, c)->mss, 1300);
	assert_int_equal(tcp_readable(testnet_conn(s.n, c)), 5);
	conn_abort(&s.n->st[0], c);
	frame_list_free(&s.n->arena, &s.n->st[0].out);

	/* One bit wrong, or too late: reset, and nothing made. */
	s.pport++;
	seen = cookie(&s, NULL, 0);
	script_send(&s, TCP_ACK, s.seq + 1, s.ack ^ 0x10000000, 0, 1000, NULL,
		    0);
	seen = script_next(&s);
	assert_int_equal(seen.flags, TCP_RST);
	script_wait(&s, 180 * 1000000ull);
	frame_list_free(&s.n->arena, &s.n->st[0].out);
	flood(s.n, 2);
	script_send(&s, TCP_ACK, s.seq + 1, s.ack, 0, 1000, NULL, 0);
	seen = script_next(&s);
	assert_int_equal(seen.flags, TCP_RST);
	assert_true(tcp_accept(&s.n->st[0], l) == 0);
	assert_int_equal(testnet_count(s.n, 0, TcpExt_SyncookiesFailed), 2);
	conn_close(&s.n->st[0], l);
	script_wait(&s, 200 * 1000000ull);
	assert_true(script_free(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
