/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Unix socket in the daemon's directory that accepts connections.
 *
 * Survives floods: never more than `limit` connections, and when descriptors
 * run out a newcomer is turned away rather than left to wake the loop for ever.
 */
#ifndef TOAMI_DAEMON_LISTENER_H
#define TOAMI_DAEMON_LISTENER_H

#include "daemon/daemon.h"

struct listener {
	struct loop_source source;
	struct daemon *daemon;
	/* A connection, owned by the callee from now on; its end is told by
	 * listener_left() */
	void (*accepted)(struct listener *l, int fd, const struct peer *peer);
	void *owner; /* the accepter's own */
	uint32_t limit;
	uint32_t connections;
	int spare_fd; /* given up for a moment when descriptors run out */
	char path[DIR_MAX + 16]; /* "": not in the directory */
};

/*
 * listener_open - a socket of @type called @name, replacing what a dead daemon
 * left (the caller holds the directory's lock). Returns 0 or a negative errno.
 */
int listener_open(struct listener *l, struct daemon *d, const char *name,
		  int type);

/* listener_adopt - the same on @fd, a socket that listens already; consumed */
int listener_adopt(struct listener *l, struct daemon *d, int fd);

/* listener_left - a connection is gone */
void listener_left(struct listener *l);

void listener_close(struct listener *l);

#endif
