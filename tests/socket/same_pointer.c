/* SPDX-License-Identifier: BSD-2-Clause */
/* Bad pointers: at once, and behind a page that is good. */
#include "same.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/uio.h>

/* An address where nothing is, that the compiler does not know. */
static void *nowhere(void)
{
	static void *volatile p = (void *)8;

	return p;
}

/* @bytes before a page that is not there. */
static char *edge(size_t bytes)
{
	char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(p + 2 * 4096, 4096);
	return p + 2 * 4096 - bytes;
}

static void streams(void)
{
	char buf[64], *p = edge(10);
	struct iovec iov[2] = { { p, 10 }, { nowhere(), 10 } };
	int x, y;

	memcpy(p, "0123456789", 10);
	same_streams(&x, &y);
	STEP(write(x, nowhere(), 4));
	STEP(write(x, p, 20));
	STEP(recv(y, buf, 64, MSG_DONTWAIT));
	STEP(writev(x, iov, 2));
	STEP(recv(y, buf, 64, MSG_DONTWAIT));
	STEP(send(x, "0123456789ABCDEF", 16, 0));
	same_readable(y);
	STEP(read(y, nowhere(), 4));
	STEP(read(y, p, 20));
	STEP(recv(y, buf, 64, MSG_DONTWAIT));
	close(x);
	close(y);
}

/* More than one page, more than one buffer of ours. */
static void large(void)
{
	static char buf[65536];
	char *p = edge(8192);
	int x, y;

	same_streams(&x, &y);
	STEP(write(x, p, 65536) > 0 ? 1 : -1);
	while (recv(y, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	WORKS(write(x, buf, 65536));
	same_readable(y);
	STEP(read(y, p, 65536) > 0 ? 1 : -1);
	close(x);
	close(y);
}

static void datagrams(void)
{
	char buf[64], *p = edge(10);
	struct sockaddr_in *sa = (void *)edge(8);
	socklen_t *len = (void *)edge(2);
	int x, y;

	same_datagrams(&x, &y);
	STEP(send(x, p, 20, 0));
	STEP(recv(y, buf, 64, MSG_DONTWAIT));
	STEP(send(x, "0123456789ABCDEF", 16, 0));
	same_readable(y);
	STEP(recv(y, p, 20, MSG_DONTWAIT));
	STEP(recv(y, buf, 64, MSG_DONTWAIT));
	/* No address of a program's: nothing is taken for it. */
	STEP(send(x, "0123456789ABCDEF", 16, 0));
	same_readable(y);
	STEP(recv(y, (void *)-4096L, 10, MSG_DONTWAIT));
	STEP(recv(y, (void *)-4096L, 0, MSG_DONTWAIT));
	STEP(recv(y, (void *)(1L << 47), 10, MSG_DONTWAIT | MSG_TRUNC));
	STEP(recv(y, buf, 64, MSG_DONTWAIT));
	STEP(sendto(x, "a", 1, 0, (void *)sa, 16));
	STEP(bind(x, nowhere(), 16));
	STEP(connect(x, (void *)sa, 16));
	STEP(getsockname(x, nowhere(), len));
	STEP(getsockopt(x, SOL_SOCKET, SO_ERROR, nowhere(), len));
	STEP(setsockopt(x, SOL_SOCKET, SO_RCVBUF, (void *)edge(2), 4));
	STEP(recvmsg(x, (void *)edge(8), 0));
	STEP(sendmsg(x, (void *)edge(8), 0));
	close(x);
	close(y);
}

static void sets(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	static volatile int less = -1;
	int x, y, e = epoll_create1(0);

	same_streams(&x, &y);
	STEP(epoll_ctl(e, EPOLL_CTL_ADD, y, nowhere()));
	STEP(epoll_ctl(e, EPOLL_CTL_ADD, y, &ev));
	STEP(write(x, "a", 1));
	same_readable(y);
	STEP(epoll_wait(e, nowhere(), 1, 0));
	STEP(epoll_wait(e, &ev, 1, 0));
	STEP(poll(nowhere(), 1, 0));
	STEP(select(y + 1, nowhere(), NULL, NULL, NULL));
	STEP(epoll_wait(e, &ev, 0, 0));
	STEP(epoll_wait(e, &ev, less, 0));
	STEP(epoll_ctl(e, 77, y, &ev));
	STEP(epoll_ctl(e, EPOLL_CTL_ADD, e, &ev));
	STEP(epoll_ctl(e, EPOLL_CTL_ADD, 99, &ev));
	STEP(epoll_ctl(y, EPOLL_CTL_ADD, x, &ev));
	close(x);
	close(y);
	close(e);
}

/* Values that are not looked at. */
static void short_values(void)
{
	static const int at[][2] = {
		{ SOL_SOCKET, SO_OOBINLINE }, { SOL_SOCKET, 999 },
		{ IPPROTO_TCP, TCP_NODELAY }, { IPPROTO_TCP, 999 },
		{ IPPROTO_IP, IP_TOS },	      { IPPROTO_IP, 90 },
		{ IPPROTO_IP, 999 },	      { IPPROTO_IPV6, IPV6_V6ONLY },
		{ IPPROTO_IPV6, IPV6_TCLASS }
	};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++)
		for (socklen_t len = 0; len <= 4; len += 2)
			STEP(setsockopt(fd, at[i][0], at[i][1], (void *)8,
					len));
	close(fd);
}

void same_pointers(void)
{
	short_values();
	streams();
	large();
	datagrams();
	sets();
}
