/* SPDX-License-Identifier: BSD-2-Clause */
/* See pset.h. */
#include "socket/pset.h"
#include "socket/errqueue.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/user.h"
#include "fabric/wake.h"
#include "socket/descriptor.h"
#include "socket/keeper.h"

#include <errno.h>
#include <fcntl.h>

/* How often a thread looks whether another has made the wake socket. */
#define WAKE_TRIES 10000

#define ALWAYS (EPOLLERR | EPOLLHUP)

/* The RDNORM and WRNORM forms follow IN and OUT, as for the kernel's sockets.
 */
static uint32_t forms(uint32_t ready)
{
	if (ready & SOCK_NOTE)
		ready |= EPOLLERR;
	return ready | (ready & EPOLLIN ? EPOLLRDNORM : 0) |
	       (ready & EPOLLOUT ? EPOLLWRNORM : 0);
}

/* Which of @ready somebody who wants @want is told; one-shot interest that is
 * used up: 0. */
static uint32_t matching(uint32_t ready, uint32_t want)
{
	return want ? forms(ready) & (want | ALWAYS) : 0;
}

static const struct slot_table *watches(const struct fabric *f)
{
	return &f->table[FABRIC_TABLE_WATCH];
}

pset_ix pset_new(struct socket_thread *t, bool temporary)
{
	struct fabric *f = &t->process->fabric;
	const struct slot_table *table = &f->table[FABRIC_TABLE_PSET];
	struct work w;
	struct pset *p;
	pset_ix ix;

	if (work_enter(&w, t))
		return 0;
	ix = slot_alloc(table);
	if (ix) {
		uint32_t generation;

		p = slot_at(table, ix);
		generation = p->generation + 1;
		mem_zero(p, sizeof(*p));
		p->generation = generation;
		p->wake_fd = -1;
		p->owner = temporary ? t->self : 0;
		atomic_store(&p->refs, 1);
		atomic_store(&p->state, SOCK_USED);
	}
	work_end(&w);
	return ix;
}

/* Unlinks @ix from its sock's list; the sock's host is locked. */
static void unlink_watch(struct fabric *f, struct sock *s, watch_ix ix)
{
	watch_ix *link = &s->watches;

	while (*link && *link != ix)
		link = &watch_at(f, *link)->next;
	if (*link)
		*link = watch_at(f, ix)->next;
}

/* Frees a watch that no sock names any more, or leaves that to the harvester.
 */
static void retire(struct fabric *f, watch_ix ix)
{
	struct watch *wt = watch_at(f, ix);

	wt->sock = 0;
	if (atomic_exchange(&wt->state, WATCH_GONE) == WATCH_IDLE) {
		atomic_store(&wt->state, WATCH_IDLE);
		slot_free(watches(f), ix);
	}
}

static void push_ready(struct fabric *f, struct pset *p, watch_ix ix)
{
	struct watch *wt = watch_at(f, ix);
	watch_ix head = atomic_load(&p->ready);

	do {
		wt->ready_next = head;
	} while (!atomic_compare_exchange_weak(&p->ready, &head, ix));
}

void pset_queue(struct work *w, watch_ix ix)
{
	struct watch *wt = watch_at(w->fabric, ix);
	uint32_t state = WATCH_IDLE;

	if (atomic_compare_exchange_strong(&wt->state, &state, WATCH_QUEUED))
		push_ready(w->fabric, pset_at(w->fabric, wt->pset), ix);
	else if (state == WATCH_QUEUED &&
		 !atomic_compare_exchange_strong(&wt->state, &state,
						 WATCH_AGAIN) &&
		 state == WATCH_IDLE)
		/* It has left the list just now. Only we, with the lock, queue
		 * it. */
		if (atomic_compare_exchange_strong(&wt->state, &state,
						   WATCH_QUEUED))
			push_ready(w->fabric, pset_at(w->fabric, wt->pset), ix);
	work_wake_pset(w, wt->pset);
}

