/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper: the daemon's part in poll sets that several processes have.
 *
 * An epoll instance cannot be given a name, as a socket's placeholder can
 * (parcel.h), and each process that waits on one needs its wake socket. So the
 * daemon keeps the wake sockets of such sets, and gives them to who asks by the
 * set's wake name, or by an epoll instance that has one in it. What has been
 * sent it watches from an epoll instance of its own, which the kernel forgets
 * once the other is nowhere any more, in no process and on no way.
 *
 * Members send datagrams to WAKE_KEEPER, descriptors beside them.
 */
#ifndef TOAMI_SOCKET_KEEPER_H
#define TOAMI_SOCKET_KEEPER_H

#include "socket/work.h"

/* The daemon's third name, beside those of fabric/wake.h. */
#define WAKE_KEEPER (UINT64_MAX - 1)

enum keeper_what {
	KEEPER_KEEP,  /* the wake socket, and maybe the instance behind it */
	KEEPER_ASK,   /* the instance, or none and the name; the answer is a
		       * note of the same kind with the wake socket */
	KEEPER_SWEEP, /* one that has been sent may be gone */
};

struct keeper_note {
	uint64_t name; /* pset_wake_name(); 0: of the instance beside it */
	uint32_t what; /* enum keeper_what */
	uint32_t unused;
};

#define KEEPER_FDS 2 /* beside one note at most */

/**
 * keeper_keep - the daemon keeps the wake socket @wake_fd of the set @name
 * @epfd: the epoll instance, which is about to be sent; -1: it is not
 *
 * Returns 0 or a negative errno: nobody is there to keep it.
 */
int keeper_keep(const struct fabric *f, uint64_t name, int wake_fd, int epfd);

/**
 * keeper_ask - the wake socket of the set behind @epfd
 * @name: with @epfd -1, the set's name; else it is filled in
 *
 * Returns an owned descriptor, close-on-exec; -ENOENT: the instance is none of
 * the fabric's; or another negative errno. Waits for the daemon for 200 ms.
 */
int keeper_ask(const struct fabric *f, uint64_t *name, int epfd);

/* keeper_sweep - an instance that has been sent was closed somewhere */
void keeper_sweep(const struct fabric *f);

#endif
