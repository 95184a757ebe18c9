/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See option.h. Options of the stack are a table from (level, name) to
 * conn_option; options of the sock itself are handled here; what has no meaning
 * on a fabric but does no harm (SO_PRIORITY, IP_FREEBIND) is kept for who asks;
 * what is unknown is ENOPROTOOPT.
 */
#include "socket/option.h"
#include "socket/group.h"
#include "socket/move.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/user.h"
#include "socket/control.h"
#include "socket/io.h"
#include "socket/netlink.h"
#include "socket/stamp.h"
#include "stack/conn.h"
#include "vif/vif.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/time.h>

/* linux/icmp.h, which quarrels with the C library's headers. */
#define ICMP_FILTER 1
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif
/* linux/udp.h, which the C library's header excludes. */
#define UDPLITE_SEND_CSCOV 10
#define UDPLITE_RECV_CSCOV 11

/* asm-generic/socket.h and linux/in6.h of newer systems, or hidden by libc's.
 */
#define TIMESTAMPING_WITH_CLOCK 8 /* bytes of SO_TIMESTAMPING's answer */
#define RECEIVE_TIMEOUT_NEW	66
#define SEND_TIMEOUT_NEW	67
#define PREFER_BUSY_POLL	69
#define RECEIVE_MARK		75
#ifndef IPV6_FLOWINFO_SEND
#define IPV6_FLOWINFO_SEND 33
#endif

struct mapping {
	int level;
	int name;
	enum conn_option opt;
};

static const struct mapping mappings[] = {
	{ IPPROTO_TCP, TCP_NODELAY, CONN_NODELAY },
	{ IPPROTO_TCP, TCP_CORK, CONN_CORK },
	{ IPPROTO_TCP, TCP_KEEPIDLE, CONN_KEEPIDLE_S },
	{ IPPROTO_TCP, TCP_KEEPINTVL, CONN_KEEPINTVL_S },
	{ IPPROTO_TCP, TCP_KEEPCNT, CONN_KEEPCNT },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, CONN_USER_TIMEOUT_MS },
	{ IPPROTO_TCP, TCP_MAXSEG, CONN_MAXSEG },
	{ IPPROTO_TCP, TCP_QUICKACK, CONN_QUICKACK },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, CONN_DEFER_ACCEPT_S },
	{ IPPROTO_TCP, TCP_SYNCNT, CONN_SYNCNT },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, CONN_NOTSENT_LOWAT },
	{ IPPROTO_TCP, TCP_FASTOPEN, CONN_FASTOPEN },
	{ IPPROTO_TCP, TCP_FASTOPEN_CONNECT, CONN_FASTOPEN_CONNECT },
	{ IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, CONN_FASTOPEN_NO_COOKIE },
	{ SOL_SOCKET, SO_KEEPALIVE, CONN_KEEPALIVE },
	{ SOL_SOCKET, SO_SNDBUF, CONN_SNDBUF },
	{ SOL_SOCKET, SO_RCVBUF, CONN_RCVBUF },
	{ SOL_SOCKET, SO_RCVLOWAT, CONN_RCVLOWAT },
	{ SOL_SOCKET, SO_OOBINLINE, CONN_OOBINLINE },
	{ SOL_SOCKET, SO_BROADCAST, CONN_BROADCAST },
	{ IPPROTO_IP, IP_TTL, CONN_TTL },
	{ IPPROTO_IP, IP_TOS, CONN_TOS },
	{ IPPROTO_IP, IP_MULTICAST_TTL, CONN_MULTICAST_TTL },
	{ IPPROTO_IP, IP_MULTICAST_LOOP, CONN_MULTICAST_LOOP },
	{ IPPROTO_IP, IP_MULTICAST_ALL, CONN_MULTICAST_ALL },
	{ IPPROTO_IPV6, IPV6_MULTICAST_HOPS, CONN_MULTICAST_TTL },
	{ IPPROTO_IPV6, IPV6_MULTICAST_LOOP, CONN_MULTICAST_LOOP },
	{ IPPROTO_IPV6, IPV6_MULTICAST_ALL, CONN_MULTICAST_ALL },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, CONN_TTL },
	{ IPPROTO_IPV6, IPV6_TCLASS, CONN_TOS },
	{ IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV, CONN_SEND_COVERAGE },
	{ IPPROTO_UDPLITE, UDPLITE_RECV_CSCOV, CONN_RECV_COVERAGE },
};

