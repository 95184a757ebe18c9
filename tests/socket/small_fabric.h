/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fabric without a daemon process: the test's own process makes it, brings up
 * hosts, runs timers and reaps, and forks members that talk through
 * socket_call().
 */
#ifndef TOAMI_TESTS_SMALL_FABRIC_H
#define TOAMI_TESTS_SMALL_FABRIC_H

#include <netinet/in.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "socket/socket.h"

struct small_fabric {
	struct socket_process process;
	struct socket_thread thread;
};

/* small_fabric_make - a fabric with the root VIF and the caller as its first
 * member */
void small_fabric_make(struct small_fabric *sf);
void small_fabric_drop(struct small_fabric *sf);

/* small_fabric_host - VIF "/name" with address 10.77.0.@last; returns the VIF
 */
vif_ix small_fabric_host(struct small_fabric *sf, const char *name,
			 uint8_t last);

/**
 * small_fabric_fork - a child on @vif that runs @run(@arg) and exits with what
 * it returns
 *
 * Returns its pid; *ix gets its slot.
 */
pid_t small_fabric_fork(struct small_fabric *sf, vif_ix vif,
			int (*run)(struct socket_thread *t, void *arg),
			void *arg, proc_ix *ix);

/* small_fabric_reap - @ix has died; waits for its chance. Aborts after 5 s. */
void small_fabric_reap(struct small_fabric *sf, proc_ix ix,
		       struct socket_reaped *r);

/* The calls, with the program's arguments in their usual order. */
long sf_call(struct socket_thread *t, long nr, long a, long b, long c, long d,
	     long e, long f);
#define SF(t, nr, a, b, c, d, e, f)                                           \
	sf_call(t, nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
		(long)(f))

int sf_tcp(struct socket_thread *t);
int sf_listen(struct socket_thread *t, uint16_t port);
int sf_connect(struct socket_thread *t, int fd, uint8_t last, uint16_t port);
long sf_read(struct socket_thread *t, int fd, void *buf, size_t n);
long sf_write(struct socket_thread *t, int fd, const void *buf, size_t n);
long sf_close(struct socket_thread *t, int fd);

#endif
