/* SPDX-License-Identifier: BSD-2-Clause */
/* See gate.h. */
#include "fabric/gate.h"
#include "base/sys.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <time.h>

/*
 * A lock is held for well under a microsecond unless its holder has lost its
 * core: longer spinning than a few times that only burns.
 */
#define LOCK_SPIN_NS 4000

/* A lost wake-up of a lock or the gate costs at most this; it is not relied
 * upon. */
#define RECHECK_NS (20 * NSEC_PER_MSEC)

static void futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / NSEC_PER_SEC),
			       (long)(ns % NSEC_PER_SEC) };

	sys_call(SYS_futex, word, FUTEX_WAIT, value, &ts);
}

static void futex_wake_all(_Atomic uint32_t *word)
{
	sys_call(SYS_futex, word, FUTEX_WAKE, INT_MAX);
}

/* Claims context @ix if nobody is in it. */
static bool claim(struct fabric *f, ctx_ix ix, proc_ix proc)
{
	proc_ix nobody = 0;

	return !atomic_load_explicit(&f->ctxs[ix].user, memory_order_relaxed) &&
	       atomic_compare_exchange_strong(&f->ctxs[ix].user, &nobody, proc);
}

/* Finds a context: the low ones first, so that few stay warm. */
static ctx_ix find_ctx(struct fabric *f, proc_ix proc)
{
	for (ctx_ix ix = 1; ix < FABRIC_CTX_MAX; ix++) {
		uint32_t end = atomic_load(&f->header->ctx_end);

		if (ix >= end)
			atomic_compare_exchange_strong(&f->header->ctx_end,
						       &end, ix + 1);
		if (claim(f, ix, proc)) {
			if (!f->ctxs[ix].random)
				f->ctxs[ix].random = f->header->id ^ ix;
			return ix;
		}
	}
	return 0;
}

static void fill(struct fabric *f, proc_ix proc, ctx_ix ix,
		 struct fabric_inside *in)
{
	in->fabric = f;
	in->ix = ix;
	in->ctx = &f->ctxs[ix];
	in->proc = proc;
	in->arena = f->arena;
	in->arena.cache = &in->ctx->cache;
}

int fabric_enter_alone(struct fabric *f, proc_ix proc, struct fabric_inside *in)
{
	ctx_ix ix = find_ctx(f, proc);

	if (!ix)
		return -ENOBUFS;
	fill(f, proc, ix, in);
	return 0;
}

int fabric_enter(struct fabric *f, proc_ix proc, ctx_ix *hint,
		 struct fabric_inside *in)
{
	for (;;) {
		ctx_ix ix = *hint;

		if (unlikely(!ix || !claim(f, ix, proc))) {
			ix = find_ctx(f, proc);
			if (!ix)
				return -ENOBUFS;
			*hint = ix;
		}
		/* The claim is a full barrier: the daemon sees us, or we the
		 * gate. */
		if (likely(!atomic_load_explicit(&f->header->gate,
						 memory_order_acquire))) {
			fill(f, proc, ix, in);
			return 0;
		}
		atomic_store(&f->ctxs[ix].user, 0);
		futex_wait(&f->header->gate, 1, RECHECK_NS);
	}
}

void fabric_leave(struct fabric_inside *in)
{
	atomic_store_explicit(&in->ctx->user, 0, memory_order_release);
}

void fabric_unlock(struct fabric_inside *in, struct fabric_lock *lock)
{
	(void)in;
	if (unlikely(atomic_exchange(&lock->word, 0) & FABRIC_LOCK_WAITERS))
		futex_wake_all(&lock->word);
}

/* Waits outside until @lock may be free. */
static void wait_lock(struct fabric *f, struct fabric_lock *lock)
{
	uint64_t until = fabric_now(f) + LOCK_SPIN_NS;
	uint32_t w;

	do {
		for (int i = 0; i < 16; i++) {
			if (!atomic_load_explicit(&lock->word,
						  memory_order_relaxed))
				return;
			cpu_relax();
		}
	} while (fabric_now(f) < until);

	w = atomic_load(&lock->word);
	if (!w)
		return;
	if (!(w & FABRIC_LOCK_WAITERS) &&
	    !atomic_compare_exchange_strong(&lock->word, &w,
					    w | FABRIC_LOCK_WAITERS))
		return;
	futex_wait(&lock->word, w | FABRIC_LOCK_WAITERS, RECHECK_NS);
}

int fabric_enter_lock(struct fabric *f, proc_ix proc, ctx_ix *hint,
		      struct fabric_lock *lock, uint64_t patience_ns,
		      struct fabric_inside *in)
{
	uint64_t since = 0;

	for (;;) {
		int err = fabric_enter(f, proc, hint, in);

		if (err)
			return err;
		if (likely(fabric_trylock(in, lock)))
			return 0;
		fabric_leave(in);
		if (!since)
			since = fabric_now(f);
		else if (fabric_now(f) - since > patience_ns)
			return -EBUSY;
		wait_lock(f, lock);
	}
}

/* True when every context is empty or was left by the dead. */
static bool quiet(struct fabric *f, bool (*dead)(void *arg, proc_ix proc),
		  void *arg)
{
	uint32_t end = atomic_load(&f->header->ctx_end);

	for (ctx_ix ix = 1; ix < end; ix++) {
		proc_ix user = atomic_load(&f->ctxs[ix].user);

		if (user && !dead(arg, user))
			return false;
	}
	return true;
}

int fabric_stop(struct fabric *f, bool (*dead)(void *arg, proc_ix proc),
		void *arg, uint64_t patience_ns)
{
	uint64_t until = fabric_now(f) + patience_ns;
	struct timespec pause = { 0, 20 * 1000 };

	atomic_store(&f->header->gate, 1);
	while (!quiet(f, dead, arg)) {
		if (fabric_now(f) > until) {
			fabric_resume(f);
			return -EBUSY;
		}
		/* Whoever is inside may need this core to get out. */
		sys_call(SYS_nanosleep, &pause, 0);
	}
	return 0;
}

void fabric_resume(struct fabric *f)
{
	atomic_store(&f->header->gate, 0);
	futex_wake_all(&f->header->gate);
}
