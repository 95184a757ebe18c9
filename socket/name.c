/* SPDX-License-Identifier: BSD-2-Clause */
/* See name.h. */
#include "socket/name.h"
#include "base/mem.h"
#include "base/user.h"

#include <errno.h>
#include <netinet/in.h>

/* RFC 2133's size, without sin6_scope_id: Linux still takes it. */
#define SIN6_SHORT 24

static int in4(const struct sockaddr_in *in, socklen_t len, enum name_use use,
	       struct ip_addr *addr, uint16_t *port)
{
	if (len < sizeof(*in))
		return -EINVAL;
	/* Compatibility games, as the kernel calls them: AF_UNSPEC is as good
	 * as AF_INET for bind() to any address, and to send to. */
	if (in->sin_family != AF_INET &&
	    (in->sin_family != AF_UNSPEC || use == NAME_CONNECT ||
	     (use == NAME_BIND && in->sin_addr.s_addr != INADDR_ANY)))
		return -EAFNOSUPPORT;
	*addr = ip_from_v4(in->sin_addr.s_addr);
	*port = be16(in->sin_port);
	return 0;
}

int name_in(const void *sa, socklen_t len, const struct sock *s,
	    enum name_use use, struct ip_addr *addr, uint16_t *port,
	    bool *unspec)
{
	union {
		sa_family_t family;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u = { 0 };
	bool stream = s->proto == STACK_TCP;

	if (len > sizeof(struct sockaddr_storage))
		return -EINVAL;
	if (len && user_copy(&u, sa, len < sizeof(u) ? len : sizeof(u)))
		return -EFAULT;
	if (len < sizeof(u.family) && (s->inet6 || use == NAME_CONNECT))
		return -EINVAL;
	*addr = (struct ip_addr){ .d = { 0, 0 } };
	*port = 0;
	*unspec = u.family == AF_UNSPEC &&
		  (use == NAME_CONNECT || (use == NAME_SEND && s->inet6));
	if (*unspec)
		return 0;
	/* Datagrams go to IPv4 addresses from an IPv6 socket, too. */
	if (!s->inet6 || (u.family == AF_INET && !stream && use != NAME_BIND)) {
		if (s->inet6 && s->v6only)
			return use == NAME_SEND ? -ENETUNREACH : -EAFNOSUPPORT;
		return in4(&u.in, len, use, addr, port);
	}
	if (use == NAME_SEND && u.family != AF_INET6)
		return -EINVAL;
	if (len < SIN6_SHORT)
		return -EINVAL;
	if (u.family != AF_INET6)
		return -EAFNOSUPPORT;
	mem_copy(addr->b, u.in6.sin6_addr.s6_addr, 16);
	*port = be16(u.in6.sin6_port);
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
