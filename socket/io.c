/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls of the read and write families, in terms of the transports; see
 * io.h. */
#include "socket/io.h"
#include "base/sys.h"
#include "base/user.h"
#include "socket/errqueue.h"
#include "socket/open.h"
#include "socket/sigio.h"
#include "socket/stamp.h"
#include "socket/wait.h"

#include <errno.h>
#include <time.h>

/* What the kernel copies at once, or not at all. */
#define UNIT 65536

/* How many of the next @bytes lie in memory that is there. */
static size_t there(const struct cursor *c, size_t bytes, bool store)
{
	size_t done = 0, skip = c->off;

	for (size_t i = 0; i < c->count && done < bytes; i++) {
		size_t n = min_u64(c->iov[i].iov_len - skip, bytes - done);
		size_t good =
			user_span((char *)c->iov[i].iov_base + skip, n, store);

		done += good;
		skip = 0;
		if (good < n)
			break;
	}
	return done;
}

/* Cuts off what is not there of what is to be sent. 0 or -EFAULT. */
static int sendable(struct cursor *c, bool stream)
{
	size_t good = there(c, c->left, false);

	if (likely(good == c->left))
		return 0;
	/* A stream takes what comes before, in whole units. */
	c->left = stream ? good - good % UNIT : 0;
	return c->left ? 0 : -EFAULT;
}

size_t io_receivable(const struct cursor *c, size_t bytes)
{
	return there(c, min_u64(bytes, c->left), true);
}

long io_recv(struct socket_thread *t, long fd, struct cursor *c, long flags,
	     struct io_note *note)
{
	struct sock *s = sock_peek(t, fd);
	socklen_t room, none = 0;
	long n;

	if (!s)
		return SOCKET_PASS;
	for (size_t i = 0; i < c->count; i++) {
		if (unlikely(!user_may_be(c->iov[i].iov_base,
					  c->iov[i].iov_len)))
			return -EFAULT; /* and nothing is taken */
	}
	sigio_taken(s, fd);
	if (s->proto != STACK_TCP)
		return flags & MSG_ERRQUEUE
			       ? udp_io_recv_error(t, fd, c, flags, note)
			       : udp_io_recv(t, fd, c, flags, note);
	if (flags & MSG_ERRQUEUE)
		return errqueue_recv(t, fd, c, flags, note);
	n = tcp_io_recv(t, fd, c, flags);
	/* A stream's peer is known: no address comes with the data. */
	if (n >= 0 && note->namelen) {
		if (user_copy(&room, note->namelen, sizeof(room)))
			return -EFAULT;
		if ((int)room < 0)
			return -EINVAL;
		if (user_copy(note->namelen, &none, sizeof(none)))
			return -EFAULT;
	}
	return n;
}

long io_send(struct socket_thread *t, long fd, struct cursor *c, long flags,
	     struct io_note *note)
{
	struct sock *s = sock_peek(t, fd);
	long n;

	if (!s)
		return SOCKET_PASS;
	/* A stream's, too, though nobody looks at what it says. */
	if (note->name && s->proto == STACK_TCP &&
	    note->tolen > sizeof(struct sockaddr_storage))
		return -EINVAL;
	if (note->name && s->proto == STACK_TCP && note->tolen &&
	    user_touch(note->name))
		return -EFAULT;
	if (!note->fault)
		note->fault = sendable(c, s->proto == STACK_TCP);
	if (s->proto == STACK_TCP) {
		if (unlikely(note->fault))
			return tcp_io_fault(t, fd, flags, note->fault);
		if ((flags & MSG_FASTOPEN) || !c->left) {
			const void *name =
				flags & MSG_FASTOPEN ? note->name : NULL;
			long err = open_fastopen(t, fd, name, note->tolen,
						 c->left, flags & MSG_DONTWAIT);

			if (err)
				return err;
		}
		flags = (uint32_t)flags | (long)stamp_wanted(s, note->stamp)
						  << IO_STAMP_SHIFT;
		n = tcp_io_send(t, fd, c, flags);
		if (n > 0 && (flags & MSG_ZEROCOPY))
			errqueue_sent(t, fd);
		return n;
	}
	return udp_io_send(t, fd, c, flags, note);
}

/* The array of a message's buffers: in @iov if it has room, else in place. */
static int message_in(struct msghdr *m, const struct msghdr *msg,
		      struct iovec *iov, size_t room, struct cursor *c)
{
	if (user_copy(m, msg, sizeof(*m)))
		return -EFAULT;
	if ((int)m->msg_namelen < 0)
		return -EINVAL;
	if (m->msg_iovlen > CURSOR_IOV_MAX)
		return -EMSGSIZE;
	if (m->msg_iovlen <= room) {
		if (user_copy(iov, m->msg_iov, m->msg_iovlen * sizeof(*iov)))
			return -EFAULT;
		m->msg_iov = iov;
	} else if (user_touch(m->msg_iov)) {
		return -EFAULT;
	}
	return cursor_many(c, m->msg_iov, m->msg_iovlen);
}

#define IOV_FAST 16

