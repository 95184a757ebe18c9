/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Socket semantics, call by call, between two hosts in one process: everything
 * is delivered within the call that causes it, so each test reads as a table of
 * calls and results.
 */
#include "small_fabric.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "fabric/wake.h"
#include "socket/work.h"

#define A_LAST 2
#define B_LAST 3

/* Two members, as if in two processes: one view, two slots. */
static struct small_fabric sf;
static struct socket_process pa, pb;
static struct socket_thread a, b;

static void join(struct socket_process *p, struct socket_thread *t, vif_ix vif)
{
	struct fabric *f = &sf.process.fabric;
	proc_ix ix = fabric_proc_alloc(f, FABRIC_PROC_ALIVE);

	*p = sf.process;
	f->procs[ix].vif = vif;
	socket_adopt(p, ix);
	socket_thread_init(t, p);
}

static int make(void **state)
{
	(void)state;
	small_fabric_make(&sf);
	join(&pa, &a, small_fabric_host(&sf, "a", A_LAST));
	join(&pb, &b, small_fabric_host(&sf, "b", B_LAST));
	return 0;
}

/* Every test ends with everything closed: nothing may be left. */
static int drop(void **state)
{
	struct socket_census c;
	struct socket_reaped r;

	(void)state;
	if (socket_reap(&sf.thread, a.self, &r) ||
	    socket_reap(&sf.thread, b.self, &r))
		return 1;
	if (socket_census(&sf.thread, &c) || c.socks || c.psets || c.watches) {
		print_error("left: %u socks, %u psets, %u watches\n", c.socks,
			    c.psets, c.watches);
		return 1;
	}
	small_fabric_drop(&sf);
	return 0;
}

/* A connected pair: *x of a, *y of b. */
static void pair(int *x, int *y)
{
	int l = sf_listen(&b, 80);

	*x = sf_tcp(&a);
	assert_int_equal(sf_connect(&a, *x, B_LAST, 80), 0);
	*y = (int)SF(&b, SYS_accept4, l, 0, 0, 0, 0, 0);
	assert_true(*y >= 0);
	assert_int_equal(sf_close(&b, l), 0);
}

static void set_nonblocking(struct socket_thread *t, int fd)
{
	assert_int_equal(SF(t, SYS_fcntl, fd, F_SETFL, O_NONBLOCK, 0, 0, 0), 0);
}

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

static void polls_both_kinds_of_descriptors(void **state)
{
	struct pollfd p[3];
	struct timeval tv = { 5, 0 };
	fd_set in;
	int x, y, pipes[2];

	(void)state;
	pair(&x, &y);
	assert_int_equal(pipe(pipes), 0);
	p[0] = (struct pollfd){ pipes[0], POLLIN, 0 };
	p[1] = (struct pollfd){ y, POLLIN, 0 };
	p[2] = (struct pollfd){ -1, POLLIN, 0 };
	assert_int_equal(SF(&b, SYS_poll, p, 3, 10, 0, 0, 0), 0);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	assert_int_equal(SF(&b, SYS_poll, p, 3, -1, 0, 0, 0), 1);
	assert_int_equal(p[0].revents, POLLIN);
	assert_int_equal(p[1].revents, 0);
	sf_write(&a, x, "y", 1);
	assert_int_equal(SF(&b, SYS_poll, p, 3, -1, 0, 0, 0), 2);
	assert_int_equal(p[1].revents, POLLIN);

	FD_ZERO(&in);
	FD_SET(pipes[0], &in);
	FD_SET(y, &in);
	assert_int_equal(SF(&b, SYS_select, 1 + (y > pipes[0] ? y : pipes[0]),
			    &in, 0, 0, &tv, 0),
			 2);
	assert_true(FD_ISSET(y, &in) && FD_ISSET(pipes[0], &in));
	close(pipes[0]);
	close(pipes[1]);
}

/* --- epoll -------------------------------------------------------------------
 */

static long wait_one(struct socket_thread *t, int ep, struct epoll_event *ev)
{
	return SF(t, SYS_epoll_wait, ep, ev, 1, 0, 0, 0);
}

static void epoll_reports_by_level(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 77 }, got;
	char buf[4];
	int x, y, ep;

	(void)state;
	pair(&x, &y);
	ep = (int)SF(&b, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
	assert_int_equal(SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, y, &ev, 0, 0),
			 0);
	assert_int_equal(SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, y, &ev, 0, 0),
			 -EEXIST);
	assert_int_equal(wait_one(&b, ep, &got), 0);
	sf_write(&a, x, "ab", 2);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(wait_one(&b, ep, &got), 1);
		assert_int_equal(got.events, EPOLLIN);
		assert_int_equal(got.data.u64, 77);
	}
	assert_int_equal(sf_read(&b, y, buf, 4), 2);
	assert_int_equal(wait_one(&b, ep, &got), 0);
	/* Interest in writing is ready at once. */
	ev.events = EPOLLIN | EPOLLOUT;
	assert_int_equal(SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_MOD, y, &ev, 0, 0),
			 0);
	assert_int_equal(wait_one(&b, ep, &got), 1);
	assert_int_equal(got.events, EPOLLOUT);
	assert_int_equal(SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_DEL, y, 0, 0, 0),
			 0);
	assert_int_equal(wait_one(&b, ep, &got), 0);
	assert_int_equal(SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_DEL, y, 0, 0, 0),
			 -ENOENT);
}

