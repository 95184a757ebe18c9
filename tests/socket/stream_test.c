/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams and options, call by call, between two hosts in one process:
 * everything is delivered within the call that causes it, so each test reads as
 * a table of calls and results.
 */
#include "two_hosts.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "socket/work.h"

static void carries_bytes_both_ways(void **state)
{
	char buf[16];
	int x, y;

	(void)state;
	pair(&x, &y);
	assert_int_equal(sf_write(&a, x, "hello", 5), 5);
	assert_int_equal(sf_read(&b, y, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(sf_write(&b, y, "world!", 6), 6);
	assert_int_equal(sf_read(&a, x, buf, 3), 3);
	assert_memory_equal(buf, "wor", 3);
	assert_int_equal(sf_read(&a, x, buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "ld!", 3);
}

static void refuses_where_nobody_listens(void **state)
{
	int x;

	(void)state;
	x = sf_tcp(&a);
	assert_int_equal(sf_connect(&a, x, B_LAST, 81), -ECONNREFUSED);
	sf_close(&a, x);
	/* An address that nobody has. */
	x = sf_tcp(&a);
	assert_int_equal(sf_connect(&a, x, 99, 81), -EHOSTUNREACH);
	sf_close(&a, x);
	/* Beyond the subnet there is nothing. */
	x = sf_tcp(&a);
	struct sockaddr_in far = { .sin_family = AF_INET,
				   .sin_port = htons(81),
				   .sin_addr.s_addr = htonl(0xc0000201) };
	assert_int_equal(SF(&a, SYS_connect, x, &far, sizeof(far), 0, 0, 0),
			 -ENETUNREACH);
	sf_close(&a, x);
	/* The VIF's loopback is its own. */
	x = sf_tcp(&a);
	struct sockaddr_in lo = { .sin_family = AF_INET,
				  .sin_port = htons(81),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(SF(&a, SYS_connect, x, &lo, sizeof(lo), 0, 0, 0),
			 -ECONNREFUSED);
}

static void an_end_is_an_end(void **state)
{
	char buf[16];
	int x, y;

	(void)state;
	pair(&x, &y);
	/* Half closed: the other direction goes on. */
	assert_int_equal(sf_write(&a, x, "last", 4), 4);
	assert_int_equal(SF(&a, SYS_shutdown, x, SHUT_WR, 0, 0, 0, 0), 0);
	assert_int_equal(sf_read(&b, y, buf, sizeof(buf)), 4);
	assert_int_equal(sf_read(&b, y, buf, sizeof(buf)), 0);
	assert_int_equal(sf_write(&b, y, "answer", 6), 6);
	assert_int_equal(sf_read(&a, x, buf, sizeof(buf)), 6);
	assert_int_equal(SF(&a, SYS_sendto, x, "x", 1, MSG_NOSIGNAL, 0, 0),
			 -EPIPE);
	sf_close(&b, y);
	assert_int_equal(sf_read(&a, x, buf, sizeof(buf)), 0);
}

static void unread_data_resets(void **state)
{
	char buf[16];
	int x, y;

	(void)state;
	pair(&x, &y);
	assert_int_equal(sf_write(&a, x, "unread", 6), 6);
	sf_close(&b, y);
	assert_int_equal(sf_read(&a, x, buf, sizeof(buf)), -ECONNRESET);
	assert_int_equal(sf_read(&a, x, buf, sizeof(buf)), 0);
	assert_int_equal(SF(&a, SYS_sendto, x, "x", 1, MSG_NOSIGNAL, 0, 0),
			 -EPIPE);
}

static void nonblocking_never_waits(void **state)
{
	static char big[1 << 20];
	char buf[16];
	int x, y;
	long n, sum = 0;

	(void)state;
	pair(&x, &y);
	set_nonblocking(&a, x);
	assert_int_equal(sf_read(&a, x, buf, sizeof(buf)), -EAGAIN);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 1, MSG_DONTWAIT, 0, 0),
			 -EAGAIN);
	while ((n = sf_write(&a, x, big, sizeof(big))) > 0)
		sum += n;
	assert_int_equal(n, -EAGAIN);
	assert_true(sum >= 256 * 1024);
	while ((n = SF(&b, SYS_recvfrom, y, big, sizeof(big), MSG_DONTWAIT, 0,
		       0)) > 0)
		sum -= n;
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(sum, 0);
}

static void peeks_and_waits_for_all(void **state)
{
	char buf[16];
	int x, y, n = 0;

	(void)state;
	pair(&x, &y);
	sf_write(&a, x, "abc", 3);
	sf_write(&a, x, "def", 3);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 16, MSG_PEEK, 0, 0), 6);
	assert_memory_equal(buf, "abcdef", 6);
	assert_int_equal(SF(&b, SYS_ioctl, y, FIONREAD, &n, 0, 0, 0), 0);
	assert_int_equal(n, 6);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 6, MSG_WAITALL, 0, 0), 6);
	sf_write(&a, x, "gh", 2);
	set_nonblocking(&b, y);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 6, MSG_WAITALL, 0, 0), 2);
}