/* Looked at for every datagram: places in sock.kept[] known by name. */
enum { KEPT_UDP_SEGMENT, KEPT_UDP_GRO };

/*
 * Options that steer what a fabric does not have, or that only those see who
 * set them: kept, and told to who asks. By their places in sock.kept[].
 */
static const struct kept {
	int level;
	int name;
	int begin; /* as a new socket has it */
} kepts[] = {
	[KEPT_UDP_SEGMENT] = { IPPROTO_UDP, UDP_SEGMENT, 0 },
	[KEPT_UDP_GRO] = { IPPROTO_UDP, UDP_GRO, 0 },
	{ SOL_SOCKET, SO_PRIORITY, 0 },
	{ SOL_SOCKET, SO_INCOMING_CPU, -1 },
	{ SOL_SOCKET, SO_BUSY_POLL, 0 },
	{ SOL_SOCKET, SO_MARK, 0 },
	{ SOL_SOCKET, SO_DONTROUTE, 0 },
	{ SOL_SOCKET, SO_RXQ_OVFL, 0 },
	{ SOL_SOCKET, SO_NO_CHECK, 0 },
	{ SOL_SOCKET, SO_DEBUG, 0 },
	{ SOL_SOCKET, SO_PASSCRED, 0 },
	{ SOL_SOCKET, SO_SELECT_ERR_QUEUE, 0 },
	{ SOL_SOCKET, SO_LOCK_FILTER, 0 },
	{ SOL_SOCKET, SO_NOFCS, 0 },
	{ SOL_SOCKET, PREFER_BUSY_POLL, 0 },
	{ SOL_SOCKET, RECEIVE_MARK, 0 },
	{ IPPROTO_IP, IP_PASSSEC, 0 },
	{ IPPROTO_IPV6, IPV6_FLOWINFO_SEND, 0 },
	{ IPPROTO_IPV6, IPV6_RECVHOPOPTS, 0 },
	{ IPPROTO_IPV6, IPV6_RECVRTHDR, 0 },
	{ IPPROTO_IPV6, IPV6_RECVDSTOPTS, 0 },
	{ IPPROTO_IPV6, IPV6_RECVPATHMTU, 0 },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, 0 },
	{ IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 0 },
	{ IPPROTO_TCP, TCP_LINGER2, 60 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0 },
	{ IPPROTO_IP, IP_FREEBIND, 0 },
	{ IPPROTO_IP, IP_TRANSPARENT, 0 },
	{ IPPROTO_IP, IP_RECVOPTS, 0 },
	{ IPPROTO_IP, IP_RETOPTS, 0 },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT },
	{ IPPROTO_IPV6, IPV6_DONTFRAG, 0 },
	{ IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 1 },
	{ IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, 2 },
	{ IPPROTO_IPV6, IPV6_FREEBIND, 0 },
	{ IPPROTO_IPV6, IPV6_TRANSPARENT, 0 },
};
static_assert(ARRAY_SIZE(kepts) <= SOCK_KEPT, "sock.kept[] is too short");

static int kept_at(long level, long name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kepts); i++)
		if (kepts[i].level == level && kepts[i].name == name)
			return (int)i;
	return -1;
}

uint16_t option_udp_segment(const struct sock *s)
{
	return (uint16_t)s->kept[KEPT_UDP_SEGMENT];
}

bool option_select_errors(const struct sock *s)
{
	return s->kept[kept_at(SOL_SOCKET, SO_SELECT_ERR_QUEUE)];
}

bool option_udp_gro(const struct sock *s)
{
	return s->kept[KEPT_UDP_GRO];
}

