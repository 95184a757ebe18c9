/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll's modes and nesting, several messages at once, error queues, what
 * MSG_ZEROCOPY tells, and odd options.
 */
#include "same.h"

#include <ifaddrs.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

/* --- epoll -------------------------------------------------------------------
 */

static void look(int ep)
{
	struct epoll_event ev[8];
	int n = epoll_wait(ep, ev, 8, 20);

	printf("  %d:", n);
	for (int i = 0; i < n; i++)
		printf(" %x/%llu", ev[i].events,
		       (unsigned long long)ev[i].data.u64);
	printf("\n");
}

static int control(int ep, int op, int fd, unsigned int events,
		   unsigned long data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	return epoll_ctl(ep, op, fd, &ev);
}

static void edges(void)
{
	char buf[64];
	int x, y, z, ep = epoll_create1(0);

	same_streams(&x, &y);
	STEP(control(ep, EPOLL_CTL_ADD, x, EPOLLIN | EPOLLOUT | EPOLLET, 1));
	look(ep);
	look(ep);
	send(y, "abcd", 4, 0);
	same_readable(x);
	look(ep);
	look(ep);
	recv(x, buf, 2, 0);
	look(ep);
	send(y, "ef", 2, 0);
	usleep(10000);
	look(ep);
	recv(x, buf, 64, 0);
	look(ep);
	/* Asking anew reports what is there already. */
	STEP(control(ep, EPOLL_CTL_MOD, x, EPOLLIN | EPOLLOUT | EPOLLET, 2));
	look(ep);
	STEP(control(ep, EPOLL_CTL_MOD, x, EPOLLIN | EPOLLET, 3));
	look(ep);
	send(y, "gh", 2, 0);
	same_readable(x);
	STEP(control(ep, EPOLL_CTL_MOD, x, EPOLLIN | EPOLLET, 4));
	look(ep);
	look(ep);
	shutdown(y, SHUT_WR);
	usleep(10000);
	look(ep);
	look(ep);
	STEP(control(ep, EPOLL_CTL_MOD, x, EPOLLRDHUP | EPOLLET, 5));
	look(ep);
	shutdown(x, SHUT_WR);
	usleep(10000);
	look(ep);
	look(ep);
	STEP(control(ep, EPOLL_CTL_MOD, x, EPOLLIN | EPOLLONESHOT, 6));
	look(ep);
	look(ep);
	STEP(control(ep, EPOLL_CTL_MOD, x, 0, 7));
	look(ep);
	z = dup(x);
	STEP(control(ep, EPOLL_CTL_ADD, z, EPOLLIN, 8));
	STEP(control(ep, EPOLL_CTL_DEL, x, 0, 0));
	close(x);
	look(ep);
	close(z);
	look(ep);
	close(y);
	STEP(control(ep, EPOLL_CTL_ADD, x, EPOLLIN, 9));
	STEP(control(ep, EPOLL_CTL_ADD, ep, EPOLLIN, 9));
	STEP(control(ep, 7, 0, EPOLLIN, 9));
	close(ep);
}

static void flags(void)
{
	int x, y, ep = epoll_create1(0), in = epoll_create1(0);

	same_streams(&x, &y);
	STEP(control(ep, EPOLL_CTL_ADD, x, EPOLLIN | EPOLLEXCLUSIVE, 1));
	STEP(control(ep, EPOLL_CTL_MOD, x, EPOLLIN, 1));
	STEP(control(ep, EPOLL_CTL_DEL, x, 0, 0));
	STEP(control(ep, EPOLL_CTL_ADD, x, EPOLLIN, 1));
	STEP(control(ep, EPOLL_CTL_MOD, x, EPOLLIN | EPOLLEXCLUSIVE, 1));
	STEP(control(ep, EPOLL_CTL_ADD, y,
		     EPOLLIN | EPOLLONESHOT | EPOLLEXCLUSIVE, 1));
	STEP(control(ep, EPOLL_CTL_ADD, y, EPOLLPRI | EPOLLEXCLUSIVE, 1));
	STEP(control(ep, EPOLL_CTL_ADD, in, EPOLLIN | EPOLLEXCLUSIVE, 1));
	STEP(control(ep, EPOLL_CTL_ADD, y, EPOLLIN | EPOLLWAKEUP, 1));
	STEP(control(ep, EPOLL_CTL_MOD, 77, EPOLLIN, 1));
	STEP(control(ep, EPOLL_CTL_DEL, in, EPOLLIN, 1));
	STEP(control(x, EPOLL_CTL_ADD, y, EPOLLIN, 1));
	STEP(epoll_ctl(ep, EPOLL_CTL_DEL, y, NULL));
	STEP(epoll_create(0));
	STEP(epoll_create1(1));
	close(x);
	close(y);
	close(in);
	close(ep);
}

