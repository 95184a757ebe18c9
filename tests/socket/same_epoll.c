/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll instances with descriptors of the kernel's: errors, EPOLLEXCLUSIVE. */
#include "same.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define WAITERS 6

static void errors(void)
{
	struct epoll_event ev = { .events = EPOLLOUT };
	struct timespec bad = { -1, 0 }, late = { 0, 1000000000 };
	void *constant =
		mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static void *volatile nowhere = (void *)8;
	int p[2], e = epoll_create1(0);

	if (pipe(p))
		return;
	STEP(epoll_ctl(e, EPOLL_CTL_ADD, p[1], &ev));
	STEP(epoll_wait(e, constant, 1, -1));
	STEP(epoll_pwait(e, &ev, 1, 0, nowhere));
	STEP(epoll_pwait2(e, &ev, 1, &bad, NULL));
	STEP(epoll_pwait2(e, &ev, 1, &late, NULL));
	STEP(epoll_pwait2(e, &ev, 1, nowhere, NULL));
	STEP(epoll_wait(e, &ev, 1, 0));
	close(p[0]);
	close(p[1]);
	close(e);
}

/* The names of sockets, and where they do not fit. */
static void names(void)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa), less = (socklen_t)-1;
	char buf[8];
	int x, y;

	same_streams(&x, &y);
	STEP(getsockname(x, NULL, &len));
	STEP(getsockname(x, (void *)&sa, NULL));
	STEP(getpeername(x, NULL, &len));
	STEP(getpeername(x, (void *)&sa, &less));
	STEP(write(x, "abc", 3));
	same_readable(y);
	STEP(recvfrom(y, buf, 1, 0, (void *)&sa, &less));
	len = sizeof(sa);
	STEP(recvfrom(y, buf, 1, 0, (void *)&sa, &len));
	printf("  %u\n", len);
	STEP(recvfrom(y, buf, 1, 0, (void *)&sa, NULL));
	close(x);
	close(y);
}

/* Of those who wait for a pipe with EPOLLEXCLUSIVE, one wakes at a time. */
static void exclusive(int fd, int write_fd)
{
	int told[2], woken = 0;
	char byte;

	if (pipe(told))
		return;
	for (int i = 0; i < WAITERS; i++) {
		struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE |
						    EPOLLET };
		int e;

		if (fork())
			continue;
		e = epoll_create1(0);
		epoll_ctl(e, EPOLL_CTL_ADD, fd, &ev);
		if (write(told[1], "r", 1) != 1)
			_exit(1);
		if (epoll_wait(e, &ev, 1, 1500) == 1 &&
		    write(told[1], "w", 1) != 1)
			_exit(1);
		_exit(0);
	}
	for (int i = 0; i < WAITERS; i++)
		read(told[0], &byte, 1);
	usleep(300000); /* until they sleep: nothing tells */
	for (int i = 0; i < 2; i++) {
		if (write(write_fd, "x", 1) != 1)
			return;
		read(told[0], &byte, 1);
		usleep(100000); /* nor that nobody else has woken */
		read(fd, &byte, 1);
	}
	while (wait(NULL) > 0)
		;
	fcntl(told[0], F_SETFL, O_NONBLOCK);
	while (read(told[0], &byte, 1) == 1)
		woken++;
	printf("  %d too many\n", woken);
	close(told[0]);
	close(told[1]);
}

/* A descriptor of the kernel's is closed without EPOLL_CTL_DEL. */
static void closed(void)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 1 }, got[4];
	int p[2], x, y, e = epoll_create1(0), copy;
	char buf[8];

	if (pipe(p))
		return;
	same_streams(&x, &y);
	STEP(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev));
	ev.data.u64 = 2;
	STEP(epoll_ctl(e, EPOLL_CTL_ADD, x, &ev));
	copy = dup(p[0]);
	STEP(close(p[0]));
	STEP(epoll_ctl(e, EPOLL_CTL_DEL, p[0], &ev));
	STEP(epoll_wait(e, got, 4, 0));
	STEP(write(p[1], "a", 1));
	STEP(epoll_wait(e, got, 4, 1000));
	printf("  %d\n", (int)got[0].data.u64);
	STEP(epoll_ctl(e, EPOLL_CTL_DEL, copy, &ev));
	/* The same file, by another number. */
	STEP(epoll_ctl(e, EPOLL_CTL_ADD, copy, &ev));
	STEP(epoll_wait(e, got, 4, 1000));
	STEP(read(copy, buf, 8));
	STEP(epoll_wait(e, got, 4, 20));
	STEP(close(copy));
	STEP(close(p[1]));
	STEP(epoll_wait(e, got, 4, 20));
	STEP(write(y, "a", 1));
	STEP(epoll_wait(e, got, 4, 1000));
	printf("  %d\n", (int)got[0].data.u64);
	STEP(read(x, buf, 8));
	STEP(epoll_wait(e, got, 4, 20));
	close(x);
	close(y);
	close(e);
}

void same_epoll(void)
{
	int p[2], x, y;

	errors();
	names();
	closed();
	if (pipe(p))
		return;
	exclusive(p[0], p[1]);
	same_streams(&x, &y);
	exclusive(y, x);
}
