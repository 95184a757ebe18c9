/* SPDX-License-Identifier: BSD-2-Clause */
/* Socket addresses (struct sockaddr_in, sockaddr_in6) to and from struct
 * ip_addr. */
#ifndef TOAMI_SOCKET_NAME_H
#define TOAMI_SOCKET_NAME_H

#include <sys/socket.h>

#include "socket/sock.h"

/**
 * name_in - reads @sa of @len bytes, as a socket of family AF_INET6 (@inet6) or
 * AF_INET
 *
 * Returns 0, -EINVAL: too short; -EFAULT; -EAFNOSUPPORT. AF_UNSPEC gives an
 * "any" address and *unspec = true where @unspec is wanted.
 */
int name_in(const void *sa, socklen_t len, bool inet6, struct ip_addr *addr,
	    uint16_t *port, bool *unspec);

/* name_copy - @full bytes at @name as any address goes out: see name_out() */
int name_copy(void *sa, socklen_t *len, const void *name, socklen_t full);

/* name_out - writes it as the kernel would: cut at *len, which gets the full
 * length; 0, -EFAULT, or -EINVAL: *len is negative */
int name_out(void *sa, socklen_t *len, bool inet6, const struct ip_addr *addr,
	     uint16_t port);

#endif
