/* SPDX-License-Identifier: BSD-2-Clause */
/* SO_MAX_PACING_RATE: how long a stream takes, and in what pieces it leaves. */
#include "stack/tcp.h"
#include "stack/testnet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct pair {
	struct testnet *n;
	conn_ix a, b, l;
	uint32_t written, got;
	uint32_t largest; /* payload of a frame from a */
	uint32_t frames;  /* with payload, from a */
	uint32_t lose;	  /* one in so many of them; 0: none */
};

static bool watch(struct testnet *n, uint32_t from, frame_ix ix)
{
	struct pair *p = n->pass_arg;
	const struct frame *f = frame_at(&n->arena, ix);

	if (from != 0 || !f->payload)
		return true;
	p->largest = max_u32(p->largest, f->payload);
	p->frames++;
	return !p->lose || p->frames % p->lose;
}

static struct pair *pair_new(uint32_t lose)
{
	struct pair *p = calloc(1, sizeof(*p));

	p->n = testnet_new(2, 1);
	p->lose = lose;
	p->n->pass = watch;
	p->n->pass_arg = p;
	testnet_pair(p->n, 0, 1, 80, &p->a, &p->b, &p->l);
	return p;
}

static void pair_free(struct pair *p)
{
	conn_close(&p->n->st[0], p->a);
	conn_close(&p->n->st[1], p->b);
	conn_close(&p->n->st[1], p->l);
	testnet_wait(p->n, 130000);
	/* No date is left behind. */
	assert_true(stack_next_timer_ns(p->n->host[0]) == UINT64_MAX);
	assert_true(testnet_free(p->n));
	free(p);
}

/* Writes what fits of @left, reads what has come; for @ms. */
static void go_on(struct pair *p, uint32_t total, uint32_t ms)
{
	static uint8_t buf[1 << 20];

	for (uint32_t i = 0; i < ms && p->got < total; i++) {
		uint32_t left = total - p->written;

		if (left) {
			left = min_u32(left, sizeof(buf));
			p->written += tcp_append(&p->n->st[0], p->a, buf, left);
			tcp_push(&p->n->st[0], p->a, false);
		}
		testnet_wait(p->n, 1);
		p->got += tcp_copy(&p->n->st[1], p->b, 0, buf, sizeof(buf),
				   false);
		tcp_consumed(&p->n->st[1], p->b);
	}
}

/* How many milliseconds @total bytes take. */
static uint32_t takes_ms(struct pair *p, uint32_t total)
{
	uint64_t begin = p->n->now_ns;

	p->written = 0;
	p->got = 0;
	go_on(p, total, 1000000);
	assert_int_equal(p->got, total);
	return (uint32_t)((p->n->now_ns - begin) / NSEC_PER_MSEC);
}

