/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Delivery: how a frame gets from the visit that made it to its host.
 *
 * work_unlock() and work_visit() (work.h) are in deliver.c, with all that they
 * run, so that the compiler sees the way of a frame as a whole: the backlog of
 * the host that is let go, copies for many, filters and programs, what the
 * scheduler holds up, ports, charging, and the next host's lock. work.c has the
 * visit around it: coming in, leaving, and whom to wake.
 *
 * Here is what both need. For work.c and deliver.c only.
 */
#ifndef TOAMI_SOCKET_DELIVER_H
#define TOAMI_SOCKET_DELIVER_H

#include "socket/work.h"

/* What the stack tells a visit. */
extern const struct stack_ops work_ops;

/* work_bind_stack - @host's lock is ours: w->stack is a handle on its stack */
static inline void work_bind_stack(struct work *w, host_ix host)
{
	struct fabric *f = w->fabric;

	w->host = host;
	w->now_ns = fabric_now(f);
	w->stack = (struct stack){
		.arena = &w->in.arena,
		.host = stack_host_at(f, host),
		.conns = &f->table[FABRIC_TABLE_CONN],
		.paces = &f->table[FABRIC_TABLE_PACE],
		.ops = &work_ops,
		.user = w,
		.now_ns = w->now_ns,
		.random = &w->in.ctx->random,
		.neighbour_gen = atomic_load_explicit(&f->header->neighbour_gen,
						      memory_order_relaxed),
	};
}

/* work_collect - appends what the stack has produced to what is delivered */
static inline void work_collect(struct work *w)
{
	struct frame_list *from = &w->stack.out;

	if (!from->first)
		return;
	if (w->out.last)
		frame_at(&w->in.arena, w->out.last)->next = from->first;
	else
		w->out.first = from->first;
	w->out.last = from->last;
	*from = (struct frame_list){ 0, 0 };
}

#endif
