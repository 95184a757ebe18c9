/* SPDX-License-Identifier: BSD-2-Clause */
/* See netlink.h. */
#include "socket/netlink.h"
#include "socket/name.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/user.h"
#include "socket/cursor.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#define REQUEST_MAX 2048
#define ANSWER_MAX  4096

/* --- the socket --------------------------------------------------------------
 */

long netlink_open(struct socket_thread *t, long type)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	long flags = type & (SOCK_CLOEXEC | SOCK_NONBLOCK), fd, err;

	if ((type & 0xf) != SOCK_RAW && (type & 0xf) != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	fd = sys_call(SYS_socket, AF_UNIX, SOCK_DGRAM | flags, 0);
	if (fd < 0)
		return fd;
	/* The kernel gives it a name of its own: we send to that. */
	err = sys_call(SYS_bind, fd, &any, sizeof(any.sun_family));
	if (!err && fd >= FABRIC_FD_MAX)
		err = -EMFILE;
	if (err) {
		sys_call(SYS_close, fd);
		return err;
	}
	descriptor_set(t, (int)fd, FD_ROUTE);
	return fd;
}

static long send_back(void *arg, const void *buf, uint32_t bytes)
{
	const long fd = *(const long *)arg;
	struct sockaddr_un own;
	socklen_t len = sizeof(own);
	long n = sys_call(SYS_getsockname, fd, &own, &len);

	if (n < 0)
		return n;
	n = sys_call(SYS_sendto, fd, buf, bytes, MSG_DONTWAIT | MSG_NOSIGNAL,
		     &own, len);
	return n < 0 ? n : 0;
}

/* One request: answers to the socket itself. */
static long answer(struct socket_thread *t, long fd, const struct nlmsghdr *h)
{
	uint8_t buf[ANSWER_MAX] __attribute__((aligned(8)));
	bool dump = (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	struct links_answer a = {
		.buf = buf,
		.room = sizeof(buf),
		.seq = h->nlmsg_seq,
		.pid = (uint32_t)sys_call(SYS_getpid),
		.flags = dump ? NLM_F_MULTI : 0,
		.send = send_back,
		.arg = &fd,
	};
	struct links l;
	int err;

	if (!(h->nlmsg_flags & NLM_F_REQUEST))
		return 0;
	links_read(t, &l);
	err = links_ask(&l, &a, h->nlmsg_type, dump, NLMSG_DATA(h),
			h->nlmsg_len - (uint32_t)NLMSG_HDRLEN);
	if (err)
		links_error(&a, err, h);
	else if (dump)
		links_done(&a);
	else if (h->nlmsg_flags & NLM_F_ACK)
		links_error(&a, 0, h);
	else if (a.used)
		a.err = send_back(&fd, a.buf, a.used);
	return a.err;
}

static long take(struct socket_thread *t, long fd, struct cursor *c)
{
	uint8_t buf[REQUEST_MAX] __attribute__((aligned(8)));
	uint32_t n, at = 0;

	if (c->left > sizeof(buf))
		return -EMSGSIZE;
	for (size_t i = 0; i < c->count; i++)
		if (c->iov[i].iov_len && user_touch(c->iov[i].iov_base))
			return -EFAULT;
	n = (uint32_t)cursor_get(c, buf, sizeof(buf));
	while (at + sizeof(struct nlmsghdr) <= n) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)(buf + at);
		long err;

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > n - at)
			break;
		err = answer(t, fd, h);
		if (err)
			return err;
		at += NLMSG_ALIGN(h->nlmsg_len);
	}
	return (long)n;
}

static long send_message(struct socket_thread *t, long fd,
			 const struct msghdr *msg)
{
	struct iovec iov[8];
	struct msghdr m;
	struct cursor c;
	int err;

	if (user_copy(&m, msg, sizeof(m)))
		return -EFAULT;
	if (m.msg_iovlen > ARRAY_SIZE(iov))
		return -EMSGSIZE;
	if (user_copy(iov, m.msg_iov, m.msg_iovlen * sizeof(iov[0])))
		return -EFAULT;
	err = cursor_many(&c, iov, m.msg_iovlen);
	return err ? err : take(t, fd, &c);
}

/* Answers are from the kernel, to whom its name has 0. */
static long name_out_nl(void *sa, socklen_t *len, uint32_t pid)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_pid = pid };

	return name_copy(sa, len, &nl, sizeof(nl));
}

