/* SPDX-License-Identifier: BSD-2-Clause */
/* See given.h. */
#include "daemon/given.h"

#include "daemon/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & GIVEN_SEALS) == GIVEN_SEALS;
}

/* The kernel says of a TAP, and of nothing else, which interface it is. */
static bool is_tap(int fd)
{
	char path[64], line[128];
	bool found = false;
	FILE *from;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	from = fopen(path, "re");
	while (from && !found && fgets(line, sizeof(line), from))
		found = !strncmp(line, "iff:", 4);
	if (from)
		fclose(from);
	return found;
}

/* To close a file asks its file system, and a socket may linger. */
static void *close_all(void *arg)
{
	int from = (int)(intptr_t)arg, fd;

	while (read(from, &fd, sizeof(fd)) == sizeof(fd))
		close(fd);
	return NULL;
}

/* The end of a pipe to a thread that closes what is written to it, made with
 * the first one; -1: there is none. */
static int closer(void)
{
	static int to = -1;
	sigset_t all, old;
	pthread_t thread;
	int way[2], err;

	if (to >= 0 || pipe2(way, O_CLOEXEC))
		return to;
	fcntl(way[1], F_SETFL, O_NONBLOCK);
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread, NULL, close_all,
			     (void *)(intptr_t)way[0]);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		close(way[0]);
		close(way[1]);
		return -1;
	}
	pthread_detach(thread);
	to = way[1];
	return to;
}

static void let_go(int fd)
{
	int to;

	if (fcntl(fd, F_GET_SEALS) >= 0 || is_tap(fd)) {
		close(fd);
		return;
	}
	to = closer();
	/* Where thousands wait already, this one stays open: better that than
	 * to wait with them. */
	if (to < 0)
		close(fd);
	else if (write(to, &fd, sizeof(fd)) != sizeof(fd))
		log_line("a descriptor that came with a request stays open");
}

void given_receive(struct given *g, struct msghdr *msg)
{
	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m;
	     m = CMSG_NXTHDR(msg, m)) {
		size_t n;

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(m) + i * sizeof(int), sizeof(fd));
			if (g->count == GIVEN_MAX) {
				let_go(fd);
				continue;
			}
			g->name[g->count] = NULL;
			g->fd[g->count++] = fd;
		}
	}
}

void given_name(struct given *g, const json_t *request)
{
	const json_t *files = json_object_get(request, "files");

	for (uint32_t i = 0; i < g->count; i++)
		g->name[i] = json_string_value(json_array_get(files, i));
}

/* The index of the one called @name, or g->count. */
static uint32_t find(const struct given *g, const char *name)
{
	uint32_t i = 0;

	while (i < g->count &&
	       (g->fd[i] < 0 ||
		(name && g->name[i] && strcmp(name, g->name[i]) != 0)))
		i++;
	return i;
}

bool given_has(const struct given *g, const char *name)
{
	return g && find(g, name) < g->count;
}

int given_take(struct given *g, const char *name)
{
	uint32_t i;
	int fd;

	if (!given_has(g, name) || !is_tap(g->fd[find(g, name)]))
		return -1;
	i = find(g, name);
	fd = g->fd[i];
	g->fd[i] = -1;
	return fd;
}

int given_dup(const struct given *g, const char *name)
{
	int fd;

	if (!given_has(g, name))
		return -1;
	fd = g->fd[find(g, name)];
	return is_sealed(fd) ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -EINVAL;
}

void given_close(struct given *g)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (g->fd[i] >= 0)
			let_go(g->fd[i]);
	g->count = 0;
}