static void gathers_and_scatters(void **state)
{
	char p[3], q[10];
	char ab[] = "ab", cdefg[] = "cdefg";
	struct iovec out[3] = { { ab, 2 }, { NULL, 0 }, { cdefg, 5 } };
	struct iovec in[2] = { { p, 3 }, { q, 10 } };
	struct msghdr m = { .msg_iov = in, .msg_iovlen = 2 };
	int x, y;

	(void)state;
	pair(&x, &y);
	assert_int_equal(SF(&a, SYS_writev, x, out, 3, 0, 0, 0), 7);
	assert_int_equal(SF(&b, SYS_recvmsg, y, &m, 0, 0, 0, 0), 7);
	assert_memory_equal(p, "abc", 3);
	assert_memory_equal(q, "defg", 4);
	assert_int_equal(SF(&a, SYS_writev, x, out, 2000, 0, 0, 0), -EINVAL);
}

static void much_data_arrives_whole(void **state)
{
	static uint8_t out[3000000], in[3000000];
	size_t sent = 0, got = 0;
	int x, y;

	(void)state;
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
	pair(&x, &y);
	set_nonblocking(&a, x);
	set_nonblocking(&b, y);
	/* Odd sizes on both sides, so that pieces never match. */
	for (int step = 1; got < sizeof(in); step++) {
		size_t n = (size_t)step * 7919 % 150001;
		long m;

		if (n > sizeof(out) - sent)
			n = sizeof(out) - sent;
		m = sf_write(&a, x, out + sent, n);
		sent += m > 0 ? (size_t)m : 0;
		m = sf_read(&b, y, in + got, (size_t)step * 6007 % 100003);
		got += m > 0 ? (size_t)m : 0;
		assert_true(step < 100000);
	}
	assert_memory_equal(in, out, sizeof(in));
}

static void names_are_what_they_are(void **state)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);
	int x, y;

	(void)state;
	pair(&x, &y);
	assert_int_equal(SF(&b, SYS_getsockname, y, &sa, &len, 0, 0, 0), 0);
	assert_int_equal(ntohs(sa.sin_port), 80);
	assert_int_equal(ntohl(sa.sin_addr.s_addr), 0x0a4d0000 | B_LAST);
	assert_int_equal(SF(&b, SYS_getpeername, y, &sa, &len, 0, 0, 0), 0);
	assert_int_equal(ntohl(sa.sin_addr.s_addr), 0x0a4d0000 | A_LAST);
	x = sf_tcp(&a);
	assert_int_equal(SF(&a, SYS_getpeername, x, &sa, &len, 0, 0, 0),
			 -ENOTCONN);
	len = 4;
	assert_int_equal(SF(&a, SYS_getsockname, x, &sa, &len, 0, 0, 0), 0);
	assert_int_equal(len, sizeof(sa)); /* cut, but the length is told */
}