/* What is told beside each datagram: control.h. */
static uint32_t note_of(long level, long name)
{
	static const struct {
		int level, name;
		uint32_t note;
	} notes[] = {
		{ IPPROTO_IP, IP_PKTINFO, NOTE_PKTINFO },
		{ IPPROTO_IP, IP_RECVTTL, NOTE_TTL },
		{ IPPROTO_IP, IP_RECVTOS, NOTE_TOS },
		{ IPPROTO_IP, IP_RECVERR, NOTE_RECVERR },
		{ IPPROTO_IPV6, IPV6_RECVPKTINFO, NOTE_PKTINFO6 },
		{ IPPROTO_IPV6, IPV6_2292PKTINFO, NOTE_PKTINFO6 },
		{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT, NOTE_HOPLIMIT },
		{ IPPROTO_IPV6, IPV6_RECVTCLASS, NOTE_TCLASS },
		{ IPPROTO_IPV6, IPV6_RECVERR, NOTE_RECVERR6 },
		{ SOL_SOCKET, SO_TIMESTAMP, NOTE_TIMESTAMP },
		{ SOL_SOCKET, SO_TIMESTAMPNS, NOTE_TIMESTAMPNS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(notes); i++)
		if (notes[i].level == level && notes[i].name == name)
			return notes[i].note;
	return 0;
}

static const struct mapping *find(long level, long name)
{
	for (size_t i = 0; i < ARRAY_SIZE(mappings); i++)
		if (mappings[i].level == level && mappings[i].name == name)
			return &mappings[i];
	return NULL;
}

static bool is_buffer(const struct mapping *m)
{
	return m->opt == CONN_SNDBUF || m->opt == CONN_RCVBUF;
}

/* --- set ---------------------------------------------------------------------
 */

static uint64_t timeval_ns(const struct timeval *tv)
{
	if (tv->tv_sec < 0)
		return 1; /* Linux: a timeout that has passed */
	return (uint64_t)tv->tv_sec * NSEC_PER_SEC +
	       (uint64_t)tv->tv_usec * NSEC_PER_USEC;
}

/* By the values of CONN_CONGESTION. */
static const char congestion[][8] = { "cubic", "reno" };

static int set_congestion(struct work *w, struct sock *s, const char *val,
			  socklen_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(congestion); i++) {
		const char *name = congestion[i];
		size_t n = 0;

		while (n < len && name[n] && val[n] == name[n])
			n++;
		if (!name[n] && (n == len || !val[n]))
			return conn_set(&w->stack, s->conn, CONN_CONGESTION,
					(int)i);
	}
	return -ENOENT;
}

/* One key of 16 bytes; Linux takes a second one, to change keys with. */
static int set_fastopen_key(struct work *w, struct sock *s, const void *val,
			    socklen_t len)
{
	uint64_t key[2];

	if (len != sizeof(key) && len != 2 * sizeof(key))
		return -EINVAL;
	mem_copy(key, val, sizeof(key));
	return tcp_fastopen_key(&w->stack, s->conn, key);
}

static int set_note(struct work *w, struct sock *s, uint32_t note, int on)
{
	const uint32_t times = NOTE_TIMESTAMP | NOTE_TIMESTAMPNS;
	const uint32_t errors = NOTE_RECVERR | NOTE_RECVERR6;

	/* One of the forms of time at a time. */
	if (on && (note & times))
		s->notes &= ~times;
	s->notes = on ? s->notes | note : s->notes & ~note;
	if (note & errors)
		return conn_set(&w->stack, s->conn, CONN_RECVERR,
				(s->notes & errors) != 0);
	return 0;
}

/* Options of raw sockets, by what the stack calls them. */
static bool raw_name(const struct sock *s, long level, long name,
		     enum raw_option *raw)
{
	bool v6 = s->proto == STACK_RAW6;

	if (s->proto != STACK_RAW && !v6)
		return false;
	*raw = RAW_FILTER;
	if (v6 ? level == IPPROTO_ICMPV6 && name == ICMP6_FILTER
	       : level == SOL_RAW && name == ICMP_FILTER)
		return true;
	*raw = RAW_HEADER;
	return level == IPPROTO_IP && name == IP_HDRINCL;
}

static int set_raw(struct work *w, struct sock *s, enum raw_option raw, int v,
		   const void *val, socklen_t len)
{
	uint32_t filter[8]; /* IPv4's is the first of them */
	int n;

	if (raw == RAW_HEADER) {
		n = raw_option(&w->stack, s->conn, raw, &v, true);
	} else if (len < (s->inet6 ? sizeof(filter) : sizeof(filter[0]))) {
		return -EINVAL;
	} else {
		mem_copy(filter, val, sizeof(filter));
		n = raw_option(&w->stack, s->conn, raw, filter, true);
	}
	return n < 0 ? n : 0;
}

/*
 * IPV6_ADDRFORM of ipv6(7): a socket that talks to an IPv4 address through IPv6
 * is an IPv4 socket from now on. In the order of do_ipv6_setsockopt().
 */
