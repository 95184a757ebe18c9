/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler as a library: frames and a clock in, frames and a date out.
 *
 * Whoever holds its lock (vif_sched_lock()) opens a view, pushes frames, runs
 * what is due, and publishes when it must be run next. Frames that have passed
 * appear in view.out, dropped ones in view.dropped; both are the caller's.
 *
 *	sched_open(&v, f, arena, now)
 *	sched_push(&v, frame, &path)      any number
 *	sched_run(&v, budget)             until it says false
 *	next = sched_close(&v)            before the lock is released
 */
#ifndef TOAMI_VIF_SCHED_CORE_H
#define TOAMI_VIF_SCHED_CORE_H

#include "vif/sched.h"

typedef uint32_t class_ix; /* 2 * VIF + enum vif_way; 0: none */
typedef uint32_t node_ix;  /* of FABRIC_TABLE_NODE */
typedef uint32_t flow_ix;  /* of FABRIC_TABLE_FLOW */

/* Sizes for socket_params(). */
#define SCHED_BYTES	  8192
#define SCHED_CLASS_BYTES 704
#define SCHED_NODE_BYTES  256
#define SCHED_NODE_MAX	  (1u << 20)
#define SCHED_FLOW_BYTES  64
#define SCHED_FLOW_MAX	  (1u << 18)

/* What is on vif.sched. The first two are inherited by everything below. */
#define VIF_SCHED_TX	 0x1u /* leaving it, something may hold frames up */
#define VIF_SCHED_RX	 0x2u
#define VIF_SCHED_OWN_TX 0x4u /* it has a ceiling or an impairment itself */
#define VIF_SCHED_OWN_RX 0x8u
#define VIF_SCHED_LANES	 0x10u /* a host that has a lane with one of those */

/* What of the scheduler is touched without its lock. */
struct sched_door {
	struct fabric_lock lock;
	/* Frames that found the lock taken, newest first. */
	_Alignas(CACHE_LINE) _Atomic frame_ix backlog;
	_Atomic class_ix dirty;	   /* classes whose controls have changed */
	_Atomic uint32_t impaired; /* classes that are; under the lock */
};

struct sched;

struct sched_view {
	struct fabric *fabric;
	struct sched *s;
	unsigned char *nodes, *classes;
	struct arena *arena;
	uint64_t now_ns;
	uint32_t generation; /* of the controls */
	bool full;	     /* a node was wanted, and there was none */
	/* Cuts a frame that has become too long for its rate; NULL: nobody can.
	 * Consumes it, adds the pieces to @list. May be set after sched_open().
	 */
	void (*cut)(struct sched_view *v, frame_ix ix, struct frame_list *list);
	/* @f has left its queue and is only delayed from here on; NULL: nobody
	 * wants to know. */
	void (*left)(struct sched_view *v, struct frame *f);
	void *user;
	struct frame_list out;
	struct frame_list dropped;
};

/* Which classes a frame passes: from its own to the top of each way. */
struct sched_path {
	class_ix tx, tx_top;
	class_ix rx, rx_top;
};

/* sched_init - in a new segment; the daemon */
void sched_init(struct fabric *f);

/* sched_door - where it is entered */
static inline struct sched_door *sched_door(const struct fabric *f)
{
	return slot_at(&f->table[FABRIC_TABLE_SCHED], 1);
}

/*
 * sched_path - what a frame from @tx to @rx passes; false: nothing. No lock.
 */
bool sched_path(const struct fabric *f, vif_ix tx, vif_ix rx,
		struct sched_path *p);

void sched_open(struct sched_view *v, struct fabric *f, struct arena *a,
		uint64_t now_ns);

/* sched_push - consumes @ix */
void sched_push(struct sched_view *v, frame_ix ix, const struct sched_path *p);

/*
 * sched_run - what is due, up to about @budget bytes; true: there is more
 */
bool sched_run(struct sched_view *v, uint32_t budget);

/* sched_close - publishes and returns the date of the next run; UINT64_MAX:
 * none is needed */
uint64_t sched_close(struct sched_view *v);

/* sched_next_ns - as published; anybody */
static inline uint64_t sched_next_ns(const struct fabric *f)
{
	return atomic_load_explicit(&f->header->sched_next_ns,
				    memory_order_relaxed);
}

/* sched_work_waits - frames or changed controls wait for the lock's holder */
static inline bool sched_work_waits(const struct fabric *f)
{
	const struct sched_door *d = sched_door(f);

	return atomic_load(&d->backlog) || atomic_load(&d->dirty);
}

/* The tightest of what is set along a way; 0: not set. */
struct sched_bounds {
	uint64_t rate_bps;
	uint64_t queue_bytes;
	uint64_t queue_ns;
};

/* sched_bounds - those of @p; under the lock */
struct sched_bounds sched_bounds(struct sched_view *v,
				 const struct sched_path *p);

/**
 * sched_pass - the short way of most frames: nothing waits, nothing is shut
 * @generation: of the controls that its connection knows; 0: it has none
 *
 * Under the lock, without a view. Returns true: @fr, whose rx_vif says where it
 * goes, has been charged and goes on. False: it has to be pushed.
 */
bool sched_pass(struct fabric *f, const struct frame *fr, uint64_t now_ns,
		uint32_t generation);

/* --- after a death; the world is stopped */

/* sched_mend - @lost: under the lock; everything queued is forgotten then */
void sched_mend(struct fabric *f, bool lost);

/* sched_visit - names every frame that is queued here */
void sched_visit(struct fabric *f, void (*frame)(void *arg, frame_ix ix),
		 void *arg);

#endif
