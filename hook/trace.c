/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls that the fabric has answered, as strace(1) would show them:
 *
 *	4711 connect(5, 10.77.0.2:80, 16) = -1 EINPROGRESS <0.000004>
 *
 * A table says for each call what its arguments are, a letter each. What lies
 *in the program's memory is read after the call, so that results show, and a
 *bad pointer shows as one. A line is one write to a file opened for appending:
 *lines of several threads and processes do not mix.
 */
#include "hook/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "base/sys.h"
#include "hook/hook.h"
#include "hook/trace_text.h"
#include "socket/descriptor.h"

#define DATA_MAX  32 /* bytes of data that are shown */
#define ITEMS_MAX 4  /* entries of an array */

int hook_trace_fd = -1;

int hook_trace_start(const char *path)
{
	struct socket_thread t;
	long fd = sys_call(SYS_openat, AT_FDCWD, path,
			   O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return (int)fd;
	socket_thread_init(&t, &hook_process);
	hook_trace_fd = descriptor_hide(&t, (int)fd);
	if (hook_trace_on())
		hook_dispatch_traced();
	return 0;
}

/* --- words -------------------------------------------------------------------
 */

#define W(name)             \
	{                   \
		name, #name \
	}

#define PUT_BITS(l, v, table) \
	trace_put_bits(l, (uint32_t)(v), table, ARRAY_SIZE(table))
#define PUT_WORD(l, v, table) \
	trace_put_word(l, (uint32_t)(v), table, ARRAY_SIZE(table))

static const struct trace_word families[] = { W(AF_INET), W(AF_INET6),
					      W(AF_NETLINK) };
static const struct trace_word types[] = { W(SOCK_STREAM), W(SOCK_DGRAM),
					   W(SOCK_RAW) };
static const struct trace_word type_flags[] = { W(SOCK_NONBLOCK),
						W(SOCK_CLOEXEC) };
static const struct trace_word message_flags[] = {
	W(MSG_OOB),	   W(MSG_PEEK),		W(MSG_DONTROUTE),
	W(MSG_TRUNC),	   W(MSG_DONTWAIT),	W(MSG_WAITALL),
	W(MSG_ERRQUEUE),   W(MSG_NOSIGNAL),	W(MSG_MORE),
	W(MSG_WAITFORONE), W(MSG_CMSG_CLOEXEC),
};
static const struct trace_word events[] = {
	W(EPOLLIN),
	W(EPOLLPRI),
	W(EPOLLOUT),
	W(EPOLLERR),
	W(EPOLLHUP),
	W(EPOLLRDHUP),
	W(EPOLLRDNORM),
	W(EPOLLWRNORM),
	W(EPOLLONESHOT),
	W(EPOLLEXCLUSIVE),
	{ 1u << 31, "EPOLLET" },
};
static const struct trace_word polls[] = {
	W(POLLIN),     W(POLLPRI),    W(POLLOUT),    W(POLLERR),
	W(POLLHUP),    W(POLLNVAL),   W(POLLRDHUP),  W(POLLRDNORM),
	W(POLLWRNORM), W(POLLRDBAND), W(POLLWRBAND),
};
static const struct trace_word controls[] = { W(EPOLL_CTL_ADD),
					      W(EPOLL_CTL_DEL),
					      W(EPOLL_CTL_MOD) };
static const struct trace_word hows[] = { W(SHUT_RD), W(SHUT_WR),
					  W(SHUT_RDWR) };
static const struct trace_word commands[] = {
	W(F_DUPFD), W(F_GETFD),		W(F_SETFD),  W(F_GETFL),
	W(F_SETFL), W(F_DUPFD_CLOEXEC), W(F_SETOWN), W(F_GETOWN),
};
static const struct trace_word levels[] = {
	W(SOL_SOCKET),	 W(IPPROTO_TCP), W(IPPROTO_IP),
	W(IPPROTO_IPV6), W(IPPROTO_UDP),
};
static const struct trace_word socket_options[] = {
	W(SO_REUSEADDR), W(SO_TYPE),	 W(SO_ERROR),	     W(SO_BROADCAST),
	W(SO_SNDBUF),	 W(SO_RCVBUF),	 W(SO_KEEPALIVE),    W(SO_OOBINLINE),
	W(SO_PRIORITY),	 W(SO_LINGER),	 W(SO_REUSEPORT),    W(SO_RCVLOWAT),
	W(SO_RCVTIMEO),	 W(SO_SNDTIMEO), W(SO_TIMESTAMP),    W(SO_ACCEPTCONN),
	W(SO_PROTOCOL),	 W(SO_DOMAIN),	 W(SO_BINDTODEVICE), W(SO_BUSY_POLL),
	W(SO_MARK),	 W(SO_ZEROCOPY), W(SO_INCOMING_CPU),
};
static const struct trace_word tcp_options[] = {
	W(TCP_NODELAY),	     W(TCP_MAXSEG),    W(TCP_CORK),
	W(TCP_KEEPIDLE),     W(TCP_KEEPINTVL), W(TCP_KEEPCNT),
	W(TCP_SYNCNT),	     W(TCP_LINGER2),   W(TCP_DEFER_ACCEPT),
	W(TCP_INFO),	     W(TCP_QUICKACK),  W(TCP_CONGESTION),
	W(TCP_USER_TIMEOUT), W(TCP_FASTOPEN),  W(TCP_NOTSENT_LOWAT),
};
static const struct trace_word ip_options[] = {
	W(IP_TOS),
	W(IP_TTL),
	W(IP_PKTINFO),
	W(IP_RECVERR),
	W(IP_MTU_DISCOVER),
	W(IP_RECVTTL),
	W(IP_RECVTOS),
	W(IP_MULTICAST_TTL),
	W(IP_MULTICAST_LOOP),
	W(IP_ADD_MEMBERSHIP),
	W(IP_FREEBIND),
	W(IP_BIND_ADDRESS_NO_PORT),
};
static const struct trace_word ipv6_options[] = {
	W(IPV6_V6ONLY),	      W(IPV6_UNICAST_HOPS), W(IPV6_RECVPKTINFO),
	W(IPV6_TCLASS),	      W(IPV6_RECVERR),	    W(IPV6_RECVHOPLIMIT),
	W(IPV6_MTU_DISCOVER), W(IPV6_JOIN_GROUP),
};
static const struct trace_word errors[] = {
	W(EPERM),	  W(EINTR),	      W(EBADF),
	W(EAGAIN),	  W(ENOMEM),	      W(EACCES),
	W(EFAULT),	  W(EEXIST),	      W(ENODEV),
	W(EINVAL),	  W(EMFILE),	      W(ENOTTY),
	W(ENOSPC),	  W(EPIPE),	      W(EDOM),
	W(ENOSYS),	  W(ENOENT),	      W(ENOTSOCK),
	W(EDESTADDRREQ),  W(EMSGSIZE),	      W(EPROTOTYPE),
	W(ENOPROTOOPT),	  W(EPROTONOSUPPORT), W(ESOCKTNOSUPPORT),
	W(EOPNOTSUPP),	  W(EAFNOSUPPORT),    W(EADDRINUSE),
	W(EADDRNOTAVAIL), W(ENETDOWN),	      W(ENETUNREACH),
	W(ECONNABORTED),  W(ECONNRESET),      W(ENOBUFS),
	W(EISCONN),	  W(ENOTCONN),	      W(ETIMEDOUT),
	W(ECONNREFUSED),  W(EHOSTUNREACH),    W(EALREADY),
	W(EINPROGRESS),
};
/* --- arguments ---------------------------------------------------------------
 */

static void put_data(struct trace_line *l, long at, long n)
{
	unsigned char buf[DATA_MAX];
	long shown = n > DATA_MAX ? DATA_MAX : n;

	if (n < 0 || hook_copy_user(buf, (void *)at, (size_t)shown)) {
		trace_put_pointer(l, at);
		return;
	}
	trace_put_char(l, '"');
	for (long i = 0; i < shown; i++) {
		switch (buf[i]) {
		case '\n':
			trace_put(l, "\\n");
			break;
		case '\r':
			trace_put(l, "\\r");
			break;
		case '"':
		case '\\':
			trace_put_char(l, '\\');
			trace_put_char(l, (char)buf[i]);
			break;
		default:
			if (buf[i] >= ' ' && buf[i] < 127) {
				trace_put_char(l, (char)buf[i]);
			} else {
				trace_put(l, buf[i] < 16 ? "\\x0" : "\\x");
				trace_put_number(l, buf[i], 16);
			}
		}
	}
	trace_put(l, n > shown ? "\"..." : "\"");
}

static void put_address(struct trace_line *l, long at, long len)
{
	union {
		sa_family_t family;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		uint8_t b[28];
	} u;
	size_t n = len < 0 ? 0 : (size_t)len;

	mem_zero(&u, sizeof(u));
	if (!at || n < 2 ||
	    hook_copy_user(&u, (void *)at, n < sizeof(u) ? n : sizeof(u))) {
		trace_put_pointer(l, at);
	} else if (u.family == AF_INET) {
		for (int i = 0; i < 4; i++) {
			trace_put_int(l, u.b[4 + i]);
			trace_put_char(l, i < 3 ? '.' : ':');
		}
		trace_put_int(l, be16(u.in.sin_port));
	} else if (u.family == AF_INET6) {
		trace_put_char(l, '[');
		for (int i = 0; i < 8; i++) {
			trace_put_number(l,
					 (uint64_t)u.b[8 + 2 * i] << 8 |
						 u.b[9 + 2 * i],
					 16);
			trace_put(l, i < 7 ? ":" : "]:");
		}
		trace_put_int(l, be16(u.in6.sin6_port));
	} else {
		trace_put(l, u.family ? "{family " : "AF_UNSPEC");
		if (u.family) {
			trace_put_int(l, u.family);
			trace_put_char(l, '}');
		}
	}
}

/* An address that the call has written, its length behind a pointer. */
static void put_address_out(struct trace_line *l, long at, long len)
{
	socklen_t n = 0;

	if (!at || hook_copy_user(&n, (void *)len, sizeof(n)))
		trace_put_pointer(l, at);
	else
		put_address(l, at, n);
}

static void put_option(struct trace_line *l, long level, long name)
{
	PUT_WORD(l, level, levels);
	trace_put(l, ", ");
	switch (level) {
	case SOL_SOCKET:
		PUT_WORD(l, name, socket_options);
		break;
	case IPPROTO_TCP:
		PUT_WORD(l, name, tcp_options);
		break;
	case IPPROTO_IP:
		PUT_WORD(l, name, ip_options);
		break;
	case IPPROTO_IPV6:
		PUT_WORD(l, name, ipv6_options);
		break;
	default:
		trace_put_int(l, name);
	}
}

static void put_value(struct trace_line *l, long at)
{
	int v;

	if (hook_copy_user(&v, (void *)at, sizeof(v))) {
		trace_put_pointer(l, at);
		return;
	}
	trace_put_char(l, '[');
	trace_put_int(l, v);
	trace_put_char(l, ']');
}

static void put_events(struct trace_line *l, long at, long n)
{
	struct epoll_event ev;

	trace_put_char(l, '[');
	for (long i = 0; i < n && i < ITEMS_MAX; i++) {
		if (hook_copy_user(&ev, (struct epoll_event *)at + i,
				   sizeof(ev)))
			break;
		trace_put(l, i ? ", {" : "{");
		PUT_BITS(l, ev.events, events);
		trace_put(l, ", ");
		trace_put_hex(l, ev.data.u64);
		trace_put_char(l, '}');
	}
	trace_put(l, n > ITEMS_MAX ? ", ...]" : "]");
}

static void put_polled(struct trace_line *l, long at, long n)
{
	struct pollfd p;

	trace_put_char(l, '[');
	for (long i = 0; i < n && i < ITEMS_MAX; i++) {
		if (hook_copy_user(&p, (struct pollfd *)at + i, sizeof(p)))
			break;
		trace_put(l, i ? ", {" : "{");
		trace_put_int(l, p.fd);
		trace_put(l, ", ");
		PUT_BITS(l, (uint16_t)p.events, polls);
		if (p.revents) {
			trace_put(l, " => ");
			PUT_BITS(l, (uint16_t)p.revents, polls);
		}
		trace_put_char(l, '}');
	}
	trace_put(l, n > ITEMS_MAX ? ", ...]" : "]");
}

static void put_vector(struct trace_line *l, long at, long n, long bytes)
{
	struct iovec v;

	trace_put_char(l, '[');
	for (long i = 0; i < n && i < ITEMS_MAX && bytes > 0; i++) {
		long some;

		if (hook_copy_user(&v, (struct iovec *)at + i, sizeof(v)))
			break;
		some = (long)v.iov_len < bytes ? (long)v.iov_len : bytes;
		if (i)
			trace_put(l, ", ");
		put_data(l, (long)v.iov_base, some);
		bytes -= some;
	}
	trace_put(l, n > ITEMS_MAX ? ", ...]" : "]");
}

static void put_message(struct trace_line *l, long at, long bytes)
{
	struct msghdr m;

	if (hook_copy_user(&m, (void *)at, sizeof(m))) {
		trace_put_pointer(l, at);
		return;
	}
	trace_put_char(l, '{');
	if (m.msg_name) {
		put_address(l, (long)m.msg_name, m.msg_namelen);
		trace_put(l, ", ");
	}
	put_vector(l, (long)m.msg_iov, (long)m.msg_iovlen, bytes);
	if (m.msg_controllen && m.msg_control) {
		trace_put(l, ", control ");
		trace_put_int(l, (long)m.msg_controllen);
	}
	trace_put_char(l, '}');
}

/*
 * What each argument is: d number, F family, s type, g flags of a message, x
 * hex, p pointer, w data written, r data read, A address (its length comes
 * next), a one that is returned, l level and name, v a value, c epoll_ctl's
 * word, e its event, E events (result counts), P pollfds (the next argument
 * counts), m a message, i a vector (the next counts), f fcntl's word, h
 * shutdown's.
 */
static const struct call {
	int nr;
	const char *name;
	const char *args;
} calls[] = {
	{ SYS_socket, "socket", "Fsd" },
	{ SYS_bind, "bind", "dAd" },
	{ SYS_listen, "listen", "dd" },
	{ SYS_accept, "accept", "dap" },
	{ SYS_accept4, "accept4", "daps" },
	{ SYS_connect, "connect", "dAd" },
	{ SYS_shutdown, "shutdown", "dh" },
	{ SYS_getsockname, "getsockname", "dap" },
	{ SYS_getpeername, "getpeername", "dap" },
	{ SYS_getsockopt, "getsockopt", "dl.vp" },
	{ SYS_setsockopt, "setsockopt", "dl.vd" },
	{ SYS_read, "read", "drd" },
	{ SYS_write, "write", "dwd" },
	{ SYS_readv, "readv", "did" },
	{ SYS_writev, "writev", "did" },
	{ SYS_recvfrom, "recvfrom", "drdgap" },
	{ SYS_sendto, "sendto", "dwdgAd" },
	{ SYS_recvmsg, "recvmsg", "dmg" },
	{ SYS_sendmsg, "sendmsg", "dmg" },
	{ SYS_recvmmsg, "recvmmsg", "dpdgp" },
	{ SYS_sendmmsg, "sendmmsg", "dpdg" },
	{ SYS_sendfile, "sendfile", "ddpd" },
	{ SYS_splice, "splice", "dpdpdx" },
	{ SYS_tee, "tee", "dddx" },
	{ SYS_close, "close", "d" },
	{ SYS_dup, "dup", "d" },
	{ SYS_dup2, "dup2", "dd" },
	{ SYS_dup3, "dup3", "ddx" },
	{ SYS_fcntl, "fcntl", "dfx" },
	{ SYS_ioctl, "ioctl", "dxp" },
	{ SYS_poll, "poll", "Pdd" },
	{ SYS_ppoll, "ppoll", "Pdpp" },
	{ SYS_select, "select", "dpppp" },
	{ SYS_pselect6, "pselect6", "dppppp" },
	{ SYS_epoll_create, "epoll_create", "d" },
	{ SYS_epoll_create1, "epoll_create1", "x" },
	{ SYS_epoll_ctl, "epoll_ctl", "dcde" },
	{ SYS_epoll_wait, "epoll_wait", "dEdd" },
	{ SYS_epoll_pwait, "epoll_pwait", "dEddp" },
	{ SYS_epoll_pwait2, "epoll_pwait2", "dEdpp" },
	{ SYS_close_range, "close_range", "ddx" },
	{ SYS_io_uring_setup, "io_uring_setup", "dp" },
};

static void put_argument(struct trace_line *l, char kind, const long *a,
			 long ret)
{
	switch (kind) {
	case 'd':
		trace_put_int(l, (int)*a);
		break;
	case 'F':
		PUT_WORD(l, *a, families);
		break;
	case 's':
		if (*a & 0xf)
			PUT_WORD(l, *a & 0xf, types);
		if (*a & ~0xfL || !*a) {
			trace_put(l, *a & 0xf ? "|" : "");
			PUT_BITS(l, *a & ~0xfL, type_flags);
		}
		break;
	case 'g':
		PUT_BITS(l, *a, message_flags);
		break;
	case 'w':
		put_data(l, a[0], a[1]);
		break;
	case 'r':
		put_data(l, a[0], ret < 0 ? -1 : ret);
		break;
	case 'A':
		put_address(l, a[0], (int)a[1]);
		break;
	case 'a':
		if (ret < 0)
			trace_put_pointer(l, *a);
		else
			put_address_out(l, a[0], a[1]);
		break;
	case 'l':
		put_option(l, (int)a[0], (int)a[1]);
		break;
	case 'v':
		put_value(l, *a);
		break;
	case 'c':
		PUT_WORD(l, *a, controls);
		break;
	case 'e':
		put_events(l, *a, *a ? 1 : 0);
		break;
	case 'E':
		put_events(l, *a, ret);
		break;
	case 'P':
		put_polled(l, a[0], a[1]);
		break;
	case 'm':
		put_message(l, *a, ret);
		break;
	case 'i':
		put_vector(l, a[0], a[1], ret);
		break;
	case 'f':
		PUT_WORD(l, *a, commands);
		break;
	case 'h':
		PUT_WORD(l, *a, hows);
		break;
	case 'x':
		trace_put_hex(l, (uint64_t)*a);
		break;
	default:
		trace_put_pointer(l, *a);
	}
}

static void put_result(struct trace_line *l, long ret, uint64_t ns)
{
	char digits[7];

	trace_put(l, ") = ");
	if (ret == SOCKET_RESTART) {
		trace_put(l, "? (interrupted)");
	} else if (ret < 0) {
		trace_put(l, "-1 ");
		if (!PUT_WORD(l, -ret, errors))
			trace_put(l, " (error)");
	} else {
		trace_put_int(l, ret);
	}
	ns /= 1000;
	for (int i = 5; i >= 0; i--, ns /= 10)
		digits[i] = (char)('0' + ns % 10);
	digits[6] = '\0';
	trace_put(l, " <");
	trace_put_number(l, ns, 10);
	trace_put_char(l, '.');
	trace_put(l, digits);
	trace_put(l, ">");
	l->text[l->n++] = '\n';
}

long hook_trace_call(struct hook_thread *t, long nr, const long args[6])
{
	struct fabric *fabric = &t->socket.process->fabric;
	uint64_t begin_ns = fabric_now(fabric);
	long ret = socket_call(&t->socket, nr, args);
	uint64_t end_ns = fabric_now(fabric);
	struct trace_line l = { .n = 0 };
	const struct call *c = NULL;

	if (ret == SOCKET_PASS || nr == SYS_pipe || nr == SYS_pipe2)
		return ret;

	for (size_t i = 0; !c && i < ARRAY_SIZE(calls); i++)
		if (calls[i].nr == nr)
			c = &calls[i];
	trace_put_int(&l, sys_call(SYS_gettid));
	trace_put_char(&l, ' ');
	if (!c) {
		trace_put(&l, "call ");
		trace_put_int(&l, nr);
	}
	trace_put(&l, c ? c->name : "");
	trace_put_char(&l, '(');
	for (int i = 0; c && c->args[i]; i++) {
		if (c->args[i] == '.') /* told with the one before */
			continue;
		if (i)
			trace_put(&l, ", ");
		put_argument(&l, c->args[i], args + i, ret);
	}
	put_result(&l, ret, end_ns - begin_ns);
	sys_call(SYS_write, hook_trace_fd, l.text, l.n);
	return ret;
}
