/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many threads on the same sockets, and nobody may oversleep.
 *
 *	stress [--seconds N] [--seed S]
 *
 * Two server processes with several threads each share poll sets among their
 *threads: one by level, one by edge, one of one-shots, one that is the threads'
 *own with EPOLLEXCLUSIVE; some threads block in accept() and read() instead.
 *Client processes send a byte and wait for its echo, each with several
 *connections, and open, close, dup and fork all the while. Each wait of a
 *client has a limit: an echo that takes longer than LATE_NS is a wake-up that
 *was lost. In the end every process has left, and the fabric must hold no
 *socket, poll set or watch. A failure prints the seed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "base/sys.h"
#include "small_fabric.h"

#define SERVERS	 2
#define THREADS	 3 /* of each kind */
#define CLIENTS	 2 /* processes */
#define LATE_MS	 2000
#define SERVER_A 2
#define CLIENT_A 10

enum kind { LEVEL, EDGE, ONE_SHOT, EXCLUSIVE, BLOCKING, KINDS };

static const char *const kind_name[] = { "level", "edge", "one-shot",
					 "exclusive", "blocking" };

static struct board {
	_Atomic uint32_t stop;
	_Atomic uint32_t ready;
	_Atomic uint32_t failed;
	_Atomic uint64_t echoes[KINDS];
} * board;

static uint64_t seed = 1;
static struct small_fabric sf;

static bool stopped(void)
{
	return atomic_load(&board->stop) || atomic_load(&board->failed);
}

static void failed(const char *what, enum kind k, long n)
{
	if (!atomic_exchange(&board->failed, 1))
		fprintf(stderr, "stress: %s (%s): %ld\n", what, kind_name[k],
			n);
}

/* --- servers -----------------------------------------------------------------
 */

struct service {
	enum kind kind;
	struct socket_process *process;
	int listener, epoll; /* epoll: shared by the threads, or -1 */
};

/* Whose connection a number is: its kind and 1. */
static _Atomic uint32_t kind_of[FABRIC_FD_MAX];

static uint32_t interest(enum kind k)
{
	return EPOLLIN | (k == EDGE	  ? EPOLLET
			  : k == ONE_SHOT ? EPOLLONESHOT
					  : 0);
}

/* Echoes what is there. False: the connection has ended. */
static bool echo(struct socket_thread *t, int fd)
{
	char buf[64];
	long n;

	while ((n = sf_read(t, fd, buf, sizeof(buf))) > 0)
		if (SF(t, SYS_sendto, fd, buf, n, MSG_NOSIGNAL, 0, 0) != n)
			return false;
	return n == -EAGAIN;
}

static void accept_some(struct socket_thread *t, const struct service *sv,
			int epoll, bool all)
{
	do {
		int c = (int)SF(t, SYS_accept4, sv->listener, 0, 0,
				SOCK_NONBLOCK, 0, 0);
		struct epoll_event ev = { .events = interest(sv->kind) };

		if (c < 0)
			return;
		atomic_store(&kind_of[c], sv->kind + 1);
		ev.data.fd = c;
		SF(t, SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, c, &ev, 0, 0);
	} while (all);
}

static void arm(struct socket_thread *t, const struct service *sv, int epoll,
		int fd)
{
	struct epoll_event ev = { .events = interest(ONE_SHOT), .data.fd = fd };

	if (sv->kind == ONE_SHOT)
		SF(t, SYS_epoll_ctl, epoll, EPOLL_CTL_MOD, fd, &ev, 0, 0);
}

/*
 * Several threads may find the end, and the number be another connection's by
 * then, even one of another kind: who closes looks again. First at the kind:
 * only here is a number of this kind closed, so that what is found next is
 * about this connection, and not about a number that was free a moment ago.
 */
static void end(struct socket_thread *t, enum kind k, int fd)
{
	static pthread_mutex_t closing = PTHREAD_MUTEX_INITIALIZER;
	char byte;
	long n;

	pthread_mutex_lock(&closing);
	n = atomic_load(&kind_of[fd]) == k + 1
		    ? SF(t, SYS_recvfrom, fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT,
			 0, 0)
		    : -EAGAIN;
	if (n <= 0 && n != -EAGAIN) {
		atomic_store(&kind_of[fd], 0);
		sf_close(t, fd);
	}
	pthread_mutex_unlock(&closing);
}

static void serve_events(struct socket_thread *t, const struct service *sv,
			 int epoll)
{
	struct epoll_event got[2];

	while (!stopped()) {
		/* Without a limit: nothing but events ends the wait. */
		long n = SF(t, SYS_epoll_wait, epoll, got, 1, -1, 0, 0);

		if (n < 0 && n != -EINTR)
			failed("epoll_wait", sv->kind, n);
		for (long i = 0; i < n; i++) {
			int fd = got[i].data.fd;

			if (fd == sv->listener) {
				accept_some(t, sv, epoll, sv->kind == EDGE);
				arm(t, sv, epoll, fd);
			} else if (echo(t, fd)) {
				arm(t, sv, epoll, fd);
			} else {
				end(t, sv->kind, fd);
			}
		}
	}
}

