/* SPDX-License-Identifier: BSD-2-Clause */
/* The flight against an array that knows each byte's state in the simplest way.
 */
#include "stack/tcp.h"
#include "stack/tcp_flight.h"
#include "stack/testnet.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SPACE 6000
#define BASE  0xfffffe00u /* so that the numbers wrap */

struct model {
	uint8_t state[SPACE];
	uint64_t sent_ns[SPACE];
	uint32_t una, nxt;
};

static struct conn *conn_of(struct testnet *n)
{
	static struct conn c;

	(void)n;
	c = (struct conn){ .snd_una = BASE,
			   .snd_nxt = BASE,
			   .mss = 10,
			   .flags = CONN_SACK,
			   .srtt8_us = 8 * 100000,
			   .flight.room = TCP_RUNS_OWN };
	return &c;
}

static uint32_t sum(const struct model *m, uint8_t state)
{
	uint32_t n = 0;

	for (uint32_t i = m->una; i < m->nxt; i++)
		n += !!(m->state[i] & state);
	return n;
}

static void send_some(struct stack *st, struct conn *c, struct model *m,
		      uint32_t bytes)
{
	flight_sent(st, c, bytes);
	for (uint32_t i = 0; i < bytes; i++) {
		m->state[m->nxt] = 0;
		m->sent_ns[m->nxt++] = st->now_ns;
	}
	c->snd_nxt += bytes;
}

static void sack_some(struct stack *st, struct conn *c, struct model *m,
		      uint32_t s, uint32_t e)
{
	struct tcp_heard h = { 0 };
	uint32_t news = 0;

	for (uint32_t i = s; i < e; i++) {
		news += !(m->state[i] & RUN_SACKED);
		m->state[i] = RUN_SACKED;
	}
	flight_sacked(st, c, BASE + s, BASE + e, &h);
	assert_int_equal(h.delivered, news);
	assert_int_equal(h.sacked, news != 0);
}

static void ack_some(struct stack *st, struct conn *c, struct model *m,
		     uint32_t bytes)
{
	struct tcp_heard h = { 0 };
	uint32_t news = 0;

	for (uint32_t i = 0; i < bytes; i++)
		news += !(m->state[m->una + i] & RUN_SACKED);
	m->una += bytes;
	flight_acked(st, c, BASE + m->una, &h);
	c->snd_una = BASE + m->una;
	assert_int_equal(h.delivered, news);
}

static void lose_some(struct stack *st, struct conn *c, struct model *m,
		      uint32_t s, uint32_t e)
{
	for (uint32_t i = s; i < e; i++)
		if (!(m->state[i] & RUN_SACKED))
			m->state[i] |= RUN_LOST;
	flight_lose(st, c, BASE + s, BASE + e);
}

/* What is lost first is what the model says, and leaves again. */
static void resend_some(struct stack *st, struct conn *c, struct model *m,
			uint32_t most)
{
	uint32_t from = 0, to = 0, i = m->una, k;
	bool any = flight_lost(st, c, &from, &to);

	while (i < m->nxt && !(m->state[i] & RUN_LOST))
		i++;
	assert_int_equal(any, i < m->nxt);
	if (!any)
		return;
	assert_int_equal(from - BASE, i);
	for (k = i; k < m->nxt && (m->state[k] & RUN_LOST);)
		k++;
	assert_true(to - BASE <= k && to - BASE > i);
	to = seq_min(to, from + most);
	flight_resent(st, c, from, to);
	for (; i < to - BASE; i++) {
		m->state[i] = RUN_AGAIN;
		m->sent_ns[i] = st->now_ns;
	}
}

