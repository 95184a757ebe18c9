/* SPDX-License-Identifier: BSD-2-Clause */
/* See deliver.h. */
#include "socket/deliver.h"
#include "fabric/address.h"
#include "socket/hold.h"
#include "socket/stamp.h"
#include "stack/conn.h"
#include "stack/shape.h"
#include "vif/capture.h"
#include "vif/program.h"

static void backlog_push(struct work *w, struct fabric_host *h, frame_ix ix)
{
	struct frame *f = frame_at(&w->in.arena, ix);
	frame_ix head = atomic_load(&h->backlog);

	do {
		f->next = head;
	} while (!atomic_compare_exchange_weak(&h->backlog, &head, ix));
}

/* Takes in what has come while the lock was held, oldest first. */
static void drain_backlog(struct work *w)
{
	struct fabric_host *h = &w->fabric->hosts[w->host];
	struct arena *a = &w->in.arena;

	while (atomic_load_explicit(&h->backlog, memory_order_relaxed)) {
		struct frame_list came =
			frame_list_turn(a, atomic_exchange(&h->backlog, 0));
		frame_ix ix;

		while ((ix = frame_list_pop(a, &came))) {
			frame_at(a, ix)->next = 0;
			if (unlikely(frame_at(a, ix)->flags & FRAME_STAMP))
				stamp_take(w, ix);
			else
				stack_input(&w->stack, ix);
		}
	}
	if (unlikely(atomic_load_explicit(&h->kicked, memory_order_relaxed)))
		hold_kicks(w);
}

/* Lets go of the current host's lock, leaving no frame behind in its backlog.
 */
static void release(struct work *w)
{
	struct fabric_host *h = &w->fabric->hosts[w->host];
	uint64_t date;

	do {
		drain_backlog(w);
		date = stack_next_timer_ns(w->stack.host);
		if (unlikely(date <= w->stack.now_ns)) {
			stack_timers(&w->stack);
			date = stack_next_timer_ns(w->stack.host);
		}
		work_collect(w);
		fabric_unlock(&w->in, &h->lock);
		if (date < w->timer_ns)
			w->timer_ns = date;
	} while ((atomic_load(&h->backlog) || atomic_load(&h->kicked)) &&
		 fabric_trylock(&w->in, &h->lock));
	w->host = 0;
}

static bool lock_host(struct work *w, host_ix host)
{
	if (!fabric_trylock(&w->in, &w->fabric->hosts[host].lock))
		return false;
	work_bind_stack(w, host);
	drain_backlog(w);
	return true;
}

/*
 * A frame for what lies behind a port: the daemon carries it. It stores
 * port_asleep before it looks at the backlog a last time, we push before we
 * look at port_asleep: one of us sees the other.
 */
static void port_push(struct work *w, struct fabric_host *h, frame_ix ix)
{
	if (atomic_fetch_add(&h->backlog_frames, 1) >= WORK_PORT_FRAMES) {
		atomic_fetch_sub(&h->backlog_frames, 1);
		vif_drop_rx(w->fabric, h->vif, 1);
		frame_free(&w->in.arena, ix);
		return;
	}
	backlog_push(w, h, ix);
	if (atomic_load(&h->port_asleep) && atomic_exchange(&h->port_asleep, 0))
		work_wake_ports(w);
}

/* The uplink, for a frame that does not come from there. */
static host_ix stranger(struct work *w, const struct frame *f)
{
	host_ix up = atomic_load_explicit(&w->fabric->header->uplink,
					  memory_order_relaxed);

	return up && w->fabric->hosts[up].vif != f->tx_vif ? up : 0;
}

static void charge(struct work *w, frame_ix ix, host_ix to)
{
	const struct frame *f = frame_at(&w->in.arena, ix);

	if (unlikely(f->flags & FRAME_STAMP))
		stamp_left(w, ix);
	if (unlikely(capture_any(w->fabric)))
		capture_frame(w->fabric, &w->in.arena, f, f->tx_vif,
			      w->fabric->hosts[to].vif, false);
	vif_charge(w->fabric, f->tx_vif, w->fabric->hosts[to].vif, 1,
		   f->header_bytes + f->payload);
}

/* Is there a filter or a program on the way of @f to the host @to? What comes
 * out of the scheduler has been judged before it went in. */
static bool has_programs(const struct work *w, const struct frame *f,
			 host_ix to)
{
	return unlikely(vif_program_wants(w->fabric, f->tx_vif,
					  w->fabric->hosts[to].vif)) &&
	       !(f->flags & FRAME_SHAPED);
}

/*
 * @f was of a flow: its connection is on that lane from now on, both ways. The
 * slot may have become another connection's, on the same VIF, in this moment:
 * that one is then counted on the lane until it ends.
 */
static void follow_flow(struct work *w, const struct frame *f, vif_ix from,
			vif_ix flow)
{
	const struct slot_table *conns = &w->fabric->table[FABRIC_TABLE_CONN];
	struct conn *c = slot_at(conns, f->pace);

	if (f->pace && c->state && c->proto == STACK_TCP && c->vif == from)
		c->vif = flow;
}

