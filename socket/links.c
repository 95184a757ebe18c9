/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtnetlink's messages about the two interfaces: links, addresses, routes.
 * Formats: linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h.
 */
#include "base/mem.h"
#include "socket/netlink.h"
#include "stack/host.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#define NAME_VIF "eth0"
#define NAME_LO	 "lo"

void links_read(const struct socket_thread *t, struct links *l)
{
	const struct stack_host *h =
		stack_host_at(&t->process->fabric, t->process->host);
	const struct stack_config *c = &h->config;

	*l = (struct links){
		.addr4 = c->addr4,
		.addr6 = c->addr6,
		.link6 = h->link6,
		.gateway4 = c->gateway4,
		.gateway6 = c->gateway6,
		.prefix4 = c->prefix4,
		.prefix6 = c->prefix6,
		.mtu = c->mtu,
	};
	mem_copy(l->mac, c->mac, 6);
}

bool netlink_is_device(const void *name, uint32_t len)
{
	const char *s = name;

	return (len >= 2 && s[0] == 'l' && s[1] == 'o' &&
		(len == 2 || !s[2])) ||
	       (len >= 4 && !memcmp(s, NAME_VIF, 4) && (len == 4 || !s[4]));
}

/* --- building ----------------------------------------------------------------
 */

static void flush(struct links_answer *a)
{
	if (a->used && !a->err)
		a->err = a->send(a->arg, a->buf, a->used);
	a->used = 0;
}

/* Begins a message of @type with @bytes of fixed part, zeroed; NULL never. */
static void *begin(struct links_answer *a, uint16_t type, uint32_t bytes)
{
	struct nlmsghdr *h;

	if (a->room - a->used < 1024)
		flush(a);
	h = (struct nlmsghdr *)(a->buf + a->used);
	mem_zero(h, NLMSG_SPACE(bytes));
	h->nlmsg_type = type;
	h->nlmsg_flags = a->flags;
	h->nlmsg_seq = a->seq;
	h->nlmsg_pid = a->pid;
	h->nlmsg_len = NLMSG_LENGTH(bytes);
	return NLMSG_DATA(h);
}

static struct nlmsghdr *current(const struct links_answer *a)
{
	return (struct nlmsghdr *)(a->buf + a->used);
}

static void attr(struct links_answer *a, uint16_t type, const void *data,
		 uint32_t bytes)
{
	struct nlmsghdr *h = current(a);
	struct rtattr *r =
		(struct rtattr *)((uint8_t *)h + NLMSG_ALIGN(h->nlmsg_len));

	mem_zero(r, RTA_SPACE(bytes));
	r->rta_type = type;
	r->rta_len = (uint16_t)RTA_LENGTH(bytes);
	mem_copy(RTA_DATA(r), data, bytes);
	h->nlmsg_len = NLMSG_ALIGN(h->nlmsg_len) + RTA_SPACE(bytes);
}

static void attr_u32(struct links_answer *a, uint16_t type, uint32_t v)
{
	attr(a, type, &v, sizeof(v));
}

static void attr_u8(struct links_answer *a, uint16_t type, uint8_t v)
{
	attr(a, type, &v, sizeof(v));
}

static void end(struct links_answer *a)
{
	a->used += NLMSG_ALIGN(current(a)->nlmsg_len);
}