static void step(struct stack *st, struct conn *c, struct model *m, uint64_t *r)
{
	uint32_t flight = m->nxt - m->una, s, e;

	st->now_ns += random_next(r) % 4000 * NSEC_PER_USEC;
	if (m->nxt + 40 < SPACE && random_next(r) % 2)
		send_some(st, c, m, 1 + (uint32_t)random_next(r) % 20);
	if (!flight)
		return;
	s = m->una + (uint32_t)random_next(r) % flight;
	e = min_u32(s + 1 + (uint32_t)random_next(r) % 12, m->nxt);
	switch (random_next(r) % 8) {
	case 0:
	case 1:
	case 2:
		sack_some(st, c, m, s, e);
		break;
	case 3:
		lose_some(st, c, m, s, e);
		break;
	case 4:
	case 5:
		resend_some(st, c, m, 1 + (uint32_t)random_next(r) % 8);
		break;
	case 6:
		if (random_next(r) % 4 == 0)
			ack_some(st, c, m,
				 1 + (uint32_t)random_next(r) %
						 min_u32(flight, 60));
		break;
	default:
		if (random_next(r) % 50 == 0) {
			flight_found(st, c);
			for (uint32_t i = m->una; i < m->nxt; i++)
				m->state[i] &= (uint8_t)~RUN_LOST;
		} else if (random_next(r) % 200 == 0) {
			flight_disbelieve(st, c);
			for (uint32_t i = m->una; i < m->nxt; i++)
				if (m->state[i] & RUN_SACKED)
					m->state[i] = RUN_AGAIN;
		}
	}
}

static void the_flight_is_an_array(void **state)
{
	static struct model m;
	uint64_t r = 1;

	(void)state;
	for (int round = 0; round < 40; round++) {
		struct testnet *n = testnet_new(1, 1);
		struct stack *st = &n->st[0];
		struct conn *c = conn_of(n);

		memset(&m, 0, sizeof(m));
		for (int i = 0; i < 4000; i++) {
			step(st, c, &m, &r);
			assert_int_equal(c->sacked_bytes, sum(&m, RUN_SACKED));
			assert_int_equal(c->lost_bytes, sum(&m, RUN_LOST));
			assert_true(flight_whole(st, c));
		}
		flight_free(st, c);
		assert_true(testnet_free(n));
	}
}

/* Without chunks nothing is wrong, only less exact. */
static void no_memory_is_survived(void **state)
{
	struct testnet *n = testnet_new(1, 1);
	struct stack *st = &n->st[0];
	struct conn *c = conn_of(n);
	chunk_ix ix, held = 0;

	(void)state;
	while ((ix = chunk_alloc(&n->arena))) {
		chunk_at(&n->arena, ix)->next = held;
		held = ix;
	}
	for (uint32_t i = 0; i < 100; i++) {
		struct tcp_heard h = { 0 };
		uint32_t from, to;

		st->now_ns += 10 * NSEC_PER_MSEC;
		flight_sent(st, c, 10);
		c->snd_nxt += 10;
		assert_true(flight_whole(st, c));
		flight_sacked(st, c, c->snd_nxt - 6, c->snd_nxt - 3, &h);
		assert_true(flight_whole(st, c));
		flight_lose(st, c, c->snd_una + i, c->snd_una + i + 3);
		assert_true(flight_whole(st, c));
		if (i % 3 && flight_lost(st, c, &from, &to))
			flight_resent(st, c, from, seq_min(from + 7, to));
		assert_true(flight_whole(st, c));
	}
	while (held) {
		ix = held;
		held = chunk_at(&n->arena, ix)->next;
		chunk_put(&n->arena, ix);
	}
	flight_free(st, c);
	assert_true(testnet_free(n));
}

/* RFC 8985: what left before the youngest delivered is overdue after a round
 * trip and the allowance; what left later is not. */
