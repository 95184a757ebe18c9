/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler in virtual time: sources that always have something to send,
 * and what passes in a second, as tables.
 */
#include "vif/sched_internal.h"

#include "vif/test_fabric.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define MBIT UINT64_C(1000000)
#define MAX  12

/* A VIF that sends to /to, as much as it may. */
struct source {
	vif_ix vif;
	uint32_t bytes; /* of a frame */
	uint32_t flow;
	uint32_t waiting;
	uint64_t sent; /* bytes that have passed */
	uint64_t frames;
};

struct world {
	struct fabric f;
	struct arena arena;
	struct arena_cache cache;
	uint64_t now;
	vif_ix to;
	struct source s[MAX];
	uint32_t sources;
	uint32_t order[4096]; /* flows, as they came out */
	uint32_t outs;
	uint64_t dropped;
	frame_ix last; /* pushed */
};

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	test_fabric_open(&w->f, 64);
	w->arena = w->f.arena;
	w->arena.cache = &w->cache;
	w->now = fabric_now(&w->f) + NSEC_PER_SEC;
	vif_add(&w->f, VIF_ROOT, "to", 2, 0, &w->to);
	return w;
}

static void world_free(struct world *w)
{
	test_fabric_close(&w->f);
	free(w);
}

static vif_ix add(struct world *w, vif_ix parent, const char *name)
{
	vif_ix ix;

	assert_int_equal(vif_add(&w->f, parent, name, strlen(name), 0, &ix), 0);
	return ix;
}

static struct vif_control *control(struct world *w, vif_ix ix)
{
	struct vif_control *c = vif_control_make(&w->f, ix);

	assert_non_null(c);
	return c;
}

static void rate(struct world *w, vif_ix ix, uint64_t bps)
{
	control(w, ix)->rate_bps = bps;
	vif_sched_apply(&w->f, ix);
}

static void share(struct world *w, vif_ix ix, uint32_t prio, uint64_t min,
		  uint32_t weight)
{
	struct vif_control *c = control(w, ix);

	c->prio = prio;
	c->min_bps = min;
	c->weight = weight;
	vif_sched_apply(&w->f, ix);
}

static void push(struct world *w, struct sched_view *v, struct source *s)
{
	frame_ix ix = frame_alloc(&w->arena);
	struct frame *f = frame_at(&w->arena, ix);
	struct sched_path p;

	assert_int_not_equal(ix, 0);
	memset(f->header, 0, 54);
	f->l3_off = 14;
	f->l4_off = 34;
	f->header_bytes = 54;
	f->header[14] = 0x45;
	memcpy(f->header + 34, &s->flow, 4);
	f->payload = s->bytes - 54;
	f->tx_vif = s->vif;
	f->rx_vif = w->to;
	s->waiting++;
	w->last = ix;
	if (sched_path(&w->f, s->vif, w->to, &p))
		sched_push(v, ix, &p);
	else
		frame_list_add(&w->arena, &v->out, ix);
}

static struct source *source_of(struct world *w, const struct frame *f)
{
	uint32_t flow;

	memcpy(&flow, f->header + 34, 4);
	for (uint32_t i = 0; i < w->sources; i++)
		if (w->s[i].flow == flow)
			return &w->s[i];
	fail();
	return NULL;
}

static void take_out(struct world *w, struct sched_view *v)
{
	frame_ix ix;

	while ((ix = frame_list_pop(&w->arena, &v->out))) {
		struct frame *f = frame_at(&w->arena, ix);
		struct source *s = source_of(w, f);

		s->sent += frame_wire_bytes(f);
		s->frames++;
		if (s->waiting)
			s->waiting--;
		if (w->outs < 4096)
			w->order[w->outs++] = s->flow;
		frame_free(&w->arena, ix);
	}
	while ((ix = frame_list_pop(&w->arena, &v->dropped))) {
		struct source *s = source_of(w, frame_at(&w->arena, ix));

		if (s->waiting)
			s->waiting--;
		w->dropped++;
		frame_free(&w->arena, ix);
	}
}

