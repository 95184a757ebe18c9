/* SPDX-License-Identifier: BSD-2-Clause */
/* socket_call(): from a system call's number and arguments to what carries it
 * out. */
#include "base/sys.h"
#include "base/user.h"
#include "socket/descriptor.h"
#include "socket/epoll.h"
#include "socket/io.h"
#include "socket/ioctl.h"
#include "socket/netlink.h"
#include "socket/open.h"
#include "socket/option.h"
#include "socket/parcel.h"
#include "socket/pipe.h"
#include "socket/poll.h"
#include "socket/splice.h"
#include "socket/wait.h"

#include <errno.h>
#include <linux/close_range.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <signal.h>
#include <time.h>

/* The kernel's size of a signal set. */
#define SIGSET_BYTES 8

/* A relative timeout as a date: NULL is forever, nothing is 0. */
static uint64_t date_of(const struct socket_thread *t, int64_t sec, int64_t ns)
{
	if (!sec && !ns)
		return 0;
	if (sec < 0)
		return 0;
	if ((uint64_t)sec > UINT32_MAX)
		return WAIT_FOREVER;
	return fabric_now(&t->process->fabric) + (uint64_t)sec * NSEC_PER_SEC +
	       (uint64_t)ns;
}

static uint64_t date_ms(const struct socket_thread *t, int ms)
{
	return ms < 0 ? WAIT_FOREVER
		      : date_of(t, ms / 1000, (int64_t)(ms % 1000) * 1000000);
}

static uint64_t date_ts(const struct socket_thread *t,
			const struct timespec *ts)
{
	return ts ? date_of(t, ts->tv_sec, ts->tv_nsec) : WAIT_FOREVER;
}

/* select and ppoll on Linux leave the time that was not used. */
static void time_left(const struct socket_thread *t, uint64_t until,
		      int64_t *sec, int64_t *fraction, int64_t unit_ns)
{
	uint64_t now = fabric_now(&t->process->fabric);
	uint64_t left = until > now ? until - now : 0;

	*sec = (int64_t)(left / NSEC_PER_SEC);
	*fraction = (int64_t)(left % NSEC_PER_SEC) / unit_ns;
}

static bool is_time(int64_t sec, int64_t fraction, int64_t end)
{
	return sec >= 0 && fraction >= 0 && fraction < end;
}

static bool is_timespec(const struct timespec *ts)
{
	return !ts || is_time(ts->tv_sec, ts->tv_nsec, (int64_t)NSEC_PER_SEC);
}

static long call_select(struct socket_thread *t, const long a[6], bool pselect)
{
	unsigned long *sets[3] = { (void *)a[1], (void *)a[2], (void *)a[3] };
	struct timeval *tv = (void *)a[4];
	struct timespec *ts = (void *)a[4];
	const long *mask = pselect ? (const long *)a[5] : NULL;
	uint64_t until = WAIT_FOREVER;
	long count = (int)a[0] > FABRIC_FD_MAX ? FABRIC_FD_MAX : (int)a[0], n;

	if (count < 0 || !poll_select_ours(t, count, sets) ||
	    (a[4] && user_span((void *)a[4], sizeof(*ts), false) < sizeof(*ts)))
		return SOCKET_PASS;
	if (pselect ? !is_timespec(ts)
		    : tv && !is_time(tv->tv_sec, tv->tv_usec, INT64_MAX))
		return -EINVAL;
	if (a[4])
		until = pselect ? date_ts(t, ts)
				: date_of(t, tv->tv_sec,
					  (int64_t)tv->tv_usec * 1000);
	n = poll_select(t, count, sets, until, mask ? (void *)mask[0] : NULL,
			mask ? mask[1] : SIGSET_BYTES);
	if (a[4] && until) {
		if (pselect)
			time_left(t, until, (int64_t *)&ts->tv_sec,
				  (int64_t *)&ts->tv_nsec, 1);
		else
			time_left(t, until, (int64_t *)&tv->tv_sec,
				  (int64_t *)&tv->tv_usec, 1000);
	}
	return n;
}

static long call_ppoll(struct socket_thread *t, const long a[6])
{
	struct timespec *ts = (void *)a[2];
	uint64_t until;
	long n;

	if ((ts && user_span(ts, sizeof(*ts), false) < sizeof(*ts)) ||
	    !is_timespec(ts))
		return SOCKET_PASS; /* the kernel says so */
	until = date_ts(t, ts);
	n = poll_until(t, (void *)a[0], (unsigned int)a[1], until, (void *)a[3],
		       a[4]);

	if (ts && until && n != SOCKET_PASS)
		time_left(t, until, (int64_t *)&ts->tv_sec,
			  (int64_t *)&ts->tv_nsec, 1);
	return n;
}

