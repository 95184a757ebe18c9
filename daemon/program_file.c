/* SPDX-License-Identifier: BSD-2-Clause */
/* See program_file.h. */
#include "daemon/program_file.h"
#include "daemon/given.h"
#include "daemon/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t program_file_stamp(const struct stat *st)
{
	const uint64_t of[] = { st->st_dev, st->st_ino, (uint64_t)st->st_size,
				(uint64_t)st->st_mtim.tv_sec,
				(uint64_t)st->st_mtim.tv_nsec };
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	/* Nothing depends on nobody finding two files of one stamp. */
	for (size_t i = 0; i < ARRAY_SIZE(of); i++)
		h = (h ^ of[i]) * UINT64_C(0x9e3779b97f4a7c15) ^ h >> 29;
	return h ? h : 1;
}

bool program_file_given(const struct daemon *d, const char *path)
{
	return d->asking && path && *path && given_has(d->asking->given, path);
}

bool program_file_may_open(struct daemon *d)
{
	return !d->asking || rights_all(d, d->asking);
}

/* A descriptor, or -1 and why not. */
static int open_file(struct daemon *d, const char *path, const char *object,
		     struct refusal *why)
{
	int fd = -1;

	if (program_file_given(d, path)) {
		fd = given_dup(d->asking->given, path);
		if (fd < 0)
			refuse(why, "bad-request", EX_DATAERR,
			       "%.64s keeps what it has: %.200s has to come in "
			       "sealed memory: see memfd_create(2)",
			       object, path);
		return fd;
	}
	if (!program_file_may_open(d))
		return refuse(why, "no-permission", EX_NOPERM,
			      "%.64s keeps what it has: user %u has to open "
			      "%.200s himself, and may send %d files a "
			      "request",
			      object, d->asking->uid, path, GIVEN_MAX);
	if (*path == '/')
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		refuse(why, "bad-value", EX_NOINPUT,
		       "%.64s keeps what it has: cannot open %.200s: %s",
		       object, path,
		       *path == '/' ? strerror(errno)
				    : "its path must begin with /");
	return fd;
}

int program_file_read(struct daemon *d, const char *path, const char *object,
		      struct program_file *file, struct refusal *why)
{
	int fd = open_file(d, path, object, why);
	struct stat st;
	ssize_t n;

	*file = (struct program_file){ 0 };
	if (fd < 0)
		return -1;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= (off_t)GIVEN_FILE_BYTES_MAX)
		file->bytes = malloc((size_t)st.st_size);
	n = file->bytes ? pread(fd, file->bytes, (size_t)st.st_size, 0) : -1;
	close(fd);
	if (n != st.st_size) {
		free(file->bytes);
		return refuse(why, "bad-value", EX_NOINPUT,
			      "%.64s keeps what it has: cannot read %.200s: a "
			      "file of at most %u bytes is wanted",
			      object, path, GIVEN_FILE_BYTES_MAX);
	}
	file->size = (size_t)n;
	file->stamp = program_file_given(d, path) ? 0 : program_file_stamp(&st);
	return 0;
}