static void epoll_reports_edges_and_once(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET }, got;
	char buf[4];
	int x, y, ep;

	(void)state;
	pair(&x, &y);
	ep = (int)SF(&b, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
	SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, y, &ev, 0, 0);
	sf_write(&a, x, "a", 1);
	assert_int_equal(wait_one(&b, ep, &got), 1);
	assert_int_equal(wait_one(&b, ep, &got), 0);
	sf_write(&a, x, "b", 1); /* more data: another edge */
	assert_int_equal(wait_one(&b, ep, &got), 1);
	assert_int_equal(wait_one(&b, ep, &got), 0);
	assert_int_equal(sf_read(&b, y, buf, 4), 2);

	ev.events = EPOLLIN | EPOLLONESHOT;
	SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_MOD, y, &ev, 0, 0);
	sf_write(&a, x, "c", 1);
	assert_int_equal(wait_one(&b, ep, &got), 1);
	sf_write(&a, x, "d", 1);
	assert_int_equal(wait_one(&b, ep, &got), 0);
	SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_MOD, y, &ev, 0, 0);
	assert_int_equal(wait_one(&b, ep, &got), 1);
	/* The end of a stream is an event of its own. */
	ev.events = EPOLLRDHUP | EPOLLET;
	SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_MOD, y, &ev, 0, 0);
	sf_close(&a, x);
	assert_int_equal(wait_one(&b, ep, &got), 1);
	assert_true(got.events & EPOLLRDHUP);
}

static void epoll_forgets_what_is_closed(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN }, got;
	int x, y, ep, copy;

	(void)state;
	pair(&x, &y);
	ep = (int)SF(&b, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
	SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, y, &ev, 0, 0);
	sf_write(&a, x, "a", 1);
	copy = (int)SF(&b, SYS_dup, y, 0, 0, 0, 0, 0);
	sf_close(&b, y);
	/* The description lives, so does its interest (epoll(7), Q6). */
	assert_int_equal(wait_one(&b, ep, &got), 1);
	sf_close(&b, copy);
	assert_int_equal(wait_one(&b, ep, &got), 0);
}

static void epoll_mixes_kinds(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 1 }, got[4];
	int x, y, ep, pipes[2];

	(void)state;
	pair(&x, &y);
	assert_int_equal(pipe(pipes), 0);
	ep = (int)SF(&b, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
	SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, y, &ev, 0, 0);
	ev.data.u64 = 2;
	assert_int_equal(SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, pipes[0], &ev,
			    0, 0),
			 0);
	assert_int_equal(SF(&b, SYS_epoll_wait, ep, got, 4, 10, 0, 0), 0);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	assert_int_equal(SF(&b, SYS_epoll_wait, ep, got, 4, -1, 0, 0), 1);
	assert_int_equal(got[0].data.u64, 2);
	sf_write(&a, x, "a", 1);
	usleep(100); /* beyond the time for which the kernel's part is not asked
		      */
	assert_int_equal(SF(&b, SYS_epoll_wait, ep, got, 4, -1, 0, 0), 2);
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(SF(&b, SYS_epoll_wait, ep, got, 4, -1, 0, 0), 1);
	assert_int_equal(got[0].data.u64, 1);
}

/* --- descriptors -------------------------------------------------------------
 */

static void copies_share_one_socket(void **state)
{
	char buf[4];
	int x, y, copy;

	(void)state;
	pair(&x, &y);
	copy = (int)SF(&a, SYS_fcntl, x, F_DUPFD_CLOEXEC, 100, 0, 0, 0);
	assert_true(copy >= 100);
	assert_int_equal(SF(&a, SYS_dup2, x, 200, 0, 0, 0, 0), 200);
	set_nonblocking(&a, copy);
	assert_true(SF(&a, SYS_fcntl, x, F_GETFL, 0, 0, 0, 0) & O_NONBLOCK);
	assert_int_equal(sf_close(&a, x), 0);
	assert_int_equal(sf_read(&a, x, buf, 4), -EBADF);
	assert_int_equal(sf_write(&a, 200, "z", 1), 1);
	assert_int_equal(SF(&a, SYS_close_range, 100, 300, 0, 0, 0, 0), 0);
	assert_int_equal(sf_read(&b, y, buf, 4), 1);
	assert_int_equal(sf_read(&b, y, buf, 4), 0);
}

