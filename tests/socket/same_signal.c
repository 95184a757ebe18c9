/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals that sockets send: SIGIO, those of F_SETSIG, SIGURG. */
#include "same.h"

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
	fflush(stdout);
	others();
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}
