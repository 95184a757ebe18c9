/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What recvmsg() hands over beside data: notes on MSG_ZEROCOPY sends from the
 * error queue (MSG_ERRQUEUE), and how much is left to read (TCP_INQ).
 *
 * Data of MSG_ZEROCOPY is copied, as Linux does where it cannot pass pages on:
 * a send is done with the program's buffer when it returns, and the note says
 * SO_EE_CODE_ZEROCOPY_COPIED. Notes that nobody has read become one range.
 */
#ifndef TOAMI_SOCKET_ERRQUEUE_H
#define TOAMI_SOCKET_ERRQUEUE_H

#include "socket/option.h"
#include "socket/stamp.h"

struct control;

/* In sock.ready: a note waits. Programs see EPOLLERR; no call fails for it. */
#define SOCK_NOTE 0x10000u

static inline uint32_t errqueue_ready(const struct sock *s)
{
	if (likely(s->notes_made == s->notes_read && !stamp_ready(s)))
		return 0;
	return SOCK_NOTE | (option_select_errors(s) ? STACK_PRI : 0);
}

/* errqueue_sent - a send with MSG_ZEROCOPY has been accepted */
void errqueue_sent(struct socket_thread *t, long fd);

/* errqueue_recv - a stream's recvmsg(MSG_ERRQUEUE): bytes, -EAGAIN or -EFAULT
 */
long errqueue_recv(struct socket_thread *t, long fd, struct cursor *c,
		   long flags, struct io_note *io);

/* errqueue_told - after a stream's data has been received: TCP_CM_INQ, and when
 * the last of it came (SO_TIMESTAMPING) */
void errqueue_told(struct socket_thread *t, long fd, struct control *control);

#endif