static struct source *from(struct world *w, vif_ix vif, uint32_t bytes)
{
	struct source *s = &w->s[w->sources++];

	*s = (struct source){ .vif = vif, .bytes = bytes, .flow = w->sources };
	return s;
}

/* Runs for @ns; each source keeps @depth frames waiting. Visits come @late
 * after the date. */
static void run(struct world *w, uint64_t ns, uint32_t depth, uint64_t late)
{
	uint64_t end = w->now + ns, next;

	while (w->now < end) {
		struct sched_view v;

		sched_open(&v, &w->f, &w->arena, w->now);
		for (uint32_t i = 0; i < w->sources; i++)
			while (w->s[i].waiting < depth && w->s[i].bytes)
				push(w, &v, &w->s[i]);
		sched_run(&v, 64 << 10);
		take_out(w, &v);
		next = sched_close(&v);
		if (next == UINT64_MAX)
			next = end;
		w->now = next <= w->now ? w->now + 100 : next + late;
	}
}

static void expect(const struct source *s, double bps, uint64_t ns,
		   double percent)
{
	double is = (double)s->sent * 8e9 / (double)ns;

	if (fabs(is - bps) > bps * percent / 100)
		fail_msg("%.0f bit/s instead of %.0f", is, bps);
}

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

/* --- one queue */

/* A flow that sends little does not wait for one that sends much. */
static void sparse_flows_go_first(void **state)
{
	struct world *w = world_new();
	vif_ix a = add(w, VIF_ROOT, "a");
	struct source *little;

	(void)state;
	rate(w, a, 50 * MBIT);
	from(w, a, 1514);
	run(w, 100 * NSEC_PER_MSEC, 100, 0);
	little = from(w, a, 100);
	w->outs = 0;
	run(w, NSEC_PER_MSEC, 100, 0);
	assert_int_not_equal(little->frames, 0);
	assert_true(w->order[0] == little->flow || w->order[1] == little->flow);
	world_free(w);
}

static void flows_share_a_queue(void **state)
{
	struct world *w = world_new();
	vif_ix a = add(w, VIF_ROOT, "a");
	struct source *x = from(w, a, 1514), *y = from(w, a, 200),
		      *z = from(w, a, 65226);

	(void)state;
	rate(w, a, 60 * MBIT);
	run(w, 4 * NSEC_PER_SEC, 300, 0);
	expect(x, 20e6, 4 * NSEC_PER_SEC, 2);
	expect(y, 20e6, 4 * NSEC_PER_SEC, 2);
	expect(z, 20e6, 4 * NSEC_PER_SEC, 2);
	world_free(w);
}

static void a_standing_queue_is_cut(void **state)
{
	struct world *w = world_new();
	vif_ix a = add(w, VIF_ROOT, "a");
	struct vif_class_stats st;

	(void)state;
	rate(w, a, 10 * MBIT);
	from(w, a, 1514);
	run(w, 2 * NSEC_PER_SEC, 50, 0);
	vif_sched_stats(&w->f, a, VIF_TX, &st);
	assert_int_not_equal(st.drops[VIF_DROP_CODEL], 0);
	assert_int_equal(w->dropped, st.drops[VIF_DROP_CODEL]);
	world_free(w);
}

static void a_queue_has_an_end(void **state)
{
	struct world *w = world_new();
	vif_ix a = add(w, VIF_ROOT, "a");
	struct vif_class_stats st;
	struct sched_view v;
	struct source *s;

	(void)state;
	rate(w, a, 1 * MBIT);
	control(w, a)->limit_bytes = 10000;
	vif_sched_apply(&w->f, a);
	s = from(w, a, 1000);
	sched_open(&v, &w->f, &w->arena, w->now);
	sched_run(&v, 1);
	for (int i = 0; i < 20; i++)
		push(w, &v, s);
	take_out(w, &v);
	sched_close(&v);
	vif_sched_stats(&w->f, a, VIF_TX, &st);
	assert_int_equal(st.backlog_packets, 10);
	assert_int_equal(st.backlog_bytes, 10000);
	assert_in_range(st.drops[VIF_DROP_LIMIT], 8, 10);
	assert_int_equal(w->dropped, st.drops[VIF_DROP_LIMIT]);
	world_free(w);
}

