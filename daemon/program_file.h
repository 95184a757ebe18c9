/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of a packet program.
 *
 * The daemon reads files only for those who may do everything: whoever else
 * asks reads the file himself, so that the daemon's rights are not lent, and
 * sends it with the request, in sealed memory. The path is a name then, and not
 * looked at again. The control library does so for everybody.
 */
#ifndef TOAMI_DAEMON_PROGRAM_FILE_H
#define TOAMI_DAEMON_PROGRAM_FILE_H

#include "daemon/daemon.h"

#include <sys/stat.h>

struct program_file {
	uint8_t *bytes; /* for free() */
	size_t size;
	uint64_t stamp; /* another one when the file changes; 0: it was given */
};

/* program_file_read - 0 and *@file, or -1 and why not; a descriptor that came
 * with the request at hand is used up. @object: the VIF's path */
int program_file_read(struct daemon *d, const char *path, const char *object,
		      struct program_file *file, struct refusal *why);

/* program_file_given - has @path, which may be NULL, come as a descriptor with
 * the request at hand? */
bool program_file_given(const struct daemon *d, const char *path);

/* program_file_may_open - may who asks have the daemon open files? */
bool program_file_may_open(struct daemon *d);

uint64_t program_file_stamp(const struct stat *st);

#endif
