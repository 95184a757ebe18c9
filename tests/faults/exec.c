/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads inside the fabric, and exec in their midst: each program starts the
 * next while its threads send, receive, poll and splice. What they held must
 * not be held for ever, a socket that is kept across all of them still works at
 * the end, and what one has spliced into a pipe is there for the next.
 *
 * Usage: exec COUNT [FD PIPE]   prints "ok" after COUNT programs
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS 3
#define BYTES	5000

static struct sockaddr_in own; /* of the kept socket */

static void *busy(void *arg)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = own;
	socklen_t len = sizeof(a);
	char buf[64];

	(void)arg;
	a.sin_port = 0;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		_exit(1);
	for (unsigned i = 0;; i++) {
		struct pollfd p = { fd, POLLIN, 0 };

		sendto(fd, buf, sizeof(buf), 0, (struct sockaddr *)&a, len);
		recv(fd, buf, sizeof(buf), 0);
		if (i % 16 == 0)
			poll(&p, 1, 1);
	}
	return NULL;
}

/* A connection, to be closed by exec. */
static void pair(int *a, int *b)
{
	struct sockaddr_in at = own;
	socklen_t len = sizeof(at);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_port = 0;
	*a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(l, (struct sockaddr *)&at, sizeof(at)) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&at, &len) ||
	    connect(*a, (struct sockaddr *)&at, len))
		_exit(1);
	*b = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	close(l);
}

/* Round and round, through a new pipe now and then. */
static void *splicing(void *arg)
{
	static char buf[BYTES];
	int a, b, p[2];

	(void)arg;
	pair(&a, &b);
	for (unsigned i = 0;; i++) {
		if (pipe2(p, O_CLOEXEC))
			_exit(1);
		for (int k = 0; k < 20; k++)
			if (write(a, buf, sizeof(buf)) < 0 ||
			    splice(b, NULL, p[1], NULL, sizeof(buf), 0) < 0 ||
			    splice(p[0], NULL, b, NULL, sizeof(buf), 0) < 0 ||
			    read(a, buf, sizeof(buf)) < 0)
				_exit(1);
		close(p[i & 1]);
		close(p[~i & 1]);
	}
	return NULL;
}

/* What the next program will find in @p. */
static void leave(int p[2])
{
	char buf[BYTES];
	int a, b;

	for (int i = 0; i < BYTES; i++)
		buf[i] = (char)(i * 7 + i / 251);
	pair(&a, &b);
	if (pipe(p) || write(a, buf, BYTES) != BYTES)
		_exit(1);
	for (long n = 0, m; n < BYTES; n += m) {
		m = splice(b, NULL, p[1], NULL, (size_t)(BYTES - n), 0);
		if (m <= 0)
			_exit(1);
	}
	fcntl(p[1], F_SETFD, FD_CLOEXEC);
}

static int found(int fd)
{
	char c;

	for (int i = 0; i < BYTES; i++)
		if (read(fd, &c, 1) != 1 || c != (char)(i * 7 + i / 251))
			return 0;
	return read(fd, &c, 1) == 0 && close(fd) == 0;
}

int main(int argc, char **argv)
{
	int left = argc > 1 ? atoi(argv[1]) : 0;
	int fd = argc > 2 ? atoi(argv[2]) : socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(own);
	char count[16], number[16], pipe_number[16], c;
	int p[2];
	pthread_t t;

	if (argc <= 2) {
		own.sin_family = AF_INET;
		own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		if (bind(fd, (struct sockaddr *)&own, sizeof(own)))
			return 1;
	}
	if (getsockname(fd, (struct sockaddr *)&own, &len)) {
		perror("the kept socket");
		return 1;
	}
	if (argc > 3 && !found(atoi(argv[3]))) {
		printf("what was left in a pipe is not there\n");
		return 1;
	}
	if (left <= 0) {
		if (sendto(fd, "x", 1, 0, (struct sockaddr *)&own, len) != 1 ||
		    recv(fd, &c, 1, MSG_DONTWAIT) != 1 || c != 'x')
			return 1;
		printf("ok\n");
		return 0;
	}
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t, NULL, busy, NULL))
			return 1;
	if (pthread_create(&t, NULL, splicing, NULL))
		return 1;
	leave(p);
	nanosleep(&(struct timespec){ 0, 1000000 + left % 7 * 100000 }, NULL);
	snprintf(count, sizeof(count), "%d", left - 1);
	snprintf(number, sizeof(number), "%d", fd);
	snprintf(pipe_number, sizeof(pipe_number), "%d", p[0]);
	execl("/proc/self/exe", argv[0], count, number, pipe_number, NULL);
	perror("exec");
	return 1;
}
