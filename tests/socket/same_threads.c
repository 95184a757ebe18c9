/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that another thread, a signal, a date or a full queue gets in the way
 * of.
 */
#include "same.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

/* --- a thread in a call, and what another does meanwhile ---------------------
 */

struct blocked {
	int fd;
	long (*call)(int fd);
	long got;
	int err;
	_Atomic int done;
};

static void *in_call(void *arg)
{
	struct blocked *b = arg;

	errno = 0;
	b->got = b->call(b->fd);
	b->err = errno;
	atomic_store(&b->done, 1);
	return NULL;
}

/* Did the call end within @ms? */
static int ended(struct blocked *b, int ms)
{
	for (int i = 0; i < ms && !atomic_load(&b->done); i++)
		usleep(1000);
	return atomic_load(&b->done);
}

static pthread_t begin(struct blocked *b, int fd, long (*call)(int fd))
{
	pthread_t t;

	*b = (struct blocked){ .fd = fd, .call = call };
	pthread_create(&t, NULL, in_call, b);
	usleep(30000);
	return t;
}

static void report(const char *what, struct blocked *b, pthread_t t)
{
	if (!ended(b, 300)) {
		printf("  %s: still waiting\n", what);
		pthread_cancel(t);
	} else {
		printf("  %s: %ld %s\n", what, b->got < 0 ? -1 : b->got,
		       b->got < 0 ? strerrorname_np(b->err) : "");
	}
	pthread_join(t, NULL);
}

static long call_recv(int fd)
{
	char c[8];

	return recv(fd, c, sizeof(c), 0);
}

static long call_accept(int fd)
{
	long n = accept(fd, NULL, NULL);

	return n < 0 ? n : 0;
}

static long call_poll(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	long n = poll(&p, 1, 200);

	return n < 0 ? n : n << 16 | (unsigned short)p.revents;
}

static long call_epoll(int fd)
{
	struct epoll_event ev;

	return epoll_wait(fd, &ev, 1, 200);
}

static long call_epoll_long(int fd)
{
	struct epoll_event ev;

	return epoll_wait(fd, &ev, 1, 5000);
}

static long call_send(int fd)
{
	static char much[1 << 20];
	long n;

	do {
		n = send(fd, much, sizeof(much), MSG_NOSIGNAL);
	} while (n > 0);
	return n;
}

static int listener(int backlog, struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	*a = same_loopback(0);
	bind(l, (void *)a, len);
	listen(l, backlog);
	getsockname(l, (void *)a, &len);
	return l;
}

static void shut_meanwhile(void)
{
	struct sockaddr_in a;
	struct blocked b;
	pthread_t t;
	int x, y, l;

	same_streams(&x, &y);
	t = begin(&b, x, call_recv);
	STEP(shutdown(x, SHUT_RD));
	report("recv, shut for reading", &b, t);
	t = begin(&b, y, call_send);
	STEP(shutdown(y, SHUT_WR));
	report("send, shut for writing", &b, t);
	close(x);
	close(y);
	same_streams(&x, &y);
	t = begin(&b, x, call_recv);
	STEP(shutdown(x, SHUT_WR));
	STEP(shutdown(y, SHUT_WR));
	report("recv, shut by the peer", &b, t);
	close(x);
	close(y);
	l = listener(1, &a);
	t = begin(&b, l, call_accept);
	STEP(shutdown(l, SHUT_RDWR));
	report("accept, shut", &b, t);
	STEP(listen(l, 1));
	close(l);
	same_datagrams(&x, &y);
	t = begin(&b, y, call_recv);
	STEP(shutdown(y, SHUT_RD));
	report("datagram, shut without a peer", &b, t);
	STEP(shutdown(y, SHUT_WR));
	STEP(send(y, "x", 1, MSG_NOSIGNAL));
	t = begin(&b, x, call_recv);
	STEP(shutdown(x, SHUT_RD));
	report("datagram, shut", &b, t);
	close(x);
	close(y);
	same_streams(&x, &y);
	t = begin(&b, x, call_poll);
	STEP(shutdown(x, SHUT_RD));
	report("poll, shut", &b, t);
	close(x);
	close(y);
}