static void nested(void)
{
	int a = epoll_create1(0), b = epoll_create1(0), c = epoll_create1(0);
	int x, y, deep[7];
	char buf[8];
	struct pollfd p = { a, POLLIN, 0 };

	same_streams(&x, &y);
	STEP(control(a, EPOLL_CTL_ADD, b, EPOLLIN, 1));
	STEP(control(b, EPOLL_CTL_ADD, c, EPOLLIN, 2));
	STEP(control(c, EPOLL_CTL_ADD, a, EPOLLIN, 3));
	STEP(control(b, EPOLL_CTL_ADD, a, EPOLLIN, 3));
	STEP(control(c, EPOLL_CTL_ADD, x, EPOLLIN, 4));
	look(a);
	STEP(poll(&p, 1, 20));
	send(y, "a", 1, 0);
	same_readable(x);
	STEP(poll(&p, 1, 100));
	look(a);
	look(b);
	look(c);
	recv(x, buf, 8, 0);
	look(c);
	look(a);
	/* By an edge, once. */
	STEP(control(a, EPOLL_CTL_MOD, b, EPOLLIN | EPOLLET, 5));
	send(y, "b", 1, 0);
	same_readable(x);
	look(a);
	look(a);
	recv(x, buf, 8, 0);
	close(c);
	send(y, "c", 1, 0);
	same_readable(x);
	look(b);
	close(a);
	close(b);
	for (int i = 0; i < 7; i++)
		deep[i] = epoll_create1(0);
	for (int i = 0; i < 6; i++)
		printf("  %d deep: %d\n", i,
		       control(deep[i + 1], EPOLL_CTL_ADD, deep[i], EPOLLIN,
			       1));
	STEP(control(deep[0], EPOLL_CTL_ADD, x, EPOLLIN, 1));
	for (int i = 0; i < 7; i++)
		close(deep[i]);
	close(x);
	close(y);
}

/* --- several messages --------------------------------------------------------
 */