static void a_number_can_become_something_else(void **state)
{
	int x, y, fd;
	char buf[4];

	(void)state;
	pair(&x, &y);
	fd = open("/dev/zero", O_RDONLY);
	/* dup2 over a socket closes the socket. */
	assert_int_equal(SF(&a, SYS_dup2, fd, x, 0, 0, 0, 0), x);
	assert_int_equal(sf_read(&a, x, buf, 4), 4);
	assert_int_equal(sf_read(&b, y, buf, 4), 0);
	close(fd);
	sf_close(&a, x);
}

static void a_fork_shares_sockets(void **state)
{
	struct socket_reaped r;
	proc_ix child;
	char buf[4];
	int x, y;

	(void)state;
	pair(&x, &y);
	child = socket_fork_prepare(&a);
	assert_int_not_equal(child, 0);
	socket_fork_parent(&a, child, 999999);
	sf_close(&a, x);
	/* The child still has it. */
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 4, MSG_DONTWAIT, 0, 0),
			 -EAGAIN);
	assert_int_equal(socket_reap(&sf.thread, child, &r), 0);
	assert_int_equal(sf_read(&b, y, buf, 4), 0);
	/* A fork that fails gives everything back. */
	child = socket_fork_prepare(&b);
	socket_fork_parent(&b, child, -EAGAIN);
	assert_int_equal(sf.process.fabric.procs[child].state,
			 FABRIC_PROC_FREE);
}

/* --- datagrams ---------------------------------------------------------------
 */

static int udp(struct socket_thread *t, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	int fd = (int)SF(t, SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0, 0);

	assert_int_equal(SF(t, SYS_bind, fd, &sa, sizeof(sa), 0, 0, 0), 0);
	return fd;
}

static void datagrams_keep_their_bounds(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(53),
				  .sin_addr.s_addr =
					  htonl(0x0a4d0000 | B_LAST) },
			   from;
	socklen_t len = sizeof(from);
	static char big[60000], back[60000];
	char buf[8];
	int x = udp(&a, 1000), y = udp(&b, 53);

	(void)state;
	assert_int_equal(SF(&a, SYS_sendto, x, "one", 3, 0, &to, sizeof(to)),
			 3);
	assert_int_equal(SF(&a, SYS_sendto, x, "", 0, 0, &to, sizeof(to)), 0);
	assert_int_equal(SF(&a, SYS_sendto, x, "longer than that", 16, 0, &to,
			    sizeof(to)),
			 16);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 8, 0, &from, &len), 3);
	assert_int_equal(ntohs(from.sin_port), 1000);
	assert_int_equal(ntohl(from.sin_addr.s_addr), 0x0a4d0000 | A_LAST);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 8, 0, 0, 0), 0);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 8, MSG_TRUNC, 0, 0), 16);
	assert_memory_equal(buf, "longer t", 8);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 8, MSG_DONTWAIT, 0, 0),
			 -EAGAIN);
	/* Larger than any frame: in fragments. */
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 251);
	assert_int_equal(SF(&a, SYS_sendto, x, big, sizeof(big), 0, &to,
			    sizeof(to)),
			 sizeof(big));
	assert_int_equal(SF(&b, SYS_recvfrom, y, back, sizeof(back), 0, 0, 0),
			 sizeof(back));
	assert_memory_equal(big, back, sizeof(big));
	assert_int_equal(SF(&a, SYS_sendto, x, big, 70000, 0, &to, sizeof(to)),
			 -EMSGSIZE);
}

static void a_connected_datagram_socket_learns_of_refusal(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(54),
				  .sin_addr.s_addr =
					  htonl(0x0a4d0000 | B_LAST) };
	char buf[8];
	int x = udp(&a, 0);

	(void)state;
	assert_int_equal(SF(&a, SYS_sendto, x, "x", 1, 0, 0, 0), -EDESTADDRREQ);
	assert_int_equal(SF(&a, SYS_connect, x, &to, sizeof(to), 0, 0, 0), 0);
	assert_int_equal(SF(&a, SYS_sendto, x, "x", 1, 0, 0, 0), 1);
	assert_int_equal(SF(&a, SYS_recvfrom, x, buf, 8, MSG_DONTWAIT, 0, 0),
			 -ECONNREFUSED);
	assert_int_equal(SF(&a, SYS_recvfrom, x, buf, 8, MSG_DONTWAIT, 0, 0),
			 -EAGAIN);
}

/* --- options and refusals ----------------------------------------------------
 */

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

/* --- corners -----------------------------------------------------------------
 */

