/* SPDX-License-Identifier: BSD-2-Clause */
/* Options that join and leave multicast groups, of ip(7) and ipv6(7). */
#ifndef TOAMI_SOCKET_GROUP_H
#define TOAMI_SOCKET_GROUP_H

#include <sys/socket.h>

#include "socket/work.h"

#define GROUP_NOT_OURS 1

/**
 * group_option - setsockopt of a group; the socket is locked
 *
 * Interfaces are named by index or by an address of the host; there is one, so
 * any index does. Returns 0, a negative errno, or GROUP_NOT_OURS.
 */
int group_option(struct work *w, struct sock *s, long level, long name,
		 const void *val, socklen_t len);

/* group_get - getsockopt of the interface for sending: its size, or 0: not
 * ours */
long group_get(long level, long name, void *val);

#endif