static void serve_blocking(struct socket_thread *t, const struct service *sv)
{
	while (!stopped()) {
		int c = (int)SF(t, SYS_accept4, sv->listener, 0, 0, 0, 0, 0);
		char byte;

		if (c < 0)
			continue;
		while (sf_read(t, c, &byte, 1) == 1)
			SF(t, SYS_sendto, c, &byte, 1, MSG_NOSIGNAL, 0, 0);
		sf_close(t, c);
	}
}

static void *server_thread(void *arg)
{
	const struct service *sv = arg;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE,
				  .data.fd = sv->listener };
	struct socket_thread t;
	int own;

	socket_thread_init(&t, sv->process);
	if (sv->kind == BLOCKING) {
		serve_blocking(&t, sv);
	} else if (sv->kind == EXCLUSIVE) {
		own = (int)SF(&t, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
		SF(&t, SYS_epoll_ctl, own, EPOLL_CTL_ADD, sv->listener, &ev, 0,
		   0);
		serve_events(&t, sv, own);
	} else {
		serve_events(&t, sv, sv->epoll);
	}
	return NULL;
}

static int run_server(struct socket_thread *t, void *arg)
{
	struct service sv[KINDS];
	pthread_t th[KINDS][THREADS];
	int pipes[2];

	(void)arg;
	if (pipe(pipes))
		return 1;
	for (enum kind k = 0; k < KINDS; k++) {
		struct epoll_event ev = { .events = interest(k) };

		sv[k] = (struct service){ k, t->process,
					  sf_listen(t, (uint16_t)(80 + k)),
					  -1 };
		if (k == BLOCKING)
			continue;
		SF(t, SYS_fcntl, sv[k].listener, F_SETFL, O_NONBLOCK, 0, 0, 0);
		if (k == EXCLUSIVE)
			continue;
		sv[k].epoll = (int)SF(t, SYS_epoll_create1, 0, 0, 0, 0, 0, 0);
		ev.data.fd = sv[k].listener;
		SF(t, SYS_epoll_ctl, sv[k].epoll, EPOLL_CTL_ADD, sv[k].listener,
		   &ev, 0, 0);
		/* One of them sleeps in the kernel. */
		ev.data.fd = pipes[0];
		if (k == LEVEL)
			SF(t, SYS_epoll_ctl, sv[k].epoll, EPOLL_CTL_ADD,
			   pipes[0], &ev, 0, 0);
	}
	for (enum kind k = 0; k < KINDS; k++)
		for (int i = 0; i < THREADS; i++)
			if (pthread_create(&th[k][i], NULL, server_thread,
					   &sv[k]))
				return 1;
	atomic_fetch_add(&board->ready, 1);
	for (enum kind k = 0; k < KINDS; k++)
		for (int i = 0; i < THREADS; i++)
			pthread_join(th[k][i], NULL);
	return 0;
}

/* --- clients -----------------------------------------------------------------
 */

struct client {
	struct socket_process *process;
	uint64_t rng;
};

/* Waits for the echo by one of several calls. Returns what the read says. */
static long await(struct socket_thread *t, int fd, int way, char *byte)
{
	struct pollfd p = { fd, POLLIN, 0 };
	struct timeval tv = { LATE_MS / 1000, 0 };

	if (way == 0) {
		SF(t, SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &tv,
		   sizeof(tv), 0);
		return sf_read(t, fd, byte, 1);
	}
	if (SF(t, SYS_poll, &p, 1, LATE_MS, 0, 0, 0) != 1)
		return -ETIME;
	return SF(t, SYS_recvfrom, fd, byte, 1, MSG_DONTWAIT, 0, 0);
}

/* A child gets everything and closes it by dying. */
static void fork_one(struct socket_thread *t)
{
	proc_ix child = socket_fork_prepare(t);

	if (child)
		socket_fork_parent(t, child, -EAGAIN);
}

