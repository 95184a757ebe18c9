/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See option.h. Options of the stack are a table from (level, name) to
 * conn_option; options of the sock itself are handled here; what has no meaning
 * on a fabric but does no harm (SO_PRIORITY, SO_RCVBUFFORCE by root) is
 * accepted; what is unknown is ENOPROTOOPT.
 */
#include "socket/option.h"
#include "socket/move.h"
#include "base/mem.h"
#include "base/sys.h"
#include "vif/vif.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/time.h>

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
	{ SOL_SOCKET, SO_BROADCAST, CONN_BROADCAST },
	{ IPPROTO_IP, IP_TTL, CONN_TTL },
	{ IPPROTO_IP, IP_TOS, CONN_TOS },
	{ IPPROTO_IP, IP_MULTICAST_TTL, CONN_MULTICAST_TTL },
	{ IPPROTO_IP, IP_MULTICAST_LOOP, CONN_MULTICAST_LOOP },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, CONN_TTL },
	{ IPPROTO_IPV6, IPV6_TCLASS, CONN_TOS },
};

/* Accepted and without effect: they steer what a fabric does not have. */
static bool harmless(long level, long name)
{
	switch (level) {
	case SOL_SOCKET:
		return name == SO_PRIORITY || name == SO_INCOMING_CPU ||
		       name == SO_BUSY_POLL || name == SO_OOBINLINE ||
		       name == SO_MARK || name == SO_RCVBUFFORCE ||
		       name == SO_SNDBUFFORCE || name == SO_DONTROUTE ||
		       name == SO_TIMESTAMP;
	case IPPROTO_TCP:
		return name == TCP_WINDOW_CLAMP ||
		       name == TCP_THIN_LINEAR_TIMEOUTS;
	case IPPROTO_IP:
		return name == IP_MTU_DISCOVER || name == IP_RECVERR ||
		       name == IP_BIND_ADDRESS_NO_PORT || name == IP_FREEBIND ||
		       name == IP_RECVTTL || name == IP_RECVTOS;
	case IPPROTO_IPV6:
		return name == IPV6_MTU_DISCOVER || name == IPV6_RECVERR ||
		       name == IPV6_RECVTCLASS || name == IPV6_RECVHOPLIMIT;
	default:
		return false;
	}
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

/* Options kept in the sock. Returns 1: not one of these. */
static int set_own(struct work *w, struct sock *s, long level, long name,
		   const void *val, socklen_t len)
{
	struct linger li;
	struct timeval tv;
	int v = 0;

	if (len >= sizeof(v))
		mem_copy(&v, val, sizeof(v));
	if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) {
		s->v6only = v;
		return 0;
	}
	if (level == IPPROTO_IP && name == IP_PKTINFO) {
		s->pktinfo = v;
		return 0;
	}
	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return set_congestion(w, s, val, len);
	if (level == IPPROTO_TCP && name == TCP_INQ) {
		if (v != 0 && v != 1)
			return -EINVAL;
		s->inq = v;
		return 0;
	}
	if (level == IPPROTO_TCP && name == TCP_FASTOPEN_KEY)
		return set_fastopen_key(w, s, val, len);
	if (level != SOL_SOCKET)
		return 1;
	switch (name) {
	case SO_BINDTODEVICE: /* a VIF's path */
		return socket_move_one(w, s, val, len);
	case SO_REUSEADDR:
		s->reuseaddr = v;
		return 0;
	case SO_REUSEPORT:
		s->reuseport = v;
		return 0;
	case SO_ZEROCOPY:
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

long option_set(struct socket_thread *t, long fd, long level, long name,
		const void *val, socklen_t len)
{
	const struct mapping *m = find(level, name);
	struct work w;
	struct sock *s;
	int v = 0, err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	if (len > 65536 || (!len && name != SO_BINDTODEVICE)) {
		err = -EINVAL;
		goto out;
	}
	err = set_own(&w, s, level, name, val, len);
	if (err != 1)
		goto out;
	if (!m) {
		err = harmless(level, name) ? 0 : -ENOPROTOOPT;
		goto out;
	}
	if (len >= sizeof(v)) {
		mem_copy(&v, val, sizeof(v));
	} else if (level != SOL_SOCKET && level != IPPROTO_TCP) {
		v = *(const uint8_t *)val; /* IP options may be bytes */
	} else {
		err = -EINVAL;
		goto out;
	}
	/* Linux doubles the value for its book-keeping; the payload is what was
	 * asked. */
	err = conn_set(&w.stack, s->conn, m->opt, v);
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
	char name[16];
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

/* Fills @u; returns its size, 0: no such option, or a negative errno. */
static long get_socket(struct work *w, struct sock *s, long name,
		       union value *u)
{
	int linger;

	u->v = 0;
	switch (name) {
	case SO_TYPE:
		u->v = s->proto == STACK_TCP ? SOCK_STREAM : SOCK_DGRAM;
		return sizeof(int);
	case SO_DOMAIN:
		u->v = s->inet6 ? AF_INET6 : AF_INET;
		return sizeof(int);
	case SO_PROTOCOL:
		u->v = s->proto;
		return sizeof(int);
	case SO_ERROR:
		u->v = conn_error(&w->stack, s->conn);
		if (u->v)
			s->connecting = false;
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
	case SO_ZEROCOPY:
		u->v = s->zerocopy;
		return sizeof(int);
	case SO_RCVTIMEO:
		u->tv = ns_timeval(s->recv_timeout_ns);
		return sizeof(u->tv);
	case SO_SNDTIMEO:
		u->tv = ns_timeval(s->send_timeout_ns);
		return sizeof(u->tv);
	case SO_LINGER:
		linger = -1;
		conn_get(&w->stack, s->conn, CONN_LINGER_S, &linger);
		u->li.l_onoff = linger >= 0;
		u->li.l_linger = linger >= 0 ? linger : 0;
		return sizeof(u->li);
	case SO_MEMINFO:
		return get_meminfo(w, s, u);
	default:
		return harmless(SOL_SOCKET, name) ? (long)sizeof(int) : 0;
	}
}

static long get_other(struct work *w, struct sock *s, long level, long name,
		      union value *u)
{
	int which = 0;

	u->v = 0;
	if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) {
		u->v = s->v6only;
		return sizeof(int);
	}
	if (level == IPPROTO_TCP && name == TCP_INFO)
		return tcp_info(&w->stack, s->conn, u->info, sizeof(u->info));
	if (level == IPPROTO_TCP && name == TCP_INQ) {
		u->v = s->inq;
		return sizeof(int);
	}
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
	return harmless(level, name) ? (long)sizeof(int) : 0;
}

/* The VIF's path; empty, as sshd looks for, where it is the process's own. */
static long get_vif(struct work *w, const struct sock *s, void *val,
		    socklen_t *len)
{
	char path[VIF_PATH_MAX];
	size_t n = 0;

	if (s->vif != w->fabric->procs[w->thread->self].vif)
		n = vif_path(w->fabric, s->vif, path) + 1;
	if (n > *len)
		return -EINVAL;
	mem_copy(val, path, n);
	*len = (socklen_t)n;
	return 0;
}

long option_get(struct socket_thread *t, long fd, long level, long name,
		void *val, socklen_t *len)
{
	const struct mapping *m = find(level, name);
	union value u;
	struct work w;
	struct sock *s;
	long n = sock_lock(&w, t, fd, &s);

	if (n)
		return n;
	if (level == SOL_SOCKET && name == SO_BINDTODEVICE) {
		n = get_vif(&w, s, val, len);
		work_end(&w);
		return n;
	}
	if (m) {
		n = conn_get(&w.stack, s->conn, m->opt, &u.v);
		/* As Linux reports it: doubled. */
		if (!n && is_buffer(m))
			u.v *= 2;
		if (!n)
			n = sizeof(int);
	} else if (level == SOL_SOCKET) {
		n = get_socket(&w, s, name, &u);
	} else {
		n = get_other(&w, s, level, name, &u);
	}
	work_end(&w);
	if (!n)
		return -ENOPROTOOPT;
	if (n < 0)
		return n;
	if ((int)*len < 0)
		return -EINVAL;
	if (n == GET_NOTHING)
		n = 0;
	if (*len > (socklen_t)n)
		*len = (socklen_t)n;
	mem_copy(val, &u, *len);
	return 0;
}

/* --- ioctl -------------------------------------------------------------------
 */

long option_ioctl(struct socket_thread *t, long fd, unsigned long request,
		  void *arg)
{
	const struct conn *c;
	struct work w;
	struct sock *s;
	int v = 0;
	long err;

	switch (request) {
	case FIONBIO:
	case FIONREAD:
	case TIOCOUTQ: /* SIOCOUTQ */
	case SIOCOUTQNSD:
	case SIOCATMARK:
		break;
	default:
		return SOCKET_PASS; /* the placeholder's, e.g. FIOCLEX, SIOCGIF*
				     */
	}
	err = sock_lock(&w, t, fd, &s);
	if (err)
		return err == -ENOTSOCK ? SOCKET_PASS : err;
	c = slot_at(&w.fabric->table[FABRIC_TABLE_CONN], s->conn);
	if (request == FIONBIO)
		atomic_store(&s->nonblock, *(int *)arg ? 1 : 0);
	else if (request == SIOCATMARK)
		v = s->proto == STACK_TCP && tcp_at_mark(&w.stack, s->conn);
	else if (s->proto != STACK_TCP)
		v = request == FIONREAD ? udp_readable(&w.stack, s->conn) : 0;
	else if (request == FIONREAD)
		v = (int)tcp_readable(c);
	else
		v = (int)(request == TIOCOUTQ ? tcp_unacked(c) : tcp_unsent(c));
	work_end(&w);
	if (request != FIONBIO)
		*(int *)arg = v;
	return 0;
}
