/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * splice(2) and sendfile(2) with a socket at one end.
 *
 * Between two streams, through a pipe that nothing else is done with, no byte
 * is touched: pipe.h. Else they are copied, once on the way in and once on the
 * way out of the kernel's pipe or file: a fabric's frames are no pages that
 * these could refer to. None is lost when one end takes less than the other
 * had: what a pipe takes is only looked at before, and what is read from a pipe
 * fits into the socket.
 */
#ifndef TOAMI_SOCKET_SPLICE_H
#define TOAMI_SOCKET_SPLICE_H

#include "socket/socket.h"

/* What splice() is called with. */
struct splice_ends {
	long in, out;
	const void *in_off, *out_off; /* of the program; not for sockets */
	unsigned long count;
	unsigned long flags; /* SPLICE_F_* */
};

/* splice_sigpipe - a signal to this thread */
void splice_sigpipe(void);

/* Each SOCKET_PASS where no socket of ours is concerned. */
long splice_call(struct socket_thread *t, const struct splice_ends *e);
long splice_sendfile(struct socket_thread *t, long out, long in, long *offset,
		     unsigned long count);

#endif
