/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See members.h.
 *
 * The daemon's own note of whom it watches (`watch`) is the truth; `watched` in
 * the slot is for others to read. It is cleared before the slot is given back,
 * because the slot may be in use again the moment it is free.
 *
 * Slots are taken lowest first, so the first one that was never used ends a
 * scan.
 */
#include "daemon/members.h"
#include "daemon/events.h"
#include "daemon/log.h"
#include "daemon/transient.h"
#include "fabric/wake.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REAP_RETRY_MIN_NS (5 * NSEC_PER_MSEC)
#define REAP_RETRY_MAX_NS NSEC_PER_SEC
#define ORPHAN_NS	  (2 * NSEC_PER_SEC)
#define CLAIMS_MAX	  64

struct watch {
	struct loop_source pidfd;
	struct members *members;
	proc_ix ix;
	/* An orphan: until when it may come alive (0: it is none), and which
	 * one it is. */
	uint64_t orphan_until_ns;
	uint32_t orphan_generation;
	proc_ix orphan_of;
};

struct claim {
	pid_t pid; /* 0: free */
	vif_ix vif;
};

struct members {
	struct daemon *daemon;
	struct loop_source wake;
	struct loop_timer retry;
	uint64_t retry_ns;
	struct claim claim[CLAIMS_MAX];
	uint32_t claim_next;
	struct watch watch[FABRIC_PROC_MAX];
};

static struct fabric_proc *proc_at(struct members *m, proc_ix ix)
{
	return &daemon_fabric(m->daemon)->procs[ix];
}

static uint32_t state_of(struct members *m, proc_ix ix)
{
	return atomic_load(&proc_at(m, ix)->state);
}

static bool never_used(struct members *m, proc_ix ix)
{
	return state_of(m, ix) == FABRIC_PROC_FREE &&
	       !proc_at(m, ix)->generation;
}

static bool is_member(struct members *m, proc_ix ix)
{
	uint32_t s = state_of(m, ix);

	return s == FABRIC_PROC_ALIVE || s == FABRIC_PROC_FORKING;
}

/* Tries again soon; each time later, until a reaping succeeds. */
static void retry_later(struct members *m)
{
	if (m->retry.armed)
		return;
	loop_arm(&m->daemon->loop, &m->retry,
		 fabric_now(daemon_fabric(m->daemon)) + m->retry_ns);
	m->retry_ns = min_u64(m->retry_ns * 2, REAP_RETRY_MAX_NS);
}

/* Gives back what a DEAD member held. */
static void reap(struct members *m, proc_ix ix)
{
	struct fabric_proc *p = proc_at(m, ix);
	int32_t pid = atomic_load(&p->pid);
	struct socket_reaped r = { 0 };
	char name[sizeof(p->name)];
	vif_ix vif;
	int err;

	snprintf(name, sizeof(name), "%s", p->name);
	vif = p->vif;
	loop_close(&m->daemon->loop, &m->watch[ix].pidfd);
	atomic_store(&p->watched, 0);
	err = socket_reap(&m->daemon->thread, ix, &r);
	if (err == -EBUSY) {
		retry_later(m);
		return;
	}
	m->retry_ns = REAP_RETRY_MIN_NS;
	transient_sweep(m->daemon);
	events_program(m->daemon, EVENT_LEAVE, vif, pid, name);
	if (r.cut || r.frames || r.chunks)
		log_line("%s (%d) died inside the fabric: %u sockets closed, "
			 "%u changes found half done, %u frames and %u chunks "
			 "recovered",
			 name, pid, r.sockets, r.cut, r.frames, r.chunks);
	if (err)
		log_line("reaping %s (%d): %s", name, pid, strerror(-err));
}

/*
 * Children that @parent was about to fork: the ones without a process id may
 * never be born, and nobody is left to say so.
 */
static void find_orphans(struct members *m, proc_ix parent)
{
	for (proc_ix ix = 1; ix < FABRIC_PROC_MAX && !never_used(m, ix); ix++)
		if (state_of(m, ix) == FABRIC_PROC_FORKING &&
		    atomic_load(&proc_at(m, ix)->parent) == parent &&
		    !m->watch[ix].orphan_until_ns) {
			struct watch *w = &m->watch[ix];

			w->orphan_until_ns =
				fabric_now(daemon_fabric(m->daemon)) +
				ORPHAN_NS;
			w->orphan_generation = proc_at(m, ix)->generation;
			w->orphan_of = parent;
			retry_later(m);
		}
}

/*
 * A member is dead: from here on nobody but the daemon may change its slot.
 * True when it has been marked so, now or before.
 */
static bool mark_dead(struct members *m, proc_ix ix)
{
	uint32_t state = state_of(m, ix);

	do {
		if (state == FABRIC_PROC_DEAD)
			return true;
		if (state == FABRIC_PROC_FREE)
			return false;
	} while (!atomic_compare_exchange_weak(&proc_at(m, ix)->state, &state,
					       FABRIC_PROC_DEAD));
	m->watch[ix].orphan_until_ns = 0;
	find_orphans(m, ix);
	return true;
}