/* Asks them. False: they drop @ix, which is freed. *to may be another host. */
static bool ask_programs(struct work *w, frame_ix ix, host_ix *to)
{
	struct frame *f = frame_at(&w->in.arena, ix);
	vif_ix from = f->tx_vif, flow;

	if (vif_program_judge(w->fabric, &w->in.arena, &w->in.ctx->random,
			      fabric_now(w->fabric), ix, to, &flow)) {
		if (flow != from)
			follow_flow(w, f, from, flow);
		return true;
	}
	hold_free(w, ix);
	return false;
}

/* The same for one of several copies, which nobody may send elsewhere. */
static bool ask_copy(struct work *w, frame_ix ix, host_ix to)
{
	host_ix asked = to;

	if (!ask_programs(w, ix, &asked))
		return false;
	if (asked == to)
		return true;
	frame_free(&w->in.arena, ix);
	return false;
}

/* A copy for each host but the sender: broadcast and multicast. */
static void flood(struct work *w, frame_ix ix)
{
	struct arena *a = &w->in.arena;
	const struct frame *f = frame_at(a, ix);
	host_ix from = fabric_mac_host(w->fabric, f->header + 6);
	host_ix end = atomic_load(&w->fabric->header->host_end);

	if (unlikely(f->flags & FRAME_STAMP))
		stamp_left(w, ix);
	for (host_ix to = 1; to < end; to++) {
		struct fabric_host *h = &w->fabric->hosts[to];
		frame_ix copy;
		struct frame *c;

		if (to == from || atomic_load(&h->state) != FABRIC_HOST_UP ||
		    (atomic_load(&h->port) && h->vif == f->tx_vif))
			continue;
		copy = frame_clone(a, ix);
		if (!copy)
			break;
		c = frame_at(a, copy);
		c->held = 0;
		c->flags &= (uint8_t)~FRAME_STAMP;
		if (has_programs(w, c, to) && !ask_copy(w, copy, to))
			continue;
		if (unlikely(hold_wants(w, c, h->vif)) &&
		    hold_take(w, copy, h->vif))
			continue;
		charge(w, copy, to);
		if (atomic_load(&h->port)) {
			port_push(w, h, copy);
			continue;
		}
		backlog_push(w, h, copy);
		if (lock_host(w, to))
			release(w);
	}
	hold_free(w, ix);
}

void work_visit(struct work *w, host_ix host)
{
	if (lock_host(w, host))
		release(w);
}

/* Carries every frame of w->out, and those that answer them, to their hosts. */
static void deliver_out(struct work *w)
{
	struct arena *a = &w->in.arena;
	frame_ix ix;

	while ((ix = frame_list_pop(a, &w->out))) {
		struct frame *f = frame_at(a, ix);
		host_ix to = fabric_mac_host(w->fabric, f->header);
		struct fabric_host *h;
		vif_ix vif;

		if (unlikely(f->header[0] & 1) && !(f->flags & FRAME_SHAPED)) {
			flood(w, ix);
			continue;
		}
		/* Where it goes was found out before it was held up. */
		if (unlikely(f->flags & FRAME_SHAPED))
			to = vif_host(w->fabric, f->rx_vif);
		else if (unlikely(!to))
			to = stranger(w, f);
		h = &w->fabric->hosts[to];
		if (unlikely(!to || atomic_load(&h->state) != FABRIC_HOST_UP)) {
			vif_drop_tx(w->fabric, f->tx_vif, 1);
			hold_free(w, ix);
			continue;
		}
		if (has_programs(w, f, to)) {
			if (!ask_programs(w, ix, &to))
				continue;
			h = &w->fabric->hosts[to];
		}
		vif = h->vif;
		if (unlikely(hold_wants(w, f, vif)) && hold_take(w, ix, vif))
			continue;
		charge(w, ix, to);
		if (unlikely(atomic_load_explicit(&h->port,
						  memory_order_relaxed))) {
			port_push(w, h, ix);
			continue;
		}
		if (!lock_host(w, to)) {
			backlog_push(w, h, ix);
			if (!lock_host(w, to))
				continue;
		} else {
			stack_input(&w->stack, ix);
		}
		/* More for the same host: one stay under its lock. */
		while (w->out.first) {
			f = frame_at(a, w->out.first);
			if (fabric_mac_host(w->fabric, f->header) != to ||
			    has_programs(w, f, to) ||
			    unlikely(hold_wants(w, f, vif)))
				break;
			ix = frame_list_pop(a, &w->out);
			charge(w, ix, to);
			stack_input(&w->stack, ix);
		}
		release(w);
	}
}

/* Hosts of whom something has left are told when, and may answer. */
static void visit_stamped(struct work *w)
{
	while (w->stamped || w->out.first) {
		host_ix to = w->stamped;

		w->stamped = 0;
		if (to)
			work_visit(w, to);
		deliver_out(w);
	}
}

/* What is held up is brought to the scheduler when nothing else is left. */
static void deliver(struct work *w)
{
	do {
		deliver_out(w);
		if (unlikely(w->stamped))
			visit_stamped(w);
	} while ((unlikely(w->passed) && hold_look(w)) ||
		 ((unlikely(w->held.first || w->held_again) ||
		   hold_is_due(w, w->now_ns)) &&
		  hold_serve(w)));
}

void work_unlock(struct work *w)
{
	if (w->host)
		release(w);
	deliver(w);
}