static void an_address_is_taken_once(void **state)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(90) };
	int l = sf_listen(&a, 90), x = sf_tcp(&a), y = sf_tcp(&b);

	(void)state;
	assert_int_equal(SF(&a, SYS_bind, x, &sa, sizeof(sa), 0, 0, 0),
			 -EADDRINUSE);
	assert_int_equal(SF(&b, SYS_bind, y, &sa, sizeof(sa), 0, 0, 0), 0);
	sa.sin_addr.s_addr = htonl(0x0a4d0000 | B_LAST);
	sa.sin_port = htons(91);
	assert_int_equal(SF(&a, SYS_bind, x, &sa, sizeof(sa), 0, 0, 0),
			 -EADDRNOTAVAIL);
	sf_close(&a, l);
	sa.sin_addr.s_addr = 0;
	sa.sin_port = htons(90);
	assert_int_equal(SF(&a, SYS_bind, x, &sa, sizeof(sa), 0, 0, 0), 0);
}

static void connects_without_waiting(void **state)
{
	int l = sf_listen(&b, 80), x, err = -1;
	struct pollfd p;
	socklen_t len = sizeof(err);

	(void)state;
	x = (int)SF(&a, SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0, 0,
		    0, 0);
	assert_int_equal(sf_connect(&a, x, B_LAST, 80), -EINPROGRESS);
	p = (struct pollfd){ x, POLLOUT | POLLIN, 0 };
	assert_int_equal(SF(&a, SYS_poll, &p, 1, 1000, 0, 0, 0), 1);
	assert_int_equal(p.revents, POLLOUT);
	assert_int_equal(SF(&a, SYS_getsockopt, x, SOL_SOCKET, SO_ERROR, &err,
			    &len, 0),
			 0);
	assert_int_equal(err, 0);
	sf_close(&b, l);
	sf_close(&a, x);

	x = (int)SF(&a, SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0, 0,
		    0, 0);
	assert_int_equal(sf_connect(&a, x, B_LAST, 80), -EINPROGRESS);
	p = (struct pollfd){ x, POLLOUT, 0 };
	assert_int_equal(SF(&a, SYS_poll, &p, 1, 1000, 0, 0, 0), 1);
	assert_true(p.revents & POLLERR);
	assert_int_equal(SF(&a, SYS_getsockopt, x, SOL_SOCKET, SO_ERROR, &err,
			    &len, 0),
			 0);
	assert_int_equal(err, ECONNREFUSED);
}

static void timeouts_end_waits(void **state)
{
	struct timeval tv = { 0, 20000 };
	struct pollfd p;
	char buf[4];
	int x, y;

	(void)state;
	pair(&x, &y);
	assert_int_equal(SF(&a, SYS_setsockopt, x, SOL_SOCKET, SO_RCVTIMEO, &tv,
			    sizeof(tv), 0),
			 0);
	assert_int_equal(sf_read(&a, x, buf, 4), -EAGAIN);
	p = (struct pollfd){ x, POLLIN, 0 };
	assert_int_equal(SF(&a, SYS_poll, &p, 1, 20, 0, 0, 0), 0);
}