static long waits(struct socket_thread *t, long nr, const long args[6])
{
	long n = sys_sleep(&t->signal_due, nr, args);

	return n == -EINTR ? SOCKET_RESTART : n;
}

static long receive_message(struct socket_thread *t, const long a[6])
{
	struct msghdr *user = (struct msghdr *)a[1];
	struct msghdr m;
	long args[6] = { a[0], (long)&m, a[2] }, n, err;
	socklen_t len;
	void *name;

	if (user_copy(&m, user, sizeof(m)))
		return -EFAULT;
	name = m.msg_name;
	len = m.msg_namelen;
	m.msg_name = NULL;
	m.msg_namelen = 0;
	n = waits(t, SYS_recvmsg, args);
	if (n < 0)
		return n;
	err = name_out_nl(name, name ? &len : NULL, 0);
	if (err || user_copy(&user->msg_namelen, &len, sizeof(len)) ||
	    user_copy(&user->msg_controllen, &m.msg_controllen,
		      sizeof(m.msg_controllen)) ||
	    user_copy(&user->msg_flags, &m.msg_flags, sizeof(m.msg_flags)))
		return -EFAULT;
	return n;
}

static long receive(struct socket_thread *t, const long a[6])
{
	long args[6] = { a[0], a[1], a[2], a[3], 0, 0 };
	long n = waits(t, SYS_recvfrom, args), err;

	if (n < 0)
		return n;
	err = name_out_nl((void *)a[4], (void *)a[5], 0);
	return err ? err : n;
}

static long get_option(const long a[6])
{
	int v, n = sizeof(v), room;

	if (a[1] != SOL_SOCKET)
		v = 0;
	else if (a[2] == SO_DOMAIN)
		v = AF_NETLINK;
	else if (a[2] == SO_TYPE)
		v = SOCK_RAW;
	else if (a[2] == SO_PROTOCOL)
		v = NETLINK_ROUTE;
	else
		return SOCKET_PASS;
	if (user_copy(&room, (void *)a[4], sizeof(room)))
		return -EFAULT;
	if (room < n)
		return -EINVAL;
	return user_copy((void *)a[3], &v, sizeof(v)) ||
			       user_copy((void *)a[4], &n, sizeof(n))
		       ? -EFAULT
		       : 0;
}

long netlink_call(struct socket_thread *t, long nr, const long a[6])
{
	struct iovec iov;
	struct cursor c;
	int err;

	switch (nr) {
	case SYS_write:
	case SYS_sendto:
		c = cursor_one(&iov, (void *)a[1], (size_t)a[2]);
		return take(t, a[0], &c);
	case SYS_writev:
		err = cursor_many(&c, (void *)a[1], (size_t)a[2]);
		return err ? err : take(t, a[0], &c);
	case SYS_sendmsg:
		return send_message(t, a[0], (void *)a[1]);
	case SYS_recvmsg:
		return receive_message(t, a);
	case SYS_recvfrom:
		return receive(t, a);
	case SYS_bind:
	case SYS_connect:
		return 0;
	case SYS_getsockname:
		return name_out_nl((void *)a[1], (void *)a[2],
				   (uint32_t)sys_call(SYS_getpid));
	case SYS_getpeername:
		return name_out_nl((void *)a[1], (void *)a[2], 0);
	case SYS_setsockopt:
		return a[1] == SOL_SOCKET ? SOCKET_PASS : 0;
	case SYS_getsockopt:
		return get_option(a);
	case SYS_listen:
	case SYS_accept:
	case SYS_accept4:
	case SYS_shutdown:
		return -EOPNOTSUPP;
	default:
		return SOCKET_PASS;
	}
}

/* --- ioctl: netdevice(7) -----------------------------------------------------
 */

bool netlink_is_ioctl(unsigned long request)
{
	switch (request) {
	case SIOCGIFNAME:
	case SIOCGIFCONF:
	case SIOCGIFFLAGS:
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFMETRIC:
	case SIOCGIFMTU:
	case SIOCGIFHWADDR:
	case SIOCGIFINDEX:
	case SIOCGIFTXQLEN:
	case SIOCSIFFLAGS:
	case SIOCSIFADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFMTU:
	case SIOCSIFHWADDR:
		return true;
	default:
		return false;
	}
}