static long call_recvfrom(struct socket_thread *t, const long a[6])
{
	struct io_note note = { .name = (void *)a[4],
				.namelen = a[4] ? (void *)a[5] : NULL };
	struct iovec iov;
	struct cursor c = cursor_one(&iov, (void *)a[1], (size_t)a[2]);
	long n;

	n = io_recv(t, a[0], &c, a[3], &note);
	return a[4] && !a[5] && n >= 0 ? -EFAULT : n;
}

static long call_sendto(struct socket_thread *t, const long a[6])
{
	struct io_note note = { .name = (void *)a[4],
				.tolen = (socklen_t)a[5] };
	struct iovec iov;
	struct cursor c = cursor_one(&iov, (void *)a[1], (size_t)a[2]);

	return io_send(t, a[0], &c, a[3], &note);
}

/* read, write: without flags and names. */
static long call_plain(struct socket_thread *t, const long a[6], bool write)
{
	struct io_note note = { 0 };
	struct iovec iov;
	struct cursor c;

	if (!sock_peek(t, a[0]))
		return write && is_route(t, a[0])
			       ? netlink_call(t, SYS_write, a)
			       : SOCKET_PASS;
	/* Unlike recv() of nothing, which waits for something: net/socket.c. */
	if (!write && !a[2])
		return 0;
	c = cursor_one(&iov, (void *)a[1], (size_t)a[2]);
	return write ? io_send(t, a[0], &c, 0, &note)
		     : io_recv(t, a[0], &c, 0, &note);
}

static long call_vector(struct socket_thread *t, const long a[6], bool write,
			long flags)
{
	struct io_note note = { 0 };
	struct cursor c;
	int err;

	if (!sock_peek(t, a[0]))
		return write && is_route(t, a[0])
			       ? netlink_call(t, SYS_writev, a)
			       : SOCKET_PASS;
	if ((unsigned long)a[2] > CURSOR_IOV_MAX)
		return -EINVAL;
	if (user_span((void *)a[1], (size_t)a[2] * sizeof(struct iovec),
		      false) < (size_t)a[2] * sizeof(struct iovec))
		return -EFAULT;
	err = cursor_many(&c, (void *)a[1], (size_t)a[2]);
	if (err)
		return err;
	if (!c.left)
		return 0;
	return write ? io_send(t, a[0], &c, flags, &note)
		     : io_recv(t, a[0], &c, flags, &note);
}

/* preadv2, pwritev2: as readv and writev where no place is named. */
static long call_vector2(struct socket_thread *t, const long a[6], bool write)
{
	long v[6] = { a[0], a[1], a[2], 0, 0, 0 };
	const unsigned int known =
		RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND;

	if (!sock_peek(t, a[0]) || a[3] != -1)
		return SOCKET_PASS;
	if ((unsigned int)a[5] & ~known)
		return -EOPNOTSUPP;
	return call_vector(t, v, write, a[5] & RWF_NOWAIT ? MSG_DONTWAIT : 0);
}

/* The kernel's own flag, for 32-bit programs. */
#define MSG_CMSG_COMPAT 0x80000000

static bool is_message(long nr)
{
	return nr == SYS_sendmsg || nr == SYS_recvmsg || nr == SYS_sendmmsg ||
	       nr == SYS_recvmmsg;
}

/* Calls whose first argument is a socket, when it is one of ours. */
static long call_socket(struct socket_thread *t, long nr, const long a[6])
{
	if (nr == SYS_ioctl && unlikely(netlink_is_ioctl((uint32_t)a[1])))
		return netlink_ioctl(t, (uint32_t)a[1], (void *)a[2]);
	if (!sock_peek(t, a[0]))
		return is_route(t, a[0]) ? netlink_call(t, nr, a)
					 : parcel_call(t, nr, a);
	if (unlikely(is_message(nr) &&
		     (a[nr == SYS_recvmmsg || nr == SYS_sendmmsg ? 3 : 2] &
		      MSG_CMSG_COMPAT)))
		return -EINVAL;
	switch (nr) {
	case SYS_bind:
		return open_bind(t, a[0], (void *)a[1], (socklen_t)a[2]);
	case SYS_listen:
		return open_listen(t, a[0], a[1]);
	case SYS_accept:
		return open_accept(t, a[0], (void *)a[1], (void *)a[2], 0);
	case SYS_accept4:
		return open_accept(t, a[0], (void *)a[1], (void *)a[2], a[3]);
	case SYS_connect:
		return open_connect(t, a[0], (void *)a[1], (socklen_t)a[2]);
	case SYS_shutdown:
		return open_shutdown(t, a[0], a[1]);
	case SYS_getsockname:
		return open_getname(t, a[0], (void *)a[1], (void *)a[2], false);
	case SYS_getpeername:
		return open_getname(t, a[0], (void *)a[1], (void *)a[2], true);
	case SYS_getsockopt:
		return option_get(t, a[0], a[1], a[2], (void *)a[3],
				  (void *)a[4]);
	case SYS_setsockopt:
		return option_set(t, a[0], a[1], a[2], (void *)a[3],
				  (socklen_t)a[4]);
	case SYS_ioctl:
		return ioctl_call(t, a[0], (unsigned long)a[1], (void *)a[2]);
	case SYS_recvfrom:
		return call_recvfrom(t, a);
	case SYS_sendto:
		return call_sendto(t, a);
	case SYS_recvmsg:
		return io_recvmsg(t, a[0], (void *)a[1], a[2]);
	case SYS_sendmsg:
		return io_sendmsg(t, a[0], (void *)a[1], a[2]);
	case SYS_recvmmsg:
		return io_recvmmsg(t, a[0], (void *)a[1], (unsigned long)a[2],
				   a[3], (void *)a[4]);
	case SYS_sendmmsg:
		return io_sendmmsg(t, a[0], (void *)a[1], (unsigned long)a[2],
				   a[3]);
	default:
		return SOCKET_PASS;
	}
}

