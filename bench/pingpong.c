/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Round trips over TCP with plain blocking sockets: the same program on any
 *network.
 *
 *	pingpong server PORT
 *	pingpong client HOST PORT COUNT BYTES
 *
 * The client prints median, 99th percentile and mean in nanoseconds. The server
 *serves one client after the other until it is ended.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BYTES_MAX 65536
#define WARM_UP	  1000

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "pingpong: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* Reads exactly @bytes; 0 at the end of the stream. */
static int read_all(int fd, char *buf, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t n = read(fd, buf + done, bytes - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("read");
		if (!n)
			return 0;
		done += (size_t)n;
	}
	return 1;
}

static void write_all(int fd, const char *buf, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t n = write(fd, buf + done, bytes - done);

		if (n < 0 && errno != EINTR)
			die("write");
		done += n > 0 ? (size_t)n : 0;
	}
}

static _Noreturn void serve(const char *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	static char buf[BYTES_MAX];
	int one = 1, l = socket(AF_INET, SOCK_STREAM, 0);

	sa.sin_port = htons((uint16_t)atoi(port));
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (l < 0 || bind(l, (struct sockaddr *)&sa, sizeof(sa)) ||
	    listen(l, 5))
		die("listen");
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		int fd = accept(l, NULL, NULL);
		ssize_t n;

		if (fd < 0)
			die("accept");
		no_delay(fd);
		while ((n = read(fd, buf, sizeof(buf))) > 0)
			write_all(fd, buf, (size_t)n);
		close(fd);
	}
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int measure(const char *host, const char *port, size_t count,
		   size_t bytes)
{
	struct addrinfo hints = { .ai_family = AF_INET,
				  .ai_socktype = SOCK_STREAM },
			*ai;
	uint32_t *ns = calloc(count, sizeof(*ns));
	static char buf[BYTES_MAX];
	double sum = 0;
	int fd;

	if (bytes > sizeof(buf) || !bytes || !count || !ns)
		die("bad size or count");
	if (getaddrinfo(host, port, &hints, &ai)) {
		fprintf(stderr, "pingpong: cannot find %s\n", host);
		return 1;
	}
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, ai->ai_addr, ai->ai_addrlen))
		die("connect");
	freeaddrinfo(ai);
	no_delay(fd);
	for (size_t i = 0; i < count + WARM_UP; i++) {
		uint64_t t0 = now_ns();

		write_all(fd, buf, bytes);
		if (!read_all(fd, buf, bytes))
			die("server closed");
		if (i >= WARM_UP)
			ns[i - WARM_UP] = (uint32_t)(now_ns() - t0);
	}
	close(fd);
	for (size_t i = 0; i < count; i++)
		sum += ns[i];
	qsort(ns, count, sizeof(*ns), compare);
	printf("p50_ns %u p99_ns %u mean_ns %.0f\n", ns[count / 2],
	       ns[count * 99 / 100], sum / (double)count);
	free(ns);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "server"))
		serve(argv[2]);
	if (argc == 6 && !strcmp(argv[1], "client"))
		return measure(argv[2], argv[3], strtoul(argv[4], NULL, 10),
			       strtoul(argv[5], NULL, 10));
	fprintf(stderr, "usage: pingpong server PORT\n"
			"       pingpong client HOST PORT COUNT BYTES\n");
	return 64;
}
