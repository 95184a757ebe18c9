/* SPDX-License-Identifier: BSD-2-Clause */
/* See pset.h. */
#include "socket/pset.h"
#include "base/mem.h"
#include "base/sys.h"
#include "fabric/wake.h"
#include "socket/descriptor.h"

#include <errno.h>
#include <fcntl.h>

#define ALWAYS (EPOLLERR | EPOLLHUP)

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

/* Frees a watch that no sock names any more, or leaves that to the harvester. */
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
	uint32_t idle = WATCH_IDLE;

	if (atomic_compare_exchange_strong(&wt->state, &idle, WATCH_QUEUED))
		push_ready(w->fabric, pset_at(w->fabric, wt->pset), ix);
	work_wake_pset(w, wt->pset);
}

void pset_report(struct work *w, struct sock *s, uint32_t events)
{
	bool exclusive_done = false;

	for (watch_ix ix = s->watches, next; ix; ix = next) {
		struct watch *wt = watch_at(w->fabric, ix);
		uint32_t want = atomic_load_explicit(&wt->events,
						     memory_order_relaxed);
		struct pset *p = pset_at(w->fabric, wt->pset);

		next = wt->next;
		if (!want || !(events & (want | ALWAYS)))
			continue;
		/* EPOLLEXCLUSIVE: of those who sleep, one is enough. */
		if (want & EPOLLEXCLUSIVE) {
			if (atomic_load(&p->sleeping) && exclusive_done)
				continue;
			exclusive_done |= atomic_load(&p->sleeping) != 0;
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

	while (ix && (watch_at(f, ix)->pset != pset ||
		      watch_at(f, ix)->fd != fd))
		ix = watch_at(f, ix)->next;
	return ix;
}

/* Reports what is ready already when interest begins or changes. */
static void report_level(struct work *w, struct sock *s, watch_ix ix)
{
	uint32_t want = atomic_load(&watch_at(w->fabric, ix)->events);

	if (atomic_load(&s->ready) & (want | ALWAYS))
		pset_queue(w, ix);
}

int pset_add(struct socket_thread *t, pset_ix pset, int fd, uint32_t events,
	     uint64_t data)
{
	struct work w;
	struct sock *s;
	watch_ix ix;
	struct watch *wt;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	if (find(w.fabric, s, pset, fd)) {
		err = -EEXIST;
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

/* --- harvesting -------------------------------------------------------------- */

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

/* True: WATCH_QUEUED -> WATCH_IDLE; false: it is gone, and has been freed. */
static bool set_idle(struct fabric *f, watch_ix ix)
{
	struct watch *wt = watch_at(f, ix);
	uint32_t queued = WATCH_QUEUED;

	if (atomic_compare_exchange_strong(&wt->state, &queued, WATCH_IDLE))
		return true;
	atomic_store(&wt->state, WATCH_IDLE);
	slot_free(watches(f), ix);
	return false;
}

/*
 * One watch off the level list. Returns its events, 0: nothing to report. A
 * level-triggered watch that is ready goes to the end of the list.
 */
static uint32_t look_at(struct fabric *f, struct pset *p, watch_ix ix,
			uint64_t *data)
{
	struct watch *wt = watch_at(f, ix);
	sock_ix six = wt->sock;
	uint32_t want = atomic_load(&wt->events), got;
	bool stays = !(want & (EPOLLET | EPOLLONESHOT));

	*data = wt->data;
	if (!six || atomic_load(&wt->state) == WATCH_GONE) {
		set_idle(f, ix);
		return 0;
	}
	if (!stays && !set_idle(f, ix))
		return 0;
	got = atomic_load(&sock_at(f, six)->ready) & (want | ALWAYS);
	if (!want)
		got = 0;
	if (!stays) {
		if (got && (want & EPOLLONESHOT))
			atomic_store(&wt->events, 0);
		return got;
	}
	if (got) {
		level_append(f, p, ix);
		return got;
	}
	if (!set_idle(f, ix))
		return 0;
	/* An event between the look and set_idle() found the watch queued. */
	got = atomic_load(&sock_at(f, six)->ready) & (want | ALWAYS);
	if (got && wt->sock == six) {
		uint32_t idle = WATCH_IDLE;

		if (atomic_compare_exchange_strong(&wt->state, &idle,
						   WATCH_QUEUED))
			level_append(f, p, ix);
		return got;
	}
	return 0;
}

int pset_harvest(struct socket_thread *t, pset_ix ix, struct epoll_event *ev,
		 int max)
{
	struct fabric *f = &t->process->fabric;
	struct pset *p = pset_at(f, ix);
	struct fabric_inside in;
	watch_ix last;
	int n = 0;

	if (!pset_pending(p))
		return 0;
	if (fabric_enter_lock(f, t->self, &t->hint, &p->lock, FABRIC_PATIENT,
			      &in))
		return 0;
	take_ready(f, p);
	/* Once around: what was last when we began is the end. */
	for (last = p->level_last; p->level_first && n < max;) {
		watch_ix w = p->level_first;
		uint64_t data;
		uint32_t got;

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
	fabric_unlock(&in, &p->lock);
	fabric_leave(&in);
	return n;
}

/* --- sleeping and ending ----------------------------------------------------- */

int pset_wake_fd(struct socket_thread *t, pset_ix ix, int epfd, uint64_t magic)
{
	struct fabric *f = &t->process->fabric;
	struct pset *p = pset_at(f, ix);
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = magic };
	int fd;

	if (p->wake_fd >= 0)
		return p->wake_fd;
	fd = wake_open(f, pset_wake_name(p, ix));
	if (fd < 0)
		return fd;
	fd = descriptor_hide(t, fd);
	if (fd >= 0 && epfd >= 0)
		sys_call(SYS_epoll_ctl, epfd, EPOLL_CTL_ADD, fd, &ev);
	p->wake_fd = fd;
	return fd;
}

void pset_kick(struct socket_thread *t, pset_ix ix)
{
	struct work w;

	if (work_enter(&w, t))
		return;
	work_wake_pset(&w, ix);
	work_end(&w);
}

/* Removes every watch of the pset: by a scan, since a pset does not list them. */
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

int pset_put(struct socket_thread *t, pset_ix ix)
{
	struct fabric *f = &t->process->fabric;
	struct pset *p = pset_at(f, ix);
	struct epoll_event none;
	struct work w;
	bool last;
	int fd, err = work_enter(&w, t);

	if (err)
		return err;
	last = atomic_fetch_sub(&p->refs, 1) == 1;
	/* No descriptor names it now: a repair must find that we are at it. */
	if (last)
		p->owner = t->self;
	work_end(&w);
	if (!last)
		return 0;
	fd = p->wake_fd;
	err = remove_watches(t, ix);
	if (err) {
		atomic_fetch_add(&p->refs, 1);
		return err;
	}
	/* A last look takes off the lists what was queued, and frees it. */
	while (pset_pending(p) && pset_harvest(t, ix, &none, 1))
		;
	/* The daemon, ending what a dead process held, has no such descriptor. */
	if (fd >= 0 && t->self == t->process->self)
		descriptor_close_hidden(t, fd);
	atomic_store(&p->state, SOCK_FREE);
	slot_free(&f->table[FABRIC_TABLE_PSET], ix);
	return 0;
}
