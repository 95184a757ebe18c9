/* SPDX-License-Identifier: BSD-2-Clause */
/* The scoreboard against a bitmap that does the same in the simplest way;
 * CUBIC's curve. */
#include "stack/tcp.h"
#include "stack/testnet.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SPACE 400
#define BASE  0xffffff00u /* so that the numbers wrap */

static void the_scoreboard_is_a_set(void **state)
{
	uint64_t r = 1;

	(void)state;
	for (int round = 0; round < 300; round++) {
		bool bit[SPACE] = { false };
		struct conn c = { .snd_una = BASE,
				  .snd_nxt = BASE + SPACE,
				  .mss = 10 };
		uint32_t una = 0;

		for (int step = 0; step < 30; step++) {
			uint32_t s =
				una + (uint32_t)random_next(&r) % (SPACE - una);
			uint32_t e =
				s + 1 + (uint32_t)random_next(&r) % (SPACE - s);
			uint32_t sum = 0, from, to, i;
			bool room = c.sackeds < TCP_SACKED_MAX;
			bool news = false;

			e = min_u32(e, s + 30);
			if (!room)
				break;
			for (i = s; i < e; i++) {
				news |= !bit[i];
				bit[i] = true;
			}
			assert_int_equal(tcp_sacked_add(&c, BASE + s, BASE + e),
					 news);
			for (i = una; i < SPACE; i++)
				sum += !bit[i];
			assert_int_equal(tcp_unsacked(&c, c.snd_una, c.snd_nxt),
					 sum);
			/* The first hole. */
			for (i = una; i < SPACE && bit[i]; i++)
				;
			from = c.snd_una;
			to = c.snd_nxt;
			assert_int_equal(tcp_hole(&c, &from, &to), i < SPACE);
			if (i < SPACE)
				assert_int_equal(from - BASE, i);
			/* Sorted, disjoint, apart. */
			for (i = 1; i < c.sackeds; i++)
				assert_true(seq_lt(c.sacked[i - 1].end,
						   c.sacked[i].start));
			if (random_next(&r) % 4 == 0 && una + 40 < SPACE) {
				una += (uint32_t)random_next(&r) % 40;
				c.snd_una = BASE + una;
				tcp_sacked_trim(&c);
			}
		}
	}
}

static void three_ranges_or_two_segments_mean_loss(void **state)
{
	static const struct {
		struct tcp_range r[4];
		uint32_t lost;
	} cases[] = {
		{ { { 100, 110 } }, 0 },
		{ { { 100, 120 } }, 0 },   /* two segments: not yet */
		{ { { 100, 121 } }, 100 }, /* more than two */
		{ { { 100, 101 }, { 110, 111 } }, 0 },
		{ { { 100, 101 }, { 110, 111 }, { 120, 121 } }, 100 },
		{ { { 100, 101 }, { 110, 111 }, { 120, 121 }, { 130, 131 } },
		  110 },
		{ { { 100, 150 }, { 160, 161 } }, 100 },
		{ { { 100, 101 }, { 160, 190 } }, 160 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct conn c = { .snd_nxt = 1000, .mss = 10 };

		for (int k = 0; k < 4; k++)
			if (cases[i].r[k].end)
				tcp_sacked_add(&c, cases[i].r[k].start,
					       cases[i].r[k].end);
		assert_int_equal(tcp_sacked_lost(&c), cases[i].lost);
	}
}

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
			tcp_cc_acked(st, &c, 1000);
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
	tcp_cc_acked(st, &c, 100000);
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
			tcp_cc_acked(&n->st[0], &c, 1000);
	}
	assert_in_range(c.cwnd, 69000, 71000);
	assert_true(testnet_free(n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_scoreboard_is_a_set),
		cmocka_unit_test(three_ranges_or_two_segments_mean_loss),
		cmocka_unit_test(cubic_comes_back_after_k),
		cmocka_unit_test(reno_grows_by_a_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
