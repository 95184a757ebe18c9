/* SPDX-License-Identifier: BSD-2-Clause */
/* Options: which there are, on which sockets, with what to begin with. */
#include "same.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
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
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		of_kind(k);
	select_errors();
	questions();
}
