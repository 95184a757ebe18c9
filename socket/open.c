/* SPDX-License-Identifier: BSD-2-Clause */
/* See open.h. */
#include "socket/open.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/user.h"
#include "socket/descriptor.h"
#include "socket/move.h"
#include "socket/name.h"
#include "socket/netlink.h"
#include "socket/pset.h"
#include "socket/sigio.h"
#include "socket/wait.h"
#include "stack/conn.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <netinet/in.h>

/* An empty sock for @fd in slot *ix, its host locked by @w. 0 or -ENOBUFS. */
static int sock_new(struct work *w, struct socket_thread *t, sock_ix *ix,
		    struct sock **out)
{
	uint32_t generation;
	struct sock *s;

	*ix = slot_alloc(&w->fabric->table[FABRIC_TABLE_SOCK]);
	if (!*ix)
		return -ENOBUFS;
	s = sock_at(w->fabric, *ix);
	generation = s->generation + 1;
	mem_zero(s, sizeof(*s));
	s->generation = generation;
	s->host = w->host;
	s->vif = t->process->vif;
	atomic_store(&s->refs, 1);
	atomic_store(&s->state, SOCK_USED);
	*out = s;
	return 0;
}

static void sock_drop(struct work *w, sock_ix ix)
{
	atomic_store(&sock_at(w->fabric, ix)->state, SOCK_FREE);
	slot_free(&w->fabric->table[FABRIC_TABLE_SOCK], ix);
}

static int datagrams(long domain, long protocol)
{
	switch (protocol) {
	case 0:
	case IPPROTO_UDP:
		return STACK_UDP;
	case IPPROTO_UDPLITE:
		return STACK_UDPLITE;
	case IPPROTO_ICMP:
		return domain == AF_INET ? STACK_ICMP : -EPROTONOSUPPORT;
	case IPPROTO_ICMPV6:
		return domain == AF_INET6 ? STACK_ICMP6 : -EPROTONOSUPPORT;
	default:
		return -EPROTONOSUPPORT;
	}
}

/* CAP_NET_RAW: the kernel's own rule. */
static bool may_raw(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3,
						 0 };
	struct __user_cap_data_struct data[2] = { { 0, 0, 0 } };

	return !sys_call(SYS_capget, &head, data) &&
	       (data[0].effective >> CAP_NET_RAW & 1);
}

/* Which transport, or a negative errno as Linux has it. */
static int transport(long domain, long type, long protocol)
{
	switch (type & 0xf) {
	case SOCK_STREAM:
		return protocol == 0 || protocol == IPPROTO_TCP
			       ? STACK_TCP
			       : -EPROTONOSUPPORT;
	case SOCK_DGRAM:
		return datagrams(domain, protocol);
	case SOCK_RAW:
		if (!protocol)
			return -EPROTONOSUPPORT;
		if (!may_raw() || protocol > UINT8_MAX)
			return -EPERM;
		return domain == AF_INET ? STACK_RAW : STACK_RAW6;
	default:
		return -ESOCKTNOSUPPORT;
	}
}

