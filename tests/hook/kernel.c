/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program of this directory on the kernel alone: what the programs ask for is
 * what the kernel does, or they would fail here. The calls that the stub of the
 * socket layer answers (check.h) are answered by this process instead, which
 * the kernel asks for them (SECCOMP_RET_USER_NOTIF): no code of ours is in the
 * program.
 *
 * Usage: kernel PROGRAM [argument...]
 */
#include "check.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* Asks for calls 500 to 504 of this process and its children. */
static int filter(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, NR_PLUS, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NR_SPIN, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { sizeof(f) / sizeof(f[0]), f };

	if (geteuid())
		CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER, &p);
}

static void fd_pass(int to, int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = { 0 };
	struct iovec v = { &u.room, 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = u.room,
			    .msg_controllen = sizeof(u.room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	CHECK(sendmsg(to, &m, 0) == 1);
}

static int fd_take(int from)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	char byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = u.room,
			    .msg_controllen = sizeof(u.room) };
	int fd;

	if (recvmsg(from, &m, 0) != 1 || !CMSG_FIRSTHDR(&m))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/* One call. Those that wait go on until a signal ends them. */
static void answer(int listener)
{
	struct seccomp_notif n = { 0 };
	struct seccomp_notif_resp r = { 0 };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n))
		return; /* ended meanwhile */
	r.id = n.id;
	switch (n.data.nr) {
	case NR_PLUS:
		r.val = (int64_t)n.data.args[0] + 1;
		break;
	case NR_SPIN:
		for (volatile uint64_t i = 0; i < n.data.args[0]; i++)
			;
		break;
	case NR_READ:
		r.error = -EFAULT;
		break;
	default:
		return;
	}
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
}

int main(int argc, char **argv)
{
	struct pollfd p[2] = { { 0, POLLIN, 0 }, { 0, POLLIN, 0 } };
	int pair[2], status;
	pid_t pid;

	CHECK(argc > 1 && !is_hooked());
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	pid = fork();
	if (!pid) {
		int fd = filter();

		if (fd < 0)
			_exit(77);
		fd_pass(pair[1], fd);
		close(fd);
		close(pair[0]);
		close(pair[1]);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	close(pair[1]);
	p[0].fd = fd_take(pair[0]);
	if (p[0].fd < 0) {
		puts("skipped: this kernel has no seccomp notifications");
		return 77;
	}
	p[1].fd = (int)syscall(SYS_pidfd_open, pid, 0);
	CHECK(p[1].fd >= 0);
	while (poll(p, 2, -1) > 0 && !p[1].revents) {
		if (p[0].revents & POLLIN)
			answer(p[0].fd);
	}
	status = status_of(pid);
	if (status >= 1000)
		fprintf(stderr, "ended by signal %d\n", status - 1000);
	return status < 1000 ? status : 1;
}
