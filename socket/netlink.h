/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interfaces that a program sees: rtnetlink(7) and the netdevice(7) ioctls.
 *
 * A program on a VIF has two: `lo` and `eth0`, the host that the VIF is on. Its
 * NETLINK_ROUTE sockets are Unix datagram sockets that we send the answers to,
 * from themselves, so that waiting, polling, dup and fork are the kernel's
 * business. Such a descriptor's entry is FD_ROUTE. Nothing can be changed:
 * -EPERM, by an answer.
 */
#ifndef TOAMI_SOCKET_NETLINK_H
#define TOAMI_SOCKET_NETLINK_H

#include "socket/descriptor.h"

#define NETLINK_LOOPBACK 1 /* interface indices */
#define NETLINK_VIF	 2

long netlink_open(struct socket_thread *t, long type);

/* netlink_call - system call @nr on @args[0], which is_route(); or SOCKET_PASS
 */
long netlink_call(struct socket_thread *t, long nr, const long args[6]);

/* netlink_is_ioctl, netlink_ioctl - SIOCGIF*, on whatever descriptor */
bool netlink_is_ioctl(unsigned long request);
long netlink_ioctl(struct socket_thread *t, unsigned long request, void *arg);

/* netlink_is_device - does @name, of @len bytes, name one of the two? */
bool netlink_is_device(const void *name, uint32_t len);

/* --- links.c: what they are called and have
 * ---------------------------------- */

struct links {
	struct ip_addr addr4, addr6, link6, gateway4, gateway6;
	uint8_t prefix4, prefix6;
	uint8_t mac[6];
	uint32_t mtu;
};

void links_read(const struct socket_thread *t, struct links *l);

/*
 * An answer being built: messages behind each other, sent off when the next
 * does not fit.
 */
struct links_answer {
	uint8_t *buf;
	uint32_t used, room;
	uint32_t seq, pid;
	uint16_t flags; /* NLM_F_MULTI, NLM_F_DUMP_FILTERED */
	long (*send)(void *arg, const void *buf, uint32_t bytes);
	void *arg;
	long err;
};

/*
 * links_ask - answers the request of @type with @body of @bytes behind the
 * header
 *
 * Returns 0 or the error that the answer is.
 */
int links_ask(const struct links *l, struct links_answer *a, uint16_t type,
	      bool dump, const uint8_t *body, uint32_t bytes);

/* links_end - NLMSG_DONE or an acknowledgement, and everything is sent */
void links_done(struct links_answer *a);
void links_error(struct links_answer *a, int err, const void *request);

#endif