void pset_report(struct work *w, struct sock *s, uint32_t events)
{
	bool exclusive_done = false;

	for (watch_ix ix = s->watches, next; ix; ix = next) {
		struct watch *wt = watch_at(w->fabric, ix);
		uint32_t want =
			atomic_load_explicit(&wt->events, memory_order_relaxed);
		struct pset *p = pset_at(w->fabric, wt->pset);

		next = wt->next;
		if (!matching(events, want))
			continue;
		/* EPOLLEXCLUSIVE: of those who sleep, one is enough. */
		if (want & EPOLLEXCLUSIVE) {
			bool asleep = atomic_load(&p->sleeping) & PSET_ARMED;

			if (asleep && exclusive_done)
				continue;
			exclusive_done |= asleep;
		}
		pset_queue(w, ix);
	}
}

void pset_forget(struct work *w, struct sock *s)
{
	while (s->watches) {
		watch_ix ix = s->watches;

		s->watches = watch_at(w->fabric, ix)->next;
		retire(w->fabric, ix);
	}
}

/* The watch of @s for (@pset, @fd), or 0. */
static watch_ix find(struct fabric *f, const struct sock *s, pset_ix pset,
		     int fd)
{
	watch_ix ix = s->watches;

	while (ix &&
	       (watch_at(f, ix)->pset != pset || watch_at(f, ix)->fd != fd))
		ix = watch_at(f, ix)->next;
	return ix;
}

/* Reports what is ready already when interest begins or changes. */
static void report_level(struct work *w, struct sock *s, watch_ix ix)
{
	uint32_t want = atomic_load(&watch_at(w->fabric, ix)->events);

	if (matching(atomic_load(&s->ready), want))
		pset_queue(w, ix);
}

/* Does @epfd still name @pset? */
static bool is_named(const struct socket_thread *t, long epfd, pset_ix pset)
{
	return epfd < 0 ||
	       atomic_load(&t->process->fabric.procs[t->self].fd[epfd]) ==
		       (pset | FABRIC_FD_PSET);
}

int pset_add(struct socket_thread *t, pset_ix pset, long epfd, int fd,
	     uint32_t events, uint64_t data)
{
	struct work w;
	struct sock *s;
	watch_ix ix;
	struct watch *wt;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	ix = find(w.fabric, s, pset, fd);
	if (ix) {
		err = epfd < 0 ? 0 : -EEXIST;
		if (!err) {
			atomic_fetch_or(&watch_at(w.fabric, ix)->events,
					events);
			report_level(&w, s, ix);
		}
		goto out;
	}
	ix = slot_alloc(watches(w.fabric));
	if (!ix) {
		err = -ENOSPC;
		goto out;
	}
	wt = watch_at(w.fabric, ix);
	mem_zero(wt, sizeof(*wt));
	wt->pset = pset;
	wt->fd = fd;
	wt->data = data;
	atomic_store(&wt->events, events | ALWAYS);
	wt->sock = slot_ix(&w.fabric->table[FABRIC_TABLE_SOCK], s);
	wt->next = s->watches;
	s->watches = ix;
	/* Another thread may be closing @epfd: it sees the watch, or we that.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	if (!is_named(t, epfd, pset)) {
		unlink_watch(w.fabric, s, ix);
		retire(w.fabric, ix);
		err = -EBADF;
		goto out;
	}
	work_refresh(&w, s);
	report_level(&w, s, ix);
out:
	work_end(&w);
	return err;
}

int pset_modify(struct socket_thread *t, pset_ix pset, int fd, uint32_t events,
		uint64_t data)
{
	struct work w;
	struct sock *s;
	watch_ix ix;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	ix = find(w.fabric, s, pset, fd);
	if (ix) {
		struct watch *wt = watch_at(w.fabric, ix);

		if (atomic_load(&wt->events) & EPOLLEXCLUSIVE) {
			work_end(&w);
			return -EINVAL; /* as in fs/eventpoll.c */
		}
		wt->data = data;
		atomic_store(&wt->events, events | ALWAYS);
		work_refresh(&w, s);
		report_level(&w, s, ix);
	} else {
		err = -ENOENT;
	}
	work_end(&w);
	return err;
}