static int set_form(struct work *w, struct sock *s, int v)
{
	const struct conn *c =
		slot_at(&w->fabric->table[FABRIC_TABLE_CONN], s->conn);

	if (v != AF_INET)
		return -EINVAL;
	if (s->proto != STACK_TCP && s->proto != STACK_UDP &&
	    s->proto != STACK_UDPLITE)
		return -ENOPROTOOPT;
	if (s->proto != STACK_TCP && s->cork_open)
		return -EBUSY;
	if (c->state != CONN_ESTABLISHED)
		return -ENOTCONN;
	if (s->v6only || !ip_is_v4(&c->peer))
		return -EADDRNOTAVAIL;
	s->inet6 = false;
	return 0;
}

/*
 * IP_TOS brings a priority along, by what RFC 1349 called its bits: throughput
 * is TC_PRIO_BULK, delay TC_PRIO_INTERACTIVE, both TC_PRIO_INTERACTIVE_BULK.
 */
static void set_tos_priority(struct work *w, struct sock *s, int old)
{
	static const int8_t by_bits[] = { 0, 2, 6, 4 };
	int tos = 0;

	conn_get(&w->stack, s->conn, CONN_TOS, &tos);
	if (tos != old)
		s->kept[kept_at(SOL_SOCKET, SO_PRIORITY)] =
			by_bits[(uint32_t)tos >> 3 & 3];
}

/* Options kept in the sock. Returns 1: not one of these. */
static int set_own(struct work *w, struct sock *s, long level, long name, int v,
		   const void *val, socklen_t len)
{
	const struct conn *conn =
		slot_at(&w->fabric->table[FABRIC_TABLE_CONN], s->conn);
	enum raw_option raw;
	struct linger li;
	struct timeval tv;
	uint64_t rate;

	if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) {
		/* Whoever has a port has chosen. */
		if (conn->lport &&
		    (conn->flags & CONN_BOUND || conn->state != CONN_CLOSED))
			return -EINVAL;
		s->v6only = v;
		return 0;
	}
	if (level == IPPROTO_IPV6 && name == IPV6_ADDRFORM && s->inet6)
		return set_form(w, s, v);
	if (note_of(level, name))
		return set_note(w, s, note_of(level, name), v);
	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return s->proto == STACK_TCP ? set_congestion(w, s, val, len)
					     : -ENOPROTOOPT;
	if (level == IPPROTO_TCP && name == TCP_INQ) {
		if (v != 0 && v != 1)
			return -EINVAL;
		s->inq = v;
		return 0;
	}
	if (level == IPPROTO_TCP && name == TCP_FASTOPEN_KEY)
		return set_fastopen_key(w, s, val, len);
	if (level == IPPROTO_UDP && s->proto != STACK_UDP)
		return -ENOPROTOOPT;
	if (raw_name(s, level, name, &raw))
		return set_raw(w, s, raw, v, val, len);
	/* At the place where ICMPv6 has its checksum anyway. */
	if ((level == SOL_RAW || level == IPPROTO_IPV6) &&
	    name == IPV6_CHECKSUM && s->proto == STACK_RAW6)
		return v == 2 ? 0 : -EINVAL;
	if (level == IPPROTO_UDP && name == UDP_CORK) {
		s->cork = v;
		return v ? 0 : udp_io_uncork(w, s);
	}
	if (level == IPPROTO_UDP && name == UDP_SEGMENT &&
	    (v < 0 || v > 0xffff))
		return -EINVAL;
	if (level != SOL_SOCKET)
		return 1;
	switch (name) {
	case SO_BINDTODEVICE: /* a VIF's path, or the interface it is shown as
			       */
		return netlink_is_device(val, len)
			       ? 0
			       : socket_move_one(w, s, val, len);
	case SO_RCVBUFFORCE:
		return conn_set(&w->stack, s->conn, CONN_RCVBUF, v);
	case SO_SNDBUFFORCE:
		return conn_set(&w->stack, s->conn, CONN_SNDBUF, v);
	case SO_REUSEADDR:
		s->reuseaddr = v;
		return 0;
	case SO_REUSEPORT:
		s->reuseport = v;
		return 0;
	case SO_MAX_PACING_RATE:
		rate = v == -1 ? UINT64_MAX : (uint32_t)v;
		if (len >= sizeof(rate))
			mem_copy(&rate, val, sizeof(rate));
		conn_max_rate_set(&w->stack, s->conn, rate);
		work_refresh(w, s);
		return 0;
	case SO_TIMESTAMPING:
		return stamp_set(w, s, (uint32_t)v);
	case SO_ZEROCOPY:
		if (s->proto != STACK_TCP)
			return -EOPNOTSUPP; /* nobody would be told */
		if (v != 0 && v != 1)
			return -EINVAL;
		s->zerocopy = v;
		return 0;
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
		if (len < sizeof(tv))
			return -EINVAL;
		mem_copy(&tv, val, sizeof(tv));
		if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
			return -EDOM;
		if (name == SO_RCVTIMEO)
			s->recv_timeout_ns = timeval_ns(&tv);
		else
			s->send_timeout_ns = timeval_ns(&tv);
		return 0;
	case SO_DETACH_FILTER:
		return -ENOENT;
	case SO_LINGER:
		if (len < sizeof(li))
			return -EINVAL;
		mem_copy(&li, val, sizeof(li));
		s->linger_s = li.l_onoff && li.l_linger > 0
				      ? (uint32_t)li.l_linger
				      : 0;
		return conn_set(&w->stack, s->conn, CONN_LINGER_S,
				li.l_onoff ? li.l_linger : -1);
	default:
		return 1;
	}
}

