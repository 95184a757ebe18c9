/* SPDX-License-Identifier: BSD-2-Clause */
/* Urgent data: MSG_OOB, SO_OOBINLINE, the mark. */
#include "same.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/select.h>

static void state(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLPRI, 0 };
	struct timeval none = { 0, 0 };
	int mark = -1, bytes = -1, n;
	fd_set except;

	FD_ZERO(&except);
	FD_SET(fd, &except);
	n = select(fd + 1, NULL, NULL, &except, &none);
	ioctl(fd, SIOCATMARK, &mark);
	ioctl(fd, FIONREAD, &bytes);
	poll(&p, 1, 0);
	printf("  at mark %d, %d bytes, poll %x, select %d\n", mark, bytes,
	       (unsigned)p.revents, n);
}

static void get(int fd, size_t n, int flags)
{
	char buf[64] = { 0 };
	long got = recv(fd, buf, n, flags | MSG_DONTWAIT);

	if (got < 0)
		printf("  %s\n", strerrorname_np(errno));
	else
		printf("  %ld: %.*s\n", got, (int)got, buf);
}

static void apart(void)
{
	int x, y;

	same_streams(&x, &y);
	get(y, 1, MSG_OOB);
	STEP(send(x, "hello", 5, MSG_OOB));
	same_readable(y);
	state(y);
	get(y, 64, MSG_PEEK);
	get(y, 1, MSG_OOB | MSG_PEEK);
	get(y, 64, MSG_OOB);
	state(y);
	get(y, 1, MSG_OOB);
	get(y, 2, 0);
	state(y);
	get(y, 64, 0);
	state(y);
	get(y, 64, 0);
	STEP(send(x, "world", 5, 0));
	same_readable(y);
	state(y);
	get(y, 64, MSG_PEEK);
	get(y, 64, 0);
	state(y);
	/* Unread, and read over. */
	STEP(send(x, "abc", 3, MSG_OOB));
	STEP(send(x, "def", 3, 0));
	same_readable(y);
	state(y);
	get(y, 64, 0);
	state(y);
	get(y, 64, 0);
	state(y);
	get(y, 1, MSG_OOB);
	/* Two of them: the first one is data again. */
	STEP(send(x, "12", 2, MSG_OOB));
	STEP(send(x, "34", 2, MSG_OOB));
	same_readable(y);
	state(y);
	get(y, 64, 0);
	get(y, 1, MSG_OOB);
	get(y, 64, 0);
	/* The last byte of all. */
	STEP(send(x, "z", 1, MSG_OOB));
	STEP(shutdown(x, SHUT_WR));
	same_readable(y);
	get(y, 64, 0);
	get(y, 64, MSG_PEEK);
	close(x);
	close(y);
}

static void in_line(void)
{
	int x, y, on = 1, v = -1;
	socklen_t len = sizeof(v);

	same_streams(&x, &y);
	STEP(getsockopt(y, SOL_SOCKET, SO_OOBINLINE, &v, &len));
	printf("  %d\n", v);
	STEP(setsockopt(y, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)));
	STEP(getsockopt(y, SOL_SOCKET, SO_OOBINLINE, &v, &len));
	printf("  %d\n", v);
	STEP(send(x, "hello", 5, MSG_OOB));
	STEP(send(x, "world", 5, 0));
	same_readable(y);
	state(y);
	get(y, 1, MSG_OOB);
	get(y, 64, 0);
	state(y);
	get(y, 64, 0);
	state(y);
	close(x);
	close(y);
}

void same_urgent(void)
{
	apart();
	in_line();
}
