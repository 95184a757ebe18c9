/* SPDX-License-Identifier: BSD-2-Clause */
/* Options: which there are, on which sockets, with what to begin with. */
#include "same.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

static const struct {
	const char *name;
	int domain, type, protocol;
} kinds[] = {
	{ "TCP", AF_INET, SOCK_STREAM, 0 },
	{ "UDP", AF_INET, SOCK_DGRAM, 0 },
	{ "TCP over IPv6", AF_INET6, SOCK_STREAM, 0 },
	{ "UDP over IPv6", AF_INET6, SOCK_DGRAM, 0 },
	{ "raw", AF_INET, SOCK_RAW, IPPROTO_ICMP },
	{ "raw over IPv6", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6 },
};

static long get(int fd, int level, int name, unsigned char *value)
{
	socklen_t len = 64;

	memset(value, 0, 64);
	return getsockopt(fd, level, name, value, &len) ? -errno : (long)len;
}

/* What it is to begin with, and after it has been set to 1. */
static void one(const char *kind, int fd, int level, int name)
{
	unsigned char before[64], after[64];
	long was = get(fd, level, name, before), is;
	int on = 1, err, v;

	err = setsockopt(fd, level, name, &on, sizeof(on)) ? errno : 0;
	is = get(fd, level, name, after);
	printf("  %s %d/%d:", kind, level, name);
	if (was < 0)
		printf(" %s", strerrorname_np((int)-was));
	memcpy(&v, before, sizeof(v));
	if (was >= 0)
		printf(" %ld bytes, %d", was, v);
	printf(", set %s", err ? strerrorname_np(err) : "");
	memcpy(&v, after, sizeof(v));
	if (is >= 0)
		printf(" %d", v);
	printf("\n");
}

/* Those that a fabric has, and that are the same on every kernel. */
static const int sockets[] = {
	SO_REUSEADDR,	  SO_TYPE,	   SO_DONTROUTE,  SO_BROADCAST,
	SO_KEEPALIVE,	  SO_OOBINLINE,	   SO_NO_CHECK,	  SO_PRIORITY,
	SO_REUSEPORT,	  SO_PEERCRED,	   SO_RCVLOWAT,	  SO_SNDLOWAT,
	SO_TIMESTAMP,	  SO_ACCEPTCONN,   SO_PEERSEC,	  SO_TIMESTAMPNS,
	SO_TIMESTAMPING,  SO_PROTOCOL,	   SO_DOMAIN,	  SO_SELECT_ERR_QUEUE,
	SO_DETACH_FILTER, SO_INCOMING_CPU, SO_LOCK_FILTER
};
static const int ips[] = { IP_TOS,     IP_TTL,	   IP_PKTINFO, IP_RECVERR,
			   IP_RECVTTL, IP_RECVTOS, IP_FREEBIND };
static const int ipv6s[] = { IPV6_V6ONLY,     IPV6_RECVPKTINFO,
			     IPV6_RECVERR,    IPV6_RECVHOPLIMIT,
			     IPV6_RECVTCLASS, IPV6_RECVHOPOPTS,
			     IPV6_RECVRTHDR,  IPV6_RECVDSTOPTS };
static const int tcps[] = { TCP_NODELAY,     TCP_CORK,	  TCP_KEEPIDLE,
			    TCP_KEEPINTVL,   TCP_KEEPCNT, TCP_QUICKACK,
			    TCP_USER_TIMEOUT };

static void of_kind(size_t k)
{
	static const int levels[] = { IPPROTO_IP,  IPPROTO_IPV6, IPPROTO_TCP,
				      IPPROTO_UDP, 255,		 99 };
	const char *kind = kinds[k].name;
	int fd = socket(kinds[k].domain, kinds[k].type, kinds[k].protocol);

	for (size_t i = 0; i < sizeof(sockets) / sizeof(*sockets); i++)
		one(kind, fd, SOL_SOCKET, sockets[i]);
	/* A name that nothing has. */
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		one(kind, fd, levels[i], 90);
	for (size_t i = 0; i < sizeof(tcps) / sizeof(*tcps); i++)
		one(kind, fd, IPPROTO_TCP, tcps[i]);
	if (kinds[k].protocol != IPPROTO_ICMPV6)
		for (size_t i = 0; i < sizeof(ips) / sizeof(*ips); i++)
			one(kind, fd, IPPROTO_IP, ips[i]);
	for (size_t i = 0; i < sizeof(ipv6s) / sizeof(*ipv6s); i++)
		one(kind, fd, IPPROTO_IPV6, ipv6s[i]);
	close(fd);
}

/* Notes of the error queue for who waits for POLLPRI alone. */
static void select_errors(void)
{
	int x, y,
		on = 1,
		what = SOF_TIMESTAMPING_TX_SOFTWARE |
		       SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY;
	struct epoll_event ev = { .events = EPOLLPRI };
	int ep = epoll_create1(0);
	struct pollfd p;

	same_datagrams(&x, &y);
	epoll_ctl(ep, EPOLL_CTL_ADD, x, &ev);
	p = (struct pollfd){ x, POLLPRI, 0 };
	STEP(setsockopt(x, SOL_SOCKET, SO_TIMESTAMPING, &what, sizeof(what)));
	STEP(send(x, "a", 1, 0));
	STEP(poll(&p, 1, 300));
	printf("  %x\n", (unsigned)p.revents);
	STEP(setsockopt(x, SOL_SOCKET, SO_SELECT_ERR_QUEUE, &on, sizeof(on)));
	STEP(send(x, "a", 1, 0));
	STEP(poll(&p, 1, 300));
	printf("  %x\n", (unsigned)p.revents);
	STEP(epoll_wait(ep, &ev, 1, 300));
	printf("  %x\n", ev.events);
	close(x);
	close(y);
	close(ep);
}

