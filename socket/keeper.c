/* SPDX-License-Identifier: BSD-2-Clause */
/* See keeper.h. The members' side; the other is daemon/keeper.c. */
#include "socket/keeper.h"
#include "base/mem.h"
#include "base/sys.h"
#include "fabric/wake.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

/* A daemon that is busy answers within milliseconds. */
#define PATIENCE_MS 200

union rights {
	struct cmsghdr h;
	char room[CMSG_SPACE(KEEPER_FDS * sizeof(int))];
};

/* Sends @note by @over with the descriptors that are not -1. */
static int tell(const struct fabric *f, int over, struct keeper_note *note,
		int first, int second)
{
	int fds[KEEPER_FDS] = { first, second };
	size_t bytes = (first >= 0) * sizeof(int) + (second >= 0) * sizeof(int);
	struct timeval patience = { 0, PATIENCE_MS * 1000 };
	union rights u = { .h = { CMSG_LEN(bytes), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { note, sizeof(*note) };
	struct sockaddr_un to;
	struct msghdr m = { .msg_name = &to,
			    .msg_namelen = wake_address(f, WAKE_KEEPER, &to),
			    .msg_iov = &iov,
			    .msg_iovlen = 1 };
	long n;

	if (bytes) {
		mem_copy(CMSG_DATA(&u.h), fds, bytes);
		m.msg_control = &u;
		m.msg_controllen = CMSG_SPACE(bytes);
	}
	sys_call(SYS_setsockopt, over, SOL_SOCKET, SO_SNDTIMEO, &patience,
		 sizeof(patience));
	n = sys_call(SYS_sendmsg, over, &m,
		     MSG_NOSIGNAL |
			     (note->what == KEEPER_SWEEP ? MSG_DONTWAIT : 0));
	return n < 0 ? (int)n : 0;
}

static int tell_only(const struct fabric *f, struct keeper_note *note,
		     int first, int second)
{
	long over = sys_call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (over < 0)
		return (int)over;
	err = tell(f, (int)over, note, first, second);
	sys_call(SYS_close, over);
	return err;
}

int keeper_keep(const struct fabric *f, uint64_t name, int wake_fd, int epfd)
{
	struct keeper_note note = { .name = name, .what = KEEPER_KEEP };

	return tell_only(f, &note, wake_fd, epfd);
}

void keeper_sweep(const struct fabric *f)
{
	struct keeper_note note = { .what = KEEPER_SWEEP };

	tell_only(f, &note, -1, -1);
}

/* The answer that comes by @over: a descriptor or a negative errno. */
static int answer(int over, uint64_t *name)
{
	struct pollfd p = { over, POLLIN, 0 };
	struct timespec ts = { 0, PATIENCE_MS * NSEC_PER_MSEC };
	struct keeper_note note;
	struct iovec iov = { &note, sizeof(note) };
	union rights u;
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &u,
			    .msg_controllen = sizeof(u) };
	long n = sys_call(SYS_ppoll, &p, 1, &ts, 0, 0);
	int fd;

	if (n <= 0)
		return n ? (int)n : -ETIMEDOUT;
	n = sys_call(SYS_recvmsg, over, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return (int)n;
	if (n != sizeof(note) || m.msg_controllen < CMSG_LEN(sizeof(fd)) ||
	    u.h.cmsg_type != SCM_RIGHTS || u.h.cmsg_level != SOL_SOCKET)
		return -ENOENT;
	mem_copy(&fd, CMSG_DATA(&u.h), sizeof(fd));
	*name = note.name;
	return fd;
}

int keeper_ask(const struct fabric *f, uint64_t *name, int epfd)
{
	struct keeper_note note = { .name = epfd < 0 ? *name : 0,
				    .what = KEEPER_ASK };
	/* Bound to no name, it gets one from the kernel. */
	struct sockaddr_un self = { .sun_family = AF_UNIX };
	long over = sys_call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fd;

	if (over < 0)
		return (int)over;
	fd = (int)sys_call(SYS_bind, over, &self, sizeof(self.sun_family));
	if (!fd)
		fd = tell(f, (int)over, &note, epfd, -1);
	if (!fd)
		fd = answer((int)over, name);
	sys_call(SYS_close, over);
	return fd;
}
