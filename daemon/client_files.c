/* SPDX-License-Identifier: BSD-2-Clause */
/* See client_files.h. */
#include "daemon/client_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void client_files_add(struct client_files *f, int fd, const char *name)
{
	char *copy = f->count < GIVEN_MAX ? strdup(name) : NULL;

	if (!copy) {
		close(fd);
		return;
	}
	f->name[f->count] = copy;
	f->fd[f->count++] = fd;
}

/*
 * A sealed copy of @path, in memory: whoever reads that, waits for no disk, no
 * network and nobody's file system. What is too long to be a program is not
 * copied to its end.
 */
static int copy_of(const char *path)
{
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int to = from < 0 ? -1
			  : memfd_create("program",
					 MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char block[65536];
	size_t bytes = 0;
	ssize_t n = 0;

	while (to >= 0 && bytes <= GIVEN_FILE_BYTES_MAX &&
	       (n = read(from, block, sizeof(block))) > 0) {
		if (write(to, block, (size_t)n) != n) {
			close(to);
			to = -1;
		}
		bytes += (size_t)n;
	}
	if (from >= 0)
		close(from);
	if (to >= 0)
		fcntl(to, F_ADD_SEALS, GIVEN_SEALS | F_SEAL_SEAL);
	return to;
}

void client_files_program(struct client_files *f, const char *word)
{
	const char *path = strchr(word, '=');
	int fd;

	if (!path++ || *path != '/' ||
	    (strncmp(word, "program=", 8) != 0 &&
	     strncmp(word, "program-in=", 11) != 0))
		return;
	for (uint32_t i = 0; i < f->count; i++)
		if (!strcmp(f->name[i], path))
			return;
	fd = copy_of(path);
	if (fd >= 0)
		client_files_add(f, fd, path);
}

void client_files_programs(struct client_files *f, const char *const *words,
			   size_t count)
{
	f->count = 0;
	for (size_t i = 0; words && i < count && words[i]; i++)
		client_files_program(f, words[i]);
}

size_t client_files_send(const struct client_files *f, int fd, const char *text)
{
	size_t bytes = f->count * sizeof(int);
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(GIVEN_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)text, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = CMSG_SPACE(bytes) };

	if (!f->count)
		return 0;
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(&control.header), f->fd, bytes);
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == 1;
}

void client_files_close(struct client_files *f)
{
	for (uint32_t i = 0; i < f->count; i++) {
		close(f->fd[i]);
		free(f->name[i]);
	}
	f->count = 0;
}
