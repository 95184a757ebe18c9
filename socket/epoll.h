/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll: a kernel instance for the kernel's descriptors and a pset for ours,
 * behind one number. Each SOCKET_PASS where the number is not an instance of
 * ours.
 */
#ifndef TOAMI_SOCKET_EPOLL_H
#define TOAMI_SOCKET_EPOLL_H

#include <signal.h>
#include <sys/epoll.h>

#include "socket/work.h"

long epoll_open(struct socket_thread *t, long nr, long arg);
long epoll_control(struct socket_thread *t, long epfd, long op, long fd,
		   const struct epoll_event *ev);

/**
 * epoll_pending - does the pset behind @entry, or the kernel's part, have
 * events?
 */
bool epoll_pending(struct socket_thread *t, long epfd, uint32_t entry);

/**
 * epoll_sleep_in_kernel - from now on events of ours make the kernel's instance
 * readable
 *
 * For poll() on an epoll descriptor: the caller then sleeps in the kernel.
 */
void epoll_sleep_in_kernel(struct socket_thread *t, long epfd, uint32_t entry);

/* epoll_wait_until - @until: a date, 0: do not wait; @mask as for epoll_pwait
 */
long epoll_wait_until(struct socket_thread *t, long epfd,
		      struct epoll_event *ev, long max, uint64_t until,
		      const void *mask, long masksize);

#endif
