/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals about a socket: O_ASYNC with F_SETOWN and F_SETSIG, and SIGURG.
 *
 * The kernel sends SIGIO itself, to whom and with what the program has told it:
 * these are properties of the placeholder. Who causes an event on a socket with
 * O_ASYNC sends a datagram to the placeholder's name (parcel.h), which is what
 * the kernel signals. It is read, so that the queue does not fill, with each
 * call that takes something out of the socket. All events are told as POLL_IN:
 * a Unix datagram socket has no other, and the kernel lets nobody give a signal
 * to another process such a code (rt_sigqueueinfo(2)). What the program does to
 * the socket itself by shutdown() is not told, unless it ends in
 * tcp_disconnect() of Linux.
 *
 * SIGURG has no such carrier: it is sent to the owner by whoever delivers the
 * mark, who may have no right to (another user's process), or not see him
 * (another PID namespace).
 */
#ifndef TOAMI_SOCKET_SIGIO_H
#define TOAMI_SOCKET_SIGIO_H

#include "fabric/wake.h"
#include "socket/work.h"

/* sigio_set - O_ASYNC of the socket @s that @fd names is on or off */
void sigio_set(struct socket_thread *t, long fd, struct sock *s, bool on);

/* sigio_own - F_SETOWN or F_SETOWN_EX; 0 or a negative errno */
long sigio_own(struct socket_thread *t, long fd, struct sock *s, long cmd,
	       long arg);

/* sigio_report - @events have occurred on @s */
void sigio_report(struct work *w, struct sock *s, uint32_t events);

/* sigio_taken - the program reads or accepts by @fd */
static inline void sigio_taken(const struct sock *s, long fd)
{
	if (unlikely(atomic_load_explicit(&s->async, memory_order_relaxed)))
		wake_drain((int)fd);
}

#endif