int pset_remove(struct socket_thread *t, pset_ix pset, int fd)
{
	struct work w;
	struct sock *s;
	watch_ix ix;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	ix = find(w.fabric, s, pset, fd);
	if (ix) {
		unlink_watch(w.fabric, s, ix);
		retire(w.fabric, ix);
	} else {
		err = -ENOENT;
	}
	work_end(&w);
	return err;
}

/* --- harvesting --------------------------------------------------------------
 */

static void level_append(struct fabric *f, struct pset *p, watch_ix ix)
{
	watch_at(f, ix)->ready_next = 0;
	if (p->level_last)
		watch_at(f, p->level_last)->ready_next = ix;
	else
		p->level_first = ix;
	p->level_last = ix;
}

/* Moves the ready stack to the end of the level list, oldest first. */
static void take_ready(struct fabric *f, struct pset *p)
{
	watch_ix ix = atomic_exchange(&p->ready, 0), first = 0;

	while (ix) {
		watch_ix next = watch_at(f, ix)->ready_next;

		watch_at(f, ix)->ready_next = first;
		first = ix;
		ix = next;
	}
	while (first) {
		watch_ix next = watch_at(f, first)->ready_next;

		level_append(f, p, first);
		first = next;
	}
}

/* @ix has left every list, and nobody names it. */
static uint32_t free_gone(struct fabric *f, watch_ix ix)
{
	atomic_store(&watch_at(f, ix)->state, WATCH_IDLE);
	slot_free(watches(f), ix);
	return 0;
}

/*
 * One watch off the level list. Returns its events, 0: nothing to report. A
 * level-triggered watch that is ready goes to the end of the list.
 */
static uint32_t look_at(struct fabric *f, struct pset *p, watch_ix ix,
			uint64_t *data)
{
	struct watch *wt = watch_at(f, ix);

	for (;;) {
		uint32_t state = WATCH_AGAIN, want, got;

		/* A full barrier: what happens from here on marks it again. */
		atomic_compare_exchange_strong(&wt->state, &state,
					       WATCH_QUEUED);
		if (state == WATCH_GONE)
			return free_gone(f, ix);
		want = atomic_load(&wt->events);
		*data = wt->data;
		got = matching(atomic_load(&sock_at(f, wt->sock)->ready), want);
		if (got && !(want & (EPOLLET | EPOLLONESHOT))) {
			level_append(f, p, ix);
			return got;
		}
		/* If it was armed anew meanwhile, it stays armed. */
		if (got && (want & EPOLLONESHOT))
			atomic_compare_exchange_strong(&wt->events, &want, 0);
		state = WATCH_QUEUED;
		if (atomic_compare_exchange_strong(&wt->state, &state,
						   WATCH_IDLE))
			return got;
		if (state == WATCH_GONE)
			return free_gone(f, ix);
		if (got) {
			level_append(f, p, ix);
			return got;
		}
	}
}

/* Is there memory for ev[n], the next one? One look at each page. */
static bool has_place(struct epoll_event *ev, int n)
{
	uintptr_t first = (uintptr_t)(ev + n), last = first + sizeof(*ev) - 1;

	if (n && (first - 1) / USER_PAGE == last / USER_PAGE)
		return true;
	return !user_touch_write((void *)first) &&
	       !user_touch_write((void *)last);
}

/*
 * Walks the level list once around; the pset's lock is held. Nothing leaves the
 * list that cannot be stored: -EFAULT if that is the first.
 */
