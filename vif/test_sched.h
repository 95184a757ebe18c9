/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of the scheduler in virtual time: sources that always have
 * something to send, and what passes of it.
 */
#ifndef TOAMI_VIF_TEST_SCHED_H
#define TOAMI_VIF_TEST_SCHED_H

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

static inline struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	test_fabric_open(&w->f, 64);
	w->arena = w->f.arena;
	w->arena.cache = &w->cache;
	w->now = fabric_now(&w->f) + NSEC_PER_SEC;
	vif_add(&w->f, VIF_ROOT, "to", 2, 0, &w->to);
	return w;
}

static inline void world_free(struct world *w)
{
	test_fabric_close(&w->f);
	free(w);
}

static inline vif_ix add(struct world *w, vif_ix parent, const char *name)
{
	vif_ix ix;

	assert_int_equal(vif_add(&w->f, parent, name, strlen(name), 0, &ix), 0);
	return ix;
}

static inline struct vif_control *control(struct world *w, vif_ix ix)
{
	struct vif_control *c = vif_control_make(&w->f, ix);

	assert_non_null(c);
	return c;
}

static inline void rate(struct world *w, vif_ix ix, uint64_t bps)
{
	control(w, ix)->rate_bps = bps;
	vif_sched_apply(&w->f, ix);
}

static inline void share(struct world *w, vif_ix ix, uint32_t prio,
			 uint64_t min, uint32_t weight)
{
	struct vif_control *c = control(w, ix);

	c->prio = prio;
	c->min_bps = min;
	c->weight = weight;
	vif_sched_apply(&w->f, ix);
}

static inline void make_frame(struct world *w, const struct source *s,
			      struct frame *f)
{
	memset(f->header, 0, 54);
	f->l3_off = 14;
	f->l4_off = 34;
	f->header_bytes = 54;
	f->header[14] = 0x45;
	memcpy(f->header + 34, &s->flow, 4);
	f->payload = s->bytes - 54;
	f->tx_vif = s->vif;
	f->rx_vif = w->to;
}

static inline void push(struct world *w, struct sched_view *v, struct source *s)
{
	frame_ix ix = frame_alloc(&w->arena);
	struct sched_path p;

	assert_int_not_equal(ix, 0);
	make_frame(w, s, frame_at(&w->arena, ix));
	s->waiting++;
	w->last = ix;
	if (sched_path(&w->f, s->vif, w->to, &p))
		sched_push(v, ix, &p);
	else
		frame_list_add(&w->arena, &v->out, ix);
}

static inline struct source *source_of(struct world *w, const struct frame *f)
{
	uint32_t flow;

	memcpy(&flow, f->header + 34, 4);
	for (uint32_t i = 0; i < w->sources; i++)
		if (w->s[i].flow == flow)
			return &w->s[i];
	fail();
	return NULL;
}

static inline void take_out(struct world *w, struct sched_view *v)
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

static inline struct source *from(struct world *w, vif_ix vif, uint32_t bytes)
{
	struct source *s = &w->s[w->sources++];

	*s = (struct source){ .vif = vif, .bytes = bytes, .flow = w->sources };
	return s;
}

/* Runs for @ns; each source keeps @depth frames waiting. Visits come @late
 * after the date. */
static inline void run(struct world *w, uint64_t ns, uint32_t depth,
		       uint64_t late)
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

static inline void expect(const struct source *s, double bps, uint64_t ns,
			  double percent)
{
	double is = (double)s->sent * 8e9 / (double)ns;

	if (fabs(is - bps) > bps * percent / 100)
		fail_msg("%.0f bit/s instead of %.0f", is, bps);
}

#endif
