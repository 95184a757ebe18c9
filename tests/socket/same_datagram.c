/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams put together: MSG_MORE and UDP_CORK. */
#include "same.h"

#include <netinet/udp.h>

/* The next datagram, or what became of it. */
static void next(int fd)
{
	char buf[2048] = { 0 };
	long n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	if (n < 0)
		printf("  nothing: %s\n", strerrorname_np(errno));
	else
		printf("  %ld: %.40s\n", n, buf);
}

static void more(void)
{
	struct sockaddr_in other;
	int x, y, z;

	same_datagrams(&x, &y);
	STEP(send(x, "one ", 4, MSG_MORE));
	next(y);
	STEP(send(x, "two ", 4, MSG_MORE));
	STEP(send(x, "three", 5, 0));
	same_readable(y);
	next(y);
	next(y);
	STEP(send(x, "", 0, MSG_MORE));
	STEP(send(x, "", 0, 0));
	next(y);
	/* Another destination in between: it stays the first one's. */
	z = socket(AF_INET, SOCK_DGRAM, 0);
	other = same_loopback(0);
	bind(z, (void *)&other, sizeof(other));
	{
		socklen_t len = sizeof(other);

		getsockname(z, (void *)&other, &len);
	}
	STEP(send(x, "to y ", 5, MSG_MORE));
	STEP(sendto(x, "to z", 4, 0, (void *)&other, sizeof(other)));
	next(y);
	next(z);
	STEP(sendto(z, "q", 1, MSG_MORE, NULL, 0));
	/* Too much, and what is left of it. */
	{
		static char big[65000];

		STEP(send(x, big, sizeof(big), MSG_MORE));
		STEP(send(x, big, 600, MSG_MORE));
		STEP(send(x, "rest", 4, 0));
		next(y);
	}
	/* Closed before it was sent. */
	STEP(send(x, "lost", 4, MSG_MORE));
	close(x);
	next(y);
	close(y);
	close(z);
}

static void cork(void)
{
	int x, y, on = 1, off = 0, v = -1;
	socklen_t len = sizeof(v);

	same_datagrams(&x, &y);
	STEP(getsockopt(x, IPPROTO_UDP, UDP_CORK, &v, &len));
	printf("  %d\n", v);
	STEP(setsockopt(x, IPPROTO_UDP, UDP_CORK, &on, sizeof(on)));
	STEP(getsockopt(x, IPPROTO_UDP, UDP_CORK, &v, &len));
	printf("  %d\n", v);
	STEP(send(x, "a", 1, 0));
	STEP(write(x, "b", 1));
	next(y);
	STEP(setsockopt(x, IPPROTO_UDP, UDP_CORK, &off, sizeof(off)));
	same_readable(y);
	next(y);
	STEP(setsockopt(x, IPPROTO_UDP, UDP_CORK, &on, sizeof(on)));
	STEP(setsockopt(x, IPPROTO_UDP, UDP_CORK, &off, sizeof(off)));
	next(y);
	close(x);
	close(y);
}

void same_datagram(void)
{
	more();
	cork();
}