/*
 * Which levels a socket has, and how it says that it has not: as the tables of
 * the kernel's protocols, whose IPv4 forms pass a get on and whose IPv6 forms
 * do not. 0: this one it has.
 */
static int level_error(const struct sock *s, long level, bool set)
{
	bool raw = s->proto == STACK_RAW || s->proto == STACK_RAW6;
	bool has = level == SOL_SOCKET ||
		   (level == IPPROTO_IP && s->proto != STACK_RAW6) ||
		   (level == IPPROTO_IPV6 && s->inet6) ||
		   (level == IPPROTO_TCP && s->proto == STACK_TCP) ||
		   (level == IPPROTO_UDP && s->proto == STACK_UDP) ||
		   (level == IPPROTO_UDPLITE && s->proto == STACK_UDPLITE) ||
		   (level == SOL_RAW && raw) ||
		   (level == IPPROTO_ICMPV6 && s->proto == STACK_RAW6);

	if (has)
		return 0;
	return set || s->inet6 ? -ENOPROTOOPT : -EOPNOTSUPP;
}

/* The longest value that is looked at: struct group_source_req's. */
#define VALUE_MAX 264

/* What Linux does not take for a value, where the stack would. */
static int value_error(const struct sock *s, long level, long name, int v)
{
	bool bad = false;

	if (level == IPPROTO_IP && name == IP_MULTICAST_TTL)
		bad = s->proto == STACK_TCP;
	else if (level == IPPROTO_IP && name == IP_TTL)
		bad = !v;
	else if (level == IPPROTO_IP && name == IP_MTU_DISCOVER)
		bad = v < IP_PMTUDISC_DONT || v > IP_PMTUDISC_OMIT;
	else if (level != IPPROTO_IPV6)
		return 0;
	else if (name == IPV6_MULTICAST_HOPS && s->proto == STACK_TCP)
		return -ENOPROTOOPT;
	else if (name == IPV6_MTU_DISCOVER)
		bad = v < IPV6_PMTUDISC_DONT || v > IPV6_PMTUDISC_OMIT;
	else if (name == IPV6_MULTICAST_LOOP)
		bad = v < 0 || v > 1;
	else if (name == IPV6_TCLASS)
		bad = v < -1 || v > 255;
	return bad ? -EINVAL : 0;
}

/* Those of IPv4 for which nothing is no number. */
static bool needs_byte(long name)
{
	return name == IP_TTL || name == IP_MULTICAST_TTL ||
	       name == IP_MULTICAST_LOOP || name == IP_MULTICAST_ALL ||
	       name == IP_FREEBIND;
}

/* Those whose value is no number. */
static bool any_length(long level, long name)
{
	switch (level) {
	case SOL_SOCKET:
		return name == SO_BINDTODEVICE;
	case IPPROTO_TCP:
		return name == TCP_CONGESTION || name == TCP_ULP ||
		       name == TCP_FASTOPEN_KEY;
	case IPPROTO_IPV6:
		return name != IPV6_V6ONLY && name != IPV6_ADDRFORM &&
		       !find(level, name) && kept_at(level, name) < 0 &&
		       !note_of(level, name);
	default:
		return false;
	}
}

/* IP_LOCAL_PORT_RANGE. */
#define IP_OPTION_LAST 51

/* Whose value Linux does not look at: it is too short, or IP has no option of
 * that number. */
