/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers: never early by what they do, late by a tick at most, silent when
 * idle. */
#include "stack/stack_internal.h"
#include "stack/testnet.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TICK (UINT64_C(1) << WHEEL_TICK_SHIFT)

/* Dates from a microsecond to weeks; a closed connection only forgets its own.
 */
static void dates_are_kept(void **state)
{
	enum { CONNS = 300 };
	struct testnet *n = testnet_new(1, 1);
	struct stack *st = &n->st[0];
	uint64_t date[CONNS], r = 7;
	conn_ix c[CONNS];
	uint32_t open = CONNS;

	(void)state;
	for (int i = 0; i < CONNS; i++) {
		assert_int_equal(conn_open(st, STACK_TCP, 1, 1, &c[i]), 0);
		date[i] = n->now_ns + (random_next(&r) >> (14 + i % 44));
		testnet_conn(n, c[i])->keep_at = date[i];
		timer_arm(st, testnet_conn(n, c[i]), date[i]);
		/* Some are moved, to and fro. */
		if (i % 3 == 0)
			date[i] += random_next(&r) >> 30;
		else if (i % 3 == 1)
			date[i] = n->now_ns + (date[i] - n->now_ns) / 3 + 1;
		testnet_conn(n, c[i])->keep_at = date[i];
		timer_arm(st, testnet_conn(n, c[i]), date[i]);
	}
	while (open) {
		uint64_t next = stack_next_timer_ns(n->host[0]);

		assert_true(next != UINT64_MAX);
		if (next > st->now_ns)
			st->now_ns = next;
		stack_timers(st);
		for (int i = 0; i < CONNS; i++) {
			struct conn *k = testnet_conn(n, c[i]);

			if (!date[i])
				continue;
			if (k->keep_at) {
				assert_true(date[i] + TICK > st->now_ns);
				continue;
			}
			assert_true(date[i] <= st->now_ns);
			date[i] = 0;
			open--;
		}
	}
	assert_true(stack_next_timer_ns(n->host[0]) == UINT64_MAX);
	for (int i = 0; i < CONNS; i++)
		conn_close(st, c[i]);
	n->now_ns = st->now_ns;
	assert_true(testnet_free(n));
}

/* Traffic does not touch the wheel; afterwards it falls silent. */
static void an_idle_host_has_no_date(void **state)
{
	struct testnet *n = testnet_new(2, 1);
	conn_ix a, b, l;
	char buf[64] = { 0 };

	(void)state;
	testnet_pair(n, 0, 1, 80, &a, &b, &l);
	for (int i = 0; i < 1000; i++) {
		tcp_append(&n->st[0], a, buf, sizeof(buf));
		tcp_push(&n->st[0], a, false);
		testnet_run(n);
		tcp_copy(&n->st[1], b, 0, buf, sizeof(buf), false);
		tcp_append(&n->st[1], b, buf, sizeof(buf));
		tcp_push(&n->st[1], b, false);
		testnet_run(n);
		tcp_copy(&n->st[0], a, 0, buf, sizeof(buf), false);
		testnet_wait(n, 1);
	}
	testnet_wait(n, 1000);
	assert_true(stack_next_timer_ns(n->host[0]) == UINT64_MAX);
	assert_true(stack_next_timer_ns(n->host[1]) == UINT64_MAX);
	conn_abort(&n->st[0], a);
	conn_abort(&n->st[1], b);
	conn_close(&n->st[1], l);
	assert_true(testnet_free(n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_kept),
		cmocka_unit_test(an_idle_host_has_no_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
