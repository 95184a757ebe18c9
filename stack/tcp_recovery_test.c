/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast a sender goes on while it repairs a loss: RFC 6937 and 8985, against
 * a scripted peer. */
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
	k->srtt8_us = 8 * 50000;
	k->min_rtt_us = 50000;
	k->rto_us = 250000;
	conn_set(host(s), *c, CONN_CONGESTION, 1); /* halves: easy to count */
	tcp_append(host(s), *c, bytes, sizeof(bytes));
	tcp_push(host(s), *c, false);
	assert_int_equal(drain(s), N * MSS);
	script_wait(s, 50000);
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

/* Five segments at a round trip of 100 ms, the first two acknowledged. */
static struct conn *tail(struct script *s, conn_ix *c, conn_ix *l)
{
	static const uint8_t bytes[5 * MSS];
	struct conn *k;

	*s = script_new();
	*l = 0;
	*c = script_accept(s, true, l);
	k = testnet_conn(s->n, *c);
	k->srtt8_us = 8 * 100000;
	k->rttvar4_us = 4 * 25000;
	k->rto_us = 300000;
	tcp_append(host(s), *c, bytes, sizeof(bytes));
	tcp_push(host(s), *c, false);
	assert_int_equal(drain(s), sizeof(bytes));
	script_wait(s, 100000);
	s->tsecr = 0;
	sack(s, 2, 0, 0);
	script_wait(s, 190000);
	assert_int_equal(drain(s), 0);
	return k;
}

/* The tail is lost: a probe shows it, two round trips later, and no timeout
 * comes. */
static void test_tail(void **state)
{
	struct script s;
	conn_ix c, l;
	struct conn *k = tail(&s, &c, &l);
	struct seen e;

	(void)state;
	script_wait(&s, 20000);
	e = script_next(&s);
	assert_int_equal(e.seq, s.ack + 4 * MSS);
	assert_int_equal(e.bytes, MSS);
	assert_false(script_next(&s).any);
	sack(&s, 2, 4, 5);
	assert_int_equal(k->recovery, TCP_RECOVERY);
	e = script_next(&s);
	assert_int_equal(e.seq, s.ack + 2 * MSS);
	sack(&s, 3, 4, 5);
	drain(&s);
	sack(&s, 5, 0, 0);
	assert_int_equal(k->recovery, TCP_OPEN);
	assert_int_equal(testnet_count(s.n, 0, TcpExt_TCPLossProbes), 1);
	assert_int_equal(testnet_count(s.n, 0, TcpExt_TCPTimeouts), 0);
	end(&s, c, l);
}

/* Only acks were late: the D-SACK says so, and nothing is cut. */
static void test_needless_probe(void **state)
{
	struct script s;
	conn_ix c, l;
	struct conn *k = tail(&s, &c, &l);
	uint32_t cwnd;

	(void)state;
	script_wait(&s, 20000);
	assert_int_equal(drain(&s), MSS);
	sack(&s, 5, 0, 0);
	cwnd = k->cwnd;
	sack(&s, 5, 4, 5);
	assert_int_equal(k->cwnd, cwnd);
	assert_int_equal(k->watch, 0);
	end(&s, c, l);
}

/* The probe itself was what had been lost: that counts, though nothing else
 * shows it. */
static void test_probe_repairs(void **state)
{
	struct script s;
	conn_ix c, l;
	struct conn *k = tail(&s, &c, &l);
	uint32_t cwnd;

	(void)state;
	script_wait(&s, 20000);
	assert_int_equal(drain(&s), MSS);
	sack(&s, 5, 0, 0);
	cwnd = k->cwnd;
	tcp_append(host(&s), c, "x", 1);
	tcp_push(host(&s), c, false);
	assert_int_equal(drain(&s), 1);
	script_send(&s, ACK, s.seq, s.ack + 5 * MSS + 1, 0, 65535, NULL, 0);
	assert_true(k->cwnd < cwnd);
	assert_int_equal(testnet_count(s.n, 0, TcpExt_TCPLossProbeRecovery), 1);
	end(&s, c, l);
}

/* Nobody answers the probe either: the timeout comes, counted from the probe.
 */