static int harvest(struct fabric *f, struct pset *p, struct epoll_event *ev,
		   int max)
{
	watch_ix last, w;
	bool fault = false;
	uint64_t data;
	uint32_t got;
	int n = 0;

	/* Before `ready` is taken: whoever finds that empty must not sleep yet.
	 */
	atomic_store(&p->level, 1);
	take_ready(f, p);
	/* What was last when we began is the end. */
	for (last = p->level_last; p->level_first && n < max;) {
		if (unlikely(!has_place(ev, n))) {
			fault = true;
			break;
		}
		w = p->level_first;
		p->level_first = watch_at(f, w)->ready_next;
		if (!p->level_first)
			p->level_last = 0;
		got = look_at(f, p, w, &data);
		if (got) {
			ev[n].events = got;
			ev[n++].data.u64 = data;
		}
		if (w == last)
			break;
	}
	atomic_store_explicit(&p->level, p->level_first != 0,
			      memory_order_release);
	return fault && !n ? -EFAULT : n;
}

/* The daemon must not wait for ever for what a dead process may hold. */
static uint64_t patience(const struct socket_thread *t)
{
	return t->impatient ? NSEC_PER_MSEC : FABRIC_PATIENT;
}

int pset_harvest(struct socket_thread *t, pset_ix ix, long epfd,
		 struct epoll_event *ev, int max)
{
	struct fabric *f = &t->process->fabric;
	struct pset *p = pset_at(f, ix);
	struct fabric_inside in;
	int n;

	if (!pset_pending(p))
		return is_named(t, epfd, ix) ? 0 : -EBADF;
	if (fabric_enter_lock(f, t->self, &t->hint, &p->lock, patience(t), &in))
		return 0;
	/* With the lock and its name it lives: it is freed with the lock held.
	 */
	n = is_named(t, epfd, ix) ? harvest(f, p, ev, max) : -EBADF;
	fabric_unlock(&in, &p->lock);
	fabric_leave(&in);
	return n;
}

/* Is the first on the level list ready? Then it stays where it is. False: it
 * has left the list. */
static bool first_is_ready(struct fabric *f, struct pset *p)
{
	watch_ix ix = p->level_first;
	struct watch *wt = watch_at(f, ix);
	uint32_t state = WATCH_AGAIN;

	/* As in look_at(). */
	atomic_compare_exchange_strong(&wt->state, &state, WATCH_QUEUED);
	if (state != WATCH_GONE) {
		if (matching(atomic_load(&sock_at(f, wt->sock)->ready),
			     atomic_load(&wt->events)))
			return true;
		state = WATCH_QUEUED;
	}
	p->level_first = wt->ready_next;
	if (!p->level_first)
		p->level_last = 0;
	if (state != WATCH_GONE &&
	    !atomic_compare_exchange_strong(&wt->state, &state, WATCH_IDLE) &&
	    state == WATCH_AGAIN) {
		level_append(f, p, ix);
		return false;
	}
	if (state == WATCH_GONE)
		free_gone(f, ix);
	return false;
}

bool pset_shows(struct socket_thread *t, pset_ix ix, long epfd)
{
	struct fabric *f = &t->process->fabric;
	struct pset *p = pset_at(f, ix);
	struct fabric_inside in;
	bool ready = false;

	if (fabric_enter_lock(f, t->self, &t->hint, &p->lock, patience(t), &in))
		return true;
	if (is_named(t, epfd, ix)) {
		atomic_store(&p->level, 1);
		take_ready(f, p);
		while (p->level_first && !ready)
			ready = first_is_ready(f, p);
		atomic_store_explicit(&p->level, p->level_first != 0,
				      memory_order_release);
	}
	fabric_unlock(&in, &p->lock);
	fabric_leave(&in);
	return ready;
}

/* --- sleeping and ending -----------------------------------------------------
 */