static void a_one_shot_that_is_used_up_is_silent(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT }, got;
	int x, y, ep;

	(void)state;
	pair(&x, &y);
	ep = (int)SF(&b, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
	SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, y, &ev, 0, 0);
	sf_write(&a, x, "a", 1);
	assert_int_equal(wait_one(&b, ep, &got), 1);
	/* Not even for errors and hang-ups. */
	sf_close(&a, x);
	SF(&b, SYS_shutdown, y, SHUT_RDWR, 0, 0, 0, 0);
	assert_int_equal(wait_one(&b, ep, &got), 0);
	SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_MOD, y, &ev, 0, 0);
	assert_int_equal(wait_one(&b, ep, &got), 1);
	assert_true(got.events & EPOLLHUP);
}

static void exclusive_wakes_one_of_the_sleepers(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE }, got;
	int l = sf_listen(&b, 80), ep[2], x;

	(void)state;
	for (int i = 0; i < 2; i++) {
		ep[i] = (int)SF(&b, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
		assert_int_equal(SF(&b, SYS_epoll_ctl, ep[i], EPOLL_CTL_ADD, l,
				    &ev, 0, 0),
				 0);
		assert_int_equal(SF(&b, SYS_epoll_ctl, ep[i], EPOLL_CTL_MOD, l,
				    &ev, 0, 0),
				 -EINVAL);
		/* Slept, and does not sleep any more: does not count as a
		 * sleeper. */
		assert_int_equal(
			SF(&b, SYS_epoll_wait, ep[i], &got, 1, 2, 0, 0), 0);
	}
	x = sf_tcp(&a);
	assert_int_equal(sf_connect(&a, x, B_LAST, 80), 0);
	assert_int_equal(wait_one(&b, ep[0], &got), 1);
	assert_int_equal(wait_one(&b, ep[1], &got), 1);
}

static void epoll_in_epoll_reports_again_and_again(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN }, got;
	struct pollfd p;
	int x, y, inner, outer;
	char buf[4];

	(void)state;
	pair(&x, &y);
	inner = (int)SF(&b, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
	outer = (int)SF(&b, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
	SF(&b, SYS_epoll_ctl, inner, EPOLL_CTL_ADD, y, &ev, 0, 0);
	SF(&b, SYS_epoll_ctl, outer, EPOLL_CTL_ADD, inner, &ev, 0, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			SF(&b, SYS_epoll_wait, outer, &got, 1, 5, 0, 0), 0);
		sf_write(&a, x, "a", 1);
		/* Until the data has been read. */
		for (int j = 0; j < 2; j++) {
			assert_int_equal(SF(&b, SYS_epoll_wait, outer, &got, 1,
					    1000, 0, 0),
					 1);
			assert_int_equal(wait_one(&b, inner, &got), 1);
		}
		assert_int_equal(sf_read(&b, y, buf, 4), 1);
		assert_int_equal(wait_one(&b, inner, &got), 0);
		assert_int_equal(wait_one(&b, inner, &got), 0);
	}
	p = (struct pollfd){ inner, POLLIN, 0 };
	assert_int_equal(SF(&b, SYS_poll, &p, 1, 5, 0, 0, 0), 0);
	sf_write(&a, x, "a", 1);
	assert_int_equal(SF(&b, SYS_poll, &p, 1, 1000, 0, 0, 0), 1);
}

static void the_other_forms_of_readiness(void **state)
{
	struct epoll_event ev = { .events = EPOLLRDNORM }, got;
	struct pollfd p[2];
	int x, y, ep;

	(void)state;
	pair(&x, &y);
	ep = (int)SF(&b, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
	SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, y, &ev, 0, 0);
	assert_int_equal(wait_one(&b, ep, &got), 0);
	sf_write(&a, x, "a", 1);
	assert_int_equal(wait_one(&b, ep, &got), 1);
	assert_int_equal(got.events, EPOLLRDNORM);
	/* One descriptor twice. */
	p[0] = (struct pollfd){ y, POLLPRI, 0 };
	p[1] = (struct pollfd){ y, POLLRDNORM, 0 };
	assert_int_equal(SF(&b, SYS_poll, p, 2, 0, 0, 0, 0), 1);
	assert_int_equal(p[1].revents, POLLRDNORM);
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

static void a_closed_epoll_ends_nobody_elses(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN }, got;
	int x, y, ep, copy;

	(void)state;
	pair(&x, &y);
	ep = (int)SF(&b, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
	SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, y, &ev, 0, 0);
	copy = (int)SF(&b, SYS_dup, ep, 0, 0, 0, 0, 0);
	sf_close(&b, ep);
	sf_write(&a, x, "a", 1);
	assert_int_equal(wait_one(&b, copy, &got), 1);
	assert_int_equal(SF(&b, SYS_dup2, y, copy, 0, 0, 0, 0), copy);
	assert_int_equal(sf_read(&b, copy, &ev, 1), 1);
}