/* Where no node is left, what is controlled is dropped: it never passes by. */
static void without_room_nothing_passes(void **state)
{
	struct world *w = world_new();
	struct slot_table *nodes = &w->f.table[FABRIC_TABLE_NODE];
	vif_ix p = add(w, VIF_ROOT, "p"), a = add(w, p, "a");
	struct vif_class_stats st;
	struct sched_view v;
	uint32_t last, n = 0;
	struct source *s;

	(void)state;
	rate(w, p, 1 * MBIT);
	share(w, a, 0, 0, 3);
	s = from(w, a, 1000);
	last = slot_alloc(nodes);
	while ((n = slot_alloc(nodes)))
		last = n;
	/* None at all, and then fewer than it takes. */
	for (int i = 0; i < 2; i++) {
		sched_open(&v, &w->f, &w->arena, w->now);
		sched_run(&v, 1);
		push(w, &v, s);
		take_out(w, &v);
		sched_close(&v);
		assert_int_equal(s->sent, 0);
		assert_int_equal(w->dropped, i + 1);
		slot_free(nodes, last);
	}
	vif_sched_stats(&w->f, a, VIF_TX, &st);
	assert_int_equal(st.drops[VIF_DROP_MEMORY], 2);
	world_free(w);
}

/* Each of two children has room, both together have not. */
static void a_parent_bounds_what_waits_below(void **state)
{
	struct world *w = world_new();
	vif_ix p = add(w, VIF_ROOT, "p");
	struct source *a = from(w, add(w, p, "a"), 1000),
		      *b = from(w, add(w, p, "b"), 1000);
	struct vif_class_stats st;
	struct sched_view v;

	(void)state;
	rate(w, p, 1 * MBIT);
	control(w, p)->quota_queue_bytes = 15000;
	vif_sched_apply(&w->f, p);
	sched_open(&v, &w->f, &w->arena, w->now);
	sched_run(&v, 1);
	for (int i = 0; i < 12; i++) {
		push(w, &v, a);
		push(w, &v, b);
	}
	take_out(w, &v);
	sched_close(&v);
	vif_sched_stats(&w->f, p, VIF_TX, &st);
	assert_int_equal(st.backlog_bytes, 15000);
	assert_int_equal(st.backlog_packets, 15);
	assert_in_range(w->dropped, 7, 9);
	world_free(w);
}

/* --- changes */

static void a_change_drops_nothing(void **state)
{
	struct world *w = world_new();
	vif_ix a = add(w, VIF_ROOT, "a");
	struct source *s = from(w, a, 1514);

	(void)state;
	rate(w, a, 1 * MBIT);
	for (int i = 0; i < 1000; i++) {
		rate(w, a, (uint64_t)(1 + i % 7 * 33) * MBIT);
		share(w, a, (uint32_t)i % 3, (uint64_t)i * 1000,
		      (uint32_t)(1 + i % 90));
		run(w, NSEC_PER_MSEC, 2, 0);
	}
	assert_int_equal(w->dropped, 0);
	/* 64 KiB at 8 kbit/s would take a minute; raised, it does not. */
	rate(w, a, 8000);
	s->bytes = 65226;
	run(w, NSEC_PER_MSEC, 3, 0);
	rate(w, a, 1000 * MBIT);
	s->frames = 0;
	run(w, 10 * NSEC_PER_MSEC, 3, 0);
	assert_int_not_equal(s->frames, 0);
	/* Without a ceiling, everything leaves. */
	rate(w, a, 8000);
	run(w, NSEC_PER_MSEC, 3, 0);
	rate(w, a, 0);
	s->bytes = 0;
	run(w, NSEC_PER_MSEC, 0, 0);
	assert_int_equal(s->waiting, 0);
	world_free(w);
}

