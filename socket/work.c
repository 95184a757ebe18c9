/* SPDX-License-Identifier: BSD-2-Clause */
/* See work.h. */
#include "socket/work.h"
#include "base/mem.h"
#include "base/sys.h"
#include "fabric/address.h"
#include "fabric/wake.h"
#include "socket/hold.h"
#include "socket/errqueue.h"
#include "socket/pset.h"
#include "stack/conn.h"
#include "vif/capture.h"
#include "vif/program.h"

#include <errno.h>
#include <limits.h>

/* How long work_lock_soon() spins: a few times a usual stay under the lock. */
#define SOON_NS 3000

/* What an impatient thread waits for a lock: its holder may have lost its core.
 */
#define IMPATIENT_NS (5 * NSEC_PER_MSEC)

static struct work *work_of(struct stack *st)
{
	return st->user;
}

static void on_event(struct stack *st, conn_ix c, uint32_t events)
{
	struct work *w = work_of(st);
	const struct conn *conn = slot_at(st->conns, c);
	sock_ix ix = conn->sock;
	struct sock *s = sock_at(w->fabric, ix);

	if (s->conn != c)
		return;
	work_refresh(w, s);
	work_wake_sock(w, s);
	if (s->watches)
		pset_report(w, s, events);
}

static int on_neighbour(struct stack *st, const struct ip_addr *to,
			uint8_t mac[6])
{
	struct work *w = work_of(st);
	host_ix h = fabric_address_find(w->fabric, to);

	/* Strangers are beyond an uplink, and the link is asked for them. */
	if (!h)
		return atomic_load_explicit(&w->fabric->header->uplink,
					    memory_order_relaxed)
			       ? -ENOENT
			       : -EHOSTUNREACH;
	fabric_mac(h, mac);
	return 0;
}

static bool on_admit(struct stack *st, conn_ix c, frame_ix ix)
{
	struct work *w = work_of(st);
	const struct conn *conn = slot_at(st->conns, c);
	uint32_t hooks = atomic_load_explicit(
		&vif_at(w->fabric, conn->vif)->hooks, memory_order_relaxed);

	return likely(!(hooks & VIF_HOOK_RX)) ||
	       vif_program_admit(w->fabric, &w->in.arena, &w->in.ctx->random,
				 st->now_ns, ix, w->fabric->hosts[w->host].vif,
				 conn->vif);
}

static void on_received(struct stack *st, conn_ix c, const struct frame *f)
{
	struct work *w = work_of(st);
	const struct conn *conn = slot_at(st->conns, c);

	if (unlikely(capture_any(w->fabric)))
		capture_frame(w->fabric, &w->in.arena, f,
			      w->fabric->hosts[w->host].vif, conn->vif, true);
	vif_charge_down(w->fabric, f->tx_vif, w->fabric->hosts[w->host].vif,
			conn->vif, 1, f->header_bytes + f->payload);
}

static void on_resent(struct stack *st, conn_ix c)
{
	struct work *w = work_of(st);
	const struct conn *conn = slot_at(st->conns, c);

	vif_retransmitted(w->fabric, conn->vif);
}

/* A host has found addresses: the daemon keeps the table of them. */
static void on_configured(struct stack *st)
{
	work_wake_ports(work_of(st));
}

static const struct stack_ops ops = {
	.event = on_event,
	.configured = on_configured,
	.neighbour = on_neighbour,
	.received = on_received,
	.admit = on_admit,
	.resent = on_resent,
};

static void bind_stack(struct work *w, host_ix host)
{
	struct fabric *f = w->fabric;

	w->host = host;
	w->now_ns = fabric_now(f);
	w->stack = (struct stack){
		.arena = &w->in.arena,
		.host = stack_host_at(f, host),
		.conns = &f->table[FABRIC_TABLE_CONN],
		.paces = &f->table[FABRIC_TABLE_PACE],
		.ops = &ops,
		.user = w,
		.now_ns = w->now_ns,
		.random = &w->in.ctx->random,
		.neighbour_gen = atomic_load_explicit(&f->header->neighbour_gen,
						      memory_order_relaxed),
	};
}

static void work_init(struct work *w, struct socket_thread *t)
{
	w->thread = t;
	w->fabric = &t->process->fabric;
	w->host = 0;
	w->out = (struct frame_list){ 0, 0 };
	w->held = (struct frame_list){ 0, 0 };
	w->timer_ns = UINT64_MAX;
	w->lefts = 0;
	w->held_again = false;
	w->sched_ns = UINT64_MAX;
	w->now_ns = 0;
	w->wakes = 0;
}

