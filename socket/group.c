/* SPDX-License-Identifier: BSD-2-Clause */
/* See group.h. The structures of either family end up as two addresses. */
#include "socket/group.h"
#include "base/mem.h"
#include "stack/host.h"

#include <errno.h>
#include <netinet/in.h>

#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

struct order {
	struct ip_addr group;
	struct ip_addr source; /* any: all */
	struct ip_addr at;     /* the interface's address; any: not said */
	bool leave;
};

/* Does the host have @addr, so that it can stand for its interface? */
static bool is_ours(const struct work *w, const struct ip_addr *addr)
{
	const struct stack_config *g = &w->stack.host->config;

	return ip_is_any(addr) || ip_equal(addr, &g->addr4) ||
	       (ip_is_v4(addr) && addr->b[12] == 127);
}

static int carry_out(struct work *w, struct sock *s, const struct order *o)
{
	if (!is_ours(w, &o->at))
		return -ENODEV;
	return o->leave ? conn_leave(&w->stack, s->conn, &o->group, &o->source)
			: conn_join(&w->stack, s->conn, &o->group, &o->source);
}

/* struct ip_mreq and ip_mreqn begin alike. */
static int plain4(struct order *o, const void *val, socklen_t len)
{
	struct ip_mreq m;

	if (len < sizeof(m))
		return -EINVAL;
	mem_copy(&m, val, sizeof(m));
	o->group = ip_from_v4(m.imr_multiaddr.s_addr);
	if (m.imr_interface.s_addr)
		o->at = ip_from_v4(m.imr_interface.s_addr);
	return 0;
}

static int source4(struct order *o, const void *val, socklen_t len)
{
	struct ip_mreq_source m;

	if (len < sizeof(m))
		return -EINVAL;
	mem_copy(&m, val, sizeof(m));
	o->group = ip_from_v4(m.imr_multiaddr.s_addr);
	o->source = ip_from_v4(m.imr_sourceaddr.s_addr);
	if (m.imr_interface.s_addr)
		o->at = ip_from_v4(m.imr_interface.s_addr);
	return 0;
}

static int plain6(struct order *o, const void *val, socklen_t len)
{
	struct ipv6_mreq m;

	if (len < sizeof(m))
		return -EINVAL;
	mem_copy(&m, val, sizeof(m));
	mem_copy(&o->group, &m.ipv6mr_multiaddr, 16);
	return ip_is_v4(&o->group) ? -EINVAL : 0;
}

/* An address of either family. */
static int read_sockaddr(const struct sockaddr_storage *ss,
			 struct ip_addr *addr)
{
	const struct sockaddr_in *s4 = (const void *)ss;
	const struct sockaddr_in6 *s6 = (const void *)ss;

	if (ss->ss_family == AF_INET)
		*addr = ip_from_v4(s4->sin_addr.s_addr);
	else if (ss->ss_family == AF_INET6)
		mem_copy(addr, &s6->sin6_addr, 16);
	else
		return -EADDRNOTAVAIL;
	return 0;
}

/* struct group_req and group_source_req begin alike. */
static int either(struct order *o, const void *val, socklen_t len, bool source)
{
	struct group_source_req m;
	socklen_t need = source ? sizeof(m) : sizeof(struct group_req);
	int err;

	if (len < need)
		return -EINVAL;
	mem_copy(&m, val, need);
	err = read_sockaddr(&m.gsr_group, &o->group);
	return err || !source ? err : read_sockaddr(&m.gsr_source, &o->source);
}

/* The interface that groups are sent by: there is but one. */
static int interface(const struct work *w, long level, const void *val,
		     socklen_t len)
{
	struct in_addr at = { 0 };
	struct ip_mreqn m;
	struct ip_addr a;

	if (level == IPPROTO_IPV6)
		return len < sizeof(int) ? -EINVAL : 0;
	if (len >= sizeof(m)) {
		mem_copy(&m, val, sizeof(m));
		if (m.imr_ifindex)
			return 0;
		at = m.imr_address;
	} else if (len >= sizeof(struct ip_mreq)) {
		mem_copy(&at, (const char *)val + 4, sizeof(at));
	} else if (len >= sizeof(at)) {
		mem_copy(&at, val, sizeof(at));
	} else {
		return -EINVAL;
	}
	a = ip_from_v4(at.s_addr);
	return is_ours(w, &a) ? 0 : -EADDRNOTAVAIL;
}

static int option4(struct order *o, long name, const void *val, socklen_t len)
{
	switch (name) {
	case IP_DROP_MEMBERSHIP:
		o->leave = true;
		return plain4(o, val, len);
	case IP_ADD_MEMBERSHIP:
		return plain4(o, val, len);
	case IP_DROP_SOURCE_MEMBERSHIP:
		o->leave = true;
		return source4(o, val, len);
	case IP_ADD_SOURCE_MEMBERSHIP:
		return source4(o, val, len);
	default:
		return GROUP_NOT_OURS;
	}
}

static int option6(struct order *o, long name, const void *val, socklen_t len)
{
	switch (name) {
	case IPV6_DROP_MEMBERSHIP:
		o->leave = true;
		return plain6(o, val, len);
	case IPV6_ADD_MEMBERSHIP:
		return plain6(o, val, len);
	default:
		return GROUP_NOT_OURS;
	}
}

/* The protocol independent ones. */
static int option_both(struct order *o, long name, const void *val,
		       socklen_t len)
{
	switch (name) {
	case MCAST_LEAVE_GROUP:
	case MCAST_LEAVE_SOURCE_GROUP:
		o->leave = true;
		return either(o, val, len, name == MCAST_LEAVE_SOURCE_GROUP);
	case MCAST_JOIN_GROUP:
	case MCAST_JOIN_SOURCE_GROUP:
		return either(o, val, len, name == MCAST_JOIN_SOURCE_GROUP);
	default:
		return GROUP_NOT_OURS;
	}
}

int group_option(struct work *w, struct sock *s, long level, long name,
		 const void *val, socklen_t len)
{
	struct order o = { .leave = false };
	int err;

	if (level != IPPROTO_IP && level != IPPROTO_IPV6)
		return GROUP_NOT_OURS;
	if (level == IPPROTO_IPV6 && !s->inet6)
		return GROUP_NOT_OURS;
	if (name == (level == IPPROTO_IP ? IP_MULTICAST_IF : IPV6_MULTICAST_IF))
		return interface(w, level, val, len);
	err = level == IPPROTO_IP ? option4(&o, name, val, len)
				  : option6(&o, name, val, len);
	if (err == GROUP_NOT_OURS)
		err = option_both(&o, name, val, len);
	return err ? err : carry_out(w, s, &o);
}

long group_get(long level, long name, void *val)
{
	if (!(level == IPPROTO_IP && name == IP_MULTICAST_IF) &&
	    !(level == IPPROTO_IPV6 && name == IPV6_MULTICAST_IF))
		return 0;
	mem_zero(val, sizeof(int));
	return sizeof(int);
}