static void bury(struct members *m, proc_ix ix)
{
	if (mark_dead(m, ix))
		reap(m, ix);
}

/* A child that was never seen: gone, unless it has come alive in this moment.
 */
static void bury_orphan(struct members *m, proc_ix ix)
{
	uint32_t forking = FABRIC_PROC_FORKING;

	if (!atomic_compare_exchange_strong(&proc_at(m, ix)->state, &forking,
					    FABRIC_PROC_DEAD))
		return;
	m->watch[ix].orphan_until_ns = 0;
	reap(m, ix);
}

static void on_death(struct loop_source *s, uint32_t events)
{
	struct watch *w = (struct watch *)s;
	bool dead;

	(void)events;
	loop_close(&w->members->daemon->loop, s);
	/* Marked first: the scan must not bury it, too, or its slot may be a
	 * living process's before we come back to it. */
	dead = mark_dead(w->members, w->ix);
	members_scan(w->members); /* its children may be new to us */
	if (dead)
		reap(w->members, w->ix);
}

static int watch(struct members *m, proc_ix ix, int pidfd)
{
	struct watch *w = &m->watch[ix];
	int err;

	w->pidfd.fd = pidfd;
	w->orphan_until_ns = 0;
	err = loop_add(&m->daemon->loop, &w->pidfd, EPOLLIN);
	if (err) {
		close(pidfd);
		w->pidfd.fd = -1;
		return err;
	}
	atomic_store(&proc_at(m, ix)->watched, 1);
	return 0;
}

/*
 * A child without a process id whose parent seemed dead. Its slot may be
 * another's by now, or its parent's name have been there from the slot's last
 * use: then it is no orphan.
 */
static void wait_for_orphan(struct members *m, proc_ix ix)
{
	struct watch *w = &m->watch[ix];

	if (w->orphan_generation != proc_at(m, ix)->generation ||
	    w->orphan_of != atomic_load(&proc_at(m, ix)->parent))
		w->orphan_until_ns = 0;
	else if (fabric_now(daemon_fabric(m->daemon)) > w->orphan_until_ns)
		bury_orphan(m, ix);
	else
		retry_later(m);
}

/* A member without a watch: watch it, or find that it is dead already. */
static void adopt(struct members *m, proc_ix ix)
{
	int32_t pid = atomic_load(&proc_at(m, ix)->pid);
	struct watch *w = &m->watch[ix];
	long pidfd;

	if (pid <= 0) {
		if (w->orphan_until_ns)
			wait_for_orphan(m, ix);
		return;
	}
	pidfd = sys_call(SYS_pidfd_open, pid, 0);
	if (pidfd == -ESRCH) {
		bury(m, ix);
		return;
	}
	if (pidfd < 0 || watch(m, ix, (int)pidfd)) {
		log_line("cannot watch process %d yet", pid);
		retry_later(m);
	}
}

void members_scan(struct members *m)
{
	for (proc_ix ix = 1; ix < FABRIC_PROC_MAX && !never_used(m, ix); ix++)
		if (is_member(m, ix) && m->watch[ix].pidfd.fd < 0 &&
		    ix != m->daemon->process.self)
			adopt(m, ix);
}

static void on_wake(struct loop_source *s, uint32_t events)
{
	struct members *m =
		(struct members *)((char *)s - offsetof(struct members, wake));

	(void)events;
	wake_drain(s->fd);
	members_scan(m);
}

static void on_retry(struct loop_timer *t)
{
	struct members *m =
		(struct members *)((char *)t - offsetof(struct members, retry));

	for (proc_ix ix = 1; ix < FABRIC_PROC_MAX && !never_used(m, ix); ix++)
		if (state_of(m, ix) == FABRIC_PROC_DEAD)
			reap(m, ix);
	members_scan(m);
}

/* Has the process at the other end of @pidfd ended? */
static bool has_ended(int pidfd)
{
	struct pollfd p = { pidfd, POLLIN, 0 };

	return poll(&p, 1, 0) > 0;
}

void members_settle(struct members *m)
{
	for (proc_ix ix = 1; ix < FABRIC_PROC_MAX && !never_used(m, ix); ix++) {
		struct loop_source *pidfd = &m->watch[ix].pidfd;

		if (state_of(m, ix) == FABRIC_PROC_DEAD)
			reap(m, ix);
		else if (pidfd->fd >= 0 && has_ended(pidfd->fd))
			on_death(pidfd, 0);
	}
}

