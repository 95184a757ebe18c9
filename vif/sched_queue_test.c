/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler in virtual time: queues, what changes while they are full,
 * impairments, death.
 */
#include "vif/test_sched.h"

#include <errno.h>

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

/* Frames of one flow, numbered in their headers. */
struct numbers {
	uint32_t pushed, passed;
};

/* They come as they were pushed, all of them. */
static void take_numbered(struct world *w, struct sched_view *v,
			  struct numbers *n)
{
	frame_ix ix;
	uint32_t at;

	while ((ix = frame_list_pop(&w->arena, &v->out))) {
		memcpy(&at, frame_at(&w->arena, ix)->header + 38, 4);
		assert_int_equal(at, n->passed++);
		frame_free(&w->arena, ix);
	}
	assert_int_equal(v->dropped.first, 0);
}

static void push_numbered(struct world *w, struct source *s, uint32_t count,
			  struct numbers *n)
{
	struct sched_view v;

	sched_open(&v, &w->f, &w->arena, w->now);
	while (count--) {
		frame_ix ix = frame_alloc(&w->arena);
		struct frame *f = frame_at(&w->arena, ix);
		struct sched_path p;

		make_frame(w, s, f);
		memcpy(f->header + 38, &n->pushed, 4);
		n->pushed++;
		if (sched_path(&w->f, s->vif, w->to, &p))
			sched_push(&v, ix, &p);
		else
			frame_list_add(&w->arena, &v.out, ix);
	}
	take_numbered(w, &v, n);
	sched_close(&v);
}

/* Runs until nothing waits. Returns the time that took. */
static uint64_t drain(struct world *w, struct numbers *n)
{
	uint64_t begin = w->now, next;

	while (n->passed < n->pushed) {
		struct sched_view v;

		sched_open(&v, &w->f, &w->arena, w->now);
		sched_run(&v, 64 << 10);
		take_numbered(w, &v, n);
		next = sched_close(&v);
		if (n->passed < n->pushed)
			assert_int_not_equal(next, UINT64_MAX);
		if (next != UINT64_MAX)
			w->now = next <= w->now ? w->now + 100 : next;
	}
	return w->now - begin;
}

/* What waits goes along: it is not overtaken by what is sent from the new
 * place, and knows the ceiling there. */
static void what_a_moved_vif_has_queued_goes_along(void **state)
{
	struct world *w = world_new();
	vif_ix p = add(w, VIF_ROOT, "p"), q = add(w, VIF_ROOT, "q");
	vif_ix m = add(w, p, "m"), a = add(w, m, "a");
	struct source *s = from(w, a, 1000);
	struct numbers n = { 0, 0 };
	struct vif_class_stats st;

	(void)state;
	/* 100 frames are 800 ms below /p, 80 ms below /q. */
	rate(w, p, 1 * MBIT);
	rate(w, q, 10 * MBIT);
	push_numbered(w, s, 50, &n);
	assert_int_equal(vif_sched_move(&w->f, 1, m, q, "m", 1), 0);
	vif_sched_stats(&w->f, p, VIF_TX, &st);
	assert_int_equal(st.backlog_packets, 0);
	vif_sched_stats(&w->f, q, VIF_TX, &st);
	assert_in_range(st.backlog_packets, 45, 50);
	push_numbered(w, s, 50, &n);
	assert_in_range(drain(w, &n), 60 * NSEC_PER_MSEC, 90 * NSEC_PER_MSEC);
	/* To where nothing holds it up, and to a name that is taken: then it
	 * stays, with what waits. */
	push_numbered(w, s, 50, &n);
	assert_int_equal(vif_sched_move(&w->f, 1, m, VIF_ROOT, "p", 1),
			 -EEXIST);
	vif_sched_stats(&w->f, q, VIF_TX, &st);
	assert_in_range(st.backlog_packets, 40, 50);
	assert_int_equal(vif_sched_move(&w->f, 1, m, VIF_ROOT, "m", 1), 0);
	assert_in_range(drain(w, &n), 0, NSEC_PER_MSEC);
	/* What enters goes along, too. */
	w->to = a;
	s->vif = add(w, VIF_ROOT, "from");
	control(w, p)->rate_in_bps = 1 * MBIT;
	control(w, q)->rate_in_bps = 10 * MBIT;
	vif_sched_apply(&w->f, p);
	vif_sched_apply(&w->f, q);
	assert_int_equal(vif_sched_move(&w->f, 1, m, p, "m", 1), 0);
	push_numbered(w, s, 50, &n);
	assert_int_equal(vif_sched_move(&w->f, 1, m, q, "m", 1), 0);
	push_numbered(w, s, 50, &n);
	assert_in_range(drain(w, &n), 60 * NSEC_PER_MSEC, 90 * NSEC_PER_MSEC);
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
		cmocka_unit_test(sparse_flows_go_first),
		cmocka_unit_test(flows_share_a_queue),
		cmocka_unit_test(a_standing_queue_is_cut),
		cmocka_unit_test(a_queue_has_an_end),
		cmocka_unit_test(without_room_nothing_passes),
		cmocka_unit_test(a_parent_bounds_what_waits_below),
		cmocka_unit_test(a_change_drops_nothing),
		cmocka_unit_test(long_frames_are_cut_when_it_gets_slow),
		cmocka_unit_test(what_a_removed_vif_has_queued_goes_up),
		cmocka_unit_test(what_a_moved_vif_has_queued_goes_along),
		cmocka_unit_test(a_delay_keeps_order),
		cmocka_unit_test(impairments_happen_as_often_as_asked),
		cmocka_unit_test(after_a_death_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
