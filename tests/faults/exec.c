/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads inside the fabric, and exec in their midst: each program starts the
 * next while its threads send, receive and poll. What they held must not be
 * held for ever, and a socket that is kept across all of them still works at
 * the end.
 *
 * Usage: exec COUNT [FD]   prints "ok" after COUNT programs
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS 3

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

int main(int argc, char **argv)
{
	int left = argc > 1 ? atoi(argv[1]) : 0;
	int fd = argc > 2 ? atoi(argv[2]) : socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(own);
	char count[16], number[16], c;
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
	nanosleep(&(struct timespec){ 0, 1000000 + left % 7 * 100000 }, NULL);
	snprintf(count, sizeof(count), "%d", left - 1);
	snprintf(number, sizeof(number), "%d", fd);
	execl("/proc/self/exe", argv[0], count, number, NULL);
	perror("exec");
	return 1;
}