static void put_link(struct links_answer *a, const struct links *l, int index)
{
	bool lo = index == NETLINK_LOOPBACK;
	struct ifinfomsg *m = begin(a, RTM_NEWLINK, sizeof(*m));
	uint8_t everybody = lo ? 0 : 0xff, broadcast[6];
	static const uint8_t none[6];
	struct rtnl_link_stats64 zero64 = { 0 };
	struct rtnl_link_stats zero = { 0 };

	m->ifi_type = lo ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
	m->ifi_index = index;
	m->ifi_flags = IFF_UP | IFF_RUNNING | IFF_LOWER_UP |
		       (lo ? IFF_LOOPBACK : IFF_BROADCAST | IFF_MULTICAST);
	for (int i = 0; i < 6; i++)
		broadcast[i] = everybody;
	attr(a, IFLA_IFNAME, lo ? NAME_LO : NAME_VIF,
	     lo ? sizeof(NAME_LO) : sizeof(NAME_VIF));
	attr_u32(a, IFLA_TXQLEN, 1000);
	attr_u8(a, IFLA_OPERSTATE, lo ? 0 : 6 /* IF_OPER_UP */);
	attr_u8(a, IFLA_LINKMODE, 0);
	attr_u32(a, IFLA_MTU, lo ? 65536 : l->mtu);
	attr_u32(a, IFLA_GROUP, 0);
	attr_u32(a, IFLA_NUM_TX_QUEUES, 1);
	attr_u32(a, IFLA_NUM_RX_QUEUES, 1);
	attr_u8(a, IFLA_CARRIER, 1);
	attr(a, IFLA_QDISC, "noqueue", 8);
	attr(a, IFLA_ADDRESS, lo ? none : l->mac, 6);
	attr(a, IFLA_BROADCAST, broadcast, 6);
	attr(a, IFLA_STATS64, &zero64, sizeof(zero64));
	attr(a, IFLA_STATS, &zero, sizeof(zero));
	end(a);
}

static void put_addr(struct links_answer *a, int index,
		     const struct ip_addr *addr, uint8_t prefix, uint8_t scope)
{
	bool v4 = ip_is_v4(addr), lo = index == NETLINK_LOOPBACK;
	struct ifa_cacheinfo forever = { UINT32_MAX, UINT32_MAX, 0, 0 };
	const void *data = v4 ? (const void *)&addr->w[3] : addr->b;
	struct ifaddrmsg *m;
	uint32_t bytes = v4 ? 4 : 16;

	if (ip_is_any(addr))
		return;
	m = begin(a, RTM_NEWADDR, sizeof(*m));
	m->ifa_family = v4 ? AF_INET : AF_INET6;
	m->ifa_prefixlen = prefix;
	m->ifa_flags = IFA_F_PERMANENT;
	m->ifa_scope = scope;
	m->ifa_index = (uint32_t)index;
	attr(a, IFA_ADDRESS, data, bytes);
	if (v4) {
		uint32_t all = prefix >= 32 ? 0 : be32(UINT32_MAX >> prefix);

		attr(a, IFA_LOCAL, data, bytes);
		all |= addr->w[3];
		if (!lo)
			attr(a, IFA_BROADCAST, &all, 4);
		attr(a, IFA_LABEL, lo ? NAME_LO : NAME_VIF,
		     lo ? sizeof(NAME_LO) : sizeof(NAME_VIF));
	}
	attr_u32(a, IFA_FLAGS, IFA_F_PERMANENT);
	attr(a, IFA_CACHEINFO, &forever, sizeof(forever));
	end(a);
}

/* A route to @dst/@bits (0: everywhere), by @gateway or on the link. */
static void put_route(struct links_answer *a, const struct ip_addr *dst,
		      uint8_t bits, const struct ip_addr *gateway,
		      const struct ip_addr *src, int index, bool local)
{
	bool v4 = ip_is_v4(src);
	uint32_t bytes = v4 ? 4 : 16;
	struct rtmsg *m = begin(a, RTM_NEWROUTE, sizeof(*m));

	m->rtm_family = v4 ? AF_INET : AF_INET6;
	m->rtm_dst_len = bits;
	m->rtm_table = local ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
	m->rtm_protocol = RTPROT_KERNEL;
	m->rtm_scope = local	 ? RT_SCOPE_HOST
		       : gateway ? RT_SCOPE_UNIVERSE
				 : RT_SCOPE_LINK;
	m->rtm_type = local ? RTN_LOCAL : RTN_UNICAST;
	attr_u32(a, RTA_TABLE, m->rtm_table);
	if (bits)
		attr(a, RTA_DST, v4 ? (const void *)&dst->w[3] : dst->b, bytes);
	if (gateway)
		attr(a, RTA_GATEWAY,
		     v4 ? (const void *)&gateway->w[3] : gateway->b, bytes);
	attr(a, RTA_PREFSRC, v4 ? (const void *)&src->w[3] : src->b, bytes);
	attr_u32(a, RTA_OIF, (uint32_t)index);
	end(a);
}