static bool unseen(long level, long name, socklen_t len)
{
	if (level == IPPROTO_IP)
		return name < 1 || name > IP_OPTION_LAST;
	return len < sizeof(int) && !any_length(level, name) &&
	       (level == SOL_SOCKET || level == IPPROTO_TCP ||
		level == IPPROTO_UDP || level == IPPROTO_IPV6);
}

long option_set(struct socket_thread *t, long fd, long level, long name,
		const void *user, socklen_t len)
{
	const struct mapping *m = find(level, name);
	int kept = kept_at(level, name);
	uint8_t val[VALUE_MAX] = { 0 };
	struct work w;
	struct sock *s;
	int v = 0, err;
	bool bad;

	if ((int)len < 0)
		return -EINVAL;
	/* IPv6 takes nothing for a 0. */
	bad = (user || level != IPPROTO_IPV6) &&
	      user_copy(val, user, min_u64(len, sizeof(val)));
	err = sock_lock(&w, t, fd, &s);
	if (err)
		return err;
	err = level_error(s, level, true);
	if (!err && bad && !unseen(level, name, len))
		err = -EFAULT;
	if (!err && !len && level == IPPROTO_IP && needs_byte(name))
		err = -EINVAL;
	if (err)
		goto out;
	if (level == SOL_SOCKET && name == RECEIVE_TIMEOUT_NEW)
		name = SO_RCVTIMEO;
	if (level == SOL_SOCKET && name == SEND_TIMEOUT_NEW)
		name = SO_SNDTIMEO;
	if (len >= sizeof(v))
		mem_copy(&v, val, sizeof(v));
	else if (level != SOL_SOCKET && level != IPPROTO_TCP &&
		 level != IPPROTO_UDP && level != IPPROTO_IPV6)
		v = val[0]; /* IP options may be bytes */
	else if (!any_length(level, name)) {
		err = -EINVAL;
		goto out;
	}
	err = value_error(s, level, name, v);
	if (err)
		goto out;
	err = set_own(&w, s, level, name, v, val, len);
	if (err != 1)
		goto out;
	err = group_option(&w, s, level, name, val, len);
	if (err != GROUP_NOT_OURS)
		goto out;
	err = -ENOPROTOOPT;
	if (kept >= 0) {
		s->kept[kept] = v - kepts[kept].begin;
		err = 0;
	} else if (m && (s->proto == STACK_TCP || level != IPPROTO_TCP)) {
		/* Linux doubles the value of a buffer for its book-keeping; the
		 * payload is what was asked. */
		int tos = 0;

		conn_get(&w.stack, s->conn, CONN_TOS, &tos);
		err = conn_set(&w.stack, s->conn, m->opt, v);
		if (!err && level == IPPROTO_IP && name == IP_TOS)
			set_tos_priority(&w, s, tos);
	}
	work_refresh(&w, s);
out:
	work_end(&w);
	return err;
}

/* --- get ---------------------------------------------------------------------
 */

union value {
	int v;
	struct timeval tv;
	struct linger li;
	struct ucred peer;
	char name[16];
	uint64_t cookie;
	uint64_t rate;
	char path[VIF_PATH_MAX];
	uint8_t info[512];
	uint32_t meminfo[9]; /* SK_MEMINFO_* */
};

/* The option is there, and has no value. */
#define GET_NOTHING 0x10000

static struct timeval ns_timeval(uint64_t ns)
{
	return (struct timeval){ (time_t)(ns / NSEC_PER_SEC),
				 (suseconds_t)(ns % NSEC_PER_SEC / 1000) };
}

/* In bytes of payload: a fabric's frames have no other weight. */
static long get_meminfo(struct work *w, struct sock *s, union value *u)
{
	enum { RMEM, RCVBUF, WMEM, SNDBUF, FWD, QUEUED, OPT, BACKLOG, DROPS };
	const struct conn *c =
		slot_at(&w->fabric->table[FABRIC_TABLE_CONN], s->conn);
	int v = 0;

	mem_zero(u->meminfo, sizeof(u->meminfo));
	u->meminfo[RMEM] = tcp_readable(c);
	conn_get(&w->stack, s->conn, CONN_RCVBUF, &v);
	u->meminfo[RCVBUF] = (uint32_t)v * 2;
	conn_get(&w->stack, s->conn, CONN_SNDBUF, &v);
	u->meminfo[SNDBUF] = (uint32_t)v * 2;
	u->meminfo[WMEM] = tcp_unacked(c) - tcp_unsent(c);
	u->meminfo[QUEUED] = tcp_unacked(c);
	return sizeof(u->meminfo);
}