static void what_a_removed_vif_has_queued_goes_up(void **state)
{
	struct world *w = world_new();
	vif_ix p = add(w, VIF_ROOT, "p"), a = add(w, p, "a");
	struct source *s = from(w, a, 1000);
	struct vif_class_stats st;

	(void)state;
	rate(w, p, 1 * MBIT);
	run(w, NSEC_PER_MSEC, 10, 0);
	s->bytes = 0;
	assert_int_equal(vif_sched_forget(&w->f, 1, a), 0);
	vif_sched_stats(&w->f, p, VIF_TX, &st);
	assert_in_range(st.backlog_packets, 8, 10);
	assert_int_equal(vif_remove(&w->f, a), 0);
	run(w, 200 * NSEC_PER_MSEC, 0, 0);
	assert_int_equal(s->waiting, 0);
	assert_int_equal(w->dropped, 0);
	/* The highest one goes: nobody is above. */
	s->vif = p;
	s->bytes = 1000;
	run(w, NSEC_PER_MSEC, 10, 0);
	s->bytes = 0;
	assert_int_equal(vif_sched_forget(&w->f, 1, p), 0);
	assert_int_equal(vif_remove(&w->f, p), 0);
	run(w, NSEC_PER_MSEC, 0, 0);
	assert_int_equal(s->waiting, 0);
	world_free(w);
}

/* Into two, headers not counted. */
static void halve(struct sched_view *v, frame_ix ix, struct frame_list *list)
{
	struct world *w = v->user;
	struct frame *f = frame_at(&w->arena, ix);
	frame_ix copy = frame_alloc(&w->arena);
	struct frame *c = frame_at(&w->arena, copy);

	memcpy(c, f, sizeof(*c));
	c->gso_type = f->gso_type = FRAME_GSO_NONE;
	c->payload = f->payload / 2;
	f->payload -= c->payload;
	frame_list_add(&w->arena, list, ix);
	frame_list_add(&w->arena, list, copy);
}

/* What was queued under a high rate does not block a low one for long. */
static void long_frames_are_cut_when_it_gets_slow(void **state)
{
	static const struct {
		uint64_t at_us;
		uint64_t frames;
	} t[] = { { 1000, 1 },	{ 5000, 1 },  { 5600, 2 },
		  { 10000, 2 }, { 10400, 3 }, { 30000, 6 } };
	struct world *w = world_new();
	vif_ix a = add(w, VIF_ROOT, "a");
	struct source *s = from(w, a, 60054);
	struct sched_view v;

	(void)state;
	rate(w, a, 1000 * MBIT);
	sched_open(&v, &w->f, &w->arena, w->now);
	sched_run(&v, 1);
	for (int i = 0; i < 6; i++) {
		push(w, &v, s);
		frame_at(&w->arena, w->last)->gso_type = FRAME_GSO_TCPV4;
		frame_at(&w->arena, w->last)->gso_bytes = 1448;
	}
	take_out(w, &v);
	assert_int_equal(s->frames, 3); /* the credit of idle time */
	s->frames = s->sent = 0;
	rate(w, a, 50 * MBIT);
	v.cut = halve;
	v.user = w;
	/* At half a millisecond a half, which takes 4.8 ms; then the next. */
	for (size_t k = 0; k < ARRAY_SIZE(t); k++) {
		for (v.now_ns = w->now; v.now_ns < w->now + t[k].at_us * 1000;
		     v.now_ns += 100000)
			sched_run(&v, 1 << 20);
		take_out(w, &v);
		assert_int_equal(s->frames, t[k].frames);
	}
	assert_int_equal(s->sent, 6 * 30054);
	sched_close(&v);
	world_free(w);
}

/* --- impairments */

