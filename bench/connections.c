/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many connections at once: opened, each used once, held, each used again,
 *closed.
 *
 *	connections server PORT
 *	connections client HOST PORT COUNT
 *
 * The client prints `open`, waits for a line on its standard input while it
 *holds the connections idle (so that a script can look at memory), then uses
 *each again, closes them and prints `done N`. Every answer is checked.
 */
#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "connections: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void raise_limit(void)
{
	struct rlimit lim;

	getrlimit(RLIMIT_NOFILE, &lim);
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
}

static void echo(int ep, int fd)
{
	char buf[64];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0 && write(fd, buf, (size_t)n) == n)
		return;
	epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
	close(fd);
}

static _Noreturn void serve(const char *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(0), l = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1;

	sa.sin_port = htons((uint16_t)atoi(port));
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (l < 0 || bind(l, (struct sockaddr *)&sa, sizeof(sa)) ||
	    listen(l, 1024))
		die("listen");
	ev.data.fd = l;
	epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		struct epoll_event got[64];
		int n = epoll_wait(ep, got, 64, -1);

		for (int i = 0; i < n; i++) {
			if (got[i].data.fd != l) {
				echo(ep, got[i].data.fd);
				continue;
			}
			ev.data.fd = accept(l, NULL, NULL);
			if (ev.data.fd < 0)
				die("accept");
			epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev);
		}
	}
}

/* One round trip on every connection. */
static void use_all(const int *fd, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (write(fd[i], &i, sizeof(i)) != sizeof(i))
			die("write");
	for (uint32_t i = 0; i < count; i++) {
		uint32_t back = ~i;

		if (read(fd[i], &back, sizeof(back)) != sizeof(back))
			die("read");
		if (back != i) {
			fprintf(stderr, "connections: %u came back as %u\n", i,
				back);
			exit(1);
		}
	}
}

static int hold(const char *host, const char *port, uint32_t count)
{
	struct addrinfo hints = { .ai_family = AF_INET,
				  .ai_socktype = SOCK_STREAM },
			*ai;
	int *fd = calloc(count, sizeof(*fd));
	char line[16];

	if (!fd || getaddrinfo(host, port, &hints, &ai)) {
		fprintf(stderr, "connections: cannot find %s\n", host);
		return 1;
	}
	for (uint32_t i = 0; i < count; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (fd[i] < 0)
			die("socket");
		if (connect(fd[i], ai->ai_addr, ai->ai_addrlen))
			die("connect");
	}
	freeaddrinfo(ai);
	use_all(fd, count);
	printf("open\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		line[0] = 0;
	use_all(fd, count);
	for (uint32_t i = 0; i < count; i++)
		close(fd[i]);
	printf("done %u\n", count);
	free(fd);
	return 0;
}

int main(int argc, char **argv)
{
	raise_limit();
	if (argc == 3 && !strcmp(argv[1], "server"))
		serve(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "client"))
		return hold(argv[2], argv[3],
			    (uint32_t)strtoul(argv[4], NULL, 10));
	fprintf(stderr, "usage: connections server PORT\n"
			"       connections client HOST PORT COUNT\n");
	return 64;
}