static int protocol_of(const struct work *w, const struct sock *s)
{
	uint16_t port = 0;

	if (s->proto != STACK_RAW && s->proto != STACK_RAW6)
		return s->proto;
	conn_names(&w->stack, s->conn, NULL, &port, NULL, NULL);
	return port;
}

/* Fills @u; returns its size, 0: no such option, or a negative errno. */
static long get_socket(struct work *w, struct sock *s, long name,
		       union value *u)
{
	int linger;

	u->v = 0;
	switch (name) {
	case SO_TYPE:
		u->v = s->proto == STACK_TCP ? SOCK_STREAM
		       : s->proto == STACK_RAW || s->proto == STACK_RAW6
			       ? SOCK_RAW
			       : SOCK_DGRAM;
		return sizeof(int);
	case SO_DOMAIN:
		u->v = s->inet6 ? AF_INET6 : AF_INET;
		return sizeof(int);
	case SO_PROTOCOL:
		u->v = protocol_of(w, s);
		return sizeof(int);
	case SO_ERROR:
		u->v = conn_error(&w->stack, s->conn);
		work_refresh(w, s);
		return sizeof(int);
	case SO_ACCEPTCONN:
		u->v = s->listening;
		return sizeof(int);
	case SO_REUSEADDR:
		u->v = s->reuseaddr;
		return sizeof(int);
	case SO_REUSEPORT:
		u->v = s->reuseport;
		return sizeof(int);
	case SO_TIMESTAMPING: /* and which clock of the hardware: none */
		mem_zero(u, TIMESTAMPING_WITH_CLOCK);
		u->v = (int)s->stamping;
		return TIMESTAMPING_WITH_CLOCK;
	case SO_PEERCRED: /* nobody's: it is no Unix socket */
		u->peer = (struct ucred){ 0, (uid_t)-1, (gid_t)-1 };
		return sizeof(u->peer);
	case SO_INCOMING_NAPI_ID:
		return sizeof(int);
	case SO_GET_FILTER:
		return GET_NOTHING;
	case SO_ZEROCOPY:
		u->v = s->zerocopy;
		return sizeof(int);
	case SO_RCVTIMEO:
	case RECEIVE_TIMEOUT_NEW:
		u->tv = ns_timeval(s->recv_timeout_ns);
		return sizeof(u->tv);
	case SO_SNDTIMEO:
	case SEND_TIMEOUT_NEW:
		u->tv = ns_timeval(s->send_timeout_ns);
		return sizeof(u->tv);
	case SO_LINGER:
		linger = -1;
		conn_get(&w->stack, s->conn, CONN_LINGER_S, &linger);
		u->li.l_onoff = linger >= 0;
		u->li.l_linger = linger >= 0 ? linger : 0;
		return sizeof(u->li);
	case SO_MAX_PACING_RATE:
		u->rate = conn_max_rate(&w->stack, s->conn);
		return sizeof(u->rate);
	case SO_MEMINFO:
		return get_meminfo(w, s, u);
	case SO_SNDLOWAT:
		u->v = 1;
		return sizeof(int);
	case SO_BINDTOIFINDEX:
		return sizeof(int);
	case SO_COOKIE:
		mem_zero(u, sizeof(u->cookie));
		u->cookie = slot_ix(&w->fabric->table[FABRIC_TABLE_SOCK], s);
		return sizeof(u->cookie);
	default:
		return 0;
	}
}

/* Of a connected socket's path. */
static long get_mtu(struct work *w, const struct sock *s, union value *u)
{
	const struct conn *c =
		slot_at(&w->fabric->table[FABRIC_TABLE_CONN], s->conn);

	if (!c->pport)
		return -ENOTCONN;
	u->v = c->mtu;
	return sizeof(int);
}

static long get_other(struct work *w, struct sock *s, long level, long name,
		      union value *u)
{
	enum raw_option raw;
	int which = 0;

