/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Unix socket in the daemon's directory that accepts connections.
 *
 * Survives floods: never more than `limit` connections, and when descriptors
 * run out a newcomer is turned away rather than left to wake the loop for ever.
 *
 * Shares. Half of the room is kept for who may do everything. Of the rest, a
 * user gets no more than what he leaves free: alone he can hold a half of it,
 * the next one a half of what is left then, and so there is always some room
 * for one more user. Who is turned away is told why.
 */
#ifndef TOAMI_DAEMON_LISTENER_H
#define TOAMI_DAEMON_LISTENER_H

#include "daemon/daemon.h"

/* A user with connections. */
struct listener_user {
	uid_t uid;
	uint32_t connections;
};

struct listener {
	struct loop_source source;
	struct daemon *daemon;
	/* A connection, owned by the callee from now on; its end is told by
	 * listener_left() */
	void (*accepted)(struct listener *l, int fd, const struct peer *peer);
	/* Tells a connection that is turned away why; may be NULL. @fd stays
	 * the caller's. */
	void (*refused)(struct listener *l, int fd, const struct refusal *why);
	void *owner; /* the accepter's own */
	uint32_t limit;
	uint32_t connections;
	uint32_t strangers; /* of these, of users who may not do everything */
	struct listener_user *user;
	uint32_t users;
	bool anonymous; /* who connects is unknown: nobody has a share */
	int spare_fd;	/* given up for a moment when descriptors run out */
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

/* listener_left - a connection of user @uid is gone */
void listener_left(struct listener *l, uid_t uid);

/* listener_close - nobody connects any more; those who have, stay */
void listener_close(struct listener *l);

/* listener_fini - all have left */
void listener_fini(struct listener *l);

#endif