/* What is closed meanwhile is not told: epoll forgets it. */
static void closed_meanwhile(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct blocked b;
	pthread_t t;
	int x, y, ep = epoll_create1(0);

	same_streams(&x, &y);
	epoll_ctl(ep, EPOLL_CTL_ADD, x, &ev);
	t = begin(&b, ep, call_epoll);
	close(x);
	STEP(send(y, "abc", 3, MSG_NOSIGNAL));
	report("epoll, its socket closed", &b, t);
	close(y);
	close(ep);
}

/* Who has closed the instance that others wait for, and how. */
static void by_close(int ep)
{
	close(ep);
}

static void by_dup2(int ep)
{
	int fd = open("/dev/null", O_RDWR);

	dup2(fd, ep);
	close(fd);
}

/* The calls hold the instance: two until their date, or one until something
 * comes, on a socket (@send_to) or on a pipe. */
static void wait_on_closed(const char *what, void (*closing)(int ep),
			   int kernel, int send_to, int write_to)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int x, y, p[2], ep = epoll_create1(0), low;
	int waiters = send_to || write_to ? 1 : 2;
	struct blocked b[2];
	pthread_t t[2];

	same_streams(&x, &y);
	if (pipe(p))
		return;
	epoll_ctl(ep, EPOLL_CTL_ADD, x, &ev);
	if (kernel)
		epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev);
	for (int i = 0; i < waiters; i++)
		t[i] = begin(&b[i], ep,
			     waiters == 1 ? call_epoll_long : call_epoll);
	closing(ep);
	if (waiters == 1)
		printf("  %s: ended at once: %d\n", what, ended(&b[0], 30));
	/* The number is the program's. */
	printf("  its number is the next: %d\n", (low = dup(0)) == ep);
	close(low);
	if (send_to)
		STEP(send(y, "abc", 3, MSG_NOSIGNAL));
	if (write_to)
		STEP(write(p[1], "abc", 3));
	for (int i = 0; i < waiters; i++)
		report(what, &b[i], t[i]);
	close(ep);
	close(x);
	close(y);
	close(p[0]);
	close(p[1]);
}

static void instance_closed_meanwhile(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int x, y, ep, copy, before, after;
	struct blocked b;
	pthread_t t;

	before = dup(0);
	close(before);
	wait_on_closed("a closed set", by_close, 0, 0, 0);
	wait_on_closed("a closed set, data", by_close, 0, 1, 0);
	wait_on_closed("a closed set with a pipe", by_close, 1, 0, 0);
	wait_on_closed("a closed set with a pipe, data", by_close, 1, 1, 0);
	wait_on_closed("a closed set with a pipe, written", by_close, 1, 0, 1);
	wait_on_closed("a set under dup2", by_dup2, 0, 1, 0);
	wait_on_closed("a set with a pipe under dup2", by_dup2, 1, 0, 1);
	same_streams(&x, &y);
	ep = epoll_create1(0);
	copy = dup(ep);
	epoll_ctl(ep, EPOLL_CTL_ADD, x, &ev);
	t = begin(&b, ep, call_epoll_long);
	STEP(close(ep));
	STEP(send(y, "abc", 3, MSG_NOSIGNAL));
	report("a closed copy", &b, t);
	STEP(epoll_wait(copy, &ev, 1, 0));
	STEP(epoll_wait(ep, &ev, 1, 0));
	close(copy);
	close(x);
	close(y);
	after = dup(0);
	close(after);
	printf("  %d\n", after - before);
}

/* --- connect -----------------------------------------------------------------
 */

static void on_alarm(int sig)
{
	(void)sig;
}

