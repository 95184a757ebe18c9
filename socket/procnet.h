/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/net/tcp and its like, as a program on the fabric finds them: the
 * sockets of its VIF's host, in the kernel's format, so that netstat and ss
 * show what is there. The file is a picture of the moment it was opened in.
 */
#ifndef TOAMI_SOCKET_PROCNET_H
#define TOAMI_SOCKET_PROCNET_H

#include "socket/socket.h"

/* The longest name there is, with its end. */
#define PROCNET_NAME_MAX 9

/*
 * procnet_open - a descriptor to read @name ("tcp", "udp6", "raw") from, or
 * SOCKET_PASS: a file that is not ours
 */
long procnet_open(struct socket_thread *t, const char *name, bool cloexec);

#endif