static void wakes_others_without_a_descriptor_left(void **state)
{
	struct rlimit old, none;
	int fd = wake_open(&pa.fabric, 12345);
	struct pollfd p = { fd, POLLIN, 0 };

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ (rlim_t)fd + 1, old.rlim_max };
	while (dup(fd) < fd)
		; /* no hole below it */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(dup(fd), -1);
	wake_send(&pa.fabric, a.self, 12345);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(poll(&p, 1, 0), 1);
	close(fd);
}

/* As a sandbox has it: not even the hard limit leaves room for one. */
static void wakes_others_with_no_descriptor_allowed(void **state)
{
	int fd = wake_open(&pa.fabric, 12345), status = 0;
	int x = sf_tcp(&a);
	struct pollfd p = { fd, POLLIN, 0 };
	pid_t pid;

	(void)state;
	assert_true(fd >= 0 && x >= 0);
	pid = fork();
	if (!pid) {
		struct rlimit none = { 0, 0 };

		if (setrlimit(RLIMIT_NOFILE, &none))
			_exit(1);
		wake_send(&pa.fabric, a.self, 12345);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(poll(&p, 1, 0), 1);
	close(fd);
}

/* Both kinds are waited for, and no wake socket is to be had. */
static void waits_without_a_descriptor_left(void **state)
{
	int x, y, pipes[2], status = 0;
	pid_t pid;

	(void)state;
	pair(&x, &y);
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		struct rlimit none = { 1, 1 };
		struct pollfd p[2] = { { pipes[0], POLLIN, 0 },
				       { y, POLLIN, 0 } };
		struct timespec now, end;

		if (setrlimit(RLIMIT_NOFILE, &none))
			_exit(1);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (SF(&b, SYS_poll, p, 2, 40, 0, 0, 0) != 0)
			_exit(2);
		clock_gettime(CLOCK_MONOTONIC, &end);
		if ((end.tv_sec - now.tv_sec) * 1000 +
			    (end.tv_nsec - now.tv_nsec) / 1000000 <
		    39)
			_exit(3);
		if (SF(&b, SYS_poll, p, 2, 10000, 0, 0, 0) != 1 ||
		    p[1].revents != POLLIN)
			_exit(4);
		_exit(0);
	}
	usleep(100000);
	sf_write(&a, x, "a", 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(pipes[0]);
	close(pipes[1]);
}

/* A thread holds a lock inside, and another of its process calls exec. */
static void an_exec_leaves_no_lock_behind(void **state)
{
	struct socket_thread other;
	struct socket_reaped r;
	struct work w;
	int x, y, ghost;
	char c;

	(void)state;
	pair(&x, &y);
	socket_thread_init(&other, &pa);
	assert_int_equal(socket_ghost(&sf.thread, a.self), 0);
	assert_int_equal(work_begin(&w, &other, pa.host), 0);
	ghost = socket_ghost(&sf.thread, a.self);
	assert_true(ghost > 0);
	assert_int_equal(socket_reap(&sf.thread, (proc_ix)ghost, &r), 0);
	/* Its sockets are the new program's. */
	assert_int_equal(sf_write(&a, x, "a", 1), 1);
	assert_int_equal(sf_read(&b, y, &c, 1), 1);
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

static int datagram(struct socket_thread *t, int protocol)
{
	return (int)SF(t, SYS_socket, AF_INET, SOCK_DGRAM, protocol, 0, 0, 0);
}

static struct sockaddr_in at(uint8_t last, uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr =
					     htonl(0x0a4d0000u + last) };
}

static void set_on(struct socket_thread *t, int fd, int level, int name)
{
	int on = 1;

	assert_int_equal(
		SF(t, SYS_setsockopt, fd, level, name, &on, sizeof(on), 0), 0);
}

/* Receives into @m, whose buffers are static; the first message of @type. */
static struct cmsghdr *receive_note(struct socket_thread *t, int fd,
				    struct msghdr *m, int flags, int type)
{
	static char control[256], data[256];
	static struct iovec iov;
	static struct sockaddr_in from;

	iov = (struct iovec){ data, sizeof(data) };
	*m = (struct msghdr){ .msg_name = &from,
			      .msg_namelen = sizeof(from),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	assert_true(SF(t, SYS_recvmsg, fd, m, flags, 0, 0, 0) >= 0);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_type == type)
			return c;
	return NULL;
}

static void tells_of_datagrams(void **state)
{
	struct sockaddr_in to = at(B_LAST, 53);
	struct in_pktinfo info;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct cmsghdr *h = (struct cmsghdr *)control;
	int ttl = 7;
	char text[] = "abc";
	struct iovec iov = { text, 3 };
	struct msghdr m = { &to, sizeof(to), &iov,
			    1,	 control,    CMSG_LEN(sizeof(int)),
			    0 },
		      got;
	int x = datagram(&a, 0), y = datagram(&b, 0), v;
	struct cmsghdr *c;

	(void)state;
	*h = (struct cmsghdr){ CMSG_LEN(sizeof(ttl)), IPPROTO_IP, IP_TTL };
	memcpy(CMSG_DATA(h), &ttl, sizeof(ttl));
	assert_int_equal(SF(&b, SYS_bind, y, &to, sizeof(to), 0, 0, 0), 0);
	set_on(&b, y, IPPROTO_IP, IP_PKTINFO);
	set_on(&b, y, IPPROTO_IP, IP_RECVTTL);
	set_on(&b, y, IPPROTO_IP, IP_RECVTOS);
	set_on(&b, y, SOL_SOCKET, SO_TIMESTAMP);
	for (int i = 0; i < 4; i++)
		assert_int_equal(SF(&a, SYS_sendmsg, x, &m, 0, 0, 0, 0), 3);
	c = receive_note(&b, y, &got, 0, IP_PKTINFO);
	assert_non_null(c);
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	assert_int_equal(info.ipi_addr.s_addr, to.sin_addr.s_addr);
	assert_int_equal(info.ipi_ifindex, 2);
	c = receive_note(&b, y, &got, 0, IP_TTL);
	assert_non_null(c);
	memcpy(&v, CMSG_DATA(c), sizeof(v));
	assert_int_equal(v, 7);
	assert_int_equal(got.msg_flags, 0);
	c = receive_note(&b, y, &got, 0, SO_TIMESTAMP);
	assert_non_null(c);
	/* Cut where there is no room, and said so. */
	got.msg_controllen = CMSG_LEN(4);
	assert_int_equal(SF(&b, SYS_recvmsg, y, &got, 0, 0, 0, 0), 3);
	assert_int_equal(got.msg_flags, MSG_CTRUNC);
	assert_int_equal(got.msg_controllen, CMSG_LEN(4));
	/* Nonsense is refused. */
	ttl = 256;
	memcpy(CMSG_DATA(h), &ttl, sizeof(ttl));
	assert_int_equal(SF(&a, SYS_sendmsg, x, &m, 0, 0, 0, 0), -EINVAL);
	h->cmsg_len = 3;
	assert_int_equal(SF(&a, SYS_sendmsg, x, &m, 0, 0, 0, 0), -EINVAL);
}

static void keeps_errors_for_who_asks(void **state)
{
	struct sockaddr_in to = at(B_LAST, 9), name;
	struct sock_extended_err ee;
	struct pollfd p = { datagram(&a, 0), POLLIN, 0 };
	struct cmsghdr *c;
	struct msghdr m = { 0 };

	(void)state;
	set_on(&a, p.fd, IPPROTO_IP, IP_RECVERR);
	assert_int_equal(SF(&a, SYS_recvmsg, p.fd, &m, MSG_ERRQUEUE, 0, 0, 0),
			 -EAGAIN);
	assert_int_equal(
		SF(&a, SYS_sendto, p.fd, "hello", 5, 0, &to, sizeof(to)), 5);
	assert_int_equal(SF(&a, SYS_poll, &p, 1, 1000, 0, 0, 0), 1);
	assert_int_equal(p.revents & POLLERR, POLLERR);
	c = receive_note(&a, p.fd, &m, MSG_ERRQUEUE, IP_RECVERR);
	assert_non_null(c);
	memcpy(&ee, CMSG_DATA(c), sizeof(ee));
	assert_int_equal(ee.ee_errno, ECONNREFUSED);
	assert_int_equal(ee.ee_origin, SO_EE_ORIGIN_ICMP);
	assert_int_equal(ee.ee_type, 3);
	assert_int_equal(ee.ee_code, 3);
	assert_int_equal(m.msg_flags, MSG_ERRQUEUE);
	assert_memory_equal(m.msg_iov->iov_base, "hello", 5);
	memcpy(&name, m.msg_name, sizeof(name));
	assert_int_equal(name.sin_addr.s_addr, to.sin_addr.s_addr);
	assert_int_equal(name.sin_port, to.sin_port);
	assert_int_equal(SF(&a, SYS_recvmsg, p.fd, &m, MSG_ERRQUEUE, 0, 0, 0),
			 -EAGAIN);
}

static void pings(void **state)
{
	struct sockaddr_in to = at(B_LAST, 0);
	uint8_t request[16] = { 8, 0, 0, 0, 0xaa, 0xaa, 0, 5, 'p' }, reply[32];
	int x = datagram(&a, IPPROTO_ICMP);

	(void)state;
	assert_int_equal(SF(&a, SYS_sendto, x, request, 16, 0, &to, sizeof(to)),
			 16);
	assert_int_equal(SF(&a, SYS_recvfrom, x, reply, sizeof(reply),
			    MSG_DONTWAIT, 0, 0),
			 16);
	assert_int_equal(reply[0], 0);
	assert_memory_equal(reply + 6, request + 6, 10);
	/* Only requests, and nothing shorter than one. */
	request[0] = 0;
	assert_int_equal(SF(&a, SYS_sendto, x, request, 16, 0, &to, sizeof(to)),
			 -EINVAL);
	assert_int_equal(SF(&a, SYS_sendto, x, request, 7, 0, &to, sizeof(to)),
			 -EINVAL);
	assert_int_equal(datagram(&a, IPPROTO_ICMPV6), -EPROTONOSUPPORT);
}

/* UDP_SEGMENT: one call, many datagrams; the control message outdoes the
 * option. */
static void a_call_may_send_many_datagrams(void **state)
{
	struct sockaddr_in to = at(B_LAST, 53);
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(uint16_t))];
	} control = { .header = { CMSG_LEN(sizeof(uint16_t)), IPPROTO_UDP,
				  UDP_SEGMENT } };
	static char big[2500], buf[4000];
	struct iovec iov[2] = { { big, 700 }, { big + 700, 1800 } };
	struct msghdr msg = { .msg_name = &to,
			      .msg_namelen = sizeof(to),
			      .msg_iov = iov,
			      .msg_iovlen = 2 };
	int x = datagram(&a, 0), y = datagram(&b, 0), v = 1000;
	uint16_t segment = 2000;

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 251);
	assert_int_equal(SF(&b, SYS_bind, y, &to, sizeof(to), 0, 0, 0), 0);
	assert_int_equal(SF(&a, SYS_setsockopt, x, IPPROTO_UDP, UDP_SEGMENT, &v,
			    4, 0),
			 0);
	assert_int_equal(SF(&a, SYS_sendmsg, x, &msg, 0, 0, 0, 0), 2500);
	for (int i = 0; i < 3; i++) {
		size_t want = i < 2 ? 1000 : 500;

		assert_int_equal(SF(&b, SYS_recvfrom, y, buf, sizeof(buf),
				    MSG_DONTWAIT, 0, 0),
				 want);
		assert_memory_equal(buf, big + i * 1000, want);
	}
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, sizeof(buf), MSG_DONTWAIT,
			    0, 0),
			 -EAGAIN);
	/* Larger than the link; fits into one; as the message says. */
	memcpy(CMSG_DATA(&control.header), &segment, 2);
	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control);
	assert_int_equal(SF(&a, SYS_sendmsg, x, &msg, 0, 0, 0, 0), -EINVAL);
	segment = 1250;
	memcpy(CMSG_DATA(&control.header), &segment, 2);
	assert_int_equal(SF(&a, SYS_sendmsg, x, &msg, 0, 0, 0, 0), 2500);
	for (int i = 0; i < 2; i++)
		assert_int_equal(SF(&b, SYS_recvfrom, y, buf, sizeof(buf),
				    MSG_DONTWAIT, 0, 0),
				 1250);
	v = 70000;
	assert_int_equal(SF(&a, SYS_setsockopt, x, IPPROTO_UDP, UDP_SEGMENT, &v,
			    4, 0),
			 -EINVAL);
}

