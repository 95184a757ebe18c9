/* SPDX-License-Identifier: BSD-2-Clause */
/* See name.h. */
#include "socket/name.h"
#include "base/mem.h"
#include "base/user.h"

#include <errno.h>
#include <netinet/in.h>

/* RFC 2133's size, without sin6_scope_id: Linux still takes it. */
#define SIN6_SHORT 24

int name_in(const void *sa, socklen_t len, bool inet6, struct ip_addr *addr,
	    uint16_t *port, bool *unspec)
{
	union {
		sa_family_t family;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	sa_family_t family;

	if (!sa || len < sizeof(family) ||
	    len > sizeof(struct sockaddr_storage))
		return -EINVAL;
	if (user_copy(&u, sa, len < sizeof(u) ? len : sizeof(u)))
		return -EFAULT;
	family = u.family;
	*addr = (struct ip_addr){ .d = { 0, 0 } };
	*port = 0;
	if (unspec)
		*unspec = family == AF_UNSPEC;
	if (family == AF_UNSPEC && unspec)
		return 0;
	if (inet6) {
		if (family != AF_INET6)
			return -EAFNOSUPPORT;
		if (len < SIN6_SHORT)
			return -EINVAL;
		mem_copy(addr->b, u.in6.sin6_addr.s6_addr, 16);
		*port = be16(u.in6.sin6_port);
		return 0;
	}
	/* bind() with AF_UNSPEC and INADDR_ANY is as good as AF_INET, as on
	 * Linux. */
	if (family != AF_INET && family != AF_UNSPEC)
		return -EAFNOSUPPORT;
	if (len < sizeof(u.in))
		return -EINVAL;
	*addr = ip_from_v4(u.in.sin_addr.s_addr);
	*port = be16(u.in.sin_port);
	return 0;
}

int name_copy(void *sa, socklen_t *len, const void *name, socklen_t full)
{
	socklen_t room;

	if (!sa || !len)
		return 0;
	if (user_copy(&room, len, sizeof(room)))
		return -EFAULT;
	if ((int)room < 0)
		return -EINVAL;
	if (user_copy(sa, name, room < full ? room : full) ||
	    user_copy(len, &full, sizeof(full)))
		return -EFAULT;
	return 0;
}

int name_out(void *sa, socklen_t *len, bool inet6, const struct ip_addr *addr,
	     uint16_t port)
{
	union {
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t full;

	mem_zero(&u, sizeof(u));
	if (inet6) {
		u.in6.sin6_family = AF_INET6;
		u.in6.sin6_port = be16(port);
		mem_copy(u.in6.sin6_addr.s6_addr, addr->b, 16);
		full = sizeof(u.in6);
	} else {
		u.in.sin_family = AF_INET;
		u.in.sin_port = be16(port);
		u.in.sin_addr.s_addr = addr->w[3];
		full = sizeof(u.in);
	}
	return name_copy(sa, len, &u, full);
}