static void set_name(struct ifreq *r, bool lo)
{
	mem_copy(r->ifr_name, lo ? "lo" : "eth0", lo ? 3 : 5);
}

static void set_in(struct ifreq *r, uint32_t addr)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { addr } };

	mem_copy(&r->ifr_addr, &in, sizeof(in));
}

static uint32_t mask_of(uint8_t prefix)
{
	return prefix ? be32(UINT32_MAX << (32 - prefix)) : 0;
}

static long list(const struct links *l, void *arg)
{
	struct ifreq r[2];
	struct ifconf c;
	int n;

	if (user_copy(&c, arg, sizeof(c)))
		return -EFAULT;
	mem_zero(r, sizeof(r));
	set_name(&r[0], true);
	set_in(&r[0], be32(INADDR_LOOPBACK));
	set_name(&r[1], false);
	set_in(&r[1], l->addr4.w[3]);
	n = ip_is_any(&l->addr4) ? 1 : 2;
	if (c.ifc_buf && c.ifc_len / (int)sizeof(r[0]) < n)
		n = c.ifc_len / (int)sizeof(r[0]);
	c.ifc_len = n * (int)sizeof(r[0]);
	if (c.ifc_buf && user_copy(c.ifc_buf, r, (size_t)c.ifc_len))
		return -EFAULT;
	return user_copy(arg, &c, sizeof(c));
}

static long fill(const struct links *l, unsigned long request, bool lo,
		 struct ifreq *r)
{
	uint32_t addr = lo ? be32(INADDR_LOOPBACK) : l->addr4.w[3];
	uint32_t mask = mask_of(lo ? 8 : l->prefix4);

	switch (request) {
	case SIOCGIFFLAGS:
		r->ifr_flags = (short)(IFF_UP | IFF_RUNNING |
				       (lo ? IFF_LOOPBACK
					   : IFF_BROADCAST | IFF_MULTICAST));
		return 0;
	case SIOCGIFINDEX:
		r->ifr_ifindex = lo ? NETLINK_LOOPBACK : NETLINK_VIF;
		return 0;
	case SIOCGIFMTU:
		r->ifr_mtu = lo ? 65536 : (int)l->mtu;
		return 0;
	case SIOCGIFMETRIC:
		r->ifr_metric = 0;
		return 0;
	case SIOCGIFTXQLEN:
		r->ifr_qlen = 1000;
		return 0;
	case SIOCGIFHWADDR:
		mem_zero(&r->ifr_hwaddr, sizeof(r->ifr_hwaddr));
		r->ifr_hwaddr.sa_family = lo ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
		if (!lo)
			mem_copy(r->ifr_hwaddr.sa_data, l->mac, 6);
		return 0;
	default:
		break;
	}
	if (!lo && ip_is_any(&l->addr4))
		return -EADDRNOTAVAIL;
	switch (request) {
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
		set_in(r, addr);
		return 0;
	case SIOCGIFBRDADDR:
		set_in(r, lo ? 0 : addr | ~mask);
		return 0;
	case SIOCGIFNETMASK:
		set_in(r, mask);
		return 0;
	case SIOCSIFFLAGS:
		return r->ifr_flags & IFF_UP ? 0 : -EPERM; /* it is up */
	default:
		return -EPERM; /* SIOCSIF* */
	}
}

long netlink_ioctl(struct socket_thread *t, unsigned long request, void *arg)
{
	struct links l;
	struct ifreq r;
	long err;

	links_read(t, &l);
	if (request == SIOCGIFCONF)
		return list(&l, arg);
	if (user_copy(&r, arg, sizeof(r)))
		return -EFAULT;
	if (request == SIOCGIFNAME) {
		if (r.ifr_ifindex != NETLINK_LOOPBACK &&
		    r.ifr_ifindex != NETLINK_VIF)
			return -ENODEV;
		set_name(&r, r.ifr_ifindex == NETLINK_LOOPBACK);
		return user_copy(arg, &r, sizeof(r));
	}
	if (!netlink_is_device(r.ifr_name, sizeof(r.ifr_name)))
		return -ENODEV;
	err = fill(&l, request, r.ifr_name[0] == 'l', &r);
	return err ? err : user_copy(arg, &r, sizeof(r));
}
