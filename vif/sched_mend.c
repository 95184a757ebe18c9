/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * After a death, while the world is stopped.
 *
 * Who died elsewhere has left queues, dates and turns whole. Who died under
 * the scheduler's lock may have left them in any state: then every queue is
 * forgotten, as a network may lose frames, and nodes and flows are made anew
 * with the next frames. The frames themselves are found to be in nobody's
 * hands; no frame leaks. The stack of the backlog is whole at any instruction
 * and stays.
 */
#include "vif/sched_internal.h"

static bool nobody(void *arg, uint32_t ix)
{
	(void)arg;
	(void)ix;
	return false;
}

static void forget_classes(struct sched_view *v)
{
	class_ix end = 2 * slot_end(&v->fabric->table[FABRIC_TABLE_VIF]);

	for (class_ix ix = 2; ix < end; ix++) {
		struct sched_class *c = class_at(v, ix);

		atomic_store(&c->dirty, 0);
		c->nodes = 0;
		c->loaded = 0;
		c->impaired = 0;
		c->gate_ns = 0;
		c->stats.backlog_packets = 0;
		c->stats.backlog_bytes = 0;
	}
}

void sched_mend(struct fabric *f, bool lost)
{
	struct sched_view v;

	if (!lost)
		return;
	sched_open(&v, f, &f->arena, fabric_now(f));
	forget_classes(&v);
	atomic_store(&v.s->door.dirty, 0);
	v.s->roots = 0;
	v.s->door.impaired = 0;
	v.s->generation++;
	wheel_start(&v.s->wheel, v.now_ns);
	for (node_ix ix = 1, end = slot_end(&f->table[FABRIC_TABLE_NODE]);
	     ix < end; ix++)
		node_at(&v, ix)->kind = NODE_FREE;
	for (flow_ix ix = 1, end = slot_end(&f->table[FABRIC_TABLE_FLOW]);
	     ix < end; ix++)
		flow_at(&v, ix)->live = 0;
	slot_rebuild(&f->table[FABRIC_TABLE_NODE], nobody, NULL);
	slot_rebuild(&f->table[FABRIC_TABLE_FLOW], nobody, NULL);
	sched_close(&v);
}

static void visit_chain(struct sched_view *v, frame_ix ix,
			void (*frame)(void *arg, frame_ix ix), void *arg)
{
	uint32_t end = arena_frames_end(v->arena);

	for (uint32_t n = 0; ix && ix < end && n < end; n++) {
		frame_ix next = frame_at(v->arena, ix)->next;

		frame(arg, ix);
		ix = next;
	}
}

static void visit_slot(struct sched_view *v, uint32_t first,
		       void (*frame)(void *arg, frame_ix ix), void *arg)
{
	uint32_t entry = first;

	do {
		const struct sched_timer *t;
		uint32_t next;

		if (entry & SCHED_FRAME)
			t = &sched_note(
				     frame_at(v->arena, entry & ~SCHED_FRAME))
				     ->timer;
		else
			t = &node_at(v, entry)->timer;
		next = t->next;
		if (entry & SCHED_FRAME)
			frame(arg, entry & ~SCHED_FRAME);
		entry = next;
	} while (entry != first);
}

void sched_visit(struct fabric *f, void (*frame)(void *arg, frame_ix ix),
		 void *arg)
{
	struct sched_view v;

	sched_open(&v, f, &f->arena, 0);
	visit_chain(&v, atomic_load(&v.s->door.backlog), frame, arg);
	for (flow_ix ix = 1, end = slot_end(&f->table[FABRIC_TABLE_FLOW]);
	     ix < end; ix++)
		if (flow_at(&v, ix)->live)
			visit_chain(&v, flow_at(&v, ix)->first, frame, arg);
	for (uint32_t l = 0; l < SCHED_LEVELS; l++)
		for (uint32_t s = 0; s < SCHED_SLOTS; s++)
			if (v.s->wheel.slot[l][s])
				visit_slot(&v, v.s->wheel.slot[l][s], frame,
					   arg);
}
