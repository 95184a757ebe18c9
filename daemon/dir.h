/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory a daemon lives in: one daemon, one fabric, one directory.
 *
 *	control	 the control socket (docs/protocol.md)
 *	attach	 the socket through which programs join (fabric/attach.h)
 *	lock	 held by the daemon as long as it lives; its process id
 *	start	 held by a command while it starts the daemon
 *	log	 what the daemon has to say
 *
 * Used by both ends: the daemon makes it, a client finds it.
 */
#ifndef TOAMI_DAEMON_DIR_H
#define TOAMI_DAEMON_DIR_H

#include <stddef.h>

#define DIR_MAX \
	90 /* with zero; "/control" behind it still fits a socket's name */

/**
 * dir_choose - where the daemon of this user lives
 * @given: from the command line, or NULL
 *
 * @given, else $TOAMI_DIR, else /run/toami for root, else
 * $XDG_RUNTIME_DIR/toami, else /tmp/toami-UID. Returns 0; -ENAMETOOLONG;
 * -EINVAL: not an absolute path.
 */
int dir_choose(const char *given, char path[DIR_MAX]);

/**
 * dir_make - makes the directory where it is missing, and looks whose it is
 *
 * Returns 0; -EPERM: it is somebody else's or others may write to it; -ENOTDIR;
 * or what mkdir() gave.
 */
int dir_make(const char *path);

/* dir_check - dir_make() without making: -ENOENT when it is missing */
int dir_check(const char *path);

/* dir_file - "@dir/@name"; returns its length, as snprintf() */
int dir_file(const char *dir, const char *name, char *path, size_t size);

/**
 * dir_lock - takes the lock in file @name
 * @wait: wait for it
 *
 * Returns a descriptor whose closing releases it; -EWOULDBLOCK; a negative
 * errno.
 */
int dir_lock(const char *dir, const char *name, int wait);

#endif