static void a_stream_takes_bytes_by_rate(void **state)
{
	static const struct {
		uint64_t Bps;
		uint32_t bytes, ms, largest;
	} cases[] = {
		{ 10000, 100000, 10000, 2 * 1460 },
		{ 100000, 1000000, 10000, 2 * 1460 },
		{ 1000000, 5000000, 5000, 2 * 1460 },
		{ 20000000, 40000000, 2000, 20000 },
		{ UINT64_C(200000000), 100000000, 500, TCP_SUPER_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pair *p = pair_new(0);
		uint32_t ms;

		conn_max_rate_set(&p->n->st[0], p->a, cases[i].Bps);
		assert_int_equal(conn_max_rate(&p->n->st[0], p->a),
				 cases[i].Bps);
		ms = takes_ms(p, cases[i].bytes);
		assert_in_range(ms, cases[i].ms * 97 / 100,
				cases[i].ms * 102 / 100);
		assert_in_range(p->largest, 1, cases[i].largest);
		pair_free(p);
	}
}

/* Lost segments go again: they count, so that the rate on the wire holds. */
static void what_goes_again_counts(void **state)
{
	struct pair *p = pair_new(100);
	uint32_t ms;

	(void)state;
	conn_max_rate_set(&p->n->st[0], p->a, 1000000);
	ms = takes_ms(p, 5000000);
	assert_in_range(ms, 5000, 5500);
	assert_true(testnet_conn(p->n, p->a)->total_retrans > 10);
	pair_free(p);
}

/* As long as it is idle a stream earns four ticks of the wheel, no more. */
static void idleness_earns_little(void **state)
{
	struct pair *p = pair_new(0);

	(void)state;
	conn_max_rate_set(&p->n->st[0], p->a, 1000000);
	takes_ms(p, 100000);
	testnet_wait(p->n, 10000);
	p->written = 0;
	p->got = 0;
	go_on(p, 100000, 20);
	assert_in_range(p->got, 15000, 30000);
	go_on(p, 100000, 1000);
	assert_int_equal(p->got, 100000);
	pair_free(p);
}

static void no_limit_and_none_in_name(void **state)
{
	struct pair *p = pair_new(0);

	(void)state;
	assert_true(conn_max_rate(&p->n->st[0], p->a) == UINT64_MAX);
	assert_in_range(takes_ms(p, 4000000), 0, 100);
	/* 0 is told, and limits nothing. */
	conn_max_rate_set(&p->n->st[0], p->a, 0);
	assert_int_equal(conn_max_rate(&p->n->st[0], p->a), 0);
	assert_in_range(takes_ms(p, 4000000), 0, 100);
	/* What a limit held back goes when it is lifted. */
	conn_max_rate_set(&p->n->st[0], p->a, 1);
	p->written = 0;
	p->got = 0;
	go_on(p, 50000, 5000);
	assert_in_range(p->got, 0, 2 * 1460);
	conn_max_rate_set(&p->n->st[0], p->a, UINT64_MAX);
	go_on(p, 50000, 5);
	assert_int_equal(p->got, 50000);
	pair_free(p);
}

/* At a byte a second neither probes nor timeouts send what is not due. */
static void waiting_is_no_stall(void **state)
{
	struct pair *p = pair_new(0);
	const struct conn *c = testnet_conn(p->n, p->a);
	uint32_t out;

	(void)state;
	conn_max_rate_set(&p->n->st[0], p->a, 100);
	go_on(p, 20000, 1000);
	out = c->segs_out;
	go_on(p, 20000, 10000);
	assert_int_equal(c->segs_out, out);
	assert_int_equal(c->total_retrans, 0);
	go_on(p, 20000, 60000);
	assert_in_range(p->got, 5000, 71 * 100 + 2 * 1460);
	/* Orphaned, it goes on. */
	conn_max_rate_set(&p->n->st[0], p->a, 10000);
	conn_close(&p->n->st[0], p->a);
	go_on(p, 20000, 3000);
	assert_int_equal(p->got, 20000);
	testnet_wait(p->n, 10);
	assert_int_equal(tcp_recv_error(&p->n->st[1], p->b), 1);
	conn_close(&p->n->st[1], p->b);
	conn_close(&p->n->st[1], p->l);
	testnet_wait(p->n, 130000);
	assert_true(stack_next_timer_ns(p->n->host[0]) == UINT64_MAX);
	assert_true(testnet_free(p->n));
	free(p);
}

static uint64_t told(struct pair *p, uint32_t h, conn_ix c, uint32_t at)
{
	uint8_t info[512];
	uint64_t v;

	assert_true(tcp_info(&p->n->st[h], c, info, sizeof(info)) >= at + 8);
	memcpy(&v, info + at, sizeof(v));
	return v;
}

/* tcpi_pacing_rate and tcpi_max_pacing_rate, and a listener's children. */
static void tcp_info_tells(void **state)
{
	struct pair *p = pair_new(0);
	struct ip_addr to = testnet_ip4(1);
	conn_ix a, b;

	(void)state;
	assert_true(told(p, 0, p->a, 112) == UINT64_MAX);
	conn_max_rate_set(&p->n->st[0], p->a, 12345);
	assert_int_equal(told(p, 0, p->a, 104), 12345);
	assert_int_equal(told(p, 0, p->a, 112), 12345);
	conn_max_rate_set(&p->n->st[1], p->l, 777);
	assert_int_equal(told(p, 1, p->l, 104), 777);
	assert_int_equal(conn_open(&p->n->st[0], STACK_TCP, 9, 1, &a), 0);
	assert_int_equal(conn_connect(&p->n->st[0], a, &to, 80), 0);
	testnet_run(p->n);
	b = tcp_accept(&p->n->st[1], p->l);
	assert_int_not_equal(b, 0);
	conn_own(&p->n->st[1], b, 10, 1);
	assert_int_equal(told(p, 1, b, 112), 777);
	assert_true(told(p, 1, p->b, 112) == UINT64_MAX);
	conn_abort(&p->n->st[0], a);
	testnet_run(p->n);
	conn_close(&p->n->st[1], b);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_takes_bytes_by_rate),
		cmocka_unit_test(what_goes_again_counts),
		cmocka_unit_test(idleness_earns_little),
		cmocka_unit_test(no_limit_and_none_in_name),
		cmocka_unit_test(waiting_is_no_stall),
		cmocka_unit_test(tcp_info_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