/* --- asking ------------------------------------------------------------------
 */

static const struct ip_addr loopback4 = {
	.b = { [10] = 0xff, 0xff, 127, 0, 0, 1 }
};
static const struct ip_addr loopback6 = { .b = { [15] = 1 } };

static struct ip_addr network(const struct ip_addr *a, uint8_t prefix)
{
	struct ip_addr n = *a;
	uint32_t bits = ip_is_v4(a) ? 96u + prefix : prefix;

	for (uint32_t i = 0; i < 16; i++) {
		uint32_t keep = bits >= (i + 1) * 8 ? 8
				: bits <= i * 8	    ? 0
						    : bits - i * 8;

		n.b[i] &= (uint8_t)(0xff00 >> keep);
	}
	return n;
}

/* The attribute of @type behind the @fixed bytes of @body; NULL: none. */
static const struct rtattr *find_attr(const uint8_t *body, uint32_t bytes,
				      uint32_t fixed, uint16_t type)
{
	for (uint32_t at = NLMSG_ALIGN(fixed);
	     at + sizeof(struct rtattr) <= bytes;) {
		const struct rtattr *r = (const struct rtattr *)(body + at);

		if (r->rta_len < sizeof(*r) || at + r->rta_len > bytes)
			return NULL;
		if ((r->rta_type & NLA_TYPE_MASK) == type)
			return r;
		at += RTA_ALIGN(r->rta_len);
	}
	return NULL;
}

static int ask_link(const struct links *l, struct links_answer *a, bool dump,
		    const uint8_t *body, uint32_t bytes)
{
	const struct ifinfomsg *m = (const struct ifinfomsg *)body;
	const struct rtattr *name;
	int index = 0;

	if (dump) {
		put_link(a, l, NETLINK_LOOPBACK);
		put_link(a, l, NETLINK_VIF);
		return 0;
	}
	if (bytes < sizeof(*m))
		return -EINVAL;
	index = m->ifi_index;
	name = find_attr(body, bytes, sizeof(*m), IFLA_IFNAME);
	if (!index && name) {
		uint32_t n = name->rta_len - (uint32_t)sizeof(*name);

		if (!netlink_is_device(RTA_DATA(name), n))
			return -ENODEV;
		index = *(const char *)RTA_DATA(name) == 'l' ? NETLINK_LOOPBACK
							     : NETLINK_VIF;
	}
	if (index != NETLINK_LOOPBACK && index != NETLINK_VIF)
		return -ENODEV;
	put_link(a, l, index);
	return 0;
}

static void dump_addr(const struct links *l, struct links_answer *a, int family)
{
	if (family != AF_INET6) {
		put_addr(a, NETLINK_LOOPBACK, &loopback4, 8, RT_SCOPE_HOST);
		put_addr(a, NETLINK_VIF, &l->addr4, l->prefix4,
			 RT_SCOPE_UNIVERSE);
	}
	if (family != AF_INET) {
		put_addr(a, NETLINK_LOOPBACK, &loopback6, 128, RT_SCOPE_HOST);
		put_addr(a, NETLINK_VIF, &l->addr6, l->prefix6,
			 RT_SCOPE_UNIVERSE);
		put_addr(a, NETLINK_VIF, &l->link6, 64, RT_SCOPE_LINK);
	}
}

static void dump_routes(const struct links *l, struct links_answer *a,
			int family)
{
	struct ip_addr net;

	if (family != AF_INET6 && !ip_is_any(&l->addr4)) {
		if (!ip_is_any(&l->gateway4))
			put_route(a, NULL, 0, &l->gateway4, &l->addr4,
				  NETLINK_VIF, false);
		net = network(&l->addr4, l->prefix4);
		put_route(a, &net, l->prefix4, NULL, &l->addr4, NETLINK_VIF,
			  false);
	}
	if (family != AF_INET && !ip_is_any(&l->addr6)) {
		if (!ip_is_any(&l->gateway6))
			put_route(a, NULL, 0, &l->gateway6, &l->addr6,
				  NETLINK_VIF, false);
		net = network(&l->addr6, l->prefix6);
		put_route(a, &net, l->prefix6, NULL, &l->addr6, NETLINK_VIF,
			  false);
		net = network(&l->link6, 64);
		put_route(a, &net, 64, NULL, &l->link6, NETLINK_VIF, false);
	}
}

