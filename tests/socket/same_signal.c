/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals that sockets send: SIGIO, those of F_SETSIG, SIGURG. */
#include "same.h"

#include <linux/net_tstamp.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

/* The next of the signals blocked below, within 300 ms. */
static void next(const char *what)
{
	struct timespec wait = { 0, 300000000 };
	siginfo_t info;
	sigset_t set;
	int n;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGURG);
	sigaddset(&set, SIGRTMIN + 1);
	n = sigtimedwait(&set, &info, &wait);
	if (n < 0)
		printf("  %s: none\n", what);
	else if (n >= SIGRTMIN)
		printf("  %s: %d of ours, band %lx\n", what, n - SIGRTMIN,
		       (unsigned long)info.si_band & 0xffff);
	else
		printf("  %s: %s\n", what, sigabbrev_np(n));
}

static void drain_signals(void)
{
	struct timespec none = { 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGURG);
	sigaddset(&set, SIGRTMIN + 1);
	while (sigtimedwait(&set, NULL, &none) > 0)
		;
}

static void stream(void)
{
	char buf[8];
	int x, y;

	same_streams(&x, &y);
	STEP(fcntl(y, F_GETOWN));
	STEP(fcntl(y, F_SETOWN, getpid()));
	printf("  owner is me: %d\n", fcntl(y, F_GETOWN) == getpid());
	STEP(fcntl(y, F_SETFL, O_ASYNC));
	printf("  O_ASYNC: %d\n", (fcntl(y, F_GETFL) & O_ASYNC) != 0);
	drain_signals();
	STEP(write(x, "abc", 3));
	next("data");
	STEP(read(y, buf, 3));
	STEP(fcntl(y, F_GETSIG));
	STEP(fcntl(y, F_SETSIG, 65));
	WORKS(fcntl(y, F_SETSIG, SIGRTMIN + 1));
	STEP(write(x, "abc", 3));
	next("data with F_SETSIG");
	STEP(read(y, buf, 3));
	STEP(shutdown(x, SHUT_WR));
	next("end of data");
	STEP(fcntl(y, F_SETFL, 0));
	drain_signals();
	close(x);
	next("no O_ASYNC");
	close(y);
}

static void listener(void)
{
	struct sockaddr_in a = same_loopback(0);
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), x, on = 1;

	bind(l, (void *)&a, len);
	listen(l, 4);
	getsockname(l, (void *)&a, &len);
	STEP(ioctl(l, FIOASYNC, &on));
	printf("  O_ASYNC: %d\n", (fcntl(l, F_GETFL) & O_ASYNC) != 0);
	{
		int pid = getpid();

		STEP(ioctl(l, FIOSETOWN, &pid));
		pid = 0;
		STEP(ioctl(l, FIOGETOWN, &pid));
		printf("  owner is me: %d\n", pid == getpid());
		STEP(ioctl(l, SIOCGPGRP, &pid));
	}
	x = socket(AF_INET, SOCK_STREAM, 0);
	STEP(connect(x, (void *)&a, len));
	next("a connection");
	on = 0;
	STEP(ioctl(l, FIOASYNC, &on));
	printf("  O_ASYNC: %d\n", (fcntl(l, F_GETFL) & O_ASYNC) != 0);
	drain_signals();
	close(x);
	close(l);
}

static void datagram(void)
{
	struct f_owner_ex ex = { F_OWNER_PID, getpid() };
	int x, y;

	same_datagrams(&x, &y);
	STEP(fcntl(y, F_SETOWN_EX, &ex));
	ex.pid = 0;
	STEP(fcntl(y, F_GETOWN_EX, &ex));
	printf("  %d %d\n", ex.type, ex.pid == getpid());
	STEP(fcntl(y, F_SETFL, O_ASYNC | O_NONBLOCK));
	STEP(send(x, "abc", 3, 0));
	next("a datagram");
	STEP(send(x, "abc", 3, 0));
	next("another");
	close(x);
	close(y);
}

static void urgent(void)
{
	int x, y;

	same_streams(&x, &y);
	STEP(fcntl(y, F_SETOWN, getpid()));
	STEP(send(x, "a", 1, MSG_OOB));
	next("urgent data");
	close(x);
	close(y);
}

/* --- when, and to whom -------------------------------------------------------
 */

/* O_ASYNC of @fd is on, with the queued signal; what there was is gone. */
static void listen_to(int fd)
{
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETSIG, SIGRTMIN + 1);
	fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK);
	usleep(20000); /* until what came before has come */
	drain_signals();
}

/* Has @fd told anything, within 100 ms? */
static void told(const char *what, int fd)
{
	struct timespec wait = { 0, 100000000 };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	if (sigtimedwait(&set, &info, &wait) < 0)
		printf("  %s: nothing\n", what);
	else
		printf("  %s: told, of this socket: %d\n", what,
		       info.si_fd == fd);
	drain_signals();
}

