/* SPDX-License-Identifier: BSD-2-Clause */
/* What a client opens, with its own rights, and sends along with a request; the
 * daemon's end is given.h. */
#ifndef TOAMI_DAEMON_CLIENT_FILES_H
#define TOAMI_DAEMON_CLIENT_FILES_H

#include "daemon/given.h"

struct client_files {
	uint32_t count;
	int fd[GIVEN_MAX];
	char *name[GIVEN_MAX]; /* owned */
};

/* client_files_add - @fd, consumed, is called @name; where there is no room for
 * another one, it is closed */
void client_files_add(struct client_files *files, int fd, const char *name);

/* client_files_program - opens the file that a word "program=/FILE" or
 * "program-in=/FILE" names; what it cannot is the daemon's to refuse */
void client_files_program(struct client_files *files, const char *word);

/* client_files_programs - likewise, for at most @count words, ended by NULL,
 * too; begins with nothing */
void client_files_programs(struct client_files *files, const char *const *words,
			   size_t count);

/* client_files_send - sends the first byte of @text on @fd, with them beside
 * it. Returns the bytes sent */
size_t client_files_send(const struct client_files *files, int fd,
			 const char *text);

void client_files_close(struct client_files *files);

#endif