static void a_delay_keeps_order(void **state)
{
	struct world *w = world_new();
	vif_ix a = add(w, VIF_ROOT, "a");
	uint64_t begin;
	struct sched_view v;

	(void)state;
	control(w, a)->delay_ns = 20 * NSEC_PER_MSEC;
	vif_sched_apply(&w->f, a);
	for (int i = 0; i < 8; i++)
		from(w, a, 100);
	begin = w->now;
	sched_open(&v, &w->f, &w->arena, w->now);
	sched_run(&v, 1);
	for (int i = 0; i < 8; i++) {
		w->now += 777;
		v.now_ns = w->now;
		push(w, &v, &w->s[i]);
		w->s[i].bytes = 0;
	}
	sched_close(&v);
	run(w, 19 * NSEC_PER_MSEC, 0, 0);
	assert_int_equal(w->outs, 0);
	run(w, begin + 20 * NSEC_PER_MSEC + 20000 - w->now, 0, 0);
	assert_int_equal(w->outs, 8);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(w->order[i], i + 1);
	world_free(w);
}

static void impairments_happen_as_often_as_asked(void **state)
{
	struct world *w = world_new();
	vif_ix a = add(w, VIF_ROOT, "a");
	struct vif_class_stats st;
	struct source *s = from(w, a, 100);
	struct vif_control *c = control(w, a);
	struct sched_view v;

	(void)state;
	c->loss_ppm = 100000;
	c->duplicate_ppm = 50000;
	vif_sched_apply(&w->f, a);
	sched_open(&v, &w->f, &w->arena, w->now);
	sched_run(&v, 1);
	for (int i = 0; i < 20000; i++) {
		push(w, &v, s);
		take_out(w, &v);
	}
	sched_close(&v);
	vif_sched_stats(&w->f, a, VIF_TX, &st);
	assert_in_range(st.drops[VIF_DROP_LOSS], 1800, 2200);
	assert_in_range(s->frames, 18000 + 900 - 300, 18000 + 900 + 300);
	world_free(w);
}

/* --- death */

static uint32_t seen;

static void see(void *arg, frame_ix ix)
{
	(void)arg;
	(void)ix;
	seen++;
}

static void after_a_death_nothing_is_left(void **state)
{
	struct world *w = world_new();
	vif_ix p = add(w, VIF_ROOT, "p"), a = add(w, p, "a");
	struct source *s = from(w, a, 1000);

	(void)state;
	rate(w, p, 10 * MBIT);
	control(w, a)->delay_ns = NSEC_PER_MSEC;
	vif_sched_apply(&w->f, a);
	run(w, 10 * NSEC_PER_MSEC, 10, 0);
	seen = 0;
	sched_visit(&w->f, see, NULL);
	assert_int_equal(seen, s->waiting);
	sched_mend(&w->f, false);
	seen = 0;
	sched_visit(&w->f, see, NULL);
	assert_int_equal(seen, s->waiting);
	sched_mend(&w->f, true);
	seen = 0;
	sched_visit(&w->f, see, NULL);
	assert_int_equal(seen, 0);
	s->waiting = 0;
	s->sent = 0;
	run(w, NSEC_PER_SEC, 10, 0);
	expect(s, 10e6, NSEC_PER_SEC, 2);
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
		cmocka_unit_test(sparse_flows_go_first),
		cmocka_unit_test(flows_share_a_queue),
		cmocka_unit_test(a_standing_queue_is_cut),
		cmocka_unit_test(a_queue_has_an_end),
		cmocka_unit_test(without_room_nothing_passes),
		cmocka_unit_test(a_parent_bounds_what_waits_below),
		cmocka_unit_test(a_change_drops_nothing),
		cmocka_unit_test(long_frames_are_cut_when_it_gets_slow),
		cmocka_unit_test(what_a_removed_vif_has_queued_goes_up),
		cmocka_unit_test(a_delay_keeps_order),
		cmocka_unit_test(impairments_happen_as_often_as_asked),
		cmocka_unit_test(after_a_death_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
