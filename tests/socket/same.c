/* SPDX-License-Identifier: BSD-2-Clause */
/* See same.h. Usage: same [GROUP...] */
#include "same.h"

struct sockaddr_in same_loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr =
					     htonl(INADDR_LOOPBACK) };
}

static void must(int ok, const char *what)
{
	if (!ok) {
		printf("cannot %s: %s\n", what, strerrorname_np(errno));
		fflush(stdout);
		_exit(1);
	}
}

void same_streams(int *x, int *y)
{
	struct sockaddr_in a = same_loopback(0);
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	must(l >= 0 && !bind(l, (void *)&a, len) && !listen(l, 1), "listen");
	getsockname(l, (void *)&a, &len);
	*x = socket(AF_INET, SOCK_STREAM, 0);
	must(!connect(*x, (void *)&a, len), "connect");
	*y = accept(l, NULL, NULL);
	must(*y >= 0, "accept");
	close(l);
}

void same_datagrams(int *x, int *y)
{
	struct sockaddr_in a = same_loopback(0);
	socklen_t len = sizeof(a);

	*y = socket(AF_INET, SOCK_DGRAM, 0);
	must(*y >= 0 && !bind(*y, (void *)&a, len), "bind");
	getsockname(*y, (void *)&a, &len);
	*x = socket(AF_INET, SOCK_DGRAM, 0);
	must(!connect(*x, (void *)&a, len), "connect");
}

int same_readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, 1000) == 1;
}

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "splice", same_splice },   { "pipes", same_pipes },
	{ "signals", same_signals }, { "datagram", same_datagram },
	{ "stamps", same_stamps },   { "raw", same_raw },
	{ "parcels", same_parcels }, { "pointers", same_pointers },
	{ "urgent", same_urgent },   { "epoll", same_epoll },
	{ "ends", same_ends },	     { "threads", same_threads },
	{ "more", same_more },	     { "options", same_options },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(28);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int wanted = argc < 2;

		for (int k = 1; k < argc; k++)
			wanted |= !strcmp(argv[k], groups[i].name);
		if (!wanted)
			continue;
		printf("%s\n", groups[i].name);
		groups[i].run();
		fflush(stdout);
	}
	return 0;
}
