/* SPDX-License-Identifier: BSD-2-Clause */
/* See work.h. */
#include "socket/work.h"
#include "base/mem.h"
#include "base/sys.h"
#include "fabric/address.h"
#include "fabric/wake.h"
#include "socket/deliver.h"
#include "socket/errqueue.h"
#include "socket/hold.h"
#include "socket/pset.h"
#include "socket/sigio.h"
#include "socket/stamp.h"
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
	if (unlikely(events &&
		     (atomic_load_explicit(&s->async, memory_order_relaxed) ||
		      (events & STACK_PRI))))
		sigio_report(w, s, events);
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

const struct stack_ops work_ops = {
	.event = on_event,
	.configured = on_configured,
	.neighbour = on_neighbour,
	.received = on_received,
	.admit = on_admit,
	.resent = on_resent,
	.sending = stamp_sending,
	.acked = stamp_acked,
};

static void work_init(struct work *w, struct socket_thread *t)
{
	w->thread = t;
	w->fabric = &t->process->fabric;
	w->host = 0;
	w->out = (struct frame_list){ 0, 0 };
	w->held = (struct frame_list){ 0, 0 };
	w->timer_ns = UINT64_MAX;
	w->lefts = 0;
	w->shut = NULL;
	w->stamped = 0;
	w->passed = false;
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
	work_bind_stack(w, host);
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
	work_bind_stack(w, host);
	return true;
}

int work_enter_alone(struct work *w, struct socket_thread *t)
{
	work_init(w, t);
	return fabric_enter_alone(w->fabric, t->self, &w->in);
}

void work_lock_alone(struct work *w, host_ix host)
{
	work_bind_stack(w, host);
}

void work_unlock_alone(struct work *w)
{
	uint64_t date = stack_next_timer_ns(w->stack.host);

	work_collect(w);
	if (date < w->timer_ns)
		w->timer_ns = date;
	w->host = 0;
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

void work_wake_name(struct work *w, uint64_t name)
{
	add_wake(w, false, name);
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
		wake_daemon_by(w->fabric, w->thread->self,
			       hold_visit_ns(w->fabric, w->sched_ns));
	fabric_leave(&w->in);
}

void work_serve(struct socket_thread *t)
{
	struct work w;

	if (work_enter(&w, t))
		return;
	w.now_ns = fabric_now(w.fabric);
	/* Changed controls are read even where no frame comes by: whoever waits
	 * for them would come back for ever. */
	w.held_again = sched_work_waits(w.fabric);
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