/* @now: and how fast it is, which a kernel remembers for a while */
static void tell_rate(int fd, bool now)
{
	struct {
		struct tcp_info i;
		char more[256];
	} info;
	socklen_t len = sizeof(info);
	/* Behind 104 bytes, whatever libc's header calls it. */
	uint64_t rates[2], wide;

	memset(&info, 0, sizeof(info));
	for (socklen_t room = 0; room <= sizeof(wide); room++) {
		socklen_t n = room;

		wide = 0;
		getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &wide, &n);
		printf(" %u:%llx", n, (unsigned long long)wide);
	}
	if (!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len)) {
		memcpy(rates, (char *)&info + 104, sizeof(rates));
		if (now)
			printf(", %llx", (unsigned long long)rates[0]);
		printf(" of %llx", (unsigned long long)rates[1]);
	}
	printf("\n");
}

/* SO_MAX_PACING_RATE: its sizes, its ends, and who has it from whom. */
static void max_rate(void)
{
	static const uint64_t rates[] = {
		1000000,    0,
		1,	    (uint64_t)UINT32_MAX,
		UINT64_MAX, (uint64_t)UINT32_MAX + 5,
		100000,
	};
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int l = socket(AF_INET, SOCK_STREAM, 0), a, b;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		int fd = socket(kinds[k].domain, kinds[k].type,
				kinds[k].protocol);

		printf("  %s", kinds[k].name);
		tell_rate(fd, true);
		for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++)
			for (socklen_t n = 3; n <= 9; n++) {
				unsigned char value[16] = { 0 };

				memcpy(value, &rates[i], sizeof(rates[i]));
				printf("  %u bytes of %llx: %s,", n,
				       (unsigned long long)rates[i],
				       setsockopt(fd, SOL_SOCKET,
						  SO_MAX_PACING_RATE, value, n)
					       ? strerrorname_np(errno)
					       : "taken");
				tell_rate(fd, false);
			}
		close(fd);
	}
	STEP(setsockopt(l, SOL_SOCKET, SO_MAX_PACING_RATE, &rates[6],
			sizeof(rates[6])));
	bind(l, (struct sockaddr *)&at, sizeof(at));
	listen(l, 1);
	tell_rate(l, true);
	getsockname(l, (struct sockaddr *)&at, &len);
	a = socket(AF_INET, SOCK_STREAM, 0);
	STEP(connect(a, (struct sockaddr *)&at, sizeof(at)));
	b = accept(l, NULL, NULL);
	STEP(send(b, "a", 1, 0));
	STEP(recv(a, &at, 1, 0));
	STEP(send(a, "a", 1, 0));
	STEP(recv(b, &at, 1, 0));
	tell_rate(b, true);
	STEP(setsockopt(a, SOL_SOCKET, SO_MAX_PACING_RATE, &rates[0], 4));
	tell_rate(a, false);
	close(a);
	close(b);
	close(l);
}

/* What IP_TOS does to SO_PRIORITY. */
static void tos_priority(void)
{
	static const struct {
		int domain, type;
	} kind[] = { { AF_INET, SOCK_STREAM },
		     { AF_INET, SOCK_DGRAM },
		     { AF_INET6, SOCK_STREAM } };
	static const int tos[] = { 0x08, 0x10, 0x18, 0x02, 0xfe, 0xfe, 0 };
	socklen_t len = sizeof(int);
	int v, three = 3;

	for (size_t k = 0; k < sizeof(kind) / sizeof(*kind); k++) {
		int fd = socket(kind[k].domain, kind[k].type, 0);

		for (size_t i = 0; i < sizeof(tos) / sizeof(*tos); i++) {
			setsockopt(fd, IPPROTO_IP, IP_TOS, &tos[i],
				   sizeof(int));
			getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &v, &len);
			printf("  %x: priority %d\n", (unsigned)tos[i], v);
			if (i == 4) /* what is set stays while TOS does */
				setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &three,
					   sizeof(int));
		}
		setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos[0], sizeof(int));
		getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &v, &len);
		printf("  IPv6: priority %d\n", v);
		close(fd);
	}
}

static void asked(int x)
{
	int v = -1;

	STEP(ioctl(x, SIOCATMARK, &v));
	STEP(ioctl(x, SIOCATMARK, NULL));
	STEP(ioctl(x, SIOCOUTQ, &v));
	STEP(ioctl(x, SIOCOUTQ, NULL));
	STEP(ioctl(x, SIOCOUTQNSD, &v));
	STEP(ioctl(x, SIOCOUTQNSD, NULL));
	STEP(ioctl(x, FIONREAD, &v));
	STEP(ioctl(x, FIONREAD, NULL));
	STEP(ioctl(x, FIONBIO, NULL));
	printf("  %d\n", v);
}

/* What may be asked of sockets of each kind, in each state. */
static void questions(void)
{
	int x, y, z = socket(AF_INET, SOCK_STREAM, 0);

	same_datagrams(&x, &y);
	asked(x);
	asked(z);
	listen(z, 1);
	asked(z);
	close(x);
	close(y);
	same_streams(&x, &y);
	asked(x);
	shutdown(x, SHUT_WR);
	asked(x);
	close(x);
	close(y);
	close(z);
}

void same_options(void)
{
	tos_priority();
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		of_kind(k);
	select_errors();
	max_rate();
	questions();
}