static void options_are_kept(void **state)
{
	static const struct {
		int level, name, set, get;
	} table[] = {
		{ SOL_SOCKET, SO_REUSEADDR, 1, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1, 1 },
		{ SOL_SOCKET, SO_SNDBUF, 100000, 200000 }, /* doubled */
		{ SOL_SOCKET, SO_RCVBUF, 50000, 100000 },
		{ IPPROTO_TCP, TCP_NODELAY, 1, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 33, 33 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 4, 4 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, 1234, 1234 },
	};
	socklen_t len = sizeof(int);
	int x = sf_tcp(&a), v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		assert_int_equal(SF(&a, SYS_setsockopt, x, table[i].level,
				    table[i].name, &table[i].set, sizeof(int),
				    0),
				 0);
		assert_int_equal(SF(&a, SYS_getsockopt, x, table[i].level,
				    table[i].name, &v, &len, 0),
				 0);
		assert_int_equal(v, table[i].get);
	}
	assert_int_equal(SF(&a, SYS_setsockopt, x, SOL_SOCKET, 9999, &v, 4, 0),
			 -ENOPROTOOPT);
	/* Bound to no device: sshd asks, and an empty name says so. */
	assert_int_equal(SF(&a, SYS_setsockopt, x, SOL_SOCKET, SO_BINDTODEVICE,
			    "eth1", 5, 0),
			 -ENODEV);
	assert_int_equal(SF(&a, SYS_setsockopt, x, SOL_SOCKET, SO_BINDTODEVICE,
			    "eth0", 5, 0),
			 0);
	assert_int_equal(SF(&a, SYS_setsockopt, x, SOL_SOCKET, SO_BINDTODEVICE,
			    "", 0, 0),
			 0);
	assert_int_equal(SF(&a, SYS_getsockopt, x, SOL_SOCKET, SO_BINDTODEVICE,
			    &v, &len, 0),
			 0);
	assert_int_equal(len, 0);
	len = sizeof(v);
	assert_int_equal(
		SF(&a, SYS_getsockopt, x, SOL_SOCKET, SO_TYPE, &v, &len, 0), 0);
	assert_int_equal(v, SOCK_STREAM);
}

static void what_is_not_on_a_fabric_is_refused(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(SF(&a, SYS_socket, AF_PACKET, SOCK_RAW, 0, 0, 0, 0),
			 -EPERM);
	assert_int_equal(SF(&a, SYS_io_uring_setup, 8, 0, 0, 0, 0, 0), -ENOSYS);
	assert_int_equal(SF(&a, SYS_bind, 9999, 0, 0, 0, 0, 0), -EBADF);
	/* Unix sockets are the kernel's. */
	fd = (int)SF(&a, SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0, 0, 0);
	assert_true(fd >= 0);
	assert_false(socket_owns(&a, fd));
	close(fd);
}

static void a_fabric_that_ends_is_felt(void **state)
{
	struct pollfd p;
	char buf[4];
	int x, y, l = sf_listen(&b, 99), u = udp(&a, 1000), z;

	(void)state;
	pair(&x, &y);
	socket_down(&sf.thread);
	p = (struct pollfd){ x, POLLIN, 0 };
	assert_int_equal(SF(&a, SYS_poll, &p, 1, 1000, 0, 0, 0), 1);
	assert_true(p.revents & (POLLERR | POLLHUP));
	assert_int_equal(sf_read(&a, x, buf, 4), -ENETDOWN);
	assert_int_equal(SF(&a, SYS_recvfrom, u, buf, 4, 0, 0, 0), -ENETDOWN);
	/* A listener stays silent: nothing that a server could spin on. */
	p = (struct pollfd){ l, POLLIN, 0 };
	assert_int_equal(SF(&b, SYS_poll, &p, 1, 10, 0, 0, 0), 0);
	z = sf_tcp(&a);
	assert_int_equal(sf_connect(&a, z, B_LAST, 99), -EHOSTUNREACH);
}

static void a_listener_that_is_shut_down_accepts_no_more(void **state)
{
	int l = sf_listen(&b, 80);

	(void)state;
	assert_int_equal(SF(&b, SYS_shutdown, l, SHUT_RD, 0, 0, 0, 0), 0);
	assert_int_equal(SF(&b, SYS_accept4, l, 0, 0, 0, 0, 0), -EINVAL);
}

