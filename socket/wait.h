/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting: spin while that is likely to pay, then sleep.
 *
 * A wake-up across cores costs 40-70 us and its sender 12, so whoever expects
 * an answer soon looks for it itself for a while: unconditionally for a few
 * microseconds, then, if there is a core to spare and nobody has taken this one
 * lately, up to SPIN_NS. A thread whose spins keep failing spins less. Nobody
 * spins for long: an idle program sleeps.
 *
 * Sleeping: announce it in `sleeping`, look once more behind a full barrier,
 * sleep. The waker publishes first and looks at `sleeping` behind a full
 * barrier.
 */
#ifndef TOAMI_SOCKET_WAIT_H
#define TOAMI_SOCKET_WAIT_H

#include "socket/work.h"

#define WAIT_FOREVER UINT64_MAX

/* wait_date - when a wait of @timeout_ns from now ends; 0 ns: never (SO_*TIMEO)
 */
uint64_t wait_date(const struct socket_thread *t, uint64_t timeout_ns);

/**
 * wait_spin - true as soon as @ready(@arg) says so; false: not within the time
 * @until: do not spin beyond that date
 *
 * Returns early when a signal is due.
 */
bool wait_spin(struct socket_thread *t, bool (*ready)(void *arg), void *arg,
	       uint64_t until);

/**
 * wait_sock - until @s is ready for any of @events (or ERR, HUP)
 * @until: give up then; WAIT_FOREVER
 *
 * Returns 0, -EAGAIN: the date has come; -EINTR: a signal.
 */
int wait_sock(struct socket_thread *t, struct sock *s, uint32_t events,
	      uint64_t until);

/* wait_bytes - until @s can be read from, or has @bytes already (SO_RCVLOWAT)
 */
int wait_bytes(struct socket_thread *t, struct sock *s, size_t bytes,
	       uint64_t until);

/*
 * wait_blind - when to look again for a sleeper in the kernel that nobody can
 * wake, as there is no descriptor left for a wake socket
 */
static inline uint64_t wait_blind(const struct socket_thread *t)
{
	return fabric_now(&t->process->fabric) + 5 * NSEC_PER_MSEC;
}

/* wait_leave_places - @gone spins no more: it is dead, or another program now
 */
void wait_leave_places(struct fabric *f, proc_ix gone);

/* wait_futex - sleeps while *word == @value; 0, -EINTR or -ETIMEDOUT */
int wait_futex(struct socket_thread *t, _Atomic uint32_t *word, uint32_t value,
	       uint64_t until);

/* wait_timespec - the time left until @until, for the kernel; NULL: forever */
struct timespec;
struct timespec *wait_timespec(const struct socket_thread *t, uint64_t until,
			       struct timespec *ts);

#endif
