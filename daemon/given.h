/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors that come with a request: files and interfaces that the client
 * has opened with rights of its own, and the daemon could not.
 *
 * The request's member "files" has a name for each, in the order they are sent:
 * the path of a file, or an interface. One without a name, from a client that
 * sends no "files", is whatever is asked for.
 *
 * Somebody else may stand behind a descriptor: a file system of his own that
 * answers when he likes, a socket that lingers. So nothing is asked of one but
 * what the kernel answers itself: is it sealed memory, or a TAP? Others are
 * closed by a thread that has nothing else to do.
 */
#ifndef TOAMI_DAEMON_GIVEN_H
#define TOAMI_DAEMON_GIVEN_H

#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define GIVEN_MAX 32 /* a request */

/* Files come as sealed memory, so that to read them is to wait for nobody. */
#define GIVEN_FILE_BYTES_MAX (4u << 20)
#define GIVEN_SEALS	     (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct given {
	uint32_t count;
	int fd[GIVEN_MAX];	     /* -1: somebody has taken it */
	const char *name[GIVEN_MAX]; /* borrowed from the request, or NULL */
};

/* given_receive - takes what came with @msg; what is beyond GIVEN_MAX is
 * closed */
void given_receive(struct given *g, struct msghdr *msg);

/* given_name - names them after the member "files" of @request; NULL: they have
 * no names any more */
void given_name(struct given *g, const json_t *request);

/* given_has - is there one called @name? NULL and no @g are allowed */
bool given_has(const struct given *g, const char *name);

/* given_take - the interface called @name, owned by the caller, or -1; @name
 * NULL: any */
int given_take(struct given *g, const char *name);

/* given_dup - likewise, a copy of it: another may ask for it, too. -EINVAL: it
 * is no file in sealed memory */
int given_dup(const struct given *g, const char *name);

/* given_close - what nobody has taken */
void given_close(struct given *g);

#endif
