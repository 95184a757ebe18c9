/* SPDX-License-Identifier: BSD-2-Clause */
/* Options and ioctl. */
#include "random.h"

#include <linux/sockios.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <termios.h>

/*
 * Options that a fabric has as the kernel has them. Sizes of buffers, those
 * that name processors and times, and what is refused (docs/compatibility.md)
 * are not here.
 */
static const struct {
	int level, name;
} options[] = {
	{ SOL_SOCKET, SO_REUSEADDR },
	{ SOL_SOCKET, SO_REUSEADDR },
	{ SOL_SOCKET, SO_REUSEPORT },
	{ SOL_SOCKET, SO_KEEPALIVE },
	{ SOL_SOCKET, SO_BROADCAST },
	{ SOL_SOCKET, SO_OOBINLINE },
	{ SOL_SOCKET, SO_OOBINLINE },
	{ SOL_SOCKET, SO_RCVLOWAT },
	{ SOL_SOCKET, SO_RCVLOWAT },
	{ SOL_SOCKET, SO_TIMESTAMP },
	{ SOL_SOCKET, SO_TIMESTAMPNS },
	{ SOL_SOCKET, SO_TYPE },
	{ SOL_SOCKET, SO_DOMAIN },
	{ SOL_SOCKET, SO_PROTOCOL },
	{ SOL_SOCKET, SO_ACCEPTCONN },
	{ SOL_SOCKET, SO_ERROR },
	{ SOL_SOCKET, SO_ERROR },
	{ SOL_SOCKET, SO_ERROR },
	{ SOL_SOCKET, SO_DONTROUTE },
	{ SOL_SOCKET, SO_SNDLOWAT },
	{ SOL_SOCKET, SO_PEERCRED },
	{ SOL_SOCKET, SO_NO_CHECK },
	{ SOL_SOCKET, 99 },
	{ SOL_SOCKET, SO_BINDTODEVICE },
	{ IPPROTO_IP, IP_TOS },
	{ IPPROTO_IP, IP_TTL },
	{ IPPROTO_IP, IP_PKTINFO },
	{ IPPROTO_IP, IP_RECVERR },
	{ IPPROTO_IP, IP_RECVERR },
	{ IPPROTO_IP, IP_RECVTTL },
	{ IPPROTO_IP, IP_RECVTOS },
	{ IPPROTO_IP, IP_MTU_DISCOVER },
	{ IPPROTO_IP, IP_MULTICAST_LOOP },
	{ IPPROTO_IP, IP_FREEBIND },
	{ IPPROTO_IP, 90 },
	{ IPPROTO_IPV6, IPV6_V6ONLY },
	{ IPPROTO_IPV6, IPV6_V6ONLY },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO },
	{ IPPROTO_IPV6, IPV6_RECVERR },
	{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS },
	{ IPPROTO_IPV6, IPV6_TCLASS },
	{ IPPROTO_IPV6, IPV6_MULTICAST_HOPS },
	{ IPPROTO_IPV6, IPV6_MULTICAST_LOOP },
	{ IPPROTO_IPV6, 90 },
	{ IPPROTO_TCP, TCP_NODELAY },
	{ IPPROTO_TCP, TCP_CORK },
	{ IPPROTO_TCP, TCP_KEEPIDLE },
	{ IPPROTO_TCP, TCP_KEEPINTVL },
	{ IPPROTO_TCP, TCP_KEEPCNT },
	{ IPPROTO_TCP, TCP_SYNCNT },
	{ IPPROTO_TCP, TCP_LINGER2 },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT },
	{ IPPROTO_TCP, TCP_INQ },
	{ IPPROTO_TCP, 99 },
	{ IPPROTO_UDP, UDP_CORK },
	{ IPPROTO_UDP, UDP_SEGMENT },
	{ IPPROTO_UDP, UDP_GRO },
	{ IPPROTO_UDP, 99 },
	{ 255, 1 },
	{ 99, 1 },
};
#define OPTIONS (sizeof(options) / sizeof(*options))

static void set_time(struct dice *d, int fd)
{
	struct timeval tv = { 0,
			      one(d, 0, 2000, 2000, 1, 999999, 1000000, -1) };
	int name = odds(d, 2) ? SO_RCVTIMEO : SO_SNDTIMEO;
	socklen_t len = (socklen_t)one(d, 16, 16, 16, 15, 4, 0, 20);

	say(" time %d %ld in %u", name, (long)tv.tv_usec, len);
	told(setsockopt(fd, SOL_SOCKET, name, &tv, len));
}