int work_begin(struct work *w, struct socket_thread *t, host_ix host)
{
	int err;

	work_init(w, t);
	err = fabric_enter_lock(w->fabric, t->self, &t->hint,
				&w->fabric->hosts[host].lock,
				t->impatient ? IMPATIENT_NS : FABRIC_PATIENT,
				&w->in);
	if (err)
		return err == -EBUSY ? -EAGAIN : err;
	bind_stack(w, host);
	return 0;
}

int work_enter(struct work *w, struct socket_thread *t)
{
	work_init(w, t);
	return fabric_enter(w->fabric, t->self, &t->hint, &w->in);
}

bool work_lock_soon(struct work *w, host_ix host)
{
	struct fabric_lock *lock = &w->fabric->hosts[host].lock;
	uint64_t until = 0;

	while (!fabric_trylock(&w->in, lock)) {
		uint64_t now = fabric_now(w->fabric);

		if (!until)
			until = now + SOON_NS;
		if (now > until || atomic_load(&w->fabric->header->gate))
			return false;
		cpu_relax();
	}
	bind_stack(w, host);
	return true;
}

int work_enter_alone(struct work *w, struct socket_thread *t)
{
	work_init(w, t);
	return fabric_enter_alone(w->fabric, t->self, &w->in);
}

void work_lock_alone(struct work *w, host_ix host)
{
	bind_stack(w, host);
}

/* --- delivery ----------------------------------------------------------------
 */

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
		frame_ix ix = atomic_exchange(&h->backlog, 0), first = 0;

		while (ix) {
			frame_ix next = frame_at(a, ix)->next;

			frame_at(a, ix)->next = first;
			first = ix;
			ix = next;
		}
		for (ix = first; ix; ix = first) {
			first = frame_at(a, ix)->next;
			frame_at(a, ix)->next = 0;
			stack_input(&w->stack, ix);
		}
	}
	if (unlikely(atomic_load_explicit(&h->kicked, memory_order_relaxed)))
		hold_kicks(w);
}

/* Appends what the stack has produced to what is to be delivered. */
static void collect(struct work *w)
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