static void interrupted_connect(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval it = { .it_value = { 0, 50000 } };
	struct sockaddr_in a;
	struct pollfd p;
	int l = listener(0, &a), x, more[4], v, on = 1;
	socklen_t len = sizeof(v);

	sigaction(SIGALRM, &sa, NULL);
	/* A full backlog lets it wait. */
	for (int i = 0; i < 3; i++) {
		more[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(more[i], (void *)&a, sizeof(a));
		usleep(1000);
	}
	x = socket(AF_INET, SOCK_STREAM, 0);
	setitimer(ITIMER_REAL, &it, NULL);
	STEP(connect(x, (void *)&a, sizeof(a)));
	ioctl(x, FIONBIO, &on);
	STEP(connect(x, (void *)&a, sizeof(a)));
	p = (struct pollfd){ x, POLLOUT, 0 };
	STEP(poll(&p, 1, 0));
	/* It is asked again after a second, when there is room. */
	fcntl(l, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 400 && !poll(&p, 1, 10); i++)
		close(accept(l, NULL, NULL));
	STEP(poll(&p, 1, 4000));
	printf("  %x\n", (unsigned)p.revents);
	STEP(getsockopt(x, SOL_SOCKET, SO_ERROR, &v, &len));
	printf("  error %d\n", v);
	STEP(connect(x, (void *)&a, sizeof(a)));
	STEP(connect(x, (void *)&a, sizeof(a)));
	for (int i = 0; i < 3; i++)
		close(more[i]);
	close(x);
	close(l);
	signal(SIGALRM, SIG_DFL);
	alarm(20);
}

/* SO_SNDTIMEO is connect()'s, too. */
static void dates(void)
{
	/* In whole ticks of any kernel's clock. */
	struct timeval tv = { 0, 60000 }, none = { 0, 0 };
	struct sockaddr_in a;
	socklen_t len = sizeof(tv);
	int l = listener(0, &a), x, y, more[3];
	static char much[1 << 20];

	for (int i = 0; i < 3; i++) {
		more[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(more[i], (void *)&a, sizeof(a));
		usleep(1000);
	}
	x = socket(AF_INET, SOCK_STREAM, 0);
	STEP(setsockopt(x, SOL_SOCKET, SO_SNDTIMEO, &tv, len));
	STEP(connect(x, (void *)&a, sizeof(a)));
	STEP(connect(x, (void *)&a, sizeof(a)));
	close(x);
	for (int i = 0; i < 3; i++)
		close(more[i]);
	close(l);
	l = listener(1, &a);
	STEP(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, len));
	STEP(accept(l, NULL, NULL));
	x = socket(AF_INET, SOCK_STREAM, 0);
	connect(x, (void *)&a, sizeof(a));
	y = accept(l, NULL, NULL);
	memset(&tv, 0, sizeof(tv));
	STEP(getsockopt(y, SOL_SOCKET, SO_RCVTIMEO, &tv, &len));
	printf("  %ld %ld\n", (long)tv.tv_sec, (long)tv.tv_usec);
	tv = (struct timeval){ 0, 60000 };
	STEP(setsockopt(y, SOL_SOCKET, SO_RCVTIMEO, &tv, len));
	STEP(recv(y, much, 10, 0));
	STEP(send(x, "ab", 2, 0));
	STEP(recv(y, much, 10, MSG_WAITALL));
	STEP(setsockopt(x, SOL_SOCKET, SO_SNDTIMEO, &tv, len));
	while (send(x, much, sizeof(much), 0) > 0)
		;
	STEP(send(x, much, sizeof(much), MSG_DONTWAIT));
	tv.tv_usec = 2000000;
	STEP(setsockopt(x, SOL_SOCKET, SO_SNDTIMEO, &tv, len));
	tv.tv_usec = -1;
	STEP(setsockopt(x, SOL_SOCKET, SO_RCVTIMEO, &tv, len));
	tv = (struct timeval){ -1, 0 };
	STEP(setsockopt(x, SOL_SOCKET, SO_RCVTIMEO, &tv, len));
	STEP(recv(x, much, 1, 0));
	STEP(setsockopt(x, SOL_SOCKET, SO_RCVTIMEO, &none, len));
	STEP(setsockopt(x, SOL_SOCKET, SO_RCVTIMEO, &none, 4));
	close(x);
	close(y);
	close(l);
}

/* How many a backlog takes, and what becomes of the rest. */
static void backlogs(void)
{
	for (int backlog = -1; backlog < 4; backlog += 2) {
		struct sockaddr_in a;
		int l = listener(backlog, &a), fds[10], there = 0, taken = 0;

		for (int i = 0; i < 10; i++) {
			struct pollfd p;

			fds[i] =
				socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
			connect(fds[i], (void *)&a, sizeof(a));
			p = (struct pollfd){ fds[i], POLLOUT, 0 };
			there += poll(&p, 1, 20);
		}
		fcntl(l, F_SETFL, O_NONBLOCK);
		for (int fd; (fd = accept(l, NULL, NULL)) >= 0; taken++)
			close(fd);
		printf("  backlog %d: %d connected, %d accepted\n", backlog,
		       there, taken);
		for (int i = 0; i < 10; i++)
			close(fds[i]);
		close(l);
	}
}

/* --- SO_REUSEPORT ------------------------------------------------------------
 */

static void balance(int type)
{
	enum { SERVERS = 4, CLIENTS = 200 };
	struct sockaddr_in a = same_loopback(0);
	socklen_t len = sizeof(a);
	int l[SERVERS], count[SERVERS] = { 0 }, on = 1, all = 0, low = 1 << 30;

	for (int i = 0; i < SERVERS; i++) {
		l[i] = socket(AF_INET, type | SOCK_NONBLOCK, 0);
		setsockopt(l[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
		if (bind(l[i], (void *)&a, len))
			printf("  bind: %s\n", strerrorname_np(errno));
		if (type == SOCK_STREAM)
			listen(l[i], CLIENTS);
		getsockname(l[i], (void *)&a, &len);
	}
	for (int i = 0; i < CLIENTS; i++) {
		int x = socket(AF_INET, type, 0);

		connect(x, (void *)&a, len);
		send(x, "x", 1, MSG_NOSIGNAL);
		close(x);
	}
	for (int i = 0; i < SERVERS; i++) {
		char c;

		if (type == SOCK_STREAM)
			for (int fd; (fd = accept(l[i], NULL, NULL)) >= 0;
			     count[i]++)
				close(fd);
		else
			while (recv(l[i], &c, 1, 0) >= 0)
				count[i]++;
		all += count[i];
		low = count[i] < low ? count[i] : low;
		close(l[i]);
	}
	printf("  %d taken in all, each has some: %d\n", all, low >= 20);
	l[0] = socket(AF_INET, type, 0);
	l[1] = socket(AF_INET, type, 0);
	setsockopt(l[0], SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	STEP(bind(l[0], (void *)&a, len));
	STEP(bind(l[1], (void *)&a, len));
	close(l[0]);
	close(l[1]);
}

/* --- signal masks ------------------------------------------------------------
 */

static volatile sig_atomic_t seen;

static void on_usr1(int sig)
{
	(void)sig;
	seen++;
}

static void masks(void)
{
	struct sigaction sa = { .sa_handler = on_usr1 };
	struct epoll_event ev = { .events = EPOLLIN };
	struct timespec ts = { 0, 100000000 };
	sigset_t usr1, none, old;
	struct pollfd p;
	fd_set set;
	int x, y, ep = epoll_create1(0);

	same_streams(&x, &y);
	epoll_ctl(ep, EPOLL_CTL_ADD, x, &ev);
	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &old);
	p = (struct pollfd){ x, POLLIN, 0 };
	raise(SIGUSR1);
	STEP(ppoll(&p, 1, &ts, NULL));
	printf("  seen %d\n", seen);
	STEP(ppoll(&p, 1, &ts, &none));
	printf("  seen %d\n", seen);
	raise(SIGUSR1);
	FD_ZERO(&set);
	FD_SET(x, &set);
	STEP(pselect(x + 1, &set, NULL, NULL, &ts, &usr1));
	FD_SET(x, &set);
	STEP(pselect(x + 1, &set, NULL, NULL, &ts, &none));
	printf("  seen %d\n", seen);
	raise(SIGUSR1);
	STEP(epoll_pwait(ep, &ev, 1, 50, &usr1));
	STEP(epoll_pwait(ep, &ev, 1, 50, &none));
	printf("  seen %d\n", seen);
	/* What is ready comes before the signal, which stays. */
	raise(SIGUSR1);
	send(y, "a", 1, 0);
	same_readable(x);
	STEP(ppoll(&p, 1, &ts, &none));
	STEP(epoll_pwait(ep, &ev, 1, 50, &none));
	printf("  seen %d\n", seen);
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf("  seen %d\n", seen);
	signal(SIGUSR1, SIG_DFL);
	close(x);
	close(y);
	close(ep);
}

void same_threads(void)
{
	shut_meanwhile();
	closed_meanwhile();
	instance_closed_meanwhile();
	interrupted_connect();
	dates();
	backlogs();
	balance(SOCK_STREAM);
	balance(SOCK_DGRAM);
	masks();
}
