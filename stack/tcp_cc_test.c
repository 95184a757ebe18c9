/* SPDX-License-Identifier: BSD-2-Clause */
/* The congestion window's growth: CUBIC's curve, NewReno's line, the end of
 * slow start. */
#include "stack/tcp.h"
#include "stack/testnet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* RFC 9438: after a loss W_max is reached again after K seconds, and then
 * passed. */
static void cubic_comes_back_after_k(void **state)
{
	struct testnet *n = testnet_new(1, 1);
	struct stack *st = &n->st[0];
	struct conn c = { .mss = 1000, .cwnd = 1000 * 1000 };
	uint32_t at_k = 0, later = 0;

	(void)state;
	c.ssthresh = tcp_cc_loss(st, &c);
	c.cwnd = c.ssthresh;
	c.srtt8_us = 8 * 100000;
	assert_in_range(c.cwnd, 699000, 701000);
	/* K = cbrt(300 / 0.4) = 9.09 s; a round trip of 100 ms. */
	for (int ms = 0; ms < 12000; ms += 100) {
		uint32_t cwnd = c.cwnd;

		c.flags |= CONN_CWND_FULL;
		for (uint32_t acked = 0; acked < cwnd; acked += 1000)
			tcp_cc_acked(st, &c, 1000, 0);
		st->now_ns += 100 * NSEC_PER_MSEC;
		if (ms == 9100)
			at_k = c.cwnd;
		if (ms == 11900)
			later = c.cwnd;
	}
	assert_in_range(at_k, 980000, 1010000);
	assert_in_range(later, 1003000, 1030000);
	/* Not limited by it: it does not grow. */
	c.flags = 0;
	tcp_cc_acked(st, &c, 100000, 0);
	assert_int_equal(c.cwnd, later);
	assert_true(testnet_free(n));
}

/* RFC 5681: half after a loss, a segment more each round trip. */
static void reno_grows_by_a_segment(void **state)
{
	struct testnet *n = testnet_new(1, 1);
	struct conn c = { .mss = 1000, .cwnd = 100000, .reno = 1 };

	(void)state;
	c.ssthresh = tcp_cc_loss(&n->st[0], &c);
	c.cwnd = c.ssthresh;
	assert_int_equal(c.cwnd, 50000);
	for (int round = 0; round < 20; round++) {
		uint32_t cwnd = c.cwnd;

		c.flags |= CONN_CWND_FULL;
		for (uint32_t acked = 0; acked < cwnd; acked += 1000)
			tcp_cc_acked(&n->st[0], &c, 1000, 0);
	}
	assert_in_range(c.cwnd, 69000, 71000);
	assert_true(testnet_free(n));
}

/* RFC 9406: a round trip that grows ends slow start, one that only jitters does
 * not. */
static void slow_start_ends_before_the_queue_is_full(void **state)
{
	struct testnet *n = testnet_new(1, 1);

	(void)state;
	for (int queue = 0; queue < 2; queue++) {
		struct conn c = { .mss = 1000,
				  .cwnd = 10000,
				  .ssthresh = 1u << 30 };
		uint32_t rtt = 50000, rounds = 0;

		for (; rounds < 14 && c.cwnd < c.ssthresh; rounds++) {
			uint32_t flight = c.cwnd;

			for (uint32_t i = 0; i < flight / 1000; i++) {
				c.flags |= CONN_CWND_FULL;
				c.snd_una += 1000;
				c.snd_nxt = c.snd_una + c.cwnd;
				/* The path holds 200 segments. */
				rtt = 50000 + i % 3 * 1000;
				if (queue && flight > 200000)
					rtt += (flight - 200000) / 4;
				tcp_cc_acked(&n->st[0], &c, 1000, rtt);
			}
		}
		assert_int_equal(c.cwnd < c.ssthresh, !queue);
		if (queue)
			assert_in_range(c.cwnd, 200000, 1400000);
		else
			assert_true(c.cwnd > 10000000);
	}
	assert_true(testnet_free(n));
}

/* A window of 100 segments in 50 ms: twice that in slow start, a fifth more
 * later. */
static void the_pacing_rate_is_a_window_a_round_trip(void **state)
{
	struct conn c = { .mss = 1000,
			  .cwnd = 100000,
			  .ssthresh = 1u << 30,
			  .state = CONN_ESTABLISHED };

	(void)state;
	assert_int_equal(tcp_pacing_Bps(&c), 0);
	c.srtt8_us = 8 * 50000;
	assert_int_equal(tcp_pacing_Bps(&c), 4000000);
	c.ssthresh = c.cwnd;
	assert_int_equal(tcp_pacing_Bps(&c), 2400000);
	c.snd_nxt = 200000;
	assert_int_equal(tcp_pacing_Bps(&c), 4800000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cubic_comes_back_after_k),
		cmocka_unit_test(reno_grows_by_a_segment),
		cmocka_unit_test(slow_start_ends_before_the_queue_is_full),
		cmocka_unit_test(the_pacing_rate_is_a_window_a_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