long socket_call(struct socket_thread *t, long nr, const long a[6])
{
	if (unlikely(atomic_load_explicit(&t->process->pipes,
					  memory_order_relaxed))) {
		long n = pipe_before(t, nr, a);

		if (n)
			return n;
	}
	switch (nr) {
	case SYS_read:
		return call_plain(t, a, false);
	case SYS_write:
		return call_plain(t, a, true);
	case SYS_readv:
		return call_vector(t, a, false, 0);
	case SYS_writev:
		return call_vector(t, a, true, 0);
	case SYS_preadv2:
		return call_vector2(t, a, false);
	case SYS_pwritev2:
		return call_vector2(t, a, true);
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
		return epoll_wait_until(
			t, a[0], (void *)a[1], (int)a[2], date_ms(t, (int)a[3]),
			nr == SYS_epoll_pwait ? (void *)a[4] : NULL, a[5]);
	case SYS_epoll_pwait2:
		if (a[3] && user_span((void *)a[3], sizeof(struct timespec),
				      false) < sizeof(struct timespec))
			return -EFAULT;
		if (!is_timespec((void *)a[3]))
			return -EINVAL;
		return epoll_wait_until(t, a[0], (void *)a[1], a[2],
					date_ts(t, (void *)a[3]), (void *)a[4],
					a[5]);
	case SYS_epoll_ctl:
		return epoll_control(t, a[0], a[1], a[2], (void *)a[3]);
	case SYS_epoll_create:
	case SYS_epoll_create1:
		return epoll_open(t, nr, a[0]);
	case SYS_poll:
		return poll_until(t, (void *)a[0], (unsigned int)a[1],
				  date_ms(t, (int)a[2]), NULL, SIGSET_BYTES);
	case SYS_ppoll:
		return call_ppoll(t, a);
	case SYS_select:
		return call_select(t, a, false);
	case SYS_pselect6:
		return call_select(t, a, true);
	case SYS_socket:
		return open_socket(t, a[0], a[1], a[2]);
	case SYS_close:
		return descriptor_close(t, a[0]);
	case SYS_close_range:
		if (a[2] & CLOSE_RANGE_UNSHARE)
			socket_bare(t);
		return descriptor_close_range(t, (unsigned long)a[0],
					      (unsigned long)a[1],
					      (unsigned long)a[2]);
	case SYS_dup:
		return descriptor_dup(t, a[0]);
	case SYS_dup2:
	case SYS_dup3:
		return descriptor_dup3(t, nr, a[0], a[1],
				       nr == SYS_dup3 ? a[2] : 0);
	case SYS_fcntl:
		return descriptor_fcntl(t, a[0], a[1], a[2]);
	case SYS_sendfile:
		return splice_sendfile(t, a[0], a[1], (long *)a[2],
				       (unsigned long)a[3]);
	case SYS_splice: {
		struct splice_ends e = { a[0],
					 a[2],
					 (void *)a[1],
					 (void *)a[3],
					 (unsigned long)a[4],
					 (unsigned int)a[5] };

		return splice_call(t, &e);
	}
	case SYS_pipe:
	case SYS_pipe2:
		return pipe_open(t, (void *)a[0],
				 nr == SYS_pipe2 ? (int)a[1] : 0);
	case SYS_unshare:
		if (a[0] & CLONE_FILES)
			socket_bare(t);
		return SOCKET_PASS;
	case SYS_creat:
	case SYS_io_submit:
	case SYS_pidfd_getfd:
		return SOCKET_PASS;
	case SYS_io_uring_setup:
	case SYS_io_uring_enter:
	case SYS_io_uring_register:
		return -ENOSYS;
	default:
		return call_socket(t, nr, a);
	}
}