static void overdue_is_what_left_before(void **state)
{
	struct testnet *n = testnet_new(1, 1);
	struct stack *st = &n->st[0];
	struct conn *c = conn_of(n);
	struct tcp_heard h = { 0 };

	(void)state;
	c->min_rtt_us = 50000;
	for (uint32_t i = 0; i < 10; i++) {
		flight_sent(st, c, 10);
		c->snd_nxt += 10;
		st->now_ns += 5 * NSEC_PER_MSEC;
	}
	/* The sixth is there, 100 ms after it left; five left before. */
	st->now_ns += (100 - 25) * NSEC_PER_MSEC;
	flight_sacked(st, c, BASE + 50, BASE + 60, &h);
	assert_int_equal(c->rack_rtt_us, 100000);
	/* 12 ms allowed: the oldest two and a half. */
	assert_int_equal(flight_overdue(st, c, 12000), 2000);
	assert_int_equal(c->lost_bytes, 30);
	assert_int_equal(flight_overdue(st, c, 12000), 2000);
	st->now_ns += 2 * NSEC_PER_MSEC;
	assert_int_equal(flight_overdue(st, c, 12000), 5000);
	assert_int_equal(c->lost_bytes, 40);
	assert_int_equal(flight_overdue(st, c, 0), 0);
	assert_int_equal(c->lost_bytes, 50);
	/* Sent again, and lost again: a later original overtakes it. */
	flight_resent(st, c, BASE, BASE + 50);
	assert_int_equal(c->lost_bytes, 0);
	st->now_ns += 10 * NSEC_PER_MSEC;
	flight_sent(st, c, 10);
	c->snd_nxt += 10;
	st->now_ns += 100 * NSEC_PER_MSEC;
	flight_sacked(st, c, BASE + 100, BASE + 110, &h);
	assert_int_equal(flight_overdue(st, c, 0), 0);
	assert_int_equal(c->lost_bytes, 90);
	assert_true(flight_whole(st, c));
	flight_free(st, c);
	assert_true(testnet_free(n));
}

/* Where a round trip takes no time at all, a resend still left last. */
static void a_resend_left_last(void **state)
{
	struct testnet *n = testnet_new(1, 1);
	struct stack *st = &n->st[0];
	struct conn *c = conn_of(n);
	struct tcp_heard h = { 0 };

	(void)state;
	flight_sent(st, c, 100);
	c->snd_nxt += 100;
	st->now_ns += 10 * NSEC_PER_MSEC;
	flight_sent(st, c, 10);
	c->snd_nxt += 10;
	flight_sacked(st, c, BASE + 100, BASE + 110, &h);
	flight_overdue(st, c, 0);
	assert_int_equal(c->lost_bytes, 100);
	flight_resent(st, c, BASE, BASE + 100);
	st->now_ns += NSEC_PER_MSEC;
	flight_overdue(st, c, 0);
	assert_int_equal(c->lost_bytes, 0);
	flight_free(st, c);
	assert_true(testnet_free(n));
}

/* What left long ago keeps its date, however long the smoothed round trip has
 * become: an ack that comes with the next segment timed is no round trip of
 * nothing. */
static void a_run_is_no_longer_than_a_round_trip(void **state)
{
	struct testnet *n = testnet_new(1, 1);
	struct stack *st = &n->st[0];
	struct conn *c = conn_of(n);
	struct tcp_heard h = { 0 };

	(void)state;
	c->min_rtt_us = 4000;
	c->srtt8_us = 8 * 200000;
	flight_sent(st, c, 10);
	c->snd_nxt += 10;
	st->now_ns += 4 * NSEC_PER_MSEC;
	flight_sent(st, c, 10);
	c->snd_nxt += 10;
	flight_acked(st, c, BASE + 10, &h);
	assert_int_equal(h.rtt_us, 4000);
	flight_free(st, c);
	assert_true(testnet_free(n));
}

/* Timeouts for longer than the clock of runs tells past from future. */
static void an_old_flight_is_whole(void **state)
{
	struct testnet *n = testnet_new(1, 1);
	struct stack *st = &n->st[0];
	struct conn *c = conn_of(n);
	uint32_t from, to;

	(void)state;
	flight_sent(st, c, 10);
	c->snd_nxt += 10;
	for (uint32_t i = 0; i < 100; i++) {
		st->now_ns += 120 * NSEC_PER_SEC;
		flight_age(st, c);
		flight_lose_old(st, c, 1000);
		assert_true(flight_lost(st, c, &from, &to));
		flight_resent(st, c, from, to);
		assert_true(flight_whole(st, c));
	}
	flight_free(st, c);
	assert_true(testnet_free(n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_flight_is_an_array),
		cmocka_unit_test(no_memory_is_survived),
		cmocka_unit_test(overdue_is_what_left_before),
		cmocka_unit_test(a_resend_left_last),
		cmocka_unit_test(a_run_is_no_longer_than_a_round_trip),
		cmocka_unit_test(an_old_flight_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