long open_socket(struct socket_thread *t, long domain, long type, long protocol)
{
	struct work w;
	struct sock *s;
	sock_ix ix;
	int fd, proto, err;

	/* Not even through a packet socket does a program reach the host's
	 * network. */
	if (domain == AF_PACKET)
		return -EPERM;
	if (domain == AF_NETLINK && protocol == NETLINK_ROUTE)
		return netlink_open(t, type);
	/* ss reads /proc/net then, which is the fabric's: procnet.h. */
	if (domain == AF_NETLINK && protocol == NETLINK_SOCK_DIAG)
		return -EPROTONOSUPPORT;
	if (domain != AF_INET && domain != AF_INET6)
		return SOCKET_PASS;
	if (type & ~(long)(0xf | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	if ((type & 0xf) > SOCK_PACKET || protocol < 0 ||
	    protocol >= IPPROTO_MAX)
		return -EINVAL;
	proto = transport(domain, type, protocol);
	if (proto < 0)
		return proto;
	fd = descriptor_placeholder(type & SOCK_CLOEXEC);
	if (fd < 0)
		return fd;
	socket_place(t->process);
	err = work_begin(&w, t, t->process->host);
	if (err)
		goto fail_fd;
	err = sock_new(&w, t, &ix, &s);
	if (err)
		goto fail_work;
	s->proto = (uint8_t)proto;
	s->inet6 = domain == AF_INET6;
	s->reuseaddr = proto != STACK_TCP && proto != STACK_UDP &&
		       proto != STACK_UDPLITE; /* as inet_create() */
	atomic_store(&s->nonblock, type & SOCK_NONBLOCK ? 1 : 0);
	err = conn_open(&w.stack, s->proto, ix, s->vif, &s->conn);
	if (err) {
		sock_drop(&w, ix);
		goto fail_work;
	}
	if ((type & 0xf) == SOCK_RAW)
		conn_raw(&w.stack, s->conn, (uint8_t)protocol);
	work_refresh(&w, s);
	descriptor_set(t, fd, ix);
	work_end(&w);
	return fd;
fail_work:
	work_end(&w);
fail_fd:
	sys_call(SYS_close, fd);
	return err;
}

static uint32_t bind_flags(const struct sock *s)
{
	return (s->reuseaddr ? STACK_REUSEADDR : 0) |
	       (s->reuseport ? STACK_REUSEPORT : 0) |
	       (s->v6only ? STACK_V6ONLY : 0) | (s->inet6 ? STACK_INET6 : 0);
}

int open_bind_inet6(struct work *w, struct sock *s)
{
	struct ip_addr any = { .d = { 0, 0 } };
	const struct conn *c =
		slot_at(&w->fabric->table[FABRIC_TABLE_CONN], s->conn);

	if (!s->inet6)
		return 0;
	return c->flags & CONN_BOUND || (s->proto != STACK_TCP && c->lport)
		       ? 0
		       : conn_bind(&w->stack, s->conn, &any, 0, bind_flags(s));
}

/*
 * AF_UNSPEC: the stream ends by reset, and the socket begins anew with the
 * options it had. An address that was bound explicitly stays.
 */
static int disconnect(struct work *w, struct sock *s)
{
	const struct slot_table *conns = &w->fabric->table[FABRIC_TABLE_CONN];
	const struct conn *old = slot_at(conns, s->conn);
	sock_ix ix = slot_ix(&w->fabric->table[FABRIC_TABLE_SOCK], s);
	struct ip_addr local = old->locked & ADDR_ASKED
				       ? old->local
				       : (struct ip_addr){ .d = { 0, 0 } };
	uint16_t port = old->locked & PORT_ASKED ? old->lport : 0;
	conn_ix was = s->conn, c;
	const bool asked = old->locked & ADDR_ASKED;
	const uint16_t shown = old->lport;
	int err, reset;

	if (old->state == CONN_CLOSED) {
		tcp_start_over(&w->stack, s->conn, old->error);
		s->phase = SOCK_UNCONNECTED;
		return 0;
	}
	reset = old->state != CONN_LISTEN && old->state != CONN_TIME_WAIT &&
				old->state != CONN_LAST_ACK &&
				old->state != CONN_CLOSING
			? ECONNRESET
			: 0;
	err = conn_open(&w->stack, STACK_TCP, ix, s->vif, &c);
	if (err)
		return err;
	for (int opt = CONN_NODELAY; opt <= CONN_CONGESTION; opt++) {
		int v;

		if (opt != CONN_MAXSEG &&
		    !conn_get(&w->stack, was, (enum conn_option)opt, &v))
			conn_set(&w->stack, c, (enum conn_option)opt, v);
	}
	conn_max_rate_set(&w->stack, c, conn_max_rate(&w->stack, was));
	s->conn = c;
	s->phase = SOCK_UNCONNECTED;
	s->listening = false;
	if (old->state == CONN_TIME_WAIT)
		conn_close(&w->stack, was);
	else
		conn_abort(&w->stack, was);
	err = port ? conn_bind(&w->stack, c, &local, port, bind_flags(s)) : 0;
	tcp_start_over(&w->stack, c, reset);
	if (!port)
		tcp_show(&w->stack, c, asked ? &local : NULL, shown);
	return err;
}

/*
 * What waits in TIME-WAIT is the stack's, as it is a thing of its own in the
 * kernel; to the program its socket is closed, and may be bound anew.
 */
static void leave_time_wait(struct work *w, struct sock *s)
{
	const struct conn *c =
		slot_at(&w->fabric->table[FABRIC_TABLE_CONN], s->conn);
	uint8_t phase = s->phase;

	if (c->state != CONN_TIME_WAIT || (c->locked & PORT_ASKED) ||
	    disconnect(w, s))
		return;
	tcp_shutdown(&w->stack, s->conn, SHUT_RDWR);
	s->phase = phase;
}

long open_bind(struct socket_thread *t, long fd, const void *sa, socklen_t len)
{
	struct ip_addr addr;
	struct work w;
	struct sock *s;
	uint16_t port;
	bool unspec, only;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	err = name_in(sa, len, s, NAME_BIND, &addr, &port, &unspec);
	if (!err && s->inet6 && s->v6only && ip_is_v4(&addr))
		err = -EINVAL;
	if (!err && s->proto == STACK_TCP)
		leave_time_wait(&w, s);
	/* As inet6_bind(): an IPv6 address is for IPv6. */
	only = s->v6only;
	if (!err && s->inet6 && !ip_is_any(&addr) && !ip_is_v4(&addr))
		s->v6only = true;
	if (!err)
		err = conn_bind(&w.stack, s->conn, &addr, port, bind_flags(s));
	if (err)
		s->v6only = only;
	work_refresh(&w, s);
	work_end(&w);
	return err;
}

long open_listen(struct socket_thread *t, long fd, long backlog)
{
	struct work w;
	struct sock *s;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	if (s->proto != STACK_TCP) {
		err = -EOPNOTSUPP;
	} else if (s->phase != SOCK_UNCONNECTED) {
		err = -EINVAL;
	} else {
		if (backlog < 0)
			backlog = 0;
		err = open_bind_inet6(&w, s);
		if (!err)
			err = tcp_listen(&w.stack, s->conn,
					 (uint32_t)min_u64((uint64_t)backlog,
							   4096));
		s->listening |= !err;
	}
	work_refresh(&w, s);
	work_end(&w);
	return err;
}

/* Wraps an accepted connection in a sock of its own behind @fd. */
static int adopt(struct work *w, struct socket_thread *t,
		 const struct sock *listener, conn_ix c, int fd, bool nonblock)
{
	struct sock *s;
	sock_ix ix;
	int err = sock_new(w, t, &ix, &s);

	if (err) {
		conn_abort(&w->stack, c);
		return err;
	}
	s->proto = STACK_TCP;
	s->phase = SOCK_CONNECTED;
	s->inet6 = listener->inet6;
	s->vif = listener->vif;
	s->conn = c;
	s->v6only = listener->v6only;
	s->reuseaddr = listener->reuseaddr;
	s->reuseport = listener->reuseport;
	s->recv_timeout_ns = listener->recv_timeout_ns;
	s->send_timeout_ns = listener->send_timeout_ns;
	s->linger_s = listener->linger_s;
	s->zerocopy = listener->zerocopy;
	atomic_store(&s->nonblock, nonblock);
	conn_own(&w->stack, c, ix, s->vif);
	work_refresh(w, s);
	descriptor_set(t, fd, ix);
	return 0;
}

long open_accept(struct socket_thread *t, long fd, void *sa, socklen_t *len,
		 long flags)
{
	struct work w;
	struct sock *s;
	uint64_t until = 0;
	struct ip_addr name = { .d = { 0, 0 } };
	uint16_t number = 0;
	bool inet6 = false;
	int place, err;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	for (;;) {
		conn_ix c;

		err = sock_lock(&w, t, fd, &s);
		if (err)
			return err;
		if (!s->listening) {
			err = s->proto == STACK_TCP ? -EINVAL : -EOPNOTSUPP;
			work_end(&w);
			return err;
		}
		c = atomic_load(&s->ready) & STACK_IN;
		work_end(&w);
		sigio_taken(s, fd);
		if (!c)
			goto wait;

		/* The number first: it takes a system call, outside the lock.
		 */
		place = descriptor_placeholder(flags & SOCK_CLOEXEC);
		if (place < 0)
			return place;
		err = sock_lock(&w, t, fd, &s);
		if (err) {
			sys_call(SYS_close, place);
			return err;
		}
		c = tcp_accept(&w.stack, s->conn);
		if (c) {
			struct ip_addr peer;
			uint16_t port;

			/* Reset while it waited? Its error is read later. */
			tcp_peer(&w.stack, c, &peer, &port);
			err = adopt(&w, t, s, c, place, flags & SOCK_NONBLOCK);
			inet6 = s->inet6;
			name = peer;
			number = port;
		}
		work_refresh(&w, s);
		work_end(&w);
		if (c && !err) {
			/* As the kernel: a connection that cannot be named is
			 * lost. */
			err = name_out(sa, len, inet6, &name, number);
			if (!err)
				return place;
			descriptor_drop(t, place);
		}
		sys_call(SYS_close, place);
		if (err)
			return err;
	wait:
		if (atomic_load(&s->nonblock))
			return -EAGAIN;
		if (!until)
			until = wait_date(t, s->recv_timeout_ns);
		err = wait_sock(t, s, STACK_IN, until);
		if (err)
			return err == -EINTR && !s->recv_timeout_ns
				       ? SOCKET_RESTART
				       : err;
	}
}

static bool is_closed(const struct work *w, const struct sock *s)
{
	const struct conn *c =
		slot_at(&w->fabric->table[FABRIC_TABLE_CONN], s->conn);

	return c->state == CONN_CLOSED || c->state == CONN_TIME_WAIT;
}

static bool is_under_way(const struct work *w, const struct sock *s)
{
	const struct conn *c =
		slot_at(&w->fabric->table[FABRIC_TABLE_CONN], s->conn);

	return c->state == CONN_SYN_SENT || c->state == CONN_SYN_RECEIVED;
}

/* Nothing is as it was: whoever waits looks again. */
static void tell_all(struct work *w, struct sock *s)
{
	work_refresh(w, s);
	work_wake_sock(w, s);
	if (s->watches)
		pset_report(w, s, STACK_IN | STACK_OUT | STACK_ERR | STACK_HUP);
	sigio_report(w, s, STACK_ERR);
}

/* What became of the connection that was under way: 0, or why there is none;
 * then the socket may try anew. */
static int connected(struct work *w, struct sock *s)
{
	int err;

	if (!is_closed(w, s)) {
		s->phase = SOCK_CONNECTED;
		return 0;
	}
	err = conn_error(&w->stack, s->conn);
	disconnect(w, s);
	tell_all(w, s);
	/* Somebody has read the reason already. */
	return err ? -err : -ECONNABORTED;
}

/* Until the connection under way has come about, or failed. @late: what to say
 * when it takes too long. */
static long wait_connected(struct socket_thread *t, long fd, struct sock *s,
			   int late)
{
	struct work w;
	int err = wait_sock(t, s, STACK_OUT, wait_date(t, s->send_timeout_ns));

	if (err)
		return err == -EAGAIN	    ? late
		       : s->send_timeout_ns ? -EINTR
					    : SOCKET_RESTART;
	err = sock_lock(&w, t, fd, &s);
	if (err)
		return err;
	err = connected(&w, s);
	work_refresh(&w, s);
	work_end(&w);
	return err;
}

/* connect() of a stream that is connected, or on its way: its address does not
 * matter. */
static int stream_phase(struct work *w, struct sock *s)
{
	if (s->phase == SOCK_DISCONNECTING)
		return -EINVAL;
	if (s->phase == SOCK_CONNECTED || tcp_deferred(&w->stack, s->conn))
		return -EISCONN;
	if (is_under_way(w, s))
		return -EALREADY;
	return connected(w, s);
}

/* A datagram socket that may not connect has got a port nevertheless: Linux
 * looks at the address after that. */
static void bind_in_vain(struct work *w, struct sock *s)
{
	struct ip_addr any = { .d = { 0, 0 } };
	uint16_t port = 0;

	if (s->proto == STACK_RAW || s->proto == STACK_RAW6)
		return;
	conn_names(&w->stack, s->conn, NULL, &port, NULL, NULL);
	if (s->inet6)
		open_bind_inet6(w, s);
	else if (!port)
		conn_bind(&w->stack, s->conn, &any, 0, 0);
}

long open_connect(struct socket_thread *t, long fd, const void *sa,
		  socklen_t len)
{
	struct ip_addr addr;
	struct work w;
	struct sock *s;
	uint16_t port;
	bool unspec = false, wait;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	err = name_in(sa, len, s, NAME_CONNECT, &addr, &port, &unspec);
	/* Who is connected need not look at the address. */
	if (s->proto == STACK_TCP && err && err != -EFAULT &&
	    len >= sizeof(sa_family_t) &&
	    len <= sizeof(struct sockaddr_storage) &&
	    (s->phase || !is_closed(&w, s))) {
		unspec = false;
		err = 0;
	}
	if (s->proto != STACK_TCP && err && err != -EFAULT && !unspec &&
	    len >= sizeof(sa_family_t) &&
	    len <= sizeof(struct sockaddr_storage))
		bind_in_vain(&w, s);
	if (err)
		goto out;
	if (s->proto == STACK_TCP && !unspec && s->phase != SOCK_UNCONNECTED) {
		err = stream_phase(&w, s);
		goto out;
	}
	if (s->proto == STACK_TCP && !unspec && !is_closed(&w, s)) {
		err = -EISCONN;
		goto out;
	}
	if (s->v6only && !unspec && !ip_is_any(&addr) && ip_is_v4(&addr)) {
		err = -ENETUNREACH;
		goto out;
	}
	if (s->proto != STACK_TCP) {
		if (unspec)
			conn_disconnect(&w.stack, s->conn);
		else
			err = open_bind_inet6(&w, s);
		if (!err && !unspec)
			err = conn_connect(&w.stack, s->conn, &addr, port);
		goto out;
	}
	if (unspec) {
		err = disconnect(&w, s);
		tell_all(&w, s);
		goto out;
	}
	err = conn_connect(&w.stack, s->conn, &addr, port);
	if (!err) {
		s->phase = SOCK_CONNECTING;
		if (!tcp_deferred(&w.stack, s->conn))
			err = -EINPROGRESS;
	}
out:
	work_refresh(&w, s);
	wait = (err == -EINPROGRESS || err == -EALREADY) &&
	       !atomic_load(&s->nonblock);
	work_end(&w);
	return wait ? wait_connected(t, fd, s, err) : err;
}

void open_await(struct socket_thread *t, long fd)
{
	struct work w;
	struct sock *s;

	if (sock_lock(&w, t, fd, &s))
		return;
	if (s->proto == STACK_TCP)
		tcp_await(&w.stack, s->conn);
	work_end(&w);
}

long open_fastopen(struct socket_thread *t, long fd, const void *sa,
		   socklen_t len, size_t bytes, bool nonblock)
{
	struct ip_addr addr;
	struct work w;
	struct sock *s;
	uint16_t port;
	bool unspec;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	/* Its last use has failed: the send tells, as it would without us. */
	if (conn_ready(&w.stack, s->conn) & STACK_ERR)
		goto out;
	/* Connected: the flag means nothing. */
	if (!conn_names(&w.stack, s->conn, NULL, NULL, &addr, &port)) {
		s->phase = SOCK_CONNECTED;
		goto out;
	}
	if (!tcp_deferred(&w.stack, s->conn)) {
		if (!sa)
			goto out;
		err = name_in(sa, len, s, NAME_CONNECT, &addr, &port, &unspec);
		if (err || unspec) {
			err = -EOPNOTSUPP;
			goto out;
		}
		err = conn_connect_fast(&w.stack, s->conn, &addr, port);
	}
	if (!err) {
		s->phase = SOCK_CONNECTING;
		if (!tcp_deferred(&w.stack, s->conn)) {
			err = -EINPROGRESS;
		} else if (!bytes) {
			tcp_push(&w.stack, s->conn, false);
			err = -EINPROGRESS;
		}
	}
out:
	nonblock |= atomic_load(&s->nonblock);
	if (bytes && !nonblock)
		tcp_await(&w.stack, s->conn);
	work_refresh(&w, s);
	work_end(&w);
	return err == -EINPROGRESS && !nonblock ? wait_connected(t, fd, s, err)
						: err;
}

long open_shutdown(struct socket_thread *t, long fd, long how)
{
	struct work w;
	struct sock *s;
	bool under_way;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	if (how < SHUT_RD || how > SHUT_RDWR)
		goto invalid;
	/* Nobody is told any more what becomes of it. */
	if (s->phase == SOCK_CONNECTING)
		s->phase = is_under_way(&w, s) || is_closed(&w, s)
				   ? SOCK_DISCONNECTING
				   : SOCK_CONNECTED;
	under_way = is_under_way(&w, s);
	/* As inet_shutdown() of Linux: only what ends in tcp_disconnect(). */
	if (!s->listening && !under_way)
		w.shut = s;
	err = tcp_shutdown(&w.stack, s->conn, (int)how);
	w.shut = NULL;
	/* Whoever waits in accept() is told that there is nothing to wait for.
	 */
	if (!err && how != SHUT_WR)
		s->listening = false;
	if (!err && under_way && is_closed(&w, s))
		s->phase = SOCK_UNCONNECTED;
	work_refresh(&w, s);
	work_wake_sock(&w, s);
	work_end(&w);
	return err;
invalid:
	work_end(&w);
	return -EINVAL;
}

long open_getname(struct socket_thread *t, long fd, void *sa, socklen_t *len,
		  bool peer)
{
	struct ip_addr addr = { .d = { 0, 0 } };
	uint16_t port = 0;
	socklen_t room;
	bool inet6;
	struct work w;
	struct sock *s;
	int err = sock_lock(&w, t, fd, &s);

	if (err)
		return err;
	inet6 = s->inet6;
	if (peer)
		err = conn_names(&w.stack, s->conn, NULL, NULL, &addr, &port);
	else
		err = conn_names(&w.stack, s->conn, &addr, &port, NULL, NULL);
	work_end(&w);
	if (err)
		return err;
	/* Unlike accept(), this has nothing else to say. */
	if (!len || (!sa && (user_copy(&room, len, sizeof(room)) || room)))
		return -EFAULT;
	return name_out(sa, len, inet6, &addr, port);
}