void work_unlock_alone(struct work *w)
{
	uint64_t date = stack_next_timer_ns(w->stack.host);

	collect(w);
	if (date < w->timer_ns)
		w->timer_ns = date;
	w->host = 0;
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
		collect(w);
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
	bind_stack(w, host);
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

static void charge(struct work *w, const struct frame *f, host_ix to)
{
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
static void follow_flow(struct work *w, const struct frame *f, vif_ix from)
{
	const struct slot_table *conns = &w->fabric->table[FABRIC_TABLE_CONN];
	struct conn *c = slot_at(conns, f->pace);

	if (f->pace && c->state && c->proto == STACK_TCP && c->vif == from)
		c->vif = f->tx_vif;
}

/* Asks them. False: they drop @ix, which is freed. *to may be another host. */
static bool ask_programs(struct work *w, frame_ix ix, host_ix *to)
{
	struct frame *f = frame_at(&w->in.arena, ix);
	vif_ix from = f->tx_vif;

	if (vif_program_judge(w->fabric, &w->in.arena, &w->in.ctx->random,
			      fabric_now(w->fabric), ix, to)) {
		if (f->tx_vif != from)
			follow_flow(w, f, from);
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

	for (host_ix to = 1; to < end; to++) {
		struct fabric_host *h = &w->fabric->hosts[to];
		frame_ix copy;
		struct frame *c;

		if (to == from || atomic_load(&h->state) != FABRIC_HOST_UP ||
		    (atomic_load(&h->port) && h->vif == f->tx_vif))
			continue;
		copy = frame_alloc(a);
		if (!copy)
			break;
		c = frame_at(a, copy);
		mem_copy(c, f, sizeof(*f));
		c->next = 0;
		c->held = 0;
		if (c->flags & FRAME_REFS)
			for (uint8_t i = 0; i < c->refs; i++)
				chunk_get(a, c->ref[i].chunk);
		if (has_programs(w, c, to) && !ask_copy(w, copy, to))
			continue;
		if (unlikely(hold_wants(w, c, h->vif)) &&
		    hold_take(w, copy, h->vif))
			continue;
		charge(w, c, to);
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
		charge(w, f, to);
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
			charge(w, f, to);
			stack_input(&w->stack, ix);
		}
		release(w);
	}
}

/* What is held up is brought to the scheduler when nothing else is left. */
static void deliver(struct work *w)
{
	do {
		deliver_out(w);
	} while ((unlikely(w->held.first || w->held_again) ||
		  hold_is_due(w, w->now_ns)) &&
		 hold_serve(w));
}

void work_unlock(struct work *w)
{
	if (w->host)
		release(w);
	deliver(w);
}

/* --- waking ------------------------------------------------------------------
 */

static void add_wake(struct work *w, bool futex, uint64_t whom)
{
	if (w->wakes == WORK_WAKES) {
		/* Rare: more sleepers than a batch has room for are woken at
		 * once. */
		if (futex)
			wake_futex((_Atomic uint32_t *)whom, INT_MAX);
		else
			wake_send(w->fabric, w->thread->self, whom);
		return;
	}
	w->wake_futex[w->wakes] = futex;
	w->wake[w->wakes++] = whom;
}

void work_wake_ports(struct work *w)
{
	add_wake(w, false, WAKE_PORTS);
}

/*
 * The word is read after the event was published: a full barrier in between. It
 * changes with each waking, so that whoever has looked before that does not
 * fall asleep on it.
 */
void work_wake_sock(struct work *w, struct sock *s)
{
	uint32_t v;

	atomic_thread_fence(memory_order_seq_cst);
	v = atomic_load_explicit(&s->sleeping, memory_order_relaxed);
	if (likely(!(v & 1)))
		return;
	atomic_compare_exchange_strong(&s->sleeping, &v, v + 1);
	add_wake(w, true, (uint64_t)&s->sleeping);
}

void work_wake_pset(struct work *w, pset_ix ix)
{
	struct pset *p = pset_at(w->fabric, ix);
	uint32_t v;

	atomic_thread_fence(memory_order_seq_cst);
	v = atomic_load_explicit(&p->sleeping, memory_order_relaxed);
	do {
		if (likely(!(v & PSET_ARMED)))
			return;
	} while (!atomic_compare_exchange_weak(&p->sleeping, &v,
					       (v & ~PSET_ARMED) + PSET_WOKEN));
	if (v & PSET_FUTEX_ARMED)
		add_wake(w, true, (uint64_t)&p->sleeping);
	if (v & PSET_SOCKET_ARMED)
		add_wake(w, false, pset_wake_name(p, ix));
}

void work_refresh(struct work *w, struct sock *s)
{
	atomic_store_explicit(
		&s->ready, conn_ready(&w->stack, s->conn) | errqueue_ready(s),
		memory_order_release);
}

void work_end(struct work *w)
{
	work_unlock(w);
	/*
	 * Still inside: whoever has been taken off his `sleeping` flag sleeps
	 * on until he is woken, and if we die before, the repair must know that
	 * we were here.
	 */
	for (uint32_t i = 0; i < w->wakes; i++) {
		if (w->wake_futex[i])
			wake_futex((_Atomic uint32_t *)w->wake[i], INT_MAX);
		else
			wake_send(w->fabric, w->thread->self, w->wake[i]);
	}
	wake_daemon_at(w->fabric, w->thread->self, w->timer_ns);
	if (unlikely(w->sched_ns != UINT64_MAX))
		wake_daemon_by(w->fabric, w->thread->self, w->sched_ns);
	fabric_leave(&w->in);
}

void work_serve(struct socket_thread *t)
{
	struct work w;

	if (work_enter(&w, t))
		return;
	w.now_ns = fabric_now(w.fabric);
	work_end(&w);
}

int sock_lock(struct work *w, struct socket_thread *t, long fd, struct sock **s)
{
	struct fabric *f = &t->process->fabric;

	for (;;) {
		_Atomic uint32_t *entry;
		uint32_t e;
		int err;

		if ((unsigned long)fd >= FABRIC_FD_MAX)
			return -EBADF;
		entry = &f->procs[t->self].fd[fd];
		e = atomic_load(entry);
		if (!e)
			return -EBADF;
		if (e & FABRIC_FD_PSET)
			return -ENOTSOCK;
		*s = sock_at(f, e);
		err = work_begin(w, t, (*s)->host);
		if (err)
			return err;
		if (likely(atomic_load(entry) == e && (*s)->host == w->host))
			return 0;
		work_end(w);
	}
}