static void test_silence(void **state)
{
	struct script s;
	conn_ix c, l;
	struct conn *k = tail(&s, &c, &l);

	(void)state;
	script_wait(&s, 20000);
	assert_int_equal(drain(&s), MSS);
	script_wait(&s, 270000);
	assert_int_equal(drain(&s), 0);
	script_wait(&s, 50000);
	assert_int_equal(drain(&s), MSS);
	assert_int_equal(k->recovery, TCP_LOSS);
	assert_int_equal(testnet_count(s.n, 0, TcpExt_TCPTimeouts), 1);
	end(&s, c, l);
}

/* Overtaken, not lost: the D-SACK says so. The cut is taken back, and the next
 * time it is waited for: RFC 8985, section 6.2.1. */
static void test_reordering(void **state)
{
	struct script s;
	conn_ix c, l;
	struct conn *k = flight(&s, &c, &l);
	uint32_t cwnd = k->cwnd, ssthresh = k->ssthresh;

	(void)state;
	for (uint32_t i = 2; i <= 4; i++)
		sack(&s, 0, 1, i);
	assert_int_equal(k->recovery, TCP_RECOVERY);
	assert_true(k->ssthresh < ssthresh);
	drain(&s);
	sack(&s, N, 0, 1);
	assert_int_equal(k->recovery, TCP_OPEN);
	assert_true(k->cwnd >= cwnd);
	assert_int_equal(k->ssthresh, ssthresh);
	assert_int_equal(testnet_count(s.n, 0, TcpExt_TCPDSACKUndo), 1);
	assert_int_equal(k->rack_steps, 2);
	/* Again; two quarters of the least round trip, 50 ms. */
	drain(&s);
	script_wait(&s, 50000);
	sack(&s, N + 2, 0, 0);
	drain(&s);
	script_wait(&s, 50000);
	sack(&s, N + 2, N + 3, N + 8);
	assert_int_equal(k->recovery, TCP_OPEN);
	drain(&s);
	script_wait(&s, 15000);
	assert_int_equal(drain(&s), 0);
	assert_int_equal(k->recovery, TCP_OPEN);
	script_wait(&s, 15000);
	assert_int_equal(k->recovery, TCP_RECOVERY);
	assert_int_equal(drain(&s), MSS);
	end(&s, c, l);
}

/* A resend that is lost as well is found by what left behind it, not by a
 * timeout. */
static void test_lost_resend(void **state)
{
	struct script s;
	conn_ix c, l;
	struct conn *k = flight(&s, &c, &l);
	struct seen e;
	uint32_t base;

	(void)state;
	base = k->snd_una;
	for (uint32_t i = 2; i <= 4; i++)
		sack(&s, 0, 1, i);
	assert_int_equal(k->recovery, TCP_RECOVERY);
	drain(&s);
	/* The rest of the flight: it left before the resend did. */
	script_wait(&s, 10000);
	sack(&s, 0, 1, N);
	while ((e = script_next(&s)).any)
		assert_true(e.seq != base);
	/* What left behind the resend. */
	script_wait(&s, 55000);
	sack(&s, 0, 1, N + 2);
	e = script_next(&s);
	assert_true(e.any);
	assert_int_equal(e.seq, base);
	assert_int_equal(testnet_count(s.n, 0, TcpExt_TCPTimeouts), 0);
	end(&s, c, l);
}

/* RFC 5682: after a timeout something is acknowledged that was never sent
 * again.
 */
static void test_needless_timeout(void **state)
{
	struct script s;
	conn_ix c, l;
	struct conn *k = flight(&s, &c, &l);
	uint32_t cwnd = k->cwnd;

	(void)state;
	k->flags &= ~CONN_TS;
	script_wait(&s, 900000);
	assert_int_equal(k->recovery, TCP_LOSS);
	assert_int_equal(k->cwnd, MSS);
	drain(&s);
	sack(&s, 3, 0, 0);
	assert_int_equal(k->recovery, TCP_OPEN);
	assert_true(k->cwnd >= cwnd);
	assert_int_equal(testnet_count(s.n, 0, TcpExt_TCPSpuriousRTOs), 1);
	assert_int_equal(k->lost_bytes, 0);
	end(&s, c, l);
}

