/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Epoll instances that a call holds: who sleeps in epoll_wait() goes on when
 * another thread closes the descriptor, as the kernel holds the file for the
 * call.
 *
 * A thread that is going to sleep takes a place in its process and writes there
 * which pset it waits for. Whoever closes the last descriptor of such a pset
 * gives it another number first, out of the program's way, and writes that
 * beside it; the last of the sleepers closes it. A process killed meanwhile has
 * it in its table like any descriptor, and exec closes it. Without a place (a
 * process has SOCKET_HELD of them, a vfork child none), and where close_range()
 * closes, the wait ends with EBADF.
 */
#ifndef TOAMI_SOCKET_HELD_H
#define TOAMI_SOCKET_HELD_H

#include "socket/work.h"

/* A call that waits on @pset, on the caller's stack. */
struct held {
	pset_ix pset;
	uint32_t generation;	 /* of it */
	_Atomic uint64_t *place; /* NULL: it has none */
};

/* held_begin - the caller is going to sleep; does nothing if it has a place */
void held_begin(struct socket_thread *t, struct held *h);

/* held_end - the call is over */
void held_end(struct socket_thread *t, struct held *h);

/* held_number - a descriptor of this process that names what is held; -1: none
 */
long held_number(const struct socket_thread *t, const struct held *h);

/* held_keep - @fd, which names @ix, is going to be closed */
void held_keep(struct socket_thread *t, long fd, pset_ix ix);

/* held_forked - in the child, which has none of the threads that sleep */
void held_forked(struct socket_thread *t);

#endif
