/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * After a death: give back what was the dead process's, and mend what it broke.
 *
 * A process killed outside the fabric broke nothing: its descriptors are closed
 * as it would have closed them. One killed inside may have been half way
 * through anything. Then the world is stopped, and everything derived is made
 * anew from the slots:
 *
 *   1. locks that the dead held are taken over; the stack of such a host
 * recovers (the connection in change is aborted, its queues are dropped)
 *   2. references of socks and psets are counted from the descriptor tables
 *   3. socks and connections that have lost each other are ended
 *   4. lists of watches, ready stacks and level lists are rebuilt
 *   5. free slots, frames and chunks are whatever nobody holds
 *
 * Frames in the hands of the dead, and what its locks left in disorder, is
 * found by (5): nothing needs to be logged while things go well.
 */
#include "base/mem.h"
#include "base/sys.h"
#include "socket/descriptor.h"
#include "socket/hold.h"
#include "fabric/wake.h"
#include "socket/parcel.h"
#include "socket/pipe.h"
#include "socket/pset.h"
#include "socket/stamp.h"
#include "socket/wait.h"
#include "vif/program.h"
#include "stack/conn.h"
#include "stack/host.h"

#include <errno.h>
#include <limits.h>
#include <sys/mman.h>

/* Threads leave the fabric within microseconds, unless they have lost their
 * core. */
#define PATIENCE_NS (20 * NSEC_PER_MSEC)

struct repair {
	struct fabric *f;
	struct work w;
	uint32_t *refs;	  /* of socks, then of psets */
	uint8_t *frames;  /* held by somebody */
	uint32_t *chunks; /* references but those of frames */
	bool sched_lost;  /* somebody died under the scheduler's lock */
	struct socket_reaped *r;
};

static bool is_dead(void *arg, proc_ix ix)
{
	struct fabric *f = arg;

	return atomic_load(&f->procs[ix].state) == FABRIC_PROC_DEAD;
}

