/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets from one VIF to another while they live.
 *
 * A socket has the address of its host for good, so it moves only between the
 * lanes of one host: what it sends and receives from then on is charged to, and
 * shaped as, the new one. A process that goes to another host opens its next
 * sockets there; those it has stay where they are.
 */
#ifndef TOAMI_SOCKET_MOVE_H
#define TOAMI_SOCKET_MOVE_H

#include "socket/work.h"

struct socket_moved {
	uint32_t moved;
	uint32_t kept; /* of another host */
};

/**
 * socket_move_process - process @proc is on @vif from now on (the daemon)
 *
 * Sockets that it shares with others move with it. Returns 0, or -EAGAIN: a
 * lock is held by somebody who may be dead; nothing has changed.
 */
int socket_move_process(struct socket_thread *t, proc_ix proc, vif_ix vif,
			struct socket_moved *n);

/**
 * socket_move_below - what is on lanes at or below @top goes to its parent,
 * which has the same host; for @top is about to be removed (the daemon)
 *
 * Returns 0 or -EAGAIN, as above.
 */
int socket_move_below(struct socket_thread *t, vif_ix top);

/*
 * socket_move_one - SO_BINDTODEVICE: @s, whose host is locked, goes to the VIF
 * at @path, which is at or below the one of the process; the empty path: to
 * that one
 *
 * Returns 0; -EINVAL: too long; -ENODEV: no such VIF; -EPERM: not below;
 * -EXDEV: it has an address of its own, and the socket another.
 */
int socket_move_one(struct work *w, struct sock *s, const char *path,
		    uint32_t bytes);

/* socket_place - the process is where the daemon has put it, maybe just now */
void socket_place(struct socket_process *p);

#endif
