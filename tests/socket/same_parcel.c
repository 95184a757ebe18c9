/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets sent over Unix sockets, by every call that can. */
#include "same.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
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

/* Waits on @ep and prints what comes, in the order of its data. */
static void wait_print(const char *who, int ep, int ms)
{
	struct epoll_event ev[4];
	unsigned long long sum = 0;
	unsigned int events = 0;
	int n;

	/* A fabric looks at the kernel's descriptors every 50 us. */
	usleep(1000);
	n = epoll_wait(ep, ev, 4, ms);
	for (int i = 0; i < n; i++) {
		sum += ev[i].data.u64;
		events |= ev[i].events;
	}
	printf("  %s: %d %x %llu\n", who, n, events, sum);
	fflush(stdout);
}

static void watch(int ep, int fd, unsigned int events, unsigned long data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		printf("  cannot watch %lu: %s\n", data,
		       strerrorname_np(errno));
}

/* A pipe that tells the other process when to go on. */
static void pass_turn(const int p[2])
{
	write(p[1], "t", 1);
}

static void take_turn(const int p[2])
{
	char c;

	read(p[0], &c, 1);
}

/* What the receiver of an instance does with it; he has no other part of it. */
static void use_instance(int over, const int turn[2], const int back[2])
{
	int ep = get_it(over, 0), own[2], x, y;

	wait_print("nothing yet", ep, 0);
	pass_turn(back);
	wait_print("a stream, waited for", ep, 2000);
	pass_turn(back);
	take_turn(turn);
	wait_print("and the counter", ep, 2000);
	same_streams(&x, &y);
	watch(ep, x, EPOLLIN, 100);
	write(y, "z", 1);
	same_readable(x);
	wait_print("and one of the receiver's", ep, 0);
	close(x);
	wait_print("closed again", ep, 0);
	close(y);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, own);
	STEP(send_it(own[0], ep, 0));
	close(ep);
	ep = get_it(own[1], 0);
	wait_print("sent on to oneself", ep, 0);
	close(own[0]);
	close(own[1]);
	pass_turn(back);
	/* The sender closes his. */
	take_turn(turn);
	wait_print("alone with it", ep, 0);
	pass_turn(back);
	wait_print("alone, waiting", ep, 2000);
	close(ep);
}

static void instance(void)
{
	int over[2], turn[2], back[2], x, y, count, ep, status = 0;
	char buf[8];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, over) || pipe(turn) ||
	    pipe(back))
		return;
	fflush(stdout);
	if (!fork()) {
		use_instance(over[1], turn, back);
		_exit(0);
	}
	same_streams(&x, &y);
	count = eventfd(0, 0);
	ep = epoll_create1(0);
	watch(ep, x, EPOLLIN, 1);
	watch(ep, count, EPOLLIN, 10);
	send_it(over[0], ep, 0);
	take_turn(back);
	usleep(50000); /* it sleeps by now, in most runs */
	write(y, "a", 1);
	take_turn(back);
	eventfd_write(count, 1);
	pass_turn(turn);
	take_turn(back);
	read(x, buf, 1);
	close(ep);
	pass_turn(turn);
	take_turn(back);
	usleep(50000);
	write(y, "b", 1);
	wait(&status);
	printf("  the receiver: %d\n", status);
	close(x);
	close(y);
	close(count);
	for (int i = 0; i < 2; i++) {
		close(over[i]);
		close(turn[i]);
		close(back[i]);
	}
}

/* The sender dies while the instance is on its way, and nobody else has it. */
static void orphan(int how)
{
	int over[2], x, y, status, ep;
	pid_t child;

	socketpair(AF_UNIX, SOCK_DGRAM, 0, over);
	same_streams(&x, &y);
	fflush(stdout);
	child = fork();
	if (!child) {
		ep = epoll_create1(0);
		watch(ep, x, EPOLLIN, 7);
		watch(ep, over[0], EPOLLIN, 8);
		send_it(over[0], ep, 0);
		if (how)
			raise(SIGKILL);
		_exit(0);
	}
	waitpid(child, &status, 0);
	usleep(20000); /* its death is known everywhere */
	ep = get_it(over[1], 0);
	wait_print("an orphan", ep, 0);
	write(y, "c", 1);
	wait_print("with news", ep, 2000);
	close(ep);
	close(x);
	close(y);
	close(over[0]);
	close(over[1]);
}

/* Two processes that share one by fork before anybody has waited on it. */
static void forked(void)
{
	int x, y, turn[2], back[2], ep = epoll_create1(0), status;
	char buf[8];

	same_streams(&x, &y);
	if (pipe(turn) || pipe(back))
		return;
	fcntl(turn[0], F_SETFL, O_NONBLOCK);
	watch(ep, turn[0], EPOLLIN, 20);
	watch(ep, x, EPOLLIN, 2);
	fflush(stdout);
	if (!fork()) {
		wait_print("the child", ep, 2000);
		read(x, buf, 1);
		pass_turn(back);
		_exit(0);
	}
	usleep(50000);
	write(y, "d", 1);
	take_turn(back);
	wait_print("nothing is left", ep, 50);
	write(y, "e", 1);
	wait_print("the parent", ep, 2000);
	wait(&status);
	for (int i = 0; i < 2; i++) {
		close(turn[i]);
		close(back[i]);
	}
	close(x);
	close(y);
	close(ep);
}

void same_parcels(void)
{
	instance();
	orphan(0);
	orphan(1);
	forked();
	socket_by(0);
	socket_by(1);
	in_proc();
}
