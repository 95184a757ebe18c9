/* SPDX-License-Identifier: BSD-2-Clause */
/* See splice.h. */
#include "socket/splice.h"
#include "base/sys.h"
#include "base/user.h"
#include "socket/io.h"
#include "socket/pipe.h"
#include "socket/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>

/* A stream's bounce: in L1, and small on a program's stack. */
#define BOUNCE 16384

/* A datagram goes whole. */
#define DATAGRAM_ROOM 65536

/* A pipe with any room at all takes so much without waiting. */
#define PIPE_TAKES 4096

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

/* Is @fd a pipe that can be used @way (O_RDONLY, O_WRONLY)? 0, 1: it is no
 * pipe, or -EBADF. */
static int pipe_check(const struct socket_thread *t, long fd, long way)
{
	int end = pipe_end(t, fd);
	long flags;

	if (end >= 0)
		return end == (way == O_WRONLY) ? 0 : -EBADF;
	flags = sys_call(SYS_fcntl, fd, F_GETFL);
	if (flags < 0 || (flags & O_PATH) ||
	    ((flags & O_ACCMODE) != way && (flags & O_ACCMODE) != O_RDWR))
		return -EBADF;
	return sys_call(SYS_fcntl, fd, F_GETPIPE_SZ) < 0;
}

