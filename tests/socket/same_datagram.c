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

/* Where what is put together goes, and which addresses are looked at. */
static void cork_to_whom(int domain)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} self = { .sa = { 0 } };
	struct sockaddr odd = { .sa_family = AF_UNIX };
	socklen_t len = sizeof(self);
	int x = socket(domain, SOCK_DGRAM, 0),
	    y = socket(domain, SOCK_DGRAM, 0);

	self.sa.sa_family = (sa_family_t)domain;
	if (domain == AF_INET)
		self.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		self.in6.sin6_addr.s6_addr[15] = 1;
	bind(x, &self.sa, len);
	bind(y, &self.sa, len);
	getsockname(y, &self.sa, &len);
	STEP(connect(x, &self.sa, len));
	STEP(send(x, "abc", 3, MSG_MORE));
	getsockname(x, &self.sa, &len);
	STEP(connect(x, &self.sa, len));
	STEP(write(x, "de", 2));
	same_readable(y);
	next(y);
	next(x);
	STEP(send(x, "abc", 3, MSG_MORE));
	STEP(sendto(x, "de", 2, MSG_MORE, &odd, 5));
	STEP(sendto(x, "de", 2, 0, &odd, sizeof(odd)));
	STEP(send(x, "f", 1, 0));
	same_readable(x);
	next(x);
	next(x);
	STEP(sendto(x, "de", 2, MSG_MORE, &odd, 5));
	if (domain == AF_INET6) {
		struct sockaddr_in to4 = { .sin_family = AF_INET,
					   .sin_port = htons(9),
					   .sin_addr.s_addr =
						   htonl(INADDR_LOOPBACK) };

		STEP(send(x, "a", 1, MSG_MORE));
		STEP(sendto(x, "bc", 2, 0, (struct sockaddr *)&to4,
			    sizeof(to4)));
		STEP(send(x, "d", 1, 0));
		same_readable(x);
		next(x);
	}
	close(x);
	close(y);
}

/* A port even for who does not get connected. */
static void connected_in_vain(int domain)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in6 in6;
	} a;

	for (socklen_t bytes = 1; bytes <= 8; bytes *= 2) {
		int x = socket(domain, SOCK_DGRAM, 0);
		socklen_t len = sizeof(a);

		a.in6 = (struct sockaddr_in6){ .sin6_family =
						       (sa_family_t)domain };
		STEP(connect(x, &a.sa, bytes));
		getsockname(x, &a.sa, &len);
		printf("  %s\n", a.in6.sin6_port ? "has a port" : "no port");
		close(x);
	}
}

void same_datagram(void)
{
	cork_to_whom(AF_INET);
	cork_to_whom(AF_INET6);
	connected_in_vain(AF_INET);
	connected_in_vain(AF_INET6);
	more();
	cork();
}