static void one_connection(struct socket_thread *t, uint64_t *rng)
{
	enum kind k = (enum kind)(random_next(rng) % KINDS);
	uint8_t last = (uint8_t)(SERVER_A + random_next(rng) % SERVERS);
	int fd = sf_tcp(t), rounds = (int)(random_next(rng) % 40);
	long err = sf_connect(t, fd, last, (uint16_t)(80 + k));

	if (err) {
		failed("connect", k, err);
		return;
	}
	for (int i = 0; i < rounds && !stopped(); i++) {
		uint64_t dice = random_next(rng);
		char byte = (char)dice, back = 0;
		long n;

		if (dice % 11 == 0) {
			int copy = (int)SF(t, SYS_dup, fd, 0, 0, 0, 0, 0);

			sf_close(t, fd);
			fd = copy;
		}
		if (dice % 23 == 0)
			fork_one(t);
		if (dice % 7 == 0)
			usleep((useconds_t)(dice >> 8) % 300);
		n = SF(t, SYS_sendto, fd, &byte, 1, MSG_NOSIGNAL, 0, 0);
		if (n == 1)
			n = await(t, fd, dice >> 16 & 1, &back);
		if (stopped())
			break;
		if (n != 1 || back != byte) {
			failed("no echo", k, n);
			break;
		}
		atomic_fetch_add(&board->echoes[k], 1);
	}
	sf_close(t, fd);
}

static void *client_thread(void *arg)
{
	struct client *c = arg;
	struct socket_thread t;

	socket_thread_init(&t, c->process);
	while (!stopped())
		one_connection(&t, &c->rng);
	return NULL;
}

static int run_client(struct socket_thread *t, void *arg)
{
	struct client c[THREADS];
	pthread_t th[THREADS];

	for (int i = 0; i < THREADS; i++) {
		c[i].process = t->process;
		c[i].rng = seed + *(const uint64_t *)arg * 100 + (uint64_t)i;
		if (pthread_create(&th[i], NULL, client_thread, &c[i]))
			return 1;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(th[i], NULL);
	return 0;
}

/* --- the daemon's part -------------------------------------------------------
 */

static void run_for(uint64_t ns)
{
	struct fabric *f = &sf.process.fabric;
	uint64_t until = fabric_now(f) + ns;

	while (fabric_now(f) < until && !atomic_load(&board->failed)) {
		socket_timers(&sf.thread);
		usleep(1000);
	}
}

static int check_empty(void)
{
	struct socket_census c;

	if (socket_census(&sf.thread, &c))
		return 1;
	if (c.socks || c.psets || c.watches || c.procs != 1) {
		fprintf(stderr,
			"stress: left: %u socks, %u psets, %u watches, %u "
			"procs\n",
			c.socks, c.psets, c.watches, c.procs);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	vif_ix vif[SERVERS + CLIENTS];
	proc_ix ix[SERVERS + CLIENTS];
	pid_t pid[SERVERS + CLIENTS];
	uint64_t number[SERVERS + CLIENTS], seconds = 5;
	int err = 0;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seconds"))
			seconds = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
	}
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		return 1;
	small_fabric_make(&sf);
	for (int i = 0; i < SERVERS + CLIENTS; i++) {
		char name[8];
		bool server = i < SERVERS;

		snprintf(name, sizeof(name), "h%d", i);
		vif[i] = small_fabric_host(&sf, name,
					   (uint8_t)(server ? SERVER_A + i
							    : CLIENT_A + i));
	}
	for (int i = 0; i < SERVERS + CLIENTS; i++) {
		number[i] = (uint64_t)i;
		/* The clients come when somebody listens. */
		while (i >= SERVERS && atomic_load(&board->ready) < SERVERS)
			run_for(NSEC_PER_MSEC);
		pid[i] =
			small_fabric_fork(&sf, vif[i],
					  i < SERVERS ? run_server : run_client,
					  &number[i], &ix[i]);
	}
	run_for(seconds * NSEC_PER_SEC);
	atomic_store(&board->stop, 1);
	/* Clients first; servers wait without a limit, and are killed. */
	for (int i = SERVERS + CLIENTS - 1; i >= 0; i--) {
		struct socket_reaped r;
		int status, waited = 0;

		if (i < SERVERS)
			kill(pid[i], SIGKILL);
		while (!waitpid(pid[i], &status, WNOHANG)) {
			run_for(NSEC_PER_MSEC);
			if (atomic_load(&board->failed))
				usleep(1000);
			if (++waited == 3000) {
				fprintf(stderr, "stress: process %d stays\n",
					i);
				kill(pid[i], SIGKILL);
				err = 1;
			}
		}
		err |= i >= SERVERS && status != 0;
		small_fabric_reap(&sf, ix[i], &r);
	}
	for (enum kind k = 0; k < KINDS; k++) {
		printf("%s: %llu echoes\n", kind_name[k],
		       (unsigned long long)board->echoes[k]);
		err |= !board->echoes[k];
	}
	err |= (int)atomic_load(&board->failed) | check_empty();
	if (err)
		fprintf(stderr,
			"stress: repeat with: test-socket-stress --seconds "
			"%llu "
			"--seed %llu\n",
			(unsigned long long)seconds, (unsigned long long)seed);
	return err;
}