static void nothing_is_read_at_once_and_received_later(void **state)
{
	char buf[8];
	int x, y, mark = 9, low = 4;

	(void)state;
	pair(&x, &y);
	assert_int_equal(sf_read(&b, y, buf, 0), 0);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 0, MSG_DONTWAIT, 0, 0),
			 -EAGAIN);
	/* MSG_TRUNC of a stream throws away, without a buffer. */
	sf_write(&a, x, "abcdef", 6);
	assert_int_equal(SF(&b, SYS_recvfrom, y, 0, 4, MSG_TRUNC, 0, 0), 4);
	assert_int_equal(sf_read(&b, y, buf, 8), 2);
	assert_memory_equal(buf, "ef", 2);
	/* SO_RCVLOWAT is for those who wait. */
	SF(&b, SYS_setsockopt, y, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low),
	   0);
	sf_write(&a, x, "gh", 2);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 8, MSG_DONTWAIT, 0, 0),
			 2);
	low = 1;
	SF(&b, SYS_setsockopt, y, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low),
	   0);
	/* Urgent data. */
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 1, MSG_OOB, 0, 0),
			 -EINVAL);
	assert_int_equal(SF(&a, SYS_sendto, x, "i!", 2, MSG_OOB, 0, 0), 2);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 1, MSG_OOB, 0, 0), 1);
	assert_int_equal(buf[0], '!');
	assert_int_equal(SF(&b, SYS_ioctl, y, SIOCATMARK, &mark, 0, 0, 0), 0);
	assert_int_equal(mark, 0);
	assert_int_equal(sf_read(&b, y, buf, 1), 1);
	assert_int_equal(SF(&b, SYS_ioctl, y, SIOCATMARK, &mark, 0, 0, 0), 0);
	assert_int_equal(mark, 1);
}

static void congestion_control_is_chosen_by_name(void **state)
{
	char name[16] = "";
	socklen_t len = sizeof(name);
	int x = sf_tcp(&a);

	(void)state;
	assert_int_equal(SF(&a, SYS_setsockopt, x, IPPROTO_TCP, TCP_CONGESTION,
			    "reno", 4, 0),
			 0);
	assert_int_equal(SF(&a, SYS_getsockopt, x, IPPROTO_TCP, TCP_CONGESTION,
			    name, &len, 0),
			 0);
	assert_string_equal(name, "reno");
	assert_int_equal(SF(&a, SYS_setsockopt, x, IPPROTO_TCP, TCP_CONGESTION,
			    "cubicle", 7, 0),
			 -ENOENT);
}

static void an_ipv6_listener_without_bind_serves_both_families(void **state)
{
	struct sockaddr_in6 sa = { 0 };
	struct sockaddr_in6 one = { .sin6_family = AF_INET6,
				    .sin6_addr.s6_addr = { [15] = 1 } };
	socklen_t len = sizeof(sa);
	int l = (int)SF(&b, SYS_socket, AF_INET6, SOCK_STREAM, 0, 0, 0, 0), x;

	(void)state;
	assert_int_equal(SF(&b, SYS_listen, l, 5, 0, 0, 0, 0), 0);
	assert_int_equal(SF(&b, SYS_getsockname, l, &sa, &len, 0, 0, 0), 0);
	x = sf_tcp(&a);
	assert_int_equal(sf_connect(&a, x, B_LAST, ntohs(sa.sin6_port)), 0);
	x = (int)SF(&b, SYS_socket, AF_INET6, SOCK_STREAM, 0, 0, 0, 0);
	one.sin6_port = sa.sin6_port;
	assert_int_equal(SF(&b, SYS_connect, x, &one, sizeof(one), 0, 0, 0), 0);
}

static void close_lingers_while_data_waits(void **state)
{
	struct linger li = { 1, 1 };
	static char big[2 << 20];
	uint64_t begin;
	int x, y;

	(void)state;
	pair(&x, &y);
	set_nonblocking(&a, x);
	SF(&a, SYS_setsockopt, x, SOL_SOCKET, SO_LINGER, &li, sizeof(li), 0);
	sf_write(&a, x, "a", 1);
	while (sf_write(&a, x, big, sizeof(big)) > 0)
		;
	begin = fabric_now(&pa.fabric);
	assert_int_equal(sf_close(&a, x), 0);
	assert_true(fabric_now(&pa.fabric) - begin > 900 * NSEC_PER_MSEC);
}

