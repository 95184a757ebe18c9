/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waking a sleeper in another process.
 *
 * A sleeper that waits for the fabric alone sleeps on a futex. One that waits
 * for kernel descriptors too sleeps in epoll_wait or ppoll, with a *wake
 * socket* among them: an AF_UNIX datagram socket with an abstract name made of
 * the fabric's id and a number, to which anybody may send one byte. That needs
 * no descriptor of the sleeper's in the waker, no permission, and no daemon in
 * between. Abstract names belong to a network namespace, so all members of a
 * fabric share one (the daemon checks on attach).
 */
#ifndef TOAMI_FABRIC_WAKE_H
#define TOAMI_FABRIC_WAKE_H

#include "fabric/segment.h"

/* The daemon's own wake name. Others: any number that their room gives out. */
#define WAKE_DAEMON 0
#define WAKE_PORTS  UINT64_MAX /* likewise: frames wait for a port */

struct sockaddr_un;

/* wake_address - the address of @name; returns its length */
uint32_t wake_address(const struct fabric *f, uint64_t name,
		      struct sockaddr_un *un);

/**
 * wake_open - a socket that wake_send(@name) makes readable
 *
 * Returns a non-blocking descriptor, close-on-exec, owned by the caller.
 */
int wake_open(const struct fabric *f, uint64_t name);

/* wake_bind - gives @fd, a Unix datagram socket, the name; 0 or a negative
 * errno */
int wake_bind(const struct fabric *f, int fd, uint64_t name);

/* wake_name - has @fd such a name of this fabric's? */
bool wake_name(const struct fabric *f, int fd, uint64_t *name);

/* wake_alive - is there a socket of that name? True if in doubt */
bool wake_alive(const struct fabric *f, uint64_t name);

/* wake_drain - reads what has come; the socket is not readable any more */
void wake_drain(int fd);

/*
 * wake_send - wakes @name; harmless when nobody has that name
 * @self: whose descriptors serve when no new one is to be had; 0: nobody's
 */
void wake_send(const struct fabric *f, proc_ix self, uint64_t name);

/* wake_futex - wakes up to @count sleepers on @word */
void wake_futex(_Atomic uint32_t *word, int count);

/*
 * wake_daemon_at - the daemon has to run timers by @date_ns: wakes it if it
 * would sleep longer than that
 */
void wake_daemon_at(const struct fabric *f, proc_ix self, uint64_t date_ns);

/* wake_daemon_by - likewise, to the microsecond */
void wake_daemon_by(const struct fabric *f, proc_ix self, uint64_t date_ns);

#endif
