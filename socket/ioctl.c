/* SPDX-License-Identifier: BSD-2-Clause */
/* See ioctl.h. */
#include "socket/ioctl.h"
#include "base/sys.h"
#include "base/user.h"
#include "socket/descriptor.h"
#include "stack/conn.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>

/* What is about signals, in the words of fcntl(). */
static long signals(struct socket_thread *t, long fd, unsigned long request,
		    void *arg)
{
	const struct sock *s = sock_peek(t, fd);
	long flags;
	int v;

	if (!s)
		return SOCKET_PASS;
	if (request == FIOGETOWN || request == SIOCGPGRP) {
		v = (int)sys_call(SYS_fcntl, fd, F_GETOWN);
		return user_copy(arg, &v, sizeof(v));
	}
	if (user_copy(&v, arg, sizeof(v)))
		return -EFAULT;
	if (request != FIOASYNC)
		return descriptor_fcntl(t, fd, F_SETOWN, v);
	flags = descriptor_fcntl(t, fd, F_GETFL, 0) & ~(long)O_ASYNC;
	return descriptor_fcntl(t, fd, F_SETFL, v ? flags | O_ASYNC : flags);
}

/* As tcp_inq(): up to the urgent byte, which itself counts. */
static int readable(const struct conn *c)
{
	bool at = false;
	uint32_t n = tcp_before_mark(c, &at);

	return (int)(c->urgent_inline ? tcp_readable(c) : at ? 0 : n);
}

long ioctl_call(struct socket_thread *t, long fd, unsigned long request,
		void *arg)
{
	const struct conn *c;
	struct work w;
	struct sock *s;
	int v = 0;
	long err;

	switch (request) {
	case FIOASYNC:
	case FIOSETOWN:
	case SIOCSPGRP:
	case FIOGETOWN:
	case SIOCGPGRP:
		return signals(t, fd, request, arg);
	case FIONBIO:
	case FIONREAD:
	case TIOCOUTQ: /* SIOCOUTQ */
	case SIOCOUTQNSD:
	case SIOCATMARK:
		break;
	default:
		return SOCKET_PASS; /* the placeholder's, e.g. FIOCLEX, SIOCGIF*
				     */
	}
	if (request == SIOCATMARK || request == SIOCOUTQNSD) {
		const struct sock *own = sock_peek(t, fd);

		/* The kernel goes on to look for a request of an interface. */
		if (own && own->proto != STACK_TCP)
			return user_touch(arg) ? -EFAULT : -ENOTTY;
	}
	if (request == FIONBIO && user_copy(&v, arg, sizeof(v)))
		return -EFAULT;
	err = sock_lock(&w, t, fd, &s);
	if (err)
		return err == -ENOTSOCK ? SOCKET_PASS : err;
	c = slot_at(&w.fabric->table[FABRIC_TABLE_CONN], s->conn);
	if (c->state == CONN_LISTEN && request != FIONBIO &&
	    request != SIOCATMARK)
		err = -EINVAL;
	else if (request == FIONBIO)
		atomic_store(&s->nonblock, v ? 1 : 0);
	else if (request == SIOCATMARK)
		v = tcp_at_mark(&w.stack, s->conn);
	else if (s->proto != STACK_TCP)
		v = request == FIONREAD ? udp_readable(&w.stack, s->conn) : 0;
	else if (request == FIONREAD)
		v = readable(c);
	else
		v = (int)(request == TIOCOUTQ ? tcp_unacked(c) : tcp_unsent(c));
	work_end(&w);
	if (err)
		return err;
	return request == FIONBIO ? 0 : user_copy(arg, &v, sizeof(v));
}
