/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets sent over Unix sockets, by every call that can. */
#include "same.h"

#include <sys/wait.h>

static struct msghdr message(struct iovec *iov, void *control, size_t bytes)
{
	static char byte;

	*iov = (struct iovec){ &byte, 1 };
	return (struct msghdr){ .msg_iov = iov,
				.msg_iovlen = 1,
				.msg_control = control,
				.msg_controllen = bytes };
}

static int send_it(int over, int fd, int many)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} u = { .h = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov;
	struct mmsghdr mm = { .msg_hdr = message(&iov, &u, sizeof(u)) };

	memcpy(CMSG_DATA(&u.h), &fd, sizeof(fd));
	return many ? sendmmsg(over, &mm, 1, 0)
		    : (int)sendmsg(over, &mm.msg_hdr, 0);
}

static int get_it(int over, int many)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} u;
	struct iovec iov;
	struct mmsghdr mm = { .msg_hdr = message(&iov, &u, sizeof(u)) };
	int fd = -1, n;

	n = many ? recvmmsg(over, &mm, 1, 0, NULL)
		 : (int)recvmsg(over, &mm.msg_hdr, 0);
	if (n != 1 || mm.msg_hdr.msg_controllen < CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(&u.h), sizeof(fd));
	return fd;
}

/* A socket goes to a child that was there before it. */
static void socket_by(int many)
{
	int over[2], x, y, status = 0;
	char buf[16] = { 0 };

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, over))
		return;
	if (!fork()) {
		int fd = get_it(over[1], many);
		int ok = fd >= 0 && write(fd, "from the child", 14) == 14;

		_exit(ok ? 0 : 1);
	}
	same_streams(&x, &y);
	STEP(send_it(over[0], y, many));
	close(y);
	wait(&status);
	printf("  the child: %d\n", status);
	same_readable(x);
	STEP(recv(x, buf, sizeof(buf), MSG_DONTWAIT));
	STEP(recv(x, buf, sizeof(buf), 0));
	close(x);
	close(over[0]);
	close(over[1]);
}

/* What /proc says of a socket's descriptor. */
static void in_proc(void)
{
	char path[64], target[64] = { 0 };
	int x, y;

	same_streams(&x, &y);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", x);
	if (readlink(path, target, sizeof(target) - 1) < 0)
		printf("  readlink: %s\n", strerrorname_np(errno));
	printf("  %.8s\n", target);
	STEP(open(path, O_RDWR));
	close(x);
	close(y);
}

void same_parcels(void)
{
	socket_by(0);
	socket_by(1);
	in_proc();
}
