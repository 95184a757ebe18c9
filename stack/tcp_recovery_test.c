/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast a sender goes on while it repairs a loss: RFC 6937, against a
 * scripted peer. */
#include "stack/script.h"
#include "stack/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#define ACK TCP_ACK
#define MSS 1448
#define N   20

static struct stack *host(struct script *s)
{
	return &s->n->st[0];
}

/* An ack of @una that reports [from, to) in units of MSS, counted from the
 * first byte. */
static void sack(struct script *s, uint32_t una, uint32_t from, uint32_t to)
{
	uint8_t opt[12] = { 1, 1, 5, 10 };

	put32(opt + 4, s->ack + from * MSS);
	put32(opt + 8, s->ack + to * MSS);
	script_send(s, ACK, s->seq, s->ack + una * MSS, 0, 65535, opt,
		    from == to ? 0 : sizeof(opt));
}

/* Bytes that host 0 has put out. */
static uint32_t drain(struct script *s)
{
	struct seen e;
	uint32_t n = 0;

	while ((e = script_next(s)).any)
		n += e.bytes;
	return n;
}

static struct conn *flight(struct script *s, conn_ix *c, conn_ix *l)
{
	static const uint8_t bytes[4 * N * MSS];
	struct conn *k;

	*s = script_new();
	*l = 0;
	*c = script_accept(s, true, l);
	k = testnet_conn(s->n, *c);
	k->cwnd = N * MSS;
	k->ssthresh = N * MSS;
	conn_set(host(s), *c, CONN_CONGESTION, 1); /* halves: easy to count */
	tcp_append(host(s), *c, bytes, sizeof(bytes));
	tcp_push(host(s), *c, false);
	assert_int_equal(drain(s), N * MSS);
	return k;
}

static void end(struct script *s, conn_ix c, conn_ix l)
{
	conn_abort(host(s), c);
	conn_close(host(s), l);
	frame_list_free(&s->n->arena, &host(s)->out);
	assert_true(script_free(s));
}

/* One loss in twenty: half as much leaves as arrives, spread over the round
 * trip. */
static void test_proportional(void **state)
{
	struct script s;
	conn_ix c, l;
	struct conn *k = flight(&s, &c, &l);
	uint32_t sent, quiet = 0, worst = 0;

	(void)state;
	sack(&s, 0, 1, 2);
	sack(&s, 0, 1, 3);
	assert_int_equal(drain(&s), 2 * MSS); /* RFC 3042 */
	sack(&s, 0, 1, 4);
	assert_int_equal(k->recovery, TCP_RECOVERY);
	assert_int_equal(k->ssthresh, N / 2 * MSS);
	sent = drain(&s);
	assert_int_equal(sent, MSS); /* the lost one, at once */
	for (uint32_t i = 5; i <= N; i++) {
		uint32_t now;

		sack(&s, 0, 1, i);
		now = drain(&s);
		assert_true(now <= MSS);
		sent += now;
		quiet = now ? 0 : quiet + 1;
		worst = quiet > worst ? quiet : worst;
	}
	/* 16 of 22 delivered in recovery: 7.3 may leave, the resend among them.
	 */
	assert_in_range(sent, 7 * MSS, 8 * MSS);
	assert_true(worst <= 4);
	/* The repair arrives: all is well, at half the window. */
	sack(&s, N + 2, 0, 0);
	assert_int_equal(k->recovery, TCP_OPEN);
	assert_true(k->cwnd >= N / 2 * MSS);
	assert_true(k->cwnd <= (N / 2 + 1) * MSS);
	end(&s, c, l);
}

/* Most of the window lost: never more than one segment beyond what was
 * delivered. */
static void test_bound(void **state)
{
	struct script s;
	conn_ix c, l;
	struct conn *k = flight(&s, &c, &l);
	uint32_t sent = 0, delivered = 0;

	(void)state;
	sack(&s, 0, 17, 18);
	sack(&s, 0, 17, 19);
	drain(&s);
	sack(&s, 0, 17, 20);
	assert_int_equal(k->recovery, TCP_RECOVERY);
	sent = drain(&s);
	assert_true(sent <= 2 * MSS);
	for (uint32_t i = 1; i <= 10; i++) {
		uint32_t now;

		sack(&s, i, 17, N);
		delivered += MSS;
		now = drain(&s);
		/* PRR-SSRB: what was delivered, and one more. */
		assert_true(now <= 2 * MSS);
		sent += now;
		assert_true(sent <= delivered + (i + 2) * MSS);
		assert_true(tcp_pipe(k) <= k->ssthresh);
	}
	assert_true(sent >= delivered);
	end(&s, c, l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proportional),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