static void set_linger(struct dice *d, int fd)
{
	struct linger l = { (int)roll(d, 2), (int)one(d, 0, 0, 1, -1, 5) };
	socklen_t len = (socklen_t)one(d, 8, 8, 8, 4, 7, 12);

	say(" linger %d %d in %u", l.l_onoff, l.l_linger, len);
	told(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, len));
}

void random_set(struct dice *d)
{
	int slot = slot_pick(d, KIND_INET | (odds(d, 9) ? KIND_ANY : 0)), fd;
	unsigned int o = roll(d, OPTIONS);
	struct {
		int v[4];
	} val = { { (int)one(d, 0, 1, 1, 1, 2, 5, 60, 100, 255, 256, 1000, -1,
			     65536, INT32_MAX, INT32_MIN) } };
	socklen_t len =
		(socklen_t)(odds(d, 5) ? one(d, 0, 1, 2, 3, 8, 16, -1) : 4);

	say("setsockopt ");
	fd = slot_fd(slot);
	errno = 0;
	if (odds(d, 15)) {
		set_time(d, fd);
		return;
	}
	if (odds(d, 10)) {
		set_linger(d, fd);
		return;
	}
	say(" %d/%d to %d in %d", options[o].level, options[o].name, val.v[0],
	    (int)len);
	told(setsockopt(fd, options[o].level, options[o].name,
			pointer_draw(d, &val), len));
}

void random_get(struct dice *d)
{
	int slot = slot_pick(d, KIND_INET | (odds(d, 9) ? KIND_ANY : 0)), fd;
	unsigned int o = roll(d, OPTIONS);
	int level = options[o].level, name = options[o].name;
	unsigned char val[64];
	socklen_t len =
		(socklen_t)(odds(d, 4) ? one(d, 0, 1, 2, 3, 8, 16, 64, -1) : 4);
	socklen_t *at;
	int v = 0;

	if (odds(d, 15)) {
		level = SOL_SOCKET;
		name = (int)one(d, SO_RCVTIMEO, SO_SNDTIMEO, SO_LINGER);
	}
	memset(val, TOUCHED, sizeof(val));
	say("getsockopt ");
	fd = slot_fd(slot);
	say(" %d/%d in %d", level, name, (int)len);
	at = pointer_draw(d, &len);
	errno = 0;
	if (told(getsockopt(fd, level, name, pointer_draw(d, val), at)))
		return;
	memcpy(&v, val, sizeof(v));
	if (name == SO_PEERCRED && level == SOL_SOCKET)
		v = 0;
	say(" %u bytes, %x, %08x", len, (unsigned int)v,
	    name == SO_PEERCRED && level == SOL_SOCKET
		    ? 0
		    : digest(val, sizeof(val)));
}

void random_ioctl(struct dice *d)
{
	static const struct {
		const char *name;
		unsigned long nr;
		bool in;
	} requests[] = {
		{ "FIONREAD", FIONREAD, false },
		{ "FIONBIO", FIONBIO, true },
		{ "FIOASYNC off", FIOASYNC, false },
		{ "SIOCATMARK", SIOCATMARK, false },
		{ "SIOCATMARK", SIOCATMARK, false },
		{ "FIOCLEX", FIOCLEX, false },
		{ "FIONCLEX", FIONCLEX, false },
		{ "TCGETS", TCGETS, false },
		{ "TIOCGWINSZ", TIOCGWINSZ, false },
		{ "SIOCGPGRP", SIOCGPGRP, false },
		{ "FIOGETOWN", FIOGETOWN, false },
		{ "FIOQSIZE", FIOQSIZE, false },
		{ "odd", 0x12345678, false },
	};
	int slot = slot_pick(d, KIND_ANY), fd;
	unsigned int r = roll(d, sizeof(requests) / sizeof(*requests));
	_Alignas(8) unsigned char room[128] = { 0 };
	int v = requests[r].in ? (int)roll(d, 2) : 0;

	memcpy(room, &v, sizeof(v));
	say("ioctl ");
	fd = slot_fd(slot);
	say(" %s %d", requests[r].name, v);
	errno = 0;
	if (told(ioctl(fd, requests[r].nr, pointer_draw(d, room))))
		return;
	memcpy(&v, room, sizeof(v));
	say(" %d", v);
}
