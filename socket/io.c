/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls of the read and write families, in terms of the transports; see
 * io.h. */
#include "socket/io.h"
#include "base/sys.h"
#include "socket/errqueue.h"
#include "socket/open.h"
#include "socket/wait.h"

#include <time.h>

/* sendfile's bounce: in L1, and small on a program's stack. */
#define BOUNCE 16384

long io_recv(struct socket_thread *t, long fd, struct cursor *c, long flags,
	     struct io_note *note)
{
	struct sock *s = sock_peek(t, fd);

	if (!s)
		return SOCKET_PASS;
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (s->proto != STACK_TCP)
		return udp_io_recv(t, fd, c, flags, note);
	/* A stream's peer is known: no address comes with the data. */
	if (note->namelen)
		*note->namelen = 0;
	return tcp_io_recv(t, fd, c, flags);
}

long io_send(struct socket_thread *t, long fd, struct cursor *c, long flags,
	     struct io_note *note)
{
	struct sock *s = sock_peek(t, fd);
	long n;

	if (!s)
		return SOCKET_PASS;
	if (s->proto == STACK_TCP) {
		if ((flags & MSG_FASTOPEN) || !c->left) {
			const void *name =
				flags & MSG_FASTOPEN ? note->name : NULL;
			long err = open_fastopen(t, fd, name, note->tolen,
						 c->left, flags & MSG_DONTWAIT);

			if (err)
				return err;
		}
		n = tcp_io_send(t, fd, c, flags);
		if (n > 0 && (flags & MSG_ZEROCOPY))
			errqueue_sent(t, fd);
		return n;
	}
	return udp_io_send(t, fd, c, flags, note);
}

long io_recvmsg(struct socket_thread *t, long fd, struct msghdr *msg,
		long flags)
{
	struct io_note note = { .name = msg->msg_name,
				.namelen = &msg->msg_namelen };
	struct sock *s = sock_peek(t, fd);
	struct cursor c;
	int err = cursor_many(&c, msg->msg_iov, msg->msg_iovlen);
	long n;

	if (err)
		return err;
	if (s && (flags & MSG_ERRQUEUE) && s->proto == STACK_TCP)
		return errqueue_recv(t, fd, msg);
	n = io_recv(t, fd, &c, flags, &note);
	if (n >= 0) {
		msg->msg_flags = note.flags;
		if (s->inq)
			errqueue_inq(t, fd, msg);
		else
			msg->msg_controllen = 0;
	}
	return n;
}

long io_sendmsg(struct socket_thread *t, long fd, const struct msghdr *msg,
		long flags)
{
	struct io_note note = { .name = msg->msg_name,
				.tolen = msg->msg_namelen };
	struct cursor c;
	int err = cursor_many(&c, msg->msg_iov, msg->msg_iovlen);

	return err ? err : io_send(t, fd, &c, flags, &note);
}

long io_recvmmsg(struct socket_thread *t, long fd, struct mmsghdr *vec,
		 unsigned long count, long flags,
		 const struct timespec *timeout)
{
	uint64_t until = WAIT_FOREVER;
	unsigned long i;

	if (!sock_peek(t, fd))
		return SOCKET_PASS;
	if (timeout)
		until = fabric_now(&t->process->fabric) +
			(uint64_t)timeout->tv_sec * NSEC_PER_SEC +
			(uint64_t)timeout->tv_nsec;
	for (i = 0; i < count; i++) {
		/* The kernel looks at the time between messages only, too. */
		long n = io_recvmsg(t, fd, &vec[i].msg_hdr,
				    flags & ~(long)MSG_WAITFORONE);

		if (n < 0)
			return i ? (long)i : n;
		vec[i].msg_len = (unsigned int)n;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (until != WAIT_FOREVER &&
		    fabric_now(&t->process->fabric) >= until)
			return (long)i + 1;
	}
	return (long)i;
}

long io_sendmmsg(struct socket_thread *t, long fd, struct mmsghdr *vec,
		 unsigned long count, long flags)
{
	unsigned long i;

	if (!sock_peek(t, fd))
		return SOCKET_PASS;
	for (i = 0; i < count; i++) {
		long n = io_sendmsg(t, fd, &vec[i].msg_hdr, flags);

		if (n < 0)
			return i ? (long)i : n;
		vec[i].msg_len = (unsigned int)n;
	}
	return (long)i;
}

long io_sendfile(struct socket_thread *t, long out, long in, long *offset,
		 unsigned long count)
{
	struct sock *s = sock_peek(t, out);
	char bounce[BOUNCE];
	unsigned long done = 0;

	if (!s)
		return sock_peek(t, in) ? -EINVAL : SOCKET_PASS;
	if (s->proto != STACK_TCP)
		return -EOPNOTSUPP;
	if (count > CURSOR_BYTES_MAX)
		count = CURSOR_BYTES_MAX;
	while (done < count) {
		size_t want = min_u64(count - done, sizeof(bounce));
		long n = offset ? sys_call(SYS_pread64, in, bounce, want,
					   *offset)
				: sys_call(SYS_read, in, bounce, want);
		struct iovec iov;
		struct cursor c;
		long sent;

		if (n <= 0)
			return done ? (long)done : n;
		c = cursor_one(&iov, bounce, (size_t)n);
		sent = tcp_io_send(t, out, &c,
				   done + (size_t)n < count ? MSG_MORE : 0);
		/* What did not fit has been read, but not sent: step back. */
		if (offset)
			*offset += sent > 0 ? sent : 0;
		else if (sent < n)
			sys_call(SYS_lseek, in, (sent > 0 ? sent : 0) - n, 1);
		if (sent < 0)
			return done ? (long)done : sent;
		done += (unsigned long)sent;
		if (sent < n)
			break;
	}
	return (long)done;
}
