/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A relay between connections, and what is at its ends.
 *
 *	bench-relay relay PORT HOST PORT splice|bare|copy
 *	bench-relay sink PORT [check]
 *	bench-relay source HOST PORT MEGABYTES
 *
 * `splice` moves by splice() through a pipe of its own a direction; `bare` does
 * too, but asks once how much is in the pipe, as programs seldom do; `copy`
 * reads and writes. The source writes, says that this is all, and expects to
 * hear how many bytes the sink has got, which with `check` has looked at each.
 */
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <fcntl.h>

#define BUFFER 65536
#define PERIOD 65521 /* of what is sent; a prime */

static uint8_t pattern[PERIOD + BUFFER];

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int dial(const char *host, const char *port)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM }, *at = NULL;
	int fd;

	if (getaddrinfo(host, port, &want, &at) || !at)
		return -1;
	fd = socket(at->ai_family, SOCK_STREAM, 0);
	if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen)) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(at);
	return fd;
}

static int listening(const char *port)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM,
				 .ai_family = AF_INET,
				 .ai_flags = AI_PASSIVE },
			*at = NULL;
	int fd, one = 1;

	if (getaddrinfo(NULL, port, &want, &at))
		exit(1);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, 64))
		fail(port);
	freeaddrinfo(at);
	printf("ready\n");
	fflush(stdout);
	return fd;
}

/* --- relay -------------------------------------------------------------------
 */

struct way {
	int from, to;
	char how;
};

static bool pass_copied(const struct way *w)
{
	uint8_t buf[BUFFER];
	ssize_t n;

	while ((n = read(w->from, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0, m; done < n; done += m) {
			m = write(w->to, buf + done, (size_t)(n - done));
			if (m <= 0)
				return false;
		}
	return !n;
}

static bool pass_spliced(const struct way *w)
{
	int p[2], held;
	ssize_t n;

	if (pipe(p))
		fail("pipe");
	if (w->how == 'b')
		ioctl(p[0], FIONREAD, &held);
	while ((n = splice(w->from, NULL, p[1], NULL, BUFFER, SPLICE_F_MOVE)) >
	       0) {
		for (ssize_t m; n > 0; n -= m) {
			m = splice(p[0], NULL, w->to, NULL, (size_t)n,
				   SPLICE_F_MOVE);
			if (m <= 0)
				goto out;
		}
	}
out:
	close(p[0]);
	close(p[1]);
	return !n;
}

static void *pass(void *arg)
{
	struct way *w = arg;
	bool whole = w->how == 'c' ? pass_copied(w) : pass_spliced(w);

	shutdown(w->to, whole ? SHUT_WR : SHUT_RDWR);
	if (!whole)
		shutdown(w->from, SHUT_RDWR);
	return NULL;
}

struct relayed {
	struct way way[2];
};

static void *both(void *arg)
{
	struct relayed *r = arg;
	pthread_t t;

	if (pthread_create(&t, NULL, pass, &r->way[1]))
		exit(1);
	pass(&r->way[0]);
	pthread_join(t, NULL);
	close(r->way[0].from);
	close(r->way[0].to);
	free(r);
	return NULL;
}

static int relay(const char *port, const char *host, const char *to, char how)
{
	int l = listening(port);

	for (;;) {
		int in = accept(l, NULL, NULL), out;
		struct relayed *r;
		pthread_t t;

		if (in < 0)
			fail("accept");
		out = dial(host, to);
		r = malloc(sizeof(*r));
		if (out < 0 || !r) {
			free(r);
			close(in);
			continue;
		}
		r->way[0] = (struct way){ in, out, how };
		r->way[1] = (struct way){ out, in, how };
		if (pthread_create(&t, NULL, both, r))
			exit(1);
		pthread_detach(t);
	}
}

/* --- ends --------------------------------------------------------------------
 */

static int sink(const char *port, bool check)
{
	int l = listening(port);

	for (;;) {
		uint8_t buf[BUFFER];
		uint64_t sum = 0;
		bool wrong = false;
		int c = accept(l, NULL, NULL);
		ssize_t n;

		if (c < 0)
			fail("accept");
		while ((n = read(c, buf, sizeof(buf))) > 0) {
			if (check &&
			    memcmp(buf, pattern + sum % PERIOD, (size_t)n))
				wrong = true;
			sum += (uint64_t)n;
		}
		if (wrong)
			printf("wrong bytes\n");
		fflush(stdout);
		if (wrong)
			sum = 0;
		if (!n && write(c, &sum, sizeof(sum)) != sizeof(sum))
			perror("write");
		close(c);
	}
}

static int source(const char *host, const char *port, uint64_t megabytes)
{
	uint64_t sum = 0, total = megabytes << 20, got = 0;
	struct timespec begun, ended;
	double seconds;
	int c = dial(host, port);

	if (c < 0)
		fail(host);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	while (sum < total) {
		size_t want =
			total - sum < BUFFER ? (size_t)(total - sum) : BUFFER;
		ssize_t n = write(c, pattern + sum % PERIOD, want);

		if (n <= 0)
			fail("write");
		sum += (uint64_t)n;
	}
	shutdown(c, SHUT_WR);
	if (recv(c, &got, sizeof(got), MSG_WAITALL) != sizeof(got))
		fail("recv");
	clock_gettime(CLOCK_MONOTONIC, &ended);
	if (got != total) {
		printf("%llu of %llu bytes arrived\n", (unsigned long long)got,
		       (unsigned long long)total);
		return 1;
	}
	seconds = (double)(ended.tv_sec - begun.tv_sec) +
		  (double)(ended.tv_nsec - begun.tv_nsec) / 1e9;
	printf("%.2f Gbit/s\n", (double)total * 8 / seconds / 1e9);
	return 0;
}

int main(int argc, char **argv)
{
	for (uint32_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i % PERIOD * 7 + i % PERIOD / 251);
	signal(SIGPIPE, SIG_IGN);
	if (argc == 6 && !strcmp(argv[1], "relay"))
		return relay(argv[2], argv[3], argv[4], argv[5][0]);
	if (argc >= 3 && !strcmp(argv[1], "sink"))
		return sink(argv[2], argc > 3);
	if (argc == 5 && !strcmp(argv[1], "source"))
		return source(argv[2], argv[3], strtoull(argv[4], NULL, 0));
	fprintf(stderr, "usage: see the head of bench/relay.c\n");
	return 2;
}