long io_recvmsg(struct socket_thread *t, long fd, struct msghdr *msg,
		long flags)
{
	struct iovec iov[IOV_FAST];
	struct io_note note = { 0 };
	struct sock *s = sock_peek(t, fd);
	struct cursor c;
	struct msghdr m;
	int err = message_in(&m, msg, iov, IOV_FAST, &c);
	long n;

	if (err)
		return err;
	note.name = m.msg_name;
	note.namelen = &m.msg_namelen;
	note.control.at = m.msg_control;
	note.control.room = m.msg_controllen;
	n = io_recv(t, fd, &c, flags, &note);
	if (n < 0)
		return n;
	if (!(flags & MSG_ERRQUEUE) && s->proto == STACK_TCP && n &&
	    unlikely(s->inq || (s->notes & NOTE_STAMPS)))
		errqueue_told(t, fd, &note.control);
	m.msg_flags = note.flags | note.control.flags |
		      (int)(flags & MSG_CMSG_CLOEXEC);
	if (user_copy(&msg->msg_flags, &m.msg_flags, sizeof(m.msg_flags)) ||
	    user_copy(&msg->msg_controllen, &note.control.used,
		      sizeof(note.control.used)) ||
	    (m.msg_name && user_copy(&msg->msg_namelen, &m.msg_namelen,
				     sizeof(m.msg_namelen))))
		return -EFAULT;
	return n;
}

long io_sendmsg(struct socket_thread *t, long fd, const struct msghdr *msg,
		long flags)
{
	const struct sock *s = sock_peek(t, fd);
	struct iovec iov[IOV_FAST];
	struct io_note note = { 0 };
	struct stamp_how stamp;
	struct udp_how how;
	struct cursor c;
	struct msghdr m;
	int err = message_in(&m, msg, iov, IOV_FAST, &c);

	if (err)
		return err;
	if (!s)
		return SOCKET_PASS;
	note.name = m.msg_name;
	note.tolen = (socklen_t)min_u64(m.msg_namelen,
					sizeof(struct sockaddr_storage));
	if (m.msg_control && m.msg_controllen) {
		note.fault = control_read(s, &m, &how, &stamp);
		note.how = &how;
		note.stamp = &stamp;
	}
	return io_send(t, fd, &c, flags, &note);
}

static long take_error(struct socket_thread *t, long fd)
{
	struct work w;
	struct sock *s;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	err = -conn_error(&w.stack, s->conn);
	work_refresh(&w, s);
	work_end(&w);
	return err;
}

/* What has ended a call that has something to tell: the next one says it. */
static void keep_error(struct socket_thread *t, long fd, long err)
{
	struct work w;
	struct sock *s;

	if (err == -EAGAIN || err == -EINTR || err == SOCKET_RESTART ||
	    sock_lock(&w, t, fd, &s))
		return;
	conn_again(&w.stack, s->conn, (int)-err);
	work_refresh(&w, s);
	work_end(&w);
}

long io_recvmmsg(struct socket_thread *t, long fd, struct mmsghdr *vec,
		 unsigned long count, long flags,
		 const struct timespec *timeout)
{
	uint64_t until = WAIT_FOREVER;
	const struct sock *s;
	struct timespec ts;
	unsigned long i;

	s = sock_peek(t, fd);
	if (!s)
		return SOCKET_PASS;
	if (timeout) {
		if (user_copy(&ts, timeout, sizeof(ts)))
			return -EFAULT;
		if (ts.tv_sec < 0 || ts.tv_nsec < 0 ||
		    ts.tv_nsec >= (long)NSEC_PER_SEC)
			return -EINVAL;
		until = fabric_now(&t->process->fabric) +
			(uint64_t)ts.tv_sec * NSEC_PER_SEC +
			(uint64_t)ts.tv_nsec;
	}
	/* Before anything else, even if nothing is asked for. */
	if (!(flags & MSG_ERRQUEUE) &&
	    unlikely(atomic_load(&s->ready) & STACK_ERR)) {
		long err = take_error(t, fd);

		if (err)
			return err;
	}
	for (i = 0; i < count; i++) {
		/* The kernel looks at the time between messages only, too. */
		long n = io_recvmsg(t, fd, &vec[i].msg_hdr,
				    flags & ~(long)MSG_WAITFORONE);
		unsigned int len = (unsigned int)n;

		if (n >= 0 && user_copy(&vec[i].msg_len, &len, sizeof(len)))
			n = -EFAULT;
		if (n < 0 && i)
			keep_error(t, fd, n);
		if (n < 0)
			return i ? (long)i : n;
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
	if (count > CURSOR_IOV_MAX)
		count = CURSOR_IOV_MAX;
	for (i = 0; i < count; i++) {
		long n = io_sendmsg(t, fd, &vec[i].msg_hdr, flags);
		unsigned int len = (unsigned int)n;

		if (n >= 0 && user_copy(&vec[i].msg_len, &len, sizeof(len)))
			n = -EFAULT;
		if (n < 0)
			return i ? (long)i : n;
	}
	return (long)i;
}