static bool is_nonblocking(long fd)
{
	return sys_call(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK;
}

void splice_sigpipe(void)
{
	sys_call(SYS_tgkill, sys_call(SYS_getpid), sys_call(SYS_gettid),
		 SIGPIPE);
}

/* Until pipe @fd has data or room. What poll says of it, or an error. */
static long wait_pipe(struct socket_thread *t, long fd, short events,
		      bool nonblock)
{
	struct timespec none = { 0, 0 };
	struct pollfd p = { (int)fd, events, 0 };
	long args[6] = { (long)&p, 1, (long)(nonblock ? &none : NULL) };
	long n = sys_sleep(&t->signal_due, SYS_ppoll, args);

	if (n < 0)
		return n == -EINTR ? SOCKET_RESTART : n;
	return n ? p.revents : -EAGAIN;
}

/* --- from a socket into a pipe -----------------------------------------------
 */

static long look(struct socket_thread *t, long fd, char *at, size_t n,
		 long flags)
{
	struct io_note note = { 0 };
	struct iovec iov;
	struct cursor c = cursor_one(&iov, at, n);

	return io_recv(t, fd, &c, flags, &note);
}

/* Without waiting, if this kernel's pipes can; else what surely fits. */
static long into_pipe(long fd, const char *at, size_t n)
{
	struct iovec iov = { (void *)(uintptr_t)at, n };
	long done = sys_call(SYS_pwritev2, fd, &iov, 1, -1, -1, RWF_NOWAIT);

	if (done == -EOPNOTSUPP)
		done = sys_call(SYS_write, fd, at,
				n < PIPE_TAKES ? n : PIPE_TAKES);
	return done;
}

static long room_in_pipe(struct socket_thread *t, long fd, bool nonblock)
{
	long n = wait_pipe(t, fd, POLLOUT, nonblock);

	if (n > 0 && (n & POLLERR)) {
		splice_sigpipe();
		return -EPIPE;
	}
	return n < 0 ? n : 0;
}

/*
 * As tcp_read_sock(): nothing passes an urgent byte, fetched or in line, before
 * it has been read over. 1: there it stands.
 */
static long stops_at_mark(struct socket_thread *t, long fd)
{
	const struct conn *c;
	struct work w;
	struct sock *s;
	long err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	c = slot_at(&w.fabric->table[FABRIC_TABLE_CONN], s->conn);
	if (tcp_at_mark(&w.stack, s->conn) && tcp_readable(c))
		err = atomic_load(&s->nonblock) ? -EAGAIN : 1;
	work_end(&w);
	return err;
}

static long stream_to_pipe(struct socket_thread *t, const struct splice_ends *e)
{
	bool nonblock =
		(e->flags & SPLICE_F_NONBLOCK) || is_nonblocking(e->out);
	char bounce[BOUNCE];
	unsigned long done = 0;

	while (done < e->count) {
		size_t want = min_u64(e->count - done, sizeof(bounce));
		long n = room_in_pipe(t, e->out, nonblock || done);

		if (!n)
			n = stops_at_mark(t, e->in);
		if (n)
			return done || n > 0 ? (long)done : n;
		/* As tcp_splice_read(): SPLICE_F_NONBLOCK is the pipe's. */
		n = look(t, e->in, bounce, want,
			 MSG_PEEK | (done ? MSG_DONTWAIT : 0));
		if (n > 0)
			n = into_pipe(e->out, bounce, (size_t)n);
		if (n == -EAGAIN && !done && !nonblock &&
		    !atomic_load(&sock_peek(t, e->in)->nonblock))
			continue; /* the pipe has been filled by another */
		if (n <= 0)
			return done ? (long)done : n;
		/* Those bytes are in the pipe: they leave the queue. */
		look(t, e->in, NULL, (size_t)n, MSG_TRUNC | MSG_DONTWAIT);
		done += (unsigned long)n;
	}
	return (long)done;
}

static long datagram_to_pipe(struct socket_thread *t,
			     const struct splice_ends *e, char *room)
{
	bool nonblock =
		(e->flags & SPLICE_F_NONBLOCK) || is_nonblocking(e->out);
	long n = room_in_pipe(t, e->out, nonblock);

	if (!n)
		n = look(t, e->in, room, min_u64(e->count, DATAGRAM_ROOM), 0);
	if (n > 0) {
		long args[6] = { e->out, (long)room, n };

		n = sys_sleep(&t->signal_due, SYS_write, args);
	}
	return n;
}

/* --- from a pipe into a socket -----------------------------------------------
 */

/* Nothing is taken from the pipe before the socket has room for it. */
static long room_in_stream(struct socket_thread *t, long fd, size_t *room)
{
	struct sock *s = sock_peek(t, fd);
	const struct conn *conn;
	struct iovec iov;
	struct cursor none = cursor_one(&iov, NULL, 0);
	long err;

	for (;;) {
		/* Sending nothing says whether sending is allowed. */
		err = tcp_io_send(t, fd, &none, 0);
		if (err)
			return err;
		conn = slot_at(&t->process->fabric.table[FABRIC_TABLE_CONN],
			       s->conn);
		*room = tcp_room(conn);
		if (*room)
			return 0;
		if (atomic_load(&s->nonblock))
			return -EAGAIN;
		err = wait_sock(t, s, STACK_OUT,
				wait_date(t, s->send_timeout_ns));
		if (err)
			return err == -EINTR && !s->send_timeout_ns
				       ? SOCKET_RESTART
				       : err;
	}
}

/* All @n bytes at @at, which have left the pipe already. */
static long send_all(struct socket_thread *t, long fd, const char *at, size_t n,
		     long flags)
{
	struct sock *s = sock_peek(t, fd);
	struct iovec iov;
	struct cursor c = cursor_one(&iov, at, n);
	long sent = tcp_io_send(t, fd, &c, flags);

	/* Another thread was faster with the room that we had seen. */
	while ((sent == -EAGAIN || (sent > 0 && c.left)) && s)
		if (wait_sock(t, s, STACK_OUT, WAIT_FOREVER) ||
		    (sent = tcp_io_send(t, fd, &c, flags)) < 0)
			break;
	return c.left < n ? (long)(n - c.left) : sent;
}

static long pipe_to_stream(struct socket_thread *t, const struct splice_ends *e)
{
	bool nonblock = (e->flags & SPLICE_F_NONBLOCK) || is_nonblocking(e->in);
	char bounce[BOUNCE];
	unsigned long done = 0;

	while (done < e->count) {
		size_t room = 0;
		bool more;
		long n = wait_pipe(t, e->in, POLLIN, nonblock || done);

		if (n > 0)
			n = n & POLLIN ? room_in_stream(t, e->out, &room) : 1;
		if (n == 1) /* nobody writes into it any more */
			return (long)done;
		if (!n)
			n = sys_call(SYS_read, e->in, bounce,
				     min_u64(min_u64(e->count - done, room),
					     sizeof(bounce)));
		if (n <= 0)
			return done ? (long)done : n;
		more = (e->flags & SPLICE_F_MORE) ||
		       ((size_t)n == sizeof(bounce) &&
			done + (unsigned long)n < e->count);
		n = send_all(t, e->out, bounce, (size_t)n, more ? MSG_MORE : 0);
		if (n < 0)
			return done ? (long)done : n;
		done += (unsigned long)n;
	}
	return (long)done;
}

static long pipe_to_datagram(struct socket_thread *t,
			     const struct splice_ends *e, char *room)
{
	bool nonblock = (e->flags & SPLICE_F_NONBLOCK) || is_nonblocking(e->in);
	long n = wait_pipe(t, e->in, POLLIN, nonblock);

	if (n > 0)
		n = n & POLLIN ? sys_call(SYS_read, e->in, room,
					  min_u64(e->count, DATAGRAM_ROOM))
			       : 0;
	if (n > 0) {
		struct io_note note = { 0 };
		struct iovec iov;
		struct cursor c = cursor_one(&iov, room, (size_t)n);

		n = io_send(t, e->out, &c,
			    e->flags & SPLICE_F_MORE ? MSG_MORE : 0, &note);
	}
	return n;
}

/* --- calls -------------------------------------------------------------------
 */

static long move_datagram(struct socket_thread *t, const struct splice_ends *e,
			  bool from)
{
	long room = sys_call(SYS_mmap, 0, DATAGRAM_ROOM, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long n;

	if (room < 0)
		return room;
	n = from ? datagram_to_pipe(t, e, (char *)room)
		 : pipe_to_datagram(t, e, (char *)room);
	sys_call(SYS_munmap, room, DATAGRAM_ROOM);
	return n;
}

/* What cannot be spliced into, whatever it is. */
static bool appends(const struct sock *s)
{
	return atomic_load(&s->file_flags) & O_APPEND;
}

/* Through a private pipe. PIPE_BARE: it is none any more. */
static long move_frames(struct socket_thread *t, const struct splice_ends *e,
			const struct sock *s, bool from)
{
	int err;

	if (s->proto == STACK_TCP)
		return from ? pipe_take(t, e) : pipe_give(t, e);
	err = pipe_bare(t, from ? e->out : e->in);
	return err ? err : PIPE_BARE;
}

long splice_call(struct socket_thread *t, const struct splice_ends *e)
{
	const struct sock *in = sock_peek(t, e->in);
	const struct sock *out = sock_peek(t, e->out);
	const struct sock *s = in ? in : out;
	int other;
	long err;

	if (!s) {
		err = pipe_bare(t, e->in) ?: pipe_bare(t, e->out);
		return err ? err : SOCKET_PASS;
	}
	if (!e->count)
		return 0;
	if (e->flags & ~(unsigned long)(SPLICE_F_MOVE | SPLICE_F_NONBLOCK |
					SPLICE_F_MORE | SPLICE_F_GIFT))
		return -EINVAL;
	if (in && out)
		return -EINVAL;
	other = in ? pipe_check(t, e->out, O_WRONLY)
		   : pipe_check(t, e->in, O_RDONLY);
	if (other < 0)
		return other;
	if (!other && (in ? e->out_off : e->in_off))
		return -ESPIPE;
	if (other || e->in_off || e->out_off || (out && appends(out)))
		return -EINVAL;
	if (pipe_end(t, in ? e->out : e->in) >= 0) {
		err = move_frames(t, e, s, in);
		if (err != PIPE_BARE)
			return err;
	}
	if (s->proto != STACK_TCP)
		return move_datagram(t, e, in != NULL);
	return in ? stream_to_pipe(t, e) : pipe_to_stream(t, e);
}

/* What the kernel says of a file that cannot be sent. 0: it can. */
static long sendable(long in)
{
	long n = sys_call(SYS_lseek, in, 0, SEEK_CUR);

	return n == -ESPIPE ? -EINVAL : n < 0 ? n : 0;
}

/*
 * A datagram: what of @file is asked for and there, as far as one may hold it.
 * Returns what was sent.
 */
static long file_to_datagram(struct socket_thread *t, long out, long file,
			     const long *at, unsigned long count)
{
	size_t want = min_u64(count, DATAGRAM_ROOM);
	long room = sys_call(SYS_mmap, 0, DATAGRAM_ROOM, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long n;

	if (room < 0)
		return room;
	n = at ? sys_call(SYS_pread64, file, room, want, *at)
	       : sys_call(SYS_read, file, room, want);
	if (n > 0) {
		struct io_note note = { 0 };
		struct iovec iov;
		struct cursor c = cursor_one(&iov, (void *)room, (size_t)n);
		long sent = io_send(t, out, &c, 0, &note);

		if (!at && sent < 0)
			sys_call(SYS_lseek, file, -n, SEEK_CUR);
		n = sent;
	}
	sys_call(SYS_munmap, room, DATAGRAM_ROOM);
	return n;
}

/* To a stream: as much as is taken at once, from @at on, which moves. */
static long file_to_stream(struct socket_thread *t, long out, long in, long *at,
			   unsigned long count)
{
	char bounce[BOUNCE];
	unsigned long done = 0;

	while (done < count) {
		size_t want = min_u64(count - done, sizeof(bounce));
		long n = at ? sys_call(SYS_pread64, in, bounce, want, *at)
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
		if (at && sent > 0)
			*at += sent;
		if (!at && sent < n)
			sys_call(SYS_lseek, in, (sent > 0 ? sent : 0) - n,
				 SEEK_CUR);
		if (sent < 0)
			return done ? (long)done : sent;
		done += (unsigned long)sent;
		if (sent < n)
			break;
	}
	return (long)done;
}

long splice_sendfile(struct socket_thread *t, long out, long in, long *offset,
		     unsigned long count)
{
	struct sock *s = sock_peek(t, out);
	long at = 0, n;

	if (!s && !sock_peek(t, in))
		return SOCKET_PASS;
	if (offset && user_copy(&at, offset, sizeof(at)))
		return -EFAULT;
	if (!s)
		return sys_call(SYS_fcntl, out, F_GETFD) < 0 ? -EBADF : -EINVAL;
	n = sock_peek(t, in) ? -EINVAL : sendable(in);
	if (n)
		return n;
	if (appends(s))
		return -EINVAL;
	if (!count)
		return 0;
	if (count > CURSOR_BYTES_MAX)
		count = CURSOR_BYTES_MAX;
	if (s->proto == STACK_TCP) {
		n = file_to_stream(t, out, in, offset ? &at : NULL, count);
	} else {
		n = file_to_datagram(t, out, in, offset ? &at : NULL, count);
		at += n > 0 ? n : 0;
	}
	if (offset && user_copy(offset, &at, sizeof(at)))
		return -EFAULT;
	return n;
}