/* And when that is not so, new data is tried first, and then all is resent. */
static void test_true_timeout(void **state)
{
	struct script s;
	conn_ix c, l;
	struct conn *k = flight(&s, &c, &l);
	struct seen e;
	uint32_t base = k->snd_una;

	(void)state;
	k->flags &= ~CONN_TS;
	script_wait(&s, 900000);
	drain(&s);
	sack(&s, 1, 0, 0);
	assert_int_equal(k->recovery, TCP_LOSS);
	e = script_next(&s);
	assert_true(e.any);
	assert_true(seq_ge(e.seq, base + N * MSS));
	drain(&s);
	script_wait(&s, 50000);
	sack(&s, 1, N + 1, N + 2);
	e = script_next(&s);
	assert_int_equal(e.seq, base + MSS);
	assert_int_equal(testnet_count(s.n, 0, TcpExt_TCPSpuriousRTOs), 0);
	end(&s, c, l);
}

/* RFC 5682, 2.1: a timeout in the middle of the repair asks nothing again; else
 * each would send new data, one hole in a timeout would be all that is filled,
 * and more and more would be out there. */
static void test_timeout_in_repair(void **state)
{
	struct script s;
	conn_ix c, l;
	struct conn *k = flight(&s, &c, &l);
	uint32_t base = k->snd_una, most;
	uint64_t timeouts;
	struct seen e;

	(void)state;
	k->flags &= ~CONN_TS;
	script_wait(&s, 900000);
	drain(&s);
	sack(&s, 1, 0, 0);
	assert_true(seq_gt(k->snd_nxt, base + N * MSS));
	drain(&s);
	most = k->snd_nxt;
	/* The new data is lost too. */
	timeouts = testnet_count(s.n, 0, TcpExt_TCPTimeouts);
	for (uint32_t i = 0; i < 300; i++) {
		script_wait(&s, 10000);
		if (testnet_count(s.n, 0, TcpExt_TCPTimeouts) != timeouts)
			break;
	}
	assert_int_equal(testnet_count(s.n, 0, TcpExt_TCPTimeouts),
			 timeouts + 1);
	e = script_next(&s);
	assert_int_equal(e.seq, base + MSS);
	drain(&s);
	sack(&s, 2, 0, 0);
	e = script_next(&s);
	assert_true(e.any);
	assert_int_equal(e.seq, base + 2 * MSS);
	assert_int_equal(k->snd_nxt, most);
	end(&s, c, l);
}

/* The loss was none, but since then a mark has cut the window: RFC 3168. */
static void test_mark_after_needless(void **state)
{
	struct script s;
	conn_ix c, l;
	struct conn *k = flight(&s, &c, &l);
	uint8_t dsack[12] = { 1, 1, 5, 10 };
	uint32_t ssthresh;

	(void)state;
	k->watch |= ECN_OK;
	for (uint32_t i = 2; i <= 4; i++)
		sack(&s, 0, 1, i);
	assert_int_equal(k->recovery, TCP_RECOVERY);
	drain(&s);
	sack(&s, N + 2, 0, 0);
	assert_int_equal(k->recovery, TCP_OPEN);
	drain(&s);
	ssthresh = k->ssthresh;
	script_send(&s, ACK | TCP_ECE, s.seq, s.ack + (N + 3) * MSS, 0, 65535,
		    NULL, 0);
	assert_true(k->ssthresh < ssthresh);
	ssthresh = k->ssthresh;
	drain(&s);
	put32(dsack + 4, s.ack);
	put32(dsack + 8, s.ack + MSS);
	script_send(&s, ACK, s.seq, s.ack + (N + 4) * MSS, 0, 65535, dsack,
		    sizeof(dsack));
	assert_int_equal(k->ssthresh, ssthresh);
	assert_true(k->cwnd <= ssthresh + MSS);
	end(&s, c, l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proportional),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_needless_probe),
		cmocka_unit_test(test_probe_repairs),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_reordering),
		cmocka_unit_test(test_lost_resend),
		cmocka_unit_test(test_needless_timeout),
		cmocka_unit_test(test_true_timeout),
		cmocka_unit_test(test_timeout_in_repair),
		cmocka_unit_test(test_mark_after_needless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