static void *get_pages(size_t bytes)
{
	long at = sys_call(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at < 0 ? NULL : (void *)at;
}

static void drop_pages(void *at, size_t bytes)
{
	if (at)
		sys_call(SYS_munmap, at, bytes);
}

/* --- 1: locks ----------------------------------------------------------------
 */

static bool held_by_dead(struct fabric *f, struct fabric_lock *lock)
{
	uint32_t word = atomic_load(&lock->word);
	ctx_ix ix = word & ~FABRIC_LOCK_WAITERS;
	proc_ix user;

	if (!word)
		return false;
	if (ix >= FABRIC_CTX_MAX)
		return true;
	user = atomic_load(&f->ctxs[ix].user);
	/* With the world stopped, only the dead are still inside. */
	return !user || is_dead(f, user);
}

static void mend_sched_lock(struct repair *re)
{
	struct fabric_lock *lock = &sched_door(re->f)->lock;

	if (!held_by_dead(re->f, lock))
		return;
	atomic_store(&lock->word, 0);
	wake_futex(&lock->word, INT_MAX);
	re->sched_lost = true;
}

static void mend_host(struct repair *re, host_ix ix)
{
	struct fabric_host *h = &re->f->hosts[ix];

	if (!held_by_dead(re->f, &h->lock))
		return;
	atomic_store(&h->lock.word, 0);
	wake_futex(&h->lock.word, INT_MAX);
	work_lock_alone(&re->w, ix);
	if (atomic_load(&re->w.stack.host->writing))
		re->r->cut++;
	stack_recover(&re->w.stack);
	work_unlock_alone(&re->w);
}

/*
 * Locks first: whether their holder is dead can be told by its context only
 * until the contexts of the dead are emptied.
 */
static void mend_locks(struct repair *re)
{
	struct fabric *f = re->f;
	uint32_t socks = slot_end(&f->table[FABRIC_TABLE_SOCK]);
	uint32_t hosts = atomic_load(&f->header->host_end);
	uint32_t ctxs = atomic_load(&f->header->ctx_end);

	/* Lists of watches may be cut anywhere: nobody walks them before (4).
	 */
	for (sock_ix ix = 1; ix < socks; ix++)
		sock_at(f, ix)->watches = 0;
	for (ctx_ix ix = 1; ix < ctxs; ix++) {
		f->ctxs[ix].cache.frames = 0;
		f->ctxs[ix].cache.chunks = 0;
	}
	for (host_ix ix = 1; ix < hosts; ix++)
		if (atomic_load(&f->hosts[ix].state) == FABRIC_HOST_UP)
			mend_host(re, ix);
	mend_sched_lock(re);
	for (ctx_ix ix = 1; ix < ctxs; ix++) {
		proc_ix user = atomic_load(&f->ctxs[ix].user);

		if (user && is_dead(f, user))
			atomic_store(&f->ctxs[ix].user, 0);
	}
}

/* A slot taken for a child by somebody who died before he had put his name to
 * it. */
static void mend_forks(struct repair *re)
{
	for (proc_ix ix = 1; ix < FABRIC_PROC_MAX; ix++) {
		struct fabric_proc *p = &re->f->procs[ix];

		if (atomic_load(&p->state) == FABRIC_PROC_FORKING &&
		    !atomic_load(&p->parent))
			atomic_store(&p->state, FABRIC_PROC_FREE);
	}
}

/* --- 2 and 3: who holds what -------------------------------------------------
 */

static uint32_t *refs_of(struct repair *re, uint32_t entry)
{
	uint32_t socks = re->f->header->table[FABRIC_TABLE_SOCK].capacity;
	uint32_t psets = re->f->header->table[FABRIC_TABLE_PSET].capacity;
	uint32_t ix = entry & ~FABRIC_FD_PSET;

	if (!(entry & FABRIC_FD_PSET))
		return ix < socks ? &re->refs[ix] : NULL;
	return ix < psets ? &re->refs[socks + ix] : NULL;
}

static void count_refs(struct repair *re)
{
	for (proc_ix ix = 1; ix < FABRIC_PROC_MAX; ix++) {
		struct fabric_proc *p = &re->f->procs[ix];
		uint32_t end = atomic_load(&p->fd_end);

		if (atomic_load(&p->state) == FABRIC_PROC_FREE)
			continue;
		for (uint32_t fd = 0; fd < end && fd < FABRIC_FD_MAX; fd++) {
			uint32_t e = atomic_load(&p->fd[fd]), *n;

			if (!is_counted(e))
				continue;
			n = refs_of(re, e);
			if (n)
				(*n)++;
			else
				atomic_store(&p->fd[fd], 0);
		}
	}
}

/* True: @c is a live connection that says it belongs to sock @ix. */
static bool agrees(struct repair *re, const struct sock *s, sock_ix ix)
{
	const struct slot_table *conns = &re->f->table[FABRIC_TABLE_CONN];
	const struct conn *c;

	if (!s->conn || s->conn >= slot_end(conns))
		return false;
	c = slot_at(conns, s->conn);
	return c->state && c->sock == ix && c->host == s->host;
}

/* Readiness is what the recovered stack says. */
static void refresh(struct repair *re)
{
	uint32_t end = slot_end(&re->f->table[FABRIC_TABLE_SOCK]);

	for (sock_ix ix = 1; ix < end; ix++) {
		struct sock *s = sock_at(re->f, ix);

		if (atomic_load(&s->state) != SOCK_USED)
			continue;
		work_lock_alone(&re->w, s->host);
		work_refresh(&re->w, s);
		work_unlock_alone(&re->w);
	}
}

/* A sock that no descriptor names is freed; one that has lost its connection
 * gets none. */
static void mend_socks(struct repair *re)
{
	uint32_t end = slot_end(&re->f->table[FABRIC_TABLE_SOCK]);

	for (sock_ix ix = 1; ix < end; ix++) {
		struct sock *s = sock_at(re->f, ix);

		if (!re->refs[ix] || !agrees(re, s, ix)) {
			if (atomic_load(&s->state) == SOCK_USED)
				re->r->sockets++;
			atomic_store(&s->state, SOCK_FREE);
			s->conn = 0;
		}
		atomic_store(&s->refs, re->refs[ix]);
	}
	/* Descriptors of socks that could not be saved lead nowhere. */
	for (proc_ix p = 1; p < FABRIC_PROC_MAX; p++) {
		struct fabric_proc *pr = &re->f->procs[p];
		uint32_t fds = atomic_load(&pr->fd_end);

		if (atomic_load(&pr->state) == FABRIC_PROC_FREE)
			continue;
		for (uint32_t fd = 0; fd < fds; fd++) {
			uint32_t e = atomic_load(&pr->fd[fd]);

			if (e && !(e & FABRIC_FD_PSET) &&
			    atomic_load(&sock_at(re->f, e)->state) != SOCK_USED)
				atomic_store(&pr->fd[fd], 0);
		}
	}
}

/* True: somebody answers for @c: its sock, a listener, or the stack until it
 * ends. */
static bool is_owned(struct fabric *f, conn_ix ix, const struct conn *c)
{
	const struct sock *s;

	if (!c->sock)
		return c->listener || (c->flags & CONN_ORPHAN);
	if (c->sock >= slot_end(&f->table[FABRIC_TABLE_SOCK]))
		return false;
	s = sock_at(f, c->sock);
	return atomic_load(&s->state) == SOCK_USED && s->conn == ix;
}

static void mend_conns(struct repair *re)
{
	const struct slot_table *conns = &re->f->table[FABRIC_TABLE_CONN];

	for (conn_ix ix = 1, end = slot_end(conns); ix < end; ix++) {
		const struct conn *c = slot_at(conns, ix);

		if (!c->state || is_owned(re->f, ix, c))
			continue;
		work_lock_alone(&re->w, c->host);
		conn_abort(&re->w.stack, ix);
		work_unlock_alone(&re->w);
	}
}

/* --- 4: poll sets ------------------------------------------------------------
 */

/* Temporary ones are named by no descriptor, but by the process that uses them.
 */
static bool pset_is_used(struct repair *re, const struct pset *p, uint32_t refs)
{
	if (atomic_load(&p->state) != SOCK_USED)
		return false;
	return p->owner ? atomic_load(&re->f->procs[p->owner].state) !=
				  FABRIC_PROC_FREE
			: refs;
}

static void mend_psets(struct repair *re)
{
	uint32_t socks = re->f->header->table[FABRIC_TABLE_SOCK].capacity;
	uint32_t end = slot_end(&re->f->table[FABRIC_TABLE_PSET]);

	for (pset_ix ix = 1; ix < end; ix++) {
		struct pset *p = pset_at(re->f, ix);
		uint32_t refs = re->refs[socks + ix];

		atomic_store(&p->lock.word, 0);
		atomic_store(&p->ready, 0);
		atomic_store(&p->level, 0);
		p->level_first = 0;
		p->level_last = 0;
		if (!pset_is_used(re, p, refs))
			atomic_store(&p->state, SOCK_FREE);
		else if (!p->owner)
			atomic_store(&p->refs, refs);
	}
}

/* A watch whose two ends live is linked again, and reports what is ready. */
static void mend_watch(struct repair *re, watch_ix ix)
{
	struct fabric *f = re->f;
	struct watch *wt = watch_at(f, ix);
	struct sock *s;

	atomic_store(&wt->state, WATCH_IDLE);
	if (!wt->sock)
		return;
	if (wt->sock >= slot_end(&f->table[FABRIC_TABLE_SOCK]) ||
	    wt->pset >= slot_end(&f->table[FABRIC_TABLE_PSET]) ||
	    atomic_load(&sock_at(f, wt->sock)->state) != SOCK_USED ||
	    atomic_load(&pset_at(f, wt->pset)->state) != SOCK_USED) {
		wt->sock = 0;
		return;
	}
	s = sock_at(f, wt->sock);
	wt->next = s->watches;
	s->watches = ix;
	if (atomic_load(&wt->events))
		pset_queue(&re->w, ix);
}

/* --- 5: slots, frames and chunks ---------------------------------------------
 */

static bool conn_live(void *arg, uint32_t ix)
{
	const struct fabric *f = arg;
	const struct conn *c = slot_at(&f->table[FABRIC_TABLE_CONN], ix);

	return c->state != 0;
}

static bool sock_live(void *arg, uint32_t ix)
{
	return atomic_load(&sock_at(arg, ix)->state) == SOCK_USED;
}

static bool pset_live(void *arg, uint32_t ix)
{
	return atomic_load(&pset_at(arg, ix)->state) == SOCK_USED;
}

static bool watch_live(void *arg, uint32_t ix)
{
	return watch_at(arg, ix)->sock != 0;
}

static bool pipe_live(void *arg, uint32_t ix)
{
	return atomic_load(&pipe_at(arg, ix)->owner) != 0;
}

/* The counts stay: those who wake take themselves off. */
static void rouse_pset(struct fabric *f, pset_ix ix)
{
	struct pset *p = pset_at(f, ix);

	atomic_fetch_add(&p->sleeping, PSET_WOKEN);
	wake_futex(&p->sleeping, INT_MAX);
	wake_send(f, 0, pset_wake_name(p, ix));
}

/*
 * Whoever sleeps looks again. Everybody, not only those who say that they
 * sleep: the dead may have taken back the flag of one and not come to wake him.
 */
static void rouse(struct fabric *f)
{
	uint32_t socks = slot_end(&f->table[FABRIC_TABLE_SOCK]);
	uint32_t psets = slot_end(&f->table[FABRIC_TABLE_PSET]);

	for (sock_ix ix = 1; ix < socks; ix++)
		if (sock_live(f, ix)) {
			atomic_fetch_add(&sock_at(f, ix)->sleeping, 2);
			wake_futex(&sock_at(f, ix)->sleeping, INT_MAX);
		}
	for (pset_ix ix = 1; ix < psets; ix++)
		if (pset_live(f, ix))
			rouse_pset(f, ix);
	wake_send(f, 0, WAKE_DAEMON);
}

static void mark_frame(void *arg, frame_ix ix)
{
	struct repair *re = arg;

	if (ix < arena_frames_end(&re->f->arena))
		re->frames[ix] = 1;
}

/* False: not one of ours, or met before. */
static bool mark_once(void *arg, frame_ix ix)
{
	struct repair *re = arg;

	if (ix >= arena_frames_end(&re->f->arena) || re->frames[ix])
		return false;
	re->frames[ix] = 1;
	return true;
}

static void mark_chunk(void *arg, chunk_ix ix)
{
	struct repair *re = arg;

	if (ix < arena_chunks_end(&re->f->arena))
		re->chunks[ix]++;
}

/*
 * Marks a chain of frames; a frame met before ends it, so that a loop does.
 * Returns how many it has.
 */
static uint32_t mark_chain(struct repair *re, frame_ix ix)
{
	uint32_t n = 0;

	while (ix && ix < arena_frames_end(&re->f->arena) && !re->frames[ix]) {
		re->frames[ix] = 1;
		ix = frame_at(&re->f->arena, ix)->next;
		n++;
	}
	return n;
}

static void mark_all(struct repair *re)
{
	uint32_t hosts = atomic_load(&re->f->header->host_end);

	for (host_ix ix = 1; ix < hosts; ix++) {
		struct fabric_host *h = &re->f->hosts[ix];
		uint32_t n;

		if (atomic_load(&h->state) != FABRIC_HOST_UP)
			continue;
		n = mark_chain(re, atomic_load(&h->backlog));
		atomic_store(&h->backlog_frames, atomic_load(&h->port) ? n : 0);
		work_lock_alone(&re->w, ix);
		stack_visit(&re->w.stack, mark_frame, mark_chunk, re);
		work_unlock_alone(&re->w);
	}
	for (sock_ix ix = 1; ix < slot_end(&re->f->table[FABRIC_TABLE_SOCK]);
	     ix++)
		if (sock_live(re->f, ix))
			stamp_visit(re->f, sock_at(re->f, ix), mark_once, re);
	for (pipe_ix ix = 1; ix < slot_end(&re->f->table[FABRIC_TABLE_PIPE]);
	     ix++)
		if (pipe_live(re->f, ix))
			mark_chain(re, pipe_at(re->f, ix)->frames.first);
	mark_chain(re, re->w.out.first);
	sched_visit(re->f, mark_frame, re);
}

/* Room for the marks; false: none to be had. */
static bool get_marks(struct repair *re)
{
	struct fabric_header *h = re->f->header;
	size_t refs = (size_t)h->table[FABRIC_TABLE_SOCK].capacity +
		      h->table[FABRIC_TABLE_PSET].capacity;

	re->refs = get_pages(refs * sizeof(*re->refs));
	re->frames = get_pages(FABRIC_FRAME_MAX);
	re->chunks = get_pages(FABRIC_CHUNK_MAX * sizeof(*re->chunks));
	return re->refs && re->frames && re->chunks;
}

static void drop_marks(struct repair *re)
{
	struct fabric_header *h = re->f->header;
	size_t refs = (size_t)h->table[FABRIC_TABLE_SOCK].capacity +
		      h->table[FABRIC_TABLE_PSET].capacity;

	drop_pages(re->refs, refs * sizeof(*re->refs));
	drop_pages(re->frames, FABRIC_FRAME_MAX);
	drop_pages(re->chunks, FABRIC_CHUNK_MAX * sizeof(*re->chunks));
}

static void mend(struct repair *re)
{
	struct fabric *f = re->f;
	uint32_t watches = slot_end(&f->table[FABRIC_TABLE_WATCH]);
	struct arena_census census;

	mend_locks(re);
	mend_forks(re);
	count_refs(re);
	mend_socks(re);
	vif_program_mend(re->f);
	mend_conns(re);
	hold_mend(&re->w, re->sched_lost);
	refresh(re);
	mend_psets(re);
	for (watch_ix ix = 1; ix < watches; ix++)
		mend_watch(re, ix);
	slot_rebuild(&f->table[FABRIC_TABLE_CONN], conn_live, f);
	slot_rebuild(&f->table[FABRIC_TABLE_SOCK], sock_live, f);
	slot_rebuild(&f->table[FABRIC_TABLE_PSET], pset_live, f);
	slot_rebuild(&f->table[FABRIC_TABLE_WATCH], watch_live, f);
	pipe_mend(f, is_dead, f);
	slot_rebuild(&f->table[FABRIC_TABLE_PIPE], pipe_live, f);

	/* What (1) to (4) have allocated or freed is in our own cache. */
	re->w.in.ctx->cache.frames = 0;
	re->w.in.ctx->cache.chunks = 0;
	mark_all(re);
	census = arena_rebuild(&re->w.in.arena, re->frames, re->chunks);
	re->r->frames = census.frames_freed;
	re->r->chunks = census.chunks_freed;
}

/* Stops the world and mends it. 0, -EBUSY or -ENOMEM. */
static int repair(struct socket_thread *t, struct socket_reaped *r)
{
	struct fabric *f = &t->process->fabric;
	struct repair re = { .f = f, .r = r };
	int err = -ENOMEM;

	if (!get_marks(&re))
		goto out;
	err = fabric_stop(f, is_dead, f, PATIENCE_NS);
	if (err)
		goto out;
	err = work_enter_alone(&re.w, t);
	if (!err)
		mend(&re);
	fabric_resume(f);
	if (!err) {
		work_end(&re.w);
		rouse(f);
	}
out:
	drop_marks(&re);
	return err;
}

int socket_quiet(struct socket_thread *t)
{
	struct fabric *f = &t->process->fabric;
	int err = fabric_stop(f, is_dead, f, PATIENCE_NS);

	if (!err)
		fabric_resume(f);
	return err;
}

/* --- the dead ----------------------------------------------------------------
 */

static bool died_inside(struct fabric *f, proc_ix dead)
{
	uint32_t end = atomic_load(&f->header->ctx_end);

	for (ctx_ix ix = 1; ix < end; ix++)
		if (atomic_load(&f->ctxs[ix].user) == dead)
			return true;
	return false;
}

/*
 * Closes what the dead process had open, as it would have. -EAGAIN: a lock is
 * taken, maybe by another of the dead; what has been closed is closed, the rest
 * is left to the next try.
 */
static int close_all(struct socket_thread *t, proc_ix dead)
{
	struct fabric *f = &t->process->fabric;
	struct fabric_proc *p = &f->procs[dead];
	uint32_t end = atomic_load(&p->fd_end);
	uint32_t psets = slot_end(&f->table[FABRIC_TABLE_PSET]);
	struct socket_thread as = *t;

	as.self = dead;
	as.impatient = true;
	for (uint32_t fd = 0; fd < end && fd < FABRIC_FD_MAX; fd++) {
		int err = descriptor_unref(&as, atomic_load(&p->fd[fd]));

		if (err)
			return err;
		atomic_store(&p->fd[fd], 0);
	}
	for (pset_ix ix = 1; ix < psets; ix++) {
		struct pset *ps = pset_at(f, ix);

		if (atomic_load(&ps->state) != SOCK_USED || ps->owner != dead)
			continue;
		/* Temporary, or one that it died closing. */
		atomic_store(&ps->refs, 1);
		if (pset_put(&as, ix))
			return -EAGAIN;
	}
	if (pipe_reap(&as, dead))
		return -EAGAIN;
	wait_leave_places(f, dead);
	atomic_store(&p->fd_end, 0);
	atomic_store(&p->pid, 0);
	atomic_store(&p->parent, 0);
	atomic_store(&p->watched, 0);
	t->hint = as.hint;
	return 0;
}

int socket_reap(struct socket_thread *t, proc_ix dead, struct socket_reaped *r)
{
	struct fabric *f = &t->process->fabric;
	struct fabric_proc *p = &f->procs[dead];

	*r = (struct socket_reaped){ 0 };
	atomic_store(&p->state, FABRIC_PROC_DEAD);
	if (died_inside(f, dead)) {
		int err = repair(t, r);

		if (err)
			return err;
	}
	if (close_all(t, dead))
		return -EBUSY;
	atomic_store(&p->state, FABRIC_PROC_FREE);
	parcel_sweep(t);
	return 0;
}

int socket_ghost(struct socket_thread *t, proc_ix proc)
{
	struct fabric *f = &t->process->fabric;
	uint32_t end = atomic_load(&f->header->ctx_end);
	proc_ix ghost = 0;

	for (ctx_ix ix = 1; ix < end; ix++) {
		if (atomic_load(&f->ctxs[ix].user) != proc)
			continue;
		if (!ghost)
			ghost = fabric_proc_alloc(f, FABRIC_PROC_DEAD);
		if (!ghost)
			return -ENOSPC;
		atomic_store(&f->ctxs[ix].user, ghost);
	}
	return (int)ghost;
}

/* --- census ------------------------------------------------------------------
 */

static uint32_t count(const struct slot_table *t,
		      bool (*live)(void *arg, uint32_t ix), void *arg)
{
	uint32_t n = 0;

	for (uint32_t ix = 1, end = slot_end(t); ix < end; ix++)
		n += live(arg, ix);
	return n;
}

int socket_census(struct socket_thread *t, struct socket_census *c)
{
	struct fabric *f = &t->process->fabric;
	struct socket_reaped none = { 0 };
	struct repair re = { .f = f, .r = &none };
	int err = -ENOMEM;

	*c = (struct socket_census){ 0 };
	if (!get_marks(&re))
		goto out;
	err = fabric_stop(f, is_dead, f, PATIENCE_NS);
	if (err)
		goto out;
	err = work_enter_alone(&re.w, t);
	if (err) {
		fabric_resume(f);
		goto out;
	}
	for (proc_ix ix = 1; ix < FABRIC_PROC_MAX; ix++)
		c->procs +=
			atomic_load(&f->procs[ix].state) != FABRIC_PROC_FREE;
	for (host_ix ix = 1; ix < atomic_load(&f->header->host_end); ix++)
		c->hosts += atomic_load(&f->hosts[ix].state) == FABRIC_HOST_UP;
	c->conns = count(&f->table[FABRIC_TABLE_CONN], conn_live, f);
	c->socks = count(&f->table[FABRIC_TABLE_SOCK], sock_live, f);
	c->psets = count(&f->table[FABRIC_TABLE_PSET], pset_live, f);
	c->watches = count(&f->table[FABRIC_TABLE_WATCH], watch_live, f);
	c->pipes = count(&f->table[FABRIC_TABLE_PIPE], pipe_live, f);
	c->frames_end = arena_frames_end(&f->arena);
	c->chunks_end = arena_chunks_end(&f->arena);
	mark_all(&re);
	for (uint32_t ix = 1; ix < c->frames_end; ix++)
		c->frames_held += re.frames[ix];
	for (uint32_t ix = 1; ix < c->chunks_end; ix++)
		c->chunks_held += re.chunks[ix] != 0;
	fabric_resume(f);
	work_end(&re.w);
out:
	drop_marks(&re);
	return err;
}