uint32_t pset_sleep_begin(struct pset *p, uint32_t kind)
{
	uint32_t armed =
		kind == PSET_FUTEX_ONE ? PSET_FUTEX_ARMED : PSET_SOCKET_ARMED;
	uint32_t old = atomic_load(&p->sleeping), new;

	do {
		new = (old + kind) | armed;
	} while (!atomic_compare_exchange_weak(&p->sleeping, &old, new));
	return new;
}

void pset_sleep_end(struct pset *p, uint32_t kind, uint32_t generation)
{
	bool futex = kind == PSET_FUTEX_ONE;
	uint32_t all = futex ? PSET_FUTEX_ALL : PSET_SOCKET_ALL;
	uint32_t armed = futex ? PSET_FUTEX_ARMED : PSET_SOCKET_ARMED;
	uint32_t old = atomic_load(&p->sleeping), new;

	do {
		/* Closed while we slept, and another's by now. */
		if (p->generation != generation || !(old & all))
			return;
		new = old - kind;
		if (!(new &all) && (futex || !(new &PSET_NESTED)))
			new &= ~armed;
	} while (!atomic_compare_exchange_weak(&p->sleeping, &old, new));
}

void pset_drained(struct pset *p)
{
	/*
	 * A thread in the kernel that was woken, but finds the socket empty,
	 * sleeps on there without our seeing it: it must be woken for the next
	 * event.
	 */
	if (atomic_load(&p->sleeping) & (PSET_SOCKET_ALL | PSET_NESTED))
		atomic_fetch_or(&p->sleeping, PSET_SOCKET_ARMED);
}

/* Is descriptor @fd of this process the wake socket of that name? */
static bool is_wake(const struct socket_thread *t, long fd, uint64_t name)
{
	uint64_t has;

	return descriptor_get(t, fd) == FD_HIDDEN &&
	       wake_name(&t->process->fabric, (int)fd, &has) && has == name;
}

int pset_wake_here(const struct socket_thread *t, pset_ix ix)
{
	const struct fabric *f = &t->process->fabric;
	const struct pset *p = pset_at(f, ix);
	uint64_t name = pset_wake_name(p, ix);
	int made = atomic_load(&p->wake_fd);

	if (likely(!atomic_load(&p->shared)))
		return descriptor_get(t, made) == FD_HIDDEN ? made : -1;
	if (is_wake(t, made, name))
		return made;
	for (uint32_t fd = atomic_load(&f->procs[t->self].fd_end); fd--;)
		if (is_wake(t, fd, name))
			return (int)fd;
	return -1;
}

/* The wake socket that another process has made, from the keeper. */
static int fetch_wake(struct socket_thread *t, pset_ix ix)
{
	struct pset *p = pset_at(&t->process->fabric, ix);
	uint64_t name = pset_wake_name(p, ix);
	int fd = keeper_ask(&t->process->fabric, &name, -1);

	if (fd < 0)
		return fd;
	/* From now on the number says nothing. */
	atomic_store(&p->shared, 1);
	return descriptor_hide(t, fd);
}

int pset_wake_fd(struct socket_thread *t, pset_ix ix, int epfd, uint64_t magic)
{
	struct fabric *f = &t->process->fabric;
	struct pset *p = pset_at(f, ix);
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = magic };
	int fd = -1;

	/* Of several threads that want it, one gets the name; the others wait
	 * for him. */
	for (int i = 0; i < WAKE_TRIES; i++) {
		fd = pset_wake_here(t, ix);
		if (fd >= 0)
			return fd;
		fd = wake_open(f, pset_wake_name(p, ix));
		if (fd != -EADDRINUSE)
			break;
		if (atomic_load(&p->wake_fd) >= 0)
			return fetch_wake(t, ix);
		sys_call(SYS_sched_yield);
	}
	if (fd < 0)
		return fd;
	fd = descriptor_hide(t, fd);
	if (fd >= 0 && epfd >= 0)
		sys_call(SYS_epoll_ctl, epfd, EPOLL_CTL_ADD, fd, &ev);
	/* By fork, others may have the set, but will not get this. */
	if (epfd >= 0 && atomic_load(&p->refs) > 1 &&
	    !keeper_keep(f, pset_wake_name(p, ix), fd, -1))
		atomic_store(&p->shared, 1);
	p->wake_fd = fd;
	return fd;
}