static void whens(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct linger hard = { 1, 0 };
	struct sockaddr_in a = same_loopback(0);
	socklen_t len = sizeof(a);
	int stamps = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
	static char much[1 << 16];
	int on = 1, x, y, l = socket(AF_INET, SOCK_STREAM, 0);

	bind(l, (void *)&a, len);
	getsockname(l, (void *)&a, &len);
	x = socket(AF_INET, SOCK_STREAM, 0);
	listen_to(x);
	WORKS(connect(x, (void *)&a, len));
	told("a refusal", x);
	close(x);
	listen(l, 4);
	x = socket(AF_INET, SOCK_STREAM, 0);
	listen_to(x);
	connect(x, (void *)&a, len);
	told("connected", x);
	close(x);
	close(l);

	same_streams(&x, &y);
	listen_to(x);
	send(x, "abc", 3, 0);
	told("sent and acknowledged", x);
	read(y, much, 3);
	told("read by the peer", x);
	while (send(x, much, sizeof(much), 0) > 0)
		;
	drain_signals();
	told("full", x);
	while (recv(y, much, sizeof(much), MSG_DONTWAIT) > 0)
		usleep(100);
	told("room", x);
	STEP(shutdown(x, SHUT_WR));
	told("shut by itself", x);
	STEP(shutdown(x, SHUT_RD));
	told("shut for reading", x);
	close(x);
	close(y);

	same_streams(&x, &y);
	listen_to(x);
	setsockopt(y, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(y);
	told("a reset", x);
	close(x);
	same_streams(&x, &y);
	shutdown(x, SHUT_WR);
	listen_to(x);
	shutdown(y, SHUT_WR);
	told("both shut", x);
	close(x);
	close(y);

	same_datagrams(&x, &y);
	listen_to(x);
	send(x, "abc", 3, 0);
	told("a datagram sent", x);
	read(y, much, 3);
	told("a datagram read", x);
	close(y);
	send(x, "abc", 3, 0);
	told("nobody there", x);
	STEP(shutdown(x, SHUT_RDWR));
	told("a datagram socket shut", x);
	close(x);
	same_datagrams(&x, &y);
	listen_to(x);
	STEP(setsockopt(x, SOL_SOCKET, SO_TIMESTAMPING, &stamps,
			sizeof(stamps)));
	told("nothing sent", x);
	send(x, "abc", 3, 0);
	told("a stamp", x);
	close(x);
	close(y);
	same_streams(&x, &y);
	listen_to(x);
	STEP(setsockopt(x, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)));
	send(x, "abc", 3, MSG_ZEROCOPY);
	told("a note of MSG_ZEROCOPY", x);
	STEP(connect(x, &none, sizeof(none)));
	told("dissolved", x);
	close(x);
	close(y);
}

/* shutdown() of what listens is told. */
static void listener_shut(void)
{
	struct sockaddr_in a = same_loopback(0);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	bind(l, (void *)&a, sizeof(a));
	listen(l, 4);
	listen_to(l);
	STEP(shutdown(l, SHUT_WR));
	told("a listener shut for writing", l);
	STEP(shutdown(l, SHUT_RD));
	told("a listener shut", l);
	close(l);
}

static void owners(void)
{
	struct f_owner_ex ex = { F_OWNER_TID, gettid() }, got;
	int x, y, pid = 0;

	same_streams(&x, &y);
	STEP(fcntl(y, F_SETOWN_EX, &ex));
	STEP(fcntl(y, F_GETOWN_EX, &got));
	printf("  %d %d\n", got.type, got.pid == gettid());
	printf("  %d\n", fcntl(y, F_GETOWN) == gettid());
	STEP(ioctl(y, FIOGETOWN, &pid));
	printf("  %d\n", pid == gettid());
	STEP(fcntl(y, F_SETFL, O_ASYNC));
	drain_signals();
	write(x, "a", 1);
	next("to a thread");
	drain_signals();
	STEP(send(x, "a", 1, MSG_OOB));
	usleep(20000);
	next("urgent, to a thread");
	drain_signals();
	ex = (struct f_owner_ex){ F_OWNER_PGRP, getpgrp() };
	STEP(fcntl(y, F_SETOWN_EX, &ex));
	STEP(fcntl(y, F_GETOWN_EX, &got));
	printf("  %d %d\n", got.type, got.pid == getpgrp());
	printf("  %d\n", fcntl(y, F_GETOWN) == -getpgrp());
	ex.type = 3;
	STEP(fcntl(y, F_SETOWN_EX, &ex));
	ex = (struct f_owner_ex){ F_OWNER_PID, 99999999 };
	STEP(fcntl(y, F_SETOWN_EX, &ex));
	STEP(fcntl(y, F_SETOWN_EX, (void *)8));
	STEP(fcntl(y, F_GETOWN_EX, (void *)8));
	ex.pid = getpid();
	STEP(fcntl(y, F_SETOWN_EX, &ex));
	/* Back to what is not queued. */
	STEP(fcntl(y, F_SETSIG, SIGRTMIN + 1));
	STEP(fcntl(y, F_SETSIG, 0));
	STEP(fcntl(y, F_GETSIG));
	drain_signals();
	write(x, "a", 1);
	next("F_SETSIG 0");
	next("F_SETSIG 0, once");
	close(x);
	close(y);
}

/* To another process, and to nobody. */
static void others(void)
{
	int x, y, status = 0;
	pid_t child;
	int p[2];

	same_streams(&x, &y);
	if (pipe(p))
		return;
	child = fork();
	if (!child) {
		if (write(p[1], "", 1) != 1)
			_exit(1);
		next("in the child");
		fflush(stdout);
		_exit(0);
	}
	read(p[0], &status, 1);
	fflush(stdout);
	STEP(fcntl(y, F_SETOWN, child));
	STEP(fcntl(y, F_SETFL, O_ASYNC));
	fflush(stdout);
	write(x, "abc", 3);
	waitpid(child, &status, 0);
	printf("  the child: %d\n", status);
	STEP(fcntl(y, F_SETOWN, 0));
	write(x, "abc", 3);
	next("nobody's");
	STEP(fcntl(y, F_SETOWN, 99999999));
	close(x);
	close(y);
	close(p[0]);
	close(p[1]);
}

void same_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGURG);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	stream();
	listener();
	datagram();
	urgent();
	whens();
	listener_shut();
	owners();
	fflush(stdout);
	others();
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}
