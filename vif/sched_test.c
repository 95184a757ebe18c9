/* SPDX-License-Identifier: BSD-2-Clause */
/* The scheduler in virtual time: ceilings and shares, as tables. */
#include "vif/test_sched.h"

/* --- ceilings */

static void a_ceiling_is_exact(void **state)
{
	static const struct {
		uint64_t bps;
		uint32_t bytes;
		uint64_t late_ns;
	} t[] = {
		{ 1 * MBIT, 1514, 0 },
		{ 1 * MBIT, 64, 0 },
		{ 10 * MBIT, 1514, 500000 },
		{ 100 * MBIT, 64, 0 },
		{ 100 * MBIT, 12000, 900000 },
		{ 1000 * MBIT, 1514, 100000 },
		{ 1000 * MBIT, 65226, 1000000 },
		{ 5000 * MBIT, 65226, 50000 },
		{ 10000 * MBIT, 1514, 100000 },
		{ 10000 * MBIT, 65226, 100000 },
		/* Visits so late that credit runs out are made up for. */
		{ 100 * MBIT, 1514, 4100000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct world *w = world_new();
		vif_ix a = add(w, VIF_ROOT, "a");
		uint64_t ns = t[i].bps > 1000 * MBIT ? NSEC_PER_SEC / 5
						     : 4 * NSEC_PER_SEC;
		uint32_t depth =
			(uint32_t)(t[i].bps / 8 * 6 / 1000 / t[i].bytes) + 2;
		struct source *s;

		rate(w, a, t[i].bps);
		s = from(w, a, t[i].bytes);
		run(w, ns / 10, depth, t[i].late_ns);
		s->sent = 0;
		run(w, ns, depth, t[i].late_ns);
		expect(s, (double)t[i].bps, ns,
		       t[i].late_ns > 4000000 ? 0.5 : 0.35);
		world_free(w);
	}
}

static void idle_time_earns_a_millisecond(void **state)
{
	struct world *w = world_new();
	vif_ix a = add(w, VIF_ROOT, "a");
	struct source *s = from(w, a, 1250);

	(void)state;
	rate(w, a, 100 * MBIT); /* 10 frames a millisecond */
	run(w, NSEC_PER_MSEC, 2, 0);
	s->bytes = 0;
	run(w, NSEC_PER_SEC, 0, 0);
	w->now += NSEC_PER_SEC;
	s->bytes = 1250;
	s->frames = 0;
	run(w, 10000, 64, 0);
	assert_in_range(s->frames, 10, 12);
	world_free(w);
}

/* A program that sends all the time, and now and then has no core for 3 ms. */
static void a_short_pause_costs_nothing(void **state)
{
	struct world *w = world_new();
	vif_ix a = add(w, VIF_ROOT, "a");
	struct source *s = from(w, a, 1250);
	uint64_t begin;

	(void)state;
	rate(w, a, 100 * MBIT);
	run(w, 100 * NSEC_PER_MSEC, 64, 0);
	begin = w->now;
	s->sent = 0;
	for (int i = 0; i < 50; i++) {
		/* The queue runs empty, and nobody comes for 3 ms. */
		s->bytes = 0;
		while (s->waiting)
			run(w, 100 * NSEC_PER_USEC, 0, 0);
		w->now += 3 * NSEC_PER_MSEC;
		s->bytes = 1250;
		run(w, 10 * NSEC_PER_MSEC, 64, 0);
	}
	expect(s, 100e6, w->now - begin, 1);
	world_free(w);
}

static void both_ways_count(void **state)
{
	struct world *w = world_new();
	vif_ix a = add(w, VIF_ROOT, "a"), b = add(w, VIF_ROOT, "b");
	struct source *x = from(w, a, 1514), *y = from(w, b, 1514);

	(void)state;
	control(w, w->to)->rate_in_bps = 30 * MBIT;
	vif_sched_apply(&w->f, w->to);
	rate(w, a, 10 * MBIT);
	run(w, NSEC_PER_SEC, 8, 0);
	expect(x, 10e6, NSEC_PER_SEC, 1.5);
	expect(y, 20e6, NSEC_PER_SEC, 1.5);
	world_free(w);
}

/* --- shares */

struct want {
	uint32_t prio;
	uint64_t min_mbit;
	uint32_t weight;
	uint32_t bytes;
	double mbit; /* of 70 */
};

static void shares(const struct want *t, size_t n, double percent)
{
	static const char *names[] = { "a", "b", "c", "d" };
	struct world *w = world_new();
	vif_ix p = add(w, VIF_ROOT, "p");

	rate(w, p, 70 * MBIT);
	for (size_t i = 0; i < n; i++) {
		vif_ix v = add(w, p, names[i]);

		share(w, v, t[i].prio, t[i].min_mbit * MBIT, t[i].weight);
		from(w, v, t[i].bytes);
	}
	run(w, NSEC_PER_SEC, 400, 100000);
	for (size_t i = 0; i < n; i++)
		w->s[i].sent = 0;
	run(w, 5 * NSEC_PER_SEC, 400, 100000);
	for (size_t i = 0; i < n; i++)
		expect(&w->s[i], t[i].mbit * 1e6 + 1, 5 * NSEC_PER_SEC,
		       t[i].mbit > 0 ? percent : 100);
	world_free(w);
}

static void excess_goes_by_weight(void **state)
{
	static const struct want t[][3] = {
		{ { 0, 0, 1, 1514, 10 },
		  { 0, 0, 2, 1514, 20 },
		  { 0, 0, 4, 1514, 40 } },
		{ { 0, 0, 1, 64, 10 },
		  { 0, 0, 2, 1514, 20 },
		  { 0, 0, 4, 65226, 40 } },
		{ { 0, 0, 1, 65226, 10 },
		  { 0, 0, 2, 1514, 20 },
		  { 0, 0, 4, 64, 40 } },
		{ { 0, 0, 5, 1514, 25 },
		  { 0, 0, 5, 65226, 25 },
		  { 0, 0, 4, 64, 20 } },
		{ { 0, 0, 10, 1514, 0.69307 },
		  { 0, 0, 500, 1514, 34.65347 },
		  { 0, 0, 500, 64, 34.65347 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		shares(t[i], 3, 1);
}

static void guarantees_come_first(void **state)
{
	static const struct want t[][3] = {
		/* 20 + (70 - 20) / 101, the rest to the greedy one */
		{ { 0, 20, 1, 1514, 20.495 },
		  { 0, 0, 100, 65226, 49.505 },
		  { 1, 0, 1, 1514, 0 } },
		{ { 0, 20, 1, 64, 20.495 },
		  { 0, 0, 100, 1514, 49.505 },
		  { 1, 0, 1, 1514, 0 } },
		/* All of it guaranteed. */
		{ { 0, 10, 1, 1514, 10 },
		  { 0, 20, 1, 1514, 20 },
		  { 0, 40, 1, 1514, 40 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		shares(t[i], 3, 1);
}

static void a_lower_prio_goes_first(void **state)
{
	static const struct want t[] = {
		{ 2, 30, 100, 1514, 0 },
		{ 1, 0, 1, 1514, 70 },
		{ 3, 0, 10, 1514, 0 },
	};

	(void)state;
	shares(t, 3, 1);
}

/* /p 70 mbit: /p/x (weight 3) has two children and traffic of its own, /p/y
 * (weight 4) sends by itself. */
static void shares_nest(void **state)
{
	struct world *w = world_new();
	vif_ix p = add(w, VIF_ROOT, "p"), x = add(w, p, "x"),
	       y = add(w, p, "y");
	vif_ix x1 = add(w, x, "1"), x2 = add(w, x, "2");
	struct source *s1 = from(w, x1, 1514), *s2 = from(w, x2, 1514),
		      *sx = from(w, x, 1514), *sy = from(w, y, 1514);

	(void)state;
	rate(w, p, 70 * MBIT);
	share(w, x, 0, 0, 3);
	share(w, y, 0, 0, 4);
	share(w, x2, 0, 0, 4);
	run(w, 4 * NSEC_PER_SEC, 300, 0);
	expect(s1, 5e6, 4 * NSEC_PER_SEC, 1);
	expect(s2, 20e6, 4 * NSEC_PER_SEC, 1);
	expect(sx, 5e6, 4 * NSEC_PER_SEC, 1);
	expect(sy, 40e6, 4 * NSEC_PER_SEC, 1);
	/* Work-conserving: y stops, x has it all; x2 has a ceiling. */
	rate(w, x2, 10 * MBIT);
	sy->bytes = 0;
	run(w, NSEC_PER_SEC, 300, 0);
	s1->sent = s2->sent = sx->sent = 0;
	run(w, 4 * NSEC_PER_SEC, 300, 0);
	expect(s1, 30e6, 4 * NSEC_PER_SEC, 1);
	expect(s2, 10e6, 4 * NSEC_PER_SEC, 1);
	expect(sx, 30e6, 4 * NSEC_PER_SEC, 1);
	world_free(w);
}

/* What two children say to each other does not count against their parent. */
static void siblings_do_not_pass_the_parent(void **state)
{
	struct world *w = world_new();
	vif_ix p = add(w, VIF_ROOT, "p"), a = add(w, p, "a"), b;
	struct source *s = from(w, a, 1514);

	(void)state;
	b = add(w, p, "b");
	w->to = b;
	rate(w, p, 1 * MBIT);
	rate(w, a, 20 * MBIT);
	run(w, NSEC_PER_SEC, 8, 0);
	expect(s, 20e6, NSEC_PER_SEC, 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ceiling_is_exact),
		cmocka_unit_test(idle_time_earns_a_millisecond),
		cmocka_unit_test(a_short_pause_costs_nothing),
		cmocka_unit_test(both_ways_count),
		cmocka_unit_test(excess_goes_by_weight),
		cmocka_unit_test(guarantees_come_first),
		cmocka_unit_test(a_lower_prio_goes_first),
		cmocka_unit_test(shares_nest),
		cmocka_unit_test(siblings_do_not_pass_the_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