static ssize_t note_of(int fd, struct sock_extended_err *err)
{
	union {
		struct cmsghdr h;
		char room[128];
	} control;
	struct msghdr m = { .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	long n = SF(&a, SYS_recvmsg, fd, &m, MSG_ERRQUEUE, 0, 0, 0);

	if (n)
		return n;
	assert_int_equal(m.msg_flags, MSG_ERRQUEUE);
	assert_int_equal(control.h.cmsg_level, SOL_IP);
	assert_int_equal(control.h.cmsg_type, IP_RECVERR);
	memcpy(err, CMSG_DATA(&control.h), sizeof(*err));
	return 0;
}

static void zerocopy_sends_are_reported(void **state)
{
	struct sock_extended_err err;
	struct pollfd p;
	int x, y, on = 1;

	(void)state;
	pair(&x, &y);
	assert_int_equal(note_of(x, &err), -EAGAIN);
	/* Without the option the flag means nothing. */
	assert_int_equal(SF(&a, SYS_sendto, x, "a", 1, MSG_ZEROCOPY, 0, 0), 1);
	assert_int_equal(note_of(x, &err), -EAGAIN);
	assert_int_equal(SF(&a, SYS_setsockopt, x, SOL_SOCKET, SO_ZEROCOPY, &on,
			    sizeof(on), 0),
			 0);
	assert_int_equal(SF(&a, SYS_sendto, x, "b", 1, MSG_ZEROCOPY, 0, 0), 1);
	assert_int_equal(SF(&a, SYS_sendto, x, "c", 1, MSG_ZEROCOPY, 0, 0), 1);
	p = (struct pollfd){ x, 0, 0 };
	assert_int_equal(SF(&a, SYS_poll, &p, 1, 0, 0, 0, 0), 1);
	assert_int_equal(p.revents, POLLERR);
	/* Both in one note; nothing else is in error. */
	assert_int_equal(note_of(x, &err), 0);
	assert_int_equal(err.ee_origin, SO_EE_ORIGIN_ZEROCOPY);
	assert_int_equal(err.ee_code, SO_EE_CODE_ZEROCOPY_COPIED);
	assert_int_equal(err.ee_info, 0);
	assert_int_equal(err.ee_data, 1);
	assert_int_equal(note_of(x, &err), -EAGAIN);
	assert_int_equal(SF(&a, SYS_poll, &p, 1, 0, 0, 0, 0), 0);
	assert_int_equal(sf_write(&a, x, "d", 1), 1);
	(void)y;
}

static void what_is_left_comes_with_what_is_read(void **state)
{
	union {
		struct cmsghdr h;
		char room[64];
	} control;
	char buf[4];
	struct iovec iov = { buf, 4 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int x, y, on = 1, left;

	(void)state;
	pair(&x, &y);
	assert_int_equal(SF(&b, SYS_setsockopt, y, SOL_TCP, TCP_INQ, &on,
			    sizeof(on), 0),
			 0);
	assert_int_equal(sf_write(&a, x, "0123456789", 10), 10);
	m.msg_control = &control;
	m.msg_controllen = sizeof(control);
	assert_int_equal(SF(&b, SYS_recvmsg, y, &m, 0, 0, 0, 0), 4);
	assert_int_equal(m.msg_controllen, CMSG_SPACE(sizeof(left)));
	assert_int_equal(control.h.cmsg_level, SOL_TCP);
	assert_int_equal(control.h.cmsg_type, TCP_CM_INQ);
	memcpy(&left, CMSG_DATA(&control.h), sizeof(left));
	assert_int_equal(left, 6);
	/* No room: said so, and the data comes all the same. */
	m.msg_controllen = 4;
	assert_int_equal(SF(&b, SYS_recvmsg, y, &m, 0, 0, 0, 0), 4);
	assert_int_equal(m.msg_flags & MSG_CTRUNC, MSG_CTRUNC);
}

static void unsent_bytes_are_bounded(void **state)
{
	static char bytes[300000];
	struct pollfd p = { .events = POLLOUT };
	int x, y, low = 20000, v = -1;
	socklen_t len = sizeof(v);
	long n;

	(void)state;
	pair(&x, &y);
	set_nonblocking(&a, x);
	assert_int_equal(SF(&a, SYS_getsockopt, x, SOL_TCP, TCP_NOTSENT_LOWAT,
			    &v, &len, 0),
			 0);
	assert_int_equal(v, 0);
	assert_int_equal(SF(&a, SYS_setsockopt, x, SOL_TCP, TCP_NOTSENT_LOWAT,
			    &low, sizeof(low), 0),
			 0);
	/* The peer reads nothing: its window fills, then what is unsent. */
	while ((n = sf_write(&a, x, bytes, sizeof(bytes))) > 0)
		;
	assert_int_equal(n, -EAGAIN);
	p.fd = x;
	assert_int_equal(SF(&a, SYS_poll, &p, 1, 0, 0, 0, 0), 0);
	while (sf_read(&b, y, bytes, sizeof(bytes)) == sizeof(bytes))
		;
	assert_int_equal(SF(&a, SYS_poll, &p, 1, 0, 0, 0, 0), 1);
}

static void a_stream_begins_anew(void **state)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	int x, y, v = 1;
	char c;

	(void)state;
	pair(&x, &y);
	assert_int_equal(SF(&a, SYS_setsockopt, x, IPPROTO_TCP, TCP_NODELAY, &v,
			    sizeof(v), 0),
			 0);
	assert_int_equal(SF(&a, SYS_connect, x, &none, sizeof(none), 0, 0, 0),
			 0);
	assert_int_equal(sf_read(&b, y, &c, 1), -ECONNRESET);
	assert_int_equal(SF(&a, SYS_getpeername, x, &name, &len, 0, 0, 0),
			 -ENOTCONN);
	sf_close(&b, y);
	y = sf_listen(&b, 81);
	assert_int_equal(sf_connect(&a, x, B_LAST, 81), 0);
	v = 0;
	len = sizeof(v);
	SF(&a, SYS_getsockopt, x, IPPROTO_TCP, TCP_NODELAY, &v, &len, 0);
	assert_int_equal(v, 1);
	/* Never connected: nothing to undo. */
	x = sf_tcp(&a);
	assert_int_equal(SF(&a, SYS_connect, x, &none, sizeof(none), 0, 0, 0),
			 0);
}

/* Less than SO_RCVLOWAT is not readable, but a read for that much returns. */
static void little_is_enough_for_who_wants_no_more(void **state)
{
	int x, y, v = 100, status = 1;
	char buf[100];
	pid_t pid;

	(void)state;
	pair(&x, &y);
	assert_int_equal(SF(&b, SYS_setsockopt, y, SOL_SOCKET, SO_RCVLOWAT, &v,
			    sizeof(v), 0),
			 0);
	pid = fork();
	if (!pid) {
		alarm(5);
		_exit(sf_read(&b, y, buf, 10) != 10);
	}
	usleep(50000);
	assert_int_equal(sf_write(&a, x, buf, 4), 4);
	usleep(20000);
	assert_int_equal(sf_write(&a, x, buf, 10), 10);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Who asks for nothing sleeps until there is something, as in the kernel. */
static void asking_for_nothing_sleeps(void **state)
{
	int x, y, status = 1;
	char byte = 1;
	pid_t pid;

	(void)state;
	pair(&x, &y);
	pid = fork();
	if (!pid) {
		struct rusage ru;

		alarm(5);
		if (SF(&b, SYS_recvfrom, y, &byte, 0, 0, 0, 0))
			_exit(1);
		getrusage(RUSAGE_SELF, &ru);
		/* A fifth of the time of waiting, at the very most. */
		_exit(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec ||
		      ru.ru_utime.tv_usec + ru.ru_stime.tv_usec > 60000);
	}
	usleep(300000);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(sf_write(&a, x, &byte, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* 4 listeners on one port, in two processes: each gets its quarter, +- 5 %. */
static void reuseport_spreads_evenly(void **state)
{
	enum { LISTENERS = 4, CONNECTIONS = 4000 };
	struct socket_process pc;
	struct socket_thread c, *whose[LISTENERS];
	struct socket_reaped r;
	int l[LISTENERS], got[LISTENERS] = { 0 }, on = 1;

	(void)state;
	two_hosts_join(&pc, &c, pb.vif);
	for (int i = 0; i < LISTENERS; i++) {
		struct sockaddr_in sa = { .sin_family = AF_INET,
					  .sin_port = htons(80) };

		whose[i] = i % 2 ? &b : &c;
		l[i] = sf_tcp(whose[i]);
		SF(whose[i], SYS_setsockopt, l[i], SOL_SOCKET, SO_REUSEPORT,
		   &on, sizeof(on), 0);
		assert_int_equal(SF(whose[i], SYS_bind, l[i], &sa, sizeof(sa),
				    0, 0, 0),
				 0);
		assert_int_equal(SF(whose[i], SYS_listen, l[i], 8, 0, 0, 0, 0),
				 0);
		set_nonblocking(whose[i], l[i]);
	}
	for (int n = 0; n < CONNECTIONS; n++) {
		int x = sf_tcp(&a), accepted = 0;

		assert_int_equal(sf_connect(&a, x, B_LAST, 80), 0);
		for (int i = 0; i < LISTENERS; i++) {
			int y = (int)SF(whose[i], SYS_accept4, l[i], 0, 0, 0, 0,
					0);

			if (y < 0)
				continue;
			sf_close(whose[i], y);
			got[i]++;
			accepted++;
		}
		assert_int_equal(accepted, 1);
		sf_close(&a, x);
	}
	for (int i = 0; i < LISTENERS; i++)
		assert_in_range(got[i], CONNECTIONS / 5, CONNECTIONS * 3 / 10);
	/* One process ends: its listeners get nothing any more. */
	assert_int_equal(socket_reap(&sf.thread, c.self, &r), 0);
	for (int n = 0; n < 40; n++) {
		int x = sf_tcp(&a);

		assert_int_equal(sf_connect(&a, x, B_LAST, 80), 0);
		assert_true(SF(&b, SYS_accept4, l[1], 0, 0, 0, 0, 0) >= 0 ||
			    SF(&b, SYS_accept4, l[3], 0, 0, 0, 0, 0) >= 0);
		sf_close(&a, x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(zerocopy_sends_are_reported),
		TEST(what_is_left_comes_with_what_is_read),
		TEST(unsent_bytes_are_bounded),
		TEST(carries_bytes_both_ways),
		TEST(refuses_where_nobody_listens),
		TEST(an_end_is_an_end),
		TEST(unread_data_resets),
		TEST(nonblocking_never_waits),
		TEST(peeks_and_waits_for_all),
		TEST(gathers_and_scatters),
		TEST(much_data_arrives_whole),
		TEST(names_are_what_they_are),
		TEST(an_address_is_taken_once),
		TEST(connects_without_waiting),
		TEST(timeouts_end_waits),
		TEST(options_are_kept),
		TEST(what_is_not_on_a_fabric_is_refused),
		TEST(a_fabric_that_ends_is_felt),
		TEST(a_listener_that_is_shut_down_accepts_no_more),
		TEST(nothing_is_read_at_once_and_received_later),
		TEST(congestion_control_is_chosen_by_name),
		TEST(an_ipv6_listener_without_bind_serves_both_families),
		TEST(close_lingers_while_data_waits),
		TEST(a_stream_begins_anew),
		TEST(little_is_enough_for_who_wants_no_more),
		TEST(asking_for_nothing_sleeps),
		TEST(reuseport_spreads_evenly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