/* UDP_GRO: one read, many datagrams of one sender, all but the last as long. */
static void a_read_may_take_many_datagrams(void **state)
{
	struct sockaddr_in to = at(B_LAST, 53);
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	static char big[2500], buf[4000];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int x = datagram(&a, 0), y = datagram(&b, 0), other = datagram(&a, 0);
	int v = 1000, on = 1, got = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 5 + i / 251);
	SF(&b, SYS_bind, y, &to, sizeof(to), 0, 0, 0);
	SF(&a, SYS_setsockopt, x, IPPROTO_UDP, UDP_SEGMENT, &v, 4, 0);
	SF(&b, SYS_setsockopt, y, IPPROTO_UDP, UDP_GRO, &on, 4, 0);
	for (int round = 0; round < 2; round++)
		assert_int_equal(SF(&a, SYS_sendto, x, big, sizeof(big), 0, &to,
				    sizeof(to)),
				 sizeof(big));
	SF(&a, SYS_sendto, x, big, 1000, 0, &to, sizeof(to));
	SF(&a, SYS_sendto, other, big, 1000, 0, &to, sizeof(to));
	/* A peek takes one; then a train each, ended by its short carriage. */
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, sizeof(buf),
			    MSG_PEEK | MSG_DONTWAIT, 0, 0),
			 1000);
	for (int round = 0; round < 2; round++) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		assert_int_equal(SF(&b, SYS_recvmsg, y, &msg, MSG_DONTWAIT, 0,
				    0, 0),
				 sizeof(big));
		assert_memory_equal(buf, big, sizeof(big));
		assert_int_equal(msg.msg_flags, 0);
		assert_int_equal(control.header.cmsg_level, IPPROTO_UDP);
		assert_int_equal(control.header.cmsg_type, UDP_GRO);
		memcpy(&got, CMSG_DATA(&control.header), sizeof(got));
		assert_int_equal(got, 1000);
	}
	/* One of each sender: nothing to tell. */
	for (int round = 0; round < 2; round++) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		assert_int_equal(SF(&b, SYS_recvmsg, y, &msg, MSG_DONTWAIT, 0,
				    0, 0),
				 1000);
		assert_int_equal(msg.msg_controllen, 0);
	}
	/* Only as many as there is room for. */
	SF(&a, SYS_sendto, x, big, sizeof(big), 0, &to, sizeof(to));
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 2100, MSG_DONTWAIT, 0, 0),
			 2000);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 2100, MSG_DONTWAIT, 0, 0),
			 500);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 2100, MSG_DONTWAIT, 0, 0),
			 -EAGAIN);
}