void pset_left(struct socket_thread *t, pset_ix ix)
{
	const struct fabric_proc *p = &t->process->fabric.procs[t->self];
	uint32_t end = atomic_load(&p->fd_end);
	int wake;

	for (uint32_t fd = 0; fd < end; fd++)
		if (atomic_load(&p->fd[fd]) == (ix | FABRIC_FD_PSET))
			return;
	wake = pset_wake_here(t, ix);
	if (wake >= 0)
		descriptor_close_hidden(t, wake);
}

void pset_kick(struct socket_thread *t, pset_ix ix)
{
	struct work w;

	if (work_enter(&w, t))
		return;
	work_wake_pset(&w, ix);
	work_end(&w);
}

/* Removes every watch of the pset: by a scan, since a pset does not list them.
 */
static int remove_watches(struct socket_thread *t, pset_ix ix)
{
	struct fabric *f = &t->process->fabric;
	uint32_t end = slot_end(watches(f));

	for (watch_ix w = 1; w < end; w++) {
		struct watch *wt = watch_at(f, w);
		sock_ix six = wt->sock;
		struct work work;
		struct sock *s;
		int err;

		if (wt->pset != ix || !six)
			continue;
		s = sock_at(f, six);
		if (!s->host)
			continue;
		err = work_begin(&work, t, s->host);
		if (err)
			return err;
		if (wt->pset == ix && wt->sock == six) {
			unlink_watch(f, s, w);
			retire(f, w);
		}
		work_end(&work);
	}
	return 0;
}

bool pset_unref(struct work *w, pset_ix ix)
{
	struct pset *p = pset_at(w->fabric, ix);

	if (atomic_fetch_sub(&p->refs, 1) != 1)
		return false;
	/* No descriptor names it now: a repair must find that we are at it. */
	p->owner = w->thread->self;
	work_wake_pset(w, ix); /* whoever sleeps on it learns of its end */
	return true;
}

int pset_end(struct socket_thread *t, pset_ix ix)
{
	struct fabric *f = &t->process->fabric;
	struct pset *p = pset_at(f, ix);
	struct fabric_inside in;
	struct epoll_event none;
	/* The daemon, ending what a dead process held, has no such descriptor.
	 */
	int fd = t->self == t->process->self ? pset_wake_here(t, ix) : -1;
	int err = remove_watches(t, ix);

	if (err)
		goto fail;
	/* A last look takes off the lists what was queued, and frees it. */
	while (pset_pending(p) && pset_harvest(t, ix, -1, &none, 1))
		;
	/* A thread that waits for the lock, to harvest, finds its descriptor
	 * gone. */
	err = fabric_enter_lock(f, t->self, &t->hint, &p->lock, patience(t),
				&in);
	if (err)
		goto fail;
	p->owner = 0;
	atomic_store(&p->state, SOCK_FREE);
	fabric_unlock(&in, &p->lock);
	slot_free(&f->table[FABRIC_TABLE_PSET], ix);
	fabric_leave(&in);
	if (fd >= 0)
		descriptor_close_hidden(t, fd);
	return 0;
fail:
	atomic_fetch_add(&p->refs, 1);
	return -EAGAIN;
}

int pset_put(struct socket_thread *t, pset_ix ix)
{
	struct work w;
	bool last;
	int err = work_enter(&w, t);

	if (err)
		return err;
	last = pset_unref(&w, ix);
	work_end(&w);
	return last ? pset_end(t, ix) : 0;
}