static void several(void)
{
	struct sockaddr_in good = same_loopback(0), bad = good;
	socklen_t len = sizeof(good);
	static char much[70000], in[4][16], text[4] = "abc";
	struct iovec iov[4] = {
		{ text, 1 }, { text, 2 }, { text, 3 }, { text, 1 }
	};
	struct mmsghdr m[4];
	struct timespec ts = { 0, 50000000 };
	int x = socket(AF_INET, SOCK_DGRAM, 0),
	    y = socket(AF_INET, SOCK_DGRAM, 0);

	bind(y, (void *)&good, len);
	getsockname(y, (void *)&good, &len);
	bad.sin_port = 0;
	memset(m, 0, sizeof(m));
	for (int i = 0; i < 4; i++)
		m[i].msg_hdr = (struct msghdr){ .msg_name = &good,
						.msg_namelen = sizeof(good),
						.msg_iov = &iov[i],
						.msg_iovlen = 1 };
	m[2].msg_hdr.msg_name = &bad;
	STEP(sendmmsg(x, m, 4, 0));
	printf("  %u %u %u\n", m[0].msg_len, m[1].msg_len, m[2].msg_len);
	STEP(sendmmsg(x, m + 2, 2, 0));
	STEP(sendmmsg(x, m, 0, 0));
	m[2].msg_hdr.msg_name = &good;
	iov[3] = (struct iovec){ much, sizeof(much) };
	STEP(sendmmsg(x, m, 4, 0));
	STEP(sendmmsg(x, m + 3, 1, 0));
	STEP(sendmmsg(x, (void *)8, 1, 0));
	memset(m, 0, sizeof(m));
	for (int i = 0; i < 4; i++) {
		iov[i] = (struct iovec){ in[i], 2 };
		m[i].msg_hdr =
			(struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	same_readable(y);
	STEP(recvmmsg(y, m, 4, MSG_DONTWAIT, NULL));
	for (int i = 0; i < 4; i++)
		printf("  %u/%x", m[i].msg_len,
		       (unsigned)m[i].msg_hdr.msg_flags);
	printf("\n");
	STEP(recvmmsg(y, m, 4, MSG_WAITFORONE, &ts));
	STEP(recvmmsg(y, m, 4, MSG_DONTWAIT, NULL));
	ts.tv_nsec = 1000000000;
	STEP(recvmmsg(y, m, 4, MSG_DONTWAIT, &ts));
	STEP(recvmmsg(y, (void *)8, 1, MSG_DONTWAIT, NULL));
	/* An error behind what has come is told by the next call. */
	STEP(connect(x, (void *)&good, len));
	close(y);
	iov[0] = iov[1] = (struct iovec){ text, 1 };
	STEP(sendmmsg(x, m, 2, 0));
	usleep(10000);
	STEP(sendmmsg(x, m, 2, 0));
	usleep(10000);
	STEP(recvmmsg(x, m, 2, MSG_DONTWAIT, NULL));
	STEP(recvmmsg(x, m, 2, MSG_DONTWAIT, NULL));
	close(x);
}

/* --- error queues ------------------------------------------------------------
 */

static void errors_of(int fd)
{
	struct sockaddr_in from = { 0 };
	char data[64], room[256];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = room,
			    .msg_controllen = sizeof(room) };
	long n = recvmsg(fd, &m, MSG_ERRQUEUE);

	if (n < 0) {
		printf("  no error: %s\n", strerrorname_np(errno));
		return;
	}
	printf("  %ld bytes, flags %x, name %u to %x\n", n,
	       (unsigned)m.msg_flags, m.msg_namelen,
	       ntohl(from.sin_addr.s_addr));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct sock_extended_err e;

		memcpy(&e, CMSG_DATA(c), sizeof(e));
		printf("  %d/%d of %zu: %s from %d, %d/%d, %u %u\n",
		       c->cmsg_level, c->cmsg_type, c->cmsg_len,
		       e.ee_errno ? strerrorname_np((int)e.ee_errno) : "0",
		       e.ee_origin, e.ee_type, e.ee_code, e.ee_info, e.ee_data);
	}
}

static void refused(void)
{
	struct sockaddr_in a = same_loopback(0);
	socklen_t len = sizeof(a);
	int x, y, on = 1, v = 0;
	char buf[8];

	same_datagrams(&x, &y);
	STEP(setsockopt(x, SOL_IP, IP_RECVERR, &on, sizeof(on)));
	close(y);
	STEP(send(x, "abc", 3, 0));
	usleep(10000);
	STEP(send(x, "def", 3, 0));
	STEP(send(x, "ghi", 3, 0));
	usleep(10000);
	STEP(recv(x, buf, 8, MSG_DONTWAIT));
	errors_of(x);
	errors_of(x);
	errors_of(x);
	len = sizeof(v);
	STEP(getsockopt(x, SOL_SOCKET, SO_ERROR, &v, &len));
	printf("  %d\n", v);
	/* Too long for the device, told locally. */
	on = IP_PMTUDISC_DO;
	STEP(setsockopt(x, SOL_IP, IP_MTU_DISCOVER, &on, sizeof(on)));
	close(x);
	/* A stream's queue tells nothing of a refusal. */
	x = socket(AF_INET, SOCK_STREAM, 0);
	on = 1;
	STEP(setsockopt(x, SOL_IP, IP_RECVERR, &on, sizeof(on)));
	len = sizeof(a);
	STEP(connect(x, (void *)&a, len));
	errors_of(x);
	close(x);
}

/* On a loopback the kernel copies as well. */
static void zerocopy(void)
{
	static char data[20000];
	int x, y, on = 1;

	same_streams(&x, &y);
	STEP(send(x, data, 100, MSG_ZEROCOPY));
	errors_of(x);
	STEP(setsockopt(x, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)));
	for (int i = 0; i < 3; i++)
		STEP(send(x, data, sizeof(data), MSG_ZEROCOPY));
	for (long left = 100 + 3 * (long)sizeof(data); left > 0;)
		left -= recv(y, data, sizeof(data), 0);
	usleep(20000);
	{
		struct pollfd p = { x, POLLIN, 0 };

		STEP(poll(&p, 1, 0));
		printf("  %x\n", (unsigned)p.revents);
	}
	errors_of(x);
	errors_of(x);
	on = 2;
	STEP(setsockopt(x, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)));
	close(x);
	close(y);
}