static void udp_lite_is_its_own(void **state)
{
	struct sockaddr_in to = at(B_LAST, 53);
	int x = datagram(&a, IPPROTO_UDPLITE),
	    y = datagram(&b, IPPROTO_UDPLITE);
	int udp = datagram(&b, 0), v = 20;
	char buf[64];

	(void)state;
	assert_int_equal(SF(&b, SYS_bind, y, &to, sizeof(to), 0, 0, 0), 0);
	/* UDP has the same numbers for itself. */
	assert_int_equal(SF(&b, SYS_bind, udp, &to, sizeof(to), 0, 0, 0), 0);
	assert_int_equal(SF(&a, SYS_sendto, x, "whole", 5, 0, &to, sizeof(to)),
			 5);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 64, MSG_DONTWAIT, 0, 0),
			 5);
	assert_int_equal(SF(&b, SYS_recvfrom, udp, buf, 64, MSG_DONTWAIT, 0, 0),
			 -EAGAIN);
	/* What covers less than is demanded is not delivered. */
	assert_int_equal(
		SF(&a, SYS_setsockopt, x, IPPROTO_UDPLITE, 10, &v, 4, 0), 0);
	v = 30;
	assert_int_equal(
		SF(&b, SYS_setsockopt, y, IPPROTO_UDPLITE, 11, &v, 4, 0), 0);
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(SF(&a, SYS_sendto, x, buf, 64, 0, &to, sizeof(to)),
			 64);
	assert_int_equal(SF(&b, SYS_recvfrom, y, buf, 64, MSG_DONTWAIT, 0, 0),
			 -EAGAIN);
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
	join(&pc, &c, pb.vif);
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)

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
		TEST(polls_both_kinds_of_descriptors),
		TEST(epoll_reports_by_level),
		TEST(epoll_reports_edges_and_once),
		TEST(epoll_forgets_what_is_closed),
		TEST(epoll_mixes_kinds),
		TEST(copies_share_one_socket),
		TEST(a_number_can_become_something_else),
		TEST(a_fork_shares_sockets),
		TEST(datagrams_keep_their_bounds),
		TEST(a_connected_datagram_socket_learns_of_refusal),
		TEST(options_are_kept),
		TEST(what_is_not_on_a_fabric_is_refused),
		TEST(a_fabric_that_ends_is_felt),
		TEST(a_one_shot_that_is_used_up_is_silent),
		TEST(exclusive_wakes_one_of_the_sleepers),
		TEST(epoll_in_epoll_reports_again_and_again),
		TEST(the_other_forms_of_readiness),
		TEST(a_listener_that_is_shut_down_accepts_no_more),
		TEST(nothing_is_read_at_once_and_received_later),
		TEST(congestion_control_is_chosen_by_name),
		TEST(an_ipv6_listener_without_bind_serves_both_families),
		TEST(close_lingers_while_data_waits),
		TEST(a_closed_epoll_ends_nobody_elses),
		TEST(wakes_others_without_a_descriptor_left),
		TEST(wakes_others_with_no_descriptor_allowed),
		TEST(waits_without_a_descriptor_left),
		TEST(an_exec_leaves_no_lock_behind),
		TEST(a_stream_begins_anew),
		TEST(little_is_enough_for_who_wants_no_more),
		TEST(asking_for_nothing_sleeps),
		TEST(tells_of_datagrams),
		TEST(keeps_errors_for_who_asks),
		TEST(pings),
		TEST(a_call_may_send_many_datagrams),
		TEST(a_read_may_take_many_datagrams),
		TEST(udp_lite_is_its_own),
		TEST(reuseport_spreads_evenly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
