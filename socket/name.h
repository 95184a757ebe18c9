/* SPDX-License-Identifier: BSD-2-Clause */
/* Socket addresses (struct sockaddr_in, sockaddr_in6) to and from struct
 * ip_addr. */
#ifndef TOAMI_SOCKET_NAME_H
#define TOAMI_SOCKET_NAME_H

#include <sys/socket.h>

#include "socket/sock.h"

enum name_use { NAME_BIND, NAME_CONNECT, NAME_SEND };

/**
 * name_in - reads @sa of @len bytes, as socket @s does for @use
 *
 * Returns 0, -EINVAL: too short; -EFAULT; -EAFNOSUPPORT and, for datagrams, how
 * IPV6_V6ONLY refuses. AF_UNSPEC that undoes a connect(), or is no name to send
 * to, gives an "any" address and *unspec = true.
 */
int name_in(const void *sa, socklen_t len, const struct sock *s,
	    enum name_use use, struct ip_addr *addr, uint16_t *port,
	    bool *unspec);

/* name_copy - @full bytes at @name as any address goes out: see name_out() */
int name_copy(void *sa, socklen_t *len, const void *name, socklen_t full);

/* name_out - writes it as the kernel would: cut at *len, which gets the full
 * length; 0, -EFAULT, or -EINVAL: *len is negative */
int name_out(void *sa, socklen_t *len, bool inet6, const struct ip_addr *addr,
	     uint16_t port);

#endif
