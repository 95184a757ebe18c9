/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entering the fabric, its locks, and how the daemon gets it to itself.
 *
 * A thread works inside the fabric between fabric_enter() and fabric_leave():
 * it holds a context (stock of frames, random state) and is visible to the
 * daemon. Inside it never sleeps and never waits for a lock:
 * fabric_enter_host() waits outside and comes back with the lock taken. A
 * process killed inside leaves its context marked.
 *
 * The daemon stops the world to repair it: it closes the gate and waits until
 * every context is empty or belongs to the dead. Threads inside leave within
 * microseconds; one that has been stopped by a debugger or SIGSTOP makes
 * fabric_stop() give up, and the daemon tries again later.
 *
 * Lock order: a thread holds at most one host's lock. A pset's lock
 * (socket/pset.h) may be taken while none is held, or inside nothing else.
 * There is no other lock.
 */
#ifndef TOAMI_FABRIC_GATE_H
#define TOAMI_FABRIC_GATE_H

#include "fabric/segment.h"

/* A thread inside the fabric: everything that the rooms above need at hand. */
struct fabric_inside {
	struct fabric *fabric;
	struct fabric_ctx *ctx;
	ctx_ix ix;
	proc_ix proc;
	struct arena arena; /* with the context's cache */
};

/**
 * fabric_enter - claims a context; waits while the gate is closed
 * @hint: the context used last time, or 0; updated
 *
 * Returns 0, or -ENOBUFS when all contexts are in use.
 */
int fabric_enter(struct fabric *f, proc_ix proc, ctx_ix *hint,
		 struct fabric_inside *in);

void fabric_leave(struct fabric_inside *in);

/* fabric_trylock - true: @in holds the lock now */
static inline bool fabric_trylock(struct fabric_inside *in,
				  struct fabric_lock *lock)
{
	uint32_t free = 0;

	return !atomic_load_explicit(&lock->word, memory_order_relaxed) &&
	       atomic_compare_exchange_strong(&lock->word, &free, in->ix);
}

/* fabric_unlock - wakes those who wait outside; a full barrier, so that the
 * caller's next look at a backlog cannot come before the lock is seen free */
void fabric_unlock(struct fabric_inside *in, struct fabric_lock *lock);

/*
 * fabric_unlock_late - likewise without the barrier: the caller passes one
 * before it looks at a backlog. Who begins to wait outside at this very moment
 * may sleep on until it looks again by itself: for locks that nobody waits for
 * in a hurry.
 */
static inline void fabric_unlock_late(struct fabric_inside *in,
				      struct fabric_lock *lock)
{
	if (likely(atomic_load_explicit(&lock->word, memory_order_relaxed) ==
		   in->ix))
		atomic_store_explicit(&lock->word, 0, memory_order_release);
	else
		fabric_unlock(in, lock);
}

#define FABRIC_PATIENT UINT64_MAX

/**
 * fabric_enter_lock - enters with @lock taken, waiting outside for both
 * @patience_ns: how long to wait for the lock at the most. Whoever repairs what
 * the dead have left must not wait for ever: the holder may be one of them
 *
 * Returns 0, -EBUSY, or -ENOBUFS as fabric_enter().
 */
int fabric_enter_lock(struct fabric *f, proc_ix proc, ctx_ix *hint,
		      struct fabric_lock *lock, uint64_t patience_ns,
		      struct fabric_inside *in);

/**
 * fabric_stop - the daemon has the fabric to itself
 * @dead: says whether a process is known to be dead
 * @patience_ns: give up after that
 *
 * Returns 0, the gate closed; or -EBUSY, the gate open again.
 */
int fabric_stop(struct fabric *f, bool (*dead)(void *arg, proc_ix proc),
		void *arg, uint64_t patience_ns);

/* fabric_enter_alone - as fabric_enter(), for whoever has stopped the fabric */
int fabric_enter_alone(struct fabric *f, proc_ix proc,
		       struct fabric_inside *in);

/* fabric_resume - opens the gate */
void fabric_resume(struct fabric *f);

static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

#endif
