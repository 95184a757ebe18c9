/* SPDX-License-Identifier: BSD-2-Clause */
/* See given.h. */
#include "daemon/given.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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
				close(fd);
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

	if (!given_has(g, name))
		return -1;
	i = find(g, name);
	fd = g->fd[i];
	g->fd[i] = -1;
	return fd;
}

int given_dup(const struct given *g, const char *name)
{
	return given_has(g, name)
		       ? fcntl(g->fd[find(g, name)], F_DUPFD_CLOEXEC, 0)
		       : -1;
}

void given_close(struct given *g)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (g->fd[i] >= 0)
			close(g->fd[i]);
	g->count = 0;
}