/* --- SO_LINGER ---------------------------------------------------------------
 */

static void lingering(int seconds, int unread, int nonblock)
{
	struct linger li = { seconds >= 0, seconds < 0 ? 0 : seconds };
	char buf[16];
	int x, y, err = 0;
	socklen_t len = sizeof(err);

	same_streams(&x, &y);
	setsockopt(x, SOL_SOCKET, SO_LINGER, &li, sizeof(li));
	if (nonblock)
		fcntl(x, F_SETFL, O_NONBLOCK);
	if (unread) {
		send(y, "unread", 6, 0);
		same_readable(x);
	}
	send(x, "last", 4, 0);
	STEP(close(x));
	usleep(10000);
	STEP(recv(y, buf, sizeof(buf), MSG_DONTWAIT));
	STEP(recv(y, buf, sizeof(buf), MSG_DONTWAIT));
	STEP(send(y, "x", 1, MSG_NOSIGNAL));
	usleep(10000);
	STEP(send(y, "x", 1, MSG_NOSIGNAL));
	getsockopt(y, SOL_SOCKET, SO_ERROR, &err, &len);
	printf("  %d\n", err);
	close(y);
}

/* --- options -----------------------------------------------------------------
 */

static void six_to_four(void)
{
	struct sockaddr_in a = same_loopback(0);
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_storage name;
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), x, v = AF_INET;

	bind(l, (void *)&a, len);
	listen(l, 1);
	getsockname(l, (void *)&a, &len);
	x = socket(AF_INET6, SOCK_STREAM, 0);
	STEP(setsockopt(x, IPPROTO_IPV6, 1 /* IPV6_ADDRFORM */, &v, 4));
	six.sin6_port = a.sin_port;
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &six.sin6_addr);
	STEP(connect(x, (void *)&six, sizeof(six)));
	v = AF_INET6;
	STEP(setsockopt(x, IPPROTO_IPV6, 1, &v, 4));
	v = AF_INET;
	STEP(setsockopt(x, IPPROTO_IPV6, 1, &v, 4));
	len = sizeof(v);
	STEP(getsockopt(x, SOL_SOCKET, SO_DOMAIN, &v, &len));
	printf("  domain %d\n", v);
	len = sizeof(name);
	STEP(getpeername(x, (void *)&name, &len));
	printf("  family %d, %u bytes\n", name.ss_family, len);
	v = AF_INET;
	STEP(setsockopt(x, IPPROTO_IPV6, 1, &v, 4));
	STEP(send(x, "abc", 3, 0));
	close(x);
	close(l);
}

static void interfaces(void)
{
	struct ifaddrs *all, *i;
	int lo = 0, up = 0, four = 0, six = 0;

	STEP(getifaddrs(&all));
	for (i = all; i; i = i->ifa_next) {
		int family = i->ifa_addr ? i->ifa_addr->sa_family : 0;

		if (strcmp(i->ifa_name, "lo"))
			continue;
		lo++;
		up += (i->ifa_flags & (IFF_UP | IFF_LOOPBACK)) ==
		      (IFF_UP | IFF_LOOPBACK);
		four += family == AF_INET && i->ifa_netmask &&
			((struct sockaddr_in *)i->ifa_netmask)
					->sin_addr.s_addr == htonl(0xff000000);
		six += family == AF_INET6;
	}
	freeifaddrs(all);
	printf("  lo %d times, up %d, IPv4 %d, IPv6 %d\n", lo, up, four, six);
	STEP(if_nametoindex("lo"));
	STEP(if_nametoindex("nothing"));
}

void same_more(void)
{
	edges();
	flags();
	nested();
	several();
	refused();
	zerocopy();
	for (int unread = 0; unread < 2; unread++) {
		lingering(-1, unread, 0);
		lingering(0, unread, 0);
		lingering(1, unread, 0);
		lingering(1, unread, 1);
	}
	six_to_four();
	interfaces();
}