	u->v = 0;
	if (raw_name(s, level, name, &raw))
		return raw_option(&w->stack, s->conn, raw, u->info, false);
	if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) {
		u->v = s->v6only;
		return sizeof(int);
	}
	if (level == IPPROTO_UDP && name == UDP_CORK && s->proto == STACK_UDP) {
		u->v = s->cork;
		return sizeof(int);
	}
	if (level == IPPROTO_TCP && name == TCP_INFO)
		return tcp_info(&w->stack, s->conn, u->info, sizeof(u->info));
	if (level == IPPROTO_TCP && name == TCP_INQ) {
		u->v = s->inq;
		return sizeof(int);
	}
	if (level == IPPROTO_IP && name == IP_OPTIONS)
		return GET_NOTHING; /* there are none */
	if (level == IPPROTO_IP && name == IP_HDRINCL)
		return sizeof(int);
	/* Neither CUBIC nor NewReno has any. */
	if (level == IPPROTO_TCP && name == TCP_CC_INFO)
		return GET_NOTHING;
	if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
		mem_zero(u->name, sizeof(u->name));
		conn_get(&w->stack, s->conn, CONN_CONGESTION, &which);
		mem_copy(u->name, congestion[which == 1],
			 sizeof(congestion[0]));
		return sizeof(u->name);
	}
	if (group_get(level, name, u))
		return sizeof(int);
	if (level == IPPROTO_IP && name == IP_MTU)
		return get_mtu(w, s, u);
	if (level == IPPROTO_IPV6 && name == IPV6_MTU)
		return get_mtu(w, s, u);
	return 0;
}

/* The VIF's path; empty, as sshd looks for, where it is the process's own. */
static long get_vif(struct work *w, const struct sock *s, union value *u)
{
	if (s->vif == w->fabric->procs[w->thread->self].vif)
		return 0;
	return (long)vif_path(w->fabric, s->vif, u->path) + 1;
}

/* Fills @u; returns its size, 0: no such option, or a negative errno. */
static long get(struct work *w, struct sock *s, long level, long name,
		union value *u)
{
	const struct mapping *m = find(level, name);
	uint32_t note = note_of(level, name);
	int kept = kept_at(level, name);
	int err;

	if (level == IPPROTO_TCP && s->proto != STACK_TCP)
		return 0;
	if (note) {
		u->v = (s->notes & note) != 0;
		return sizeof(int);
	}
	if (kept >= 0) {
		u->v = s->kept[kept] + kepts[kept].begin;
		return sizeof(int);
	}
	if (m) {
		err = conn_get(&w->stack, s->conn, m->opt, &u->v);
		/* As Linux reports it: doubled. */
		if (!err && is_buffer(m))
			u->v *= 2;
		return err ? err : (long)sizeof(int);
	}
	return level == SOL_SOCKET ? get_socket(w, s, name, u)
				   : get_other(w, s, level, name, u);
}

long option_get(struct socket_thread *t, long fd, long level, long name,
		void *val, socklen_t *len)
{
	union value u;
	struct work w;
	struct sock *s;
	socklen_t room = 0;
	long n;
	int bad;

	n = user_copy(&room, len, sizeof(room));
	if (!n && (int)room < 0) {
		n = level == IPPROTO_IPV6 ? 0 : -EINVAL;
		room = INT32_MAX;
	}
	bad = (int)n;
	n = sock_lock(&w, t, fd, &s);
	if (n)
		return n;
	/* Who does not know the level looks no further. */
	n = level_error(s, level, false);
	if (!n && bad)
		n = bad;
	if (!n && level == SOL_SOCKET && name == SO_BINDTODEVICE)
		n = get_vif(&w, s, &u);
	else if (!n)
		n = get(&w, s, level, name, &u);
	work_end(&w);
	if (level == SOL_SOCKET && name == SO_BINDTODEVICE && n >= 0 &&
	    n <= (long)room) {
		room = (socklen_t)n;
		return user_copy(val, &u, room) ||
				       user_copy(len, &room, sizeof(room))
			       ? -EFAULT
			       : 0;
	}
	if (!n)
		return -ENOPROTOOPT;
	if (n < 0)
		return n;
	if (n == GET_NOTHING)
		n = 0;
	/* An unsigned long to who has room for one. */
	if (level == SOL_SOCKET && name == SO_MAX_PACING_RATE &&
	    room < sizeof(u.rate)) {
		u.v = (int)min_u64(u.rate, UINT32_MAX);
		n = sizeof(u.v);
	}
	/* IPv4's level gives a byte to who has no room for more. */
	if (n == (long)sizeof(int) && room && room < sizeof(int) &&
	    level == IPPROTO_IP && u.v >= 0 && u.v <= (int)UINT8_MAX)
		n = 1;
	if (room > (socklen_t)n)
		room = (socklen_t)n;
	if (user_copy(len, &room, sizeof(room)) || user_copy(val, &u, room))
		return -EFAULT;
	return 0;
}
