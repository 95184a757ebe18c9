/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One visit of a thread to the fabric, run to completion.
 *
 *	work_begin(&w, t, host)	inside, with the host's lock and a stack handle
 *	...			calls of stack/stack.h on &w.stack
 *	work_unlock(&w)		takes in the backlog, lets go of the lock, and
 *				carries every frame to its host, and what
 *				answers it
 *	work_end(&w)		(unlock,) leave, and wake whom events concern
 *
 * A frame whose host is locked by somebody else goes to that host's backlog:
 * nobody waits for a lock to deliver. The pusher then tries the lock once more,
 * and the holder looks at the backlog once more after letting go, both across
 * full barriers: one of them sees it.
 */
#ifndef TOAMI_SOCKET_WORK_H
#define TOAMI_SOCKET_WORK_H

#include "fabric/gate.h"
#include "socket/sock.h"
#include "socket/socket.h"

#define WORK_WAKES	 32
#define WORK_LEFT	 32
#define WORK_PORT_FRAMES 1024 /* that wait for a port at the most */

struct work {
	struct socket_thread *thread;
	struct fabric *fabric;
	struct fabric_inside in;
	struct stack stack; /* of `host` while it is locked */
	host_ix host;	    /* locked; 0: none */
	struct frame_list out;
	struct frame_list held; /* for the scheduler: hold.h */
	/* Connections whose frames have passed: may they send more? Asked once
	 * a barrier lies behind it. */
	conn_ix left[WORK_LEFT];
	uint32_t lefts;
	const struct sock *shut; /* by its own program just now: sigio.h */
	host_ix stamped;	 /* has a note of when a frame left: stamp.h */
	bool passed;		 /* frames have, and nobody has looked since */
	bool held_again;   /* somebody has left something to the scheduler */
	uint64_t sched_ns; /* when it has to be run next, as last seen */
	uint64_t now_ns;   /* the last reading of the clock */
	uint64_t timer_ns; /* earliest date that the daemon must know */
	uint32_t wakes;
	bool wake_futex[WORK_WAKES]; /* else: wake socket */
	uint64_t wake[WORK_WAKES];   /* address of the futex, or the name */
};

/*
 * work_begin - 0 or -ENOBUFS; for an impatient thread -EAGAIN, too. @host is up
 * while the caller's process is on it
 */
int work_begin(struct work *w, struct socket_thread *t, host_ix host);

/* work_enter - inside without a lock: to allocate and copy first */
int work_enter(struct work *w, struct socket_thread *t);

/*
 * work_lock_soon - takes @host's lock while inside already
 *
 * Waits for a moment only, since nobody may wait inside. False: the caller
 * gives back what it has in hand, ends the work, and takes the way through
 * work_begin().
 */
bool work_lock_soon(struct work *w, host_ix host);

/*
 * While the caller has stopped the fabric: inside, and a host's stack at hand
 * without its lock. What the stack sends waits in w->out for work_end(), after
 * fabric_resume().
 */
int work_enter_alone(struct work *w, struct socket_thread *t);
void work_lock_alone(struct work *w, host_ix host);
void work_unlock_alone(struct work *w);

void work_unlock(struct work *w);

/* work_visit - takes in what waits for @host, if its lock is free: no lock is
 * held. What it answers waits in w->out. */
void work_visit(struct work *w, host_ix host);

/* work_serve - runs the scheduler, for whoever has nothing better to do */
void work_serve(struct socket_thread *t);

void work_end(struct work *w);

/*
 * work_wake_sock, work_wake_pset - somebody may sleep on it: wake him at the
 * end. Called after what he waits for has been published.
 */
void work_wake_sock(struct work *w, struct sock *s);
void work_wake_pset(struct work *w, pset_ix ix);

/* work_wake_name - a wake socket by its name: fabric/wake.h */
void work_wake_name(struct work *w, uint64_t name);

/* work_wake_ports - frames wait for a port, and the daemon sleeps */
void work_wake_ports(struct work *w);

/* work_refresh - publishes the readiness of @s, whose host is locked */
void work_refresh(struct work *w, struct sock *s);

/**
 * sock_lock - begins work on the socket that @fd names
 *
 * Returns 0 and *s with the lock of its host held; -EBADF or -ENOTSOCK (nothing
 * held).
 */
int sock_lock(struct work *w, struct socket_thread *t, long fd,
	      struct sock **s);

/* sock_peek - the socket that @fd names, for its atomics only; NULL: not ours
 */
static inline struct sock *sock_peek(const struct socket_thread *t, long fd)
{
	const struct fabric *f = &t->process->fabric;
	uint32_t e;

	if ((unsigned long)fd >= FABRIC_FD_MAX)
		return NULL;
	e = atomic_load_explicit(&f->procs[t->self].fd[fd],
				 memory_order_relaxed);
	return e && !(e & FABRIC_FD_PSET) ? sock_at(f, e) : NULL;
}

/* The name by which a pset's wake socket is known; 0 is the daemon's. */
static inline uint64_t pset_wake_name(const struct pset *p, pset_ix ix)
{
	return (uint64_t)p->generation << 32 | ix;
}

#endif
