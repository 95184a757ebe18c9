/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading and writing sockets. One shape for all calls of the family: buffers
 * as a cursor, and what sendmsg and recvmsg carry beside them.
 */
#ifndef TOAMI_SOCKET_IO_H
#define TOAMI_SOCKET_IO_H

#include <sys/socket.h>

#include "socket/control.h"
#include "socket/cursor.h"
#include "socket/work.h"

struct io_note {
	void *name; /* peer's address: in for sending, out for receiving; NULL
		     */
	socklen_t *namelen;	   /* of receiving */
	socklen_t tolen;	   /* of sending */
	int flags;		   /* out: MSG_TRUNC */
	struct control control;	   /* of receiving: filled; `at` NULL: none */
	const struct udp_how *how; /* of sending; NULL: as ever */
	const struct stamp_how *stamp; /* likewise */
	int fault; /* of sending: what is wrong, unless something else is */
};

long io_recv(struct socket_thread *t, long fd, struct cursor *c, long flags,
	     struct io_note *note);
long io_send(struct socket_thread *t, long fd, struct cursor *c, long flags,
	     struct io_note *note);

long io_recvmsg(struct socket_thread *t, long fd, struct msghdr *msg,
		long flags);
long io_sendmsg(struct socket_thread *t, long fd, const struct msghdr *msg,
		long flags);
struct mmsghdr;
struct timespec;
long io_recvmmsg(struct socket_thread *t, long fd, struct mmsghdr *vec,
		 unsigned long count, long flags,
		 const struct timespec *timeout);
long io_sendmmsg(struct socket_thread *t, long fd, struct mmsghdr *vec,
		 unsigned long count, long flags);

/*
 * io_receivable - how many of the next @bytes, which are about to be stored,
 * have a place in the program's memory; fewer: the rest is EFAULT
 */
size_t io_receivable(const struct cursor *c, size_t bytes);

/* In the flags of tcp_io_send(), above the program's: what stamp_wanted() says.
 */
#define IO_STAMP_SHIFT 32

/* Transports; io_recv and io_send choose between them. */
long tcp_io_recv(struct socket_thread *t, long fd, struct cursor *c,
		 long flags);
long tcp_io_send(struct socket_thread *t, long fd, struct cursor *c,
		 long flags);
/* tcp_io_fault - what a send says that @err is wrong with */
long tcp_io_fault(struct socket_thread *t, long fd, long flags, int err);
long udp_io_recv(struct socket_thread *t, long fd, struct cursor *c, long flags,
		 struct io_note *note);
/* MSG_ERRQUEUE: see stack/stack.h, udp_take_error() */
long udp_io_recv_error(struct socket_thread *t, long fd, struct cursor *c,
		       long flags, struct io_note *note);
long udp_io_send(struct socket_thread *t, long fd, struct cursor *c, long flags,
		 struct io_note *note);
/* udp_io_uncork - the datagram in the making leaves, if there is one */
int udp_io_uncork(struct work *w, struct sock *s);

#endif
