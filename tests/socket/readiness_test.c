/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readiness and descriptors, as stream_test.c has streams: poll, epoll and
 * select over both kinds, who is woken, and what copies, forks and execs share.
 */
#include "two_hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fabric/wake.h"
#include "socket/work.h"

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

static long wait_one(struct socket_thread *t, int ep, struct epoll_event *ev)
{
	return SF(t, SYS_epoll_wait, ep, ev, 1, 0, 0, 0);
}

/* An instance of b's with @fd in it, by @ev. */
static int set_of(int fd, struct epoll_event *ev)
{
	int ep = (int)SF(&b, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);

	assert_int_equal(SF(&b, SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd, ev, 0, 0),
			 0);
	return ep;
}

/* A connection, and b's end of it in an instance of b's. */
static int watched_pair(int *x, int *y, struct epoll_event *ev)
{
	pair(x, y);
	return set_of(*y, ev);
}

static void epoll_reports_by_level(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 77 }, got;
	char buf[4];
	int x, y, ep;

	(void)state;
	ep = watched_pair(&x, &y, &ev);
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
	ep = watched_pair(&x, &y, &ev);
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
	ep = watched_pair(&x, &y, &ev);
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
	ep = set_of(y, &ev);
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

static void a_one_shot_that_is_used_up_is_silent(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT }, got;
	int x, y, ep;

	(void)state;
	ep = watched_pair(&x, &y, &ev);
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
		ep[i] = set_of(l, &ev);
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
	inner = watched_pair(&x, &y, &ev);
	outer = set_of(inner, &ev);
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
	ep = watched_pair(&x, &y, &ev);
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

static void a_closed_epoll_ends_nobody_elses(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN }, got;
	int x, y, ep, copy;

	(void)state;
	ep = watched_pair(&x, &y, &ev);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(polls_both_kinds_of_descriptors),
		TEST(epoll_reports_by_level),
		TEST(epoll_reports_edges_and_once),
		TEST(epoll_forgets_what_is_closed),
		TEST(epoll_mixes_kinds),
		TEST(copies_share_one_socket),
		TEST(a_number_can_become_something_else),
		TEST(a_fork_shares_sockets),
		TEST(a_one_shot_that_is_used_up_is_silent),
		TEST(exclusive_wakes_one_of_the_sleepers),
		TEST(epoll_in_epoll_reports_again_and_again),
		TEST(the_other_forms_of_readiness),
		TEST(a_closed_epoll_ends_nobody_elses),
		TEST(wakes_others_without_a_descriptor_left),
		TEST(wakes_others_with_no_descriptor_allowed),
		TEST(waits_without_a_descriptor_left),
		TEST(an_exec_leaves_no_lock_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