void members_exec(struct members *m, proc_ix ix)
{
	int ghost = socket_ghost(&m->daemon->thread, ix);
	struct fabric_proc *p = proc_at(m, ix);

	if (ghost > 0) {
		memcpy(proc_at(m, (proc_ix)ghost)->name, p->name,
		       sizeof(p->name));
		atomic_store(&proc_at(m, (proc_ix)ghost)->pid,
			     atomic_load(&p->pid));
		reap(m, (proc_ix)ghost);
	} else if (ghost < 0) {
		log_line("%s (%d): threads ended inside the fabric by exec: %s",
			 p->name, atomic_load(&p->pid), strerror(-ghost));
	}
}

struct members *members_new(struct daemon *d)
{
	struct members *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->daemon = d;
	m->retry.run = on_retry;
	m->retry_ns = REAP_RETRY_MIN_NS;
	for (proc_ix ix = 0; ix < FABRIC_PROC_MAX; ix++)
		m->watch[ix] = (struct watch){
			.pidfd = { .fd = -1, .ready = on_death },
			.members = m,
			.ix = ix,
		};
	m->wake.ready = on_wake;
	m->wake.fd = wake_open(daemon_fabric(d), WAKE_DAEMON);
	if (m->wake.fd >= 0 && !loop_add(&d->loop, &m->wake, EPOLLIN)) {
		return m;
	}
	if (m->wake.fd >= 0)
		close(m->wake.fd);
	free(m);
	return NULL;
}

void members_free(struct members *m)
{
	if (!m)
		return;
	for (proc_ix ix = 0; ix < FABRIC_PROC_MAX; ix++)
		loop_close(&m->daemon->loop, &m->watch[ix].pidfd);
	loop_close(&m->daemon->loop, &m->wake);
	loop_disarm(&m->daemon->loop, &m->retry);
	free(m);
}

proc_ix members_find(struct members *m, pid_t pid)
{
	for (proc_ix ix = 1; ix < FABRIC_PROC_MAX && !never_used(m, ix); ix++)
		if (is_member(m, ix) &&
		    atomic_load(&proc_at(m, ix)->pid) == pid)
			return ix;
	return 0;
}

void members_look(struct members *m, proc_ix ix)
{
	struct fabric_proc *p = proc_at(m, ix);
	char path[64], line[128];
	unsigned uid;
	FILE *from;

	snprintf(path, sizeof(path), "/proc/%d/status", atomic_load(&p->pid));
	from = fopen(path, "re");
	/* The real user and the effective one, which is who acts. */
	while (from && fgets(line, sizeof(line), from))
		if (sscanf(line, "Uid: %*u %u", &uid) == 1) {
			p->uid = uid;
			break;
		}
	if (from)
		fclose(from);
}

int members_join(struct members *m, pid_t pid, int pidfd, uid_t uid, vif_ix vif,
		 const char *name, proc_ix *ix)
{
	struct fabric_proc *p;
	int err;

	*ix = fabric_proc_alloc(daemon_fabric(m->daemon), FABRIC_PROC_ALIVE);
	if (!*ix) {
		close(pidfd);
		return -ENOSPC;
	}
	p = proc_at(m, *ix);
	atomic_store(&p->pid, pid);
	atomic_store(&p->parent, 0);
	p->vif = vif;
	p->uid = uid;
	snprintf(p->name, sizeof(p->name), "%s", name);
	for (int i = 0; i < CLAIMS_MAX; i++)
		if (m->claim[i].pid == pid)
			m->claim[i].pid = 0;
	err = watch(m, *ix, pidfd);
	if (err)
		bury(m, *ix);
	else
		events_program(m->daemon, EVENT_JOIN, vif, pid, p->name);
	return err;
}

proc_ix members_next(struct members *m, vif_ix vif, proc_ix ix)
{
	const struct fabric *f = daemon_fabric(m->daemon);

	for (ix++; ix < FABRIC_PROC_MAX && !never_used(m, ix); ix++)
		if (is_member(m, ix) && ix != m->daemon->process.self &&
		    vif_below(f, proc_at(m, ix)->vif, vif))
			return ix;
	return 0;
}

uint32_t members_count(struct members *m)
{
	uint32_t n = 0;

	for (proc_ix ix = 0; (ix = members_next(m, VIF_ROOT, ix));)
		n++;
	return n;
}

void members_claim(struct members *m, pid_t pid, vif_ix vif)
{
	/* The oldest claim makes room: at worst two unnamed programs share a
	 * VIF. */
	m->claim[m->claim_next++ % CLAIMS_MAX] = (struct claim){ pid, vif };
}

bool members_busy(struct members *m, vif_ix vif, pid_t pid)
{
	if (members_next(m, vif, 0))
		return true;
	for (int i = 0; i < CLAIMS_MAX; i++) {
		struct claim *c = &m->claim[i];

		if (c->pid && kill(c->pid, 0) && errno == ESRCH)
			c->pid = 0;
		if (c->pid && c->pid != pid && c->vif == vif)
			return true;
	}
	return false;
}

void members_forget(struct members *m, vif_ix vif)
{
	for (int i = 0; i < CLAIMS_MAX; i++)
		if (m->claim[i].vif == vif)
			m->claim[i].pid = 0;
}
