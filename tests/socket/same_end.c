/* SPDX-License-Identifier: BSD-2-Clause */
/* Ends of streams, in every order: by close, by shutdown, by reset. */
#include "same.h"

/* What can be learnt of @fd, in one order or the other. */
static void learn(int fd, int error_first)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };
	char buf[16];
	int err = -1;
	socklen_t len = sizeof(err);

	usleep(20000); /* until what is under way has come */
	poll(&p, 1, 0);
	printf("  poll %x\n", (unsigned)p.revents);
	if (error_first) {
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
		printf("  SO_ERROR %s\n", err ? strerrorname_np(err) : "none");
	}
	STEP(recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
	STEP(recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
	STEP(send(fd, "a", 1, MSG_DONTWAIT | MSG_NOSIGNAL));
	usleep(20000);
	STEP(send(fd, "b", 1, MSG_DONTWAIT | MSG_NOSIGNAL));
	STEP(recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	printf("  SO_ERROR %s\n", err ? strerrorname_np(err) : "none");
	poll(&p, 1, 0);
	printf("  poll %x\n", (unsigned)p.revents);
	STEP(shutdown(fd, SHUT_WR));
	STEP(shutdown(fd, SHUT_RD));
	STEP(recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
}

/* How the other side ends it: */
static void close_it(int x, int y)
{
	(void)x;
	close(y);
}

static void close_unread(int x, int y)
{
	STEP(send(x, "unread", 6, 0));
	same_readable(y);
	close(y);
}

static void close_after_data(int x, int y)
{
	(void)x;
	STEP(send(y, "last", 4, 0));
	close(y);
}

static void reset_it(int x, int y)
{
	struct linger now = { 1, 0 };

	(void)x;
	setsockopt(y, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(y);
}

static void reset_after_data(int x, int y)
{
	STEP(send(y, "lost", 4, 0));
	same_readable(x);
	reset_it(x, y);
}

static void close_then_write(int x, int y)
{
	close(y);
	same_readable(x);
	STEP(send(x, "nobody", 6, MSG_NOSIGNAL));
}

static void half_close(int x, int y)
{
	(void)x;
	STEP(shutdown(y, SHUT_WR));
}

static void stop_reading(int x, int y)
{
	(void)x;
	STEP(shutdown(y, SHUT_RD));
}

static void half_close_here(int x, int y)
{
	STEP(shutdown(x, SHUT_WR));
	close(y);
}

static void stop_reading_here(int x, int y)
{
	STEP(shutdown(x, SHUT_RD));
	STEP(send(y, "late", 4, 0));
}

static void both_here(int x, int y)
{
	(void)y;
	STEP(shutdown(x, SHUT_RDWR));
}

/* A socket that is bound to @port, of one's choice if 0. */
static int bound(int port, int reuse, int *err)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
	*err = bind(fd, (void *)&a, sizeof(a)) ? errno : 0;
	return fd;
}

/* Who ends first keeps its port for a minute, for none but those who share it.
 */
static void ended_ports(void)
{
	int l = socket(AF_INET, SOCK_STREAM, 0), x, y, z, err, failed = 0;
	struct sockaddr_in to = same_loopback(0), own;
	socklen_t len = sizeof(to);
	char byte;

	bind(l, (void *)&to, sizeof(to));
	getsockname(l, (void *)&to, &len);
	listen(l, 10);
	x = bound(0, 1, &err);
	STEP(connect(x, (void *)&to, len));
	getsockname(x, (void *)&own, &len);
	y = accept(l, NULL, NULL);
	close(x);
	STEP(read(y, &byte, 1));
	close(y);
	z = bound(ntohs(own.sin_port), 0, &err);
	printf("  not shared: %s\n", strerrorname_np(err));
	close(z);
	z = bound(ntohs(own.sin_port), 1, &err);
	printf("  shared: %s\n", strerrorname_np(err));
	close(z);
	/* Nobody is given such a port: it could not connect to the same. */
	for (int i = 0; i < 2000; i++) {
		x = bound(0, 1, &err);
		if (err || connect(x, (void *)&to, sizeof(to)) ||
		    (y = accept(l, NULL, NULL)) < 0) {
			failed++;
			close(x);
			continue;
		}
		close(x);
		close(y);
	}
	printf("  %d of 2000 failed\n", failed);
	close(l);
}

void same_ends(void)
{
	static const struct {
		const char *name;
		void (*end)(int x, int y);
	} ends[] = {
		{ "closed", close_it },
		{ "closed with data unread", close_unread },
		{ "closed after data", close_after_data },
		{ "reset", reset_it },
		{ "reset after data", reset_after_data },
		{ "written to after its end", close_then_write },
		{ "half closed", half_close },
		{ "not read any more", stop_reading },
		{ "closed, half closed here", half_close_here },
		{ "not read any more here", stop_reading_here },
		{ "shut down here", both_here },
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		for (int error_first = 0; error_first < 2; error_first++) {
			int x, y;

			printf(" %s\n", ends[i].name);
			same_streams(&x, &y);
			ends[i].end(x, y);
			learn(x, error_first);
			close(x);
		}
	ended_ports();
}