/* Which way would @dst go? */
static int ask_route(const struct links *l, struct links_answer *a,
		     const uint8_t *body, uint32_t bytes)
{
	const struct rtmsg *m = (const struct rtmsg *)body;
	const struct ip_addr *own, *gateway;
	const struct rtattr *r;
	struct ip_addr dst = { .d = { 0, 0 } }, near, far;
	uint8_t prefix;
	bool v4;

	if (bytes < sizeof(*m))
		return -EINVAL;
	r = find_attr(body, bytes, sizeof(*m), RTA_DST);
	v4 = m->rtm_family != AF_INET6;
	if (!r || r->rta_len < RTA_LENGTH(v4 ? 4 : 16))
		return -EINVAL;
	if (v4)
		dst = ip_from_v4(*(const uint32_t *)RTA_DATA(r));
	else
		mem_copy(dst.b, RTA_DATA(r), 16);
	own = v4 ? &l->addr4 : &l->addr6;
	gateway = v4 ? &l->gateway4 : &l->gateway6;
	prefix = v4 ? l->prefix4 : l->prefix6;
	if (ip_is_loopback(&dst) || ip_equal(&dst, own)) {
		put_route(a, &dst, v4 ? 32 : 128, NULL,
			  ip_is_loopback(&dst) ? &dst : own, NETLINK_LOOPBACK,
			  true);
		return 0;
	}
	near = network(own, prefix);
	far = network(&dst, prefix);
	if (ip_is_any(own) || (!ip_equal(&near, &far) && ip_is_any(gateway)))
		return -ENETUNREACH;
	put_route(a, &dst, v4 ? 32 : 128,
		  ip_equal(&near, &far) ? NULL : gateway, own, NETLINK_VIF,
		  false);
	return 0;
}

/* `ip link set lo up` wants what is so already. */
static bool is_up(const uint8_t *body, uint32_t bytes)
{
	struct ifinfomsg m;

	if (bytes != sizeof(m))
		return false;
	mem_copy(&m, body, sizeof(m));
	return (m.ifi_index == NETLINK_LOOPBACK ||
		m.ifi_index == NETLINK_VIF) &&
	       m.ifi_change == IFF_UP && (m.ifi_flags & IFF_UP);
}

int links_ask(const struct links *l, struct links_answer *a, uint16_t type,
	      bool dump, const uint8_t *body, uint32_t bytes)
{
	int family = bytes ? body[0] : AF_UNSPEC;

	switch (type) {
	case RTM_GETLINK:
		return ask_link(l, a, dump, body, bytes);
	case RTM_GETADDR:
		if (!dump)
			return -EOPNOTSUPP;
		dump_addr(l, a, family);
		return 0;
	case RTM_GETROUTE:
		if (!dump)
			return ask_route(l, a, body, bytes);
		dump_routes(l, a, family);
		return 0;
	case RTM_GETNEIGH:
	case RTM_GETRULE:
	case RTM_GETQDISC:
	case RTM_GETTCLASS:
	case RTM_GETTFILTER:
	case RTM_GETNETCONF:
	case RTM_GETNSID:
	case RTM_GETSTATS:
		return dump ? 0 : -EOPNOTSUPP; /* there are none */
	case RTM_NEWLINK:
	case RTM_SETLINK:
		return is_up(body, bytes) ? 0 : -EPERM;
	default:
		return -EPERM;
	}
}

void links_done(struct links_answer *a)
{
	int *status = begin(a, NLMSG_DONE, sizeof(*status));

	*status = 0;
	end(a);
	flush(a);
}

void links_error(struct links_answer *a, int err, const void *request)
{
	struct nlmsgerr *m;

	a->flags = 0;
	m = begin(a, NLMSG_ERROR, sizeof(*m));
	m->error = err;
	mem_copy(&m->msg, request, sizeof(m->msg));
	end(a);
	flush(a);
}
