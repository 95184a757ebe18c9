/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections of either kind: opening, connecting, names, options, closing.
 * What is TCP's own is in tcp_user.c, what is UDP's own in udp.c.
 */
#include "stack/stack_internal.h"
#include "stack/group.h"
#include "stack/undo.h"
#include "stack/tcp.h"
#include "base/mem.h"

#include <errno.h>

struct conn *conn_new(struct stack *st, uint8_t proto)
{
	conn_ix ix = slot_alloc(st->conns);
	struct conn *c;

	if (!ix)
		ix = tcp_time_wait_recycle(st);
	if (!ix)
		return NULL;
	c = conn_at(st, ix);
	/*
	 * Not yet ours for stack_recover() while the state is 0. Everything but
	 * the link is cleared; the state comes last.
	 */
	c->state = CONN_FREE;
	atomic_signal_fence(memory_order_seq_cst);
	mem_zero((uint8_t *)c + sizeof(c->link), sizeof(*c) - sizeof(c->link));
	c->self = ix;
	c->proto = proto;
	c->host = st->host->config.self;
	c->vif = st->host->config.vif;
	c->ttl = 64;
	c->mcast_ttl = 1;
	c->flags = CONN_F_MLOOP;
	c->sndbuf = st->host->tuning.sndbuf;
	c->rcvbuf = st->host->tuning.rcvbuf;
	c->rcvlowat = 1;
	c->linger_s = -1;
	c->mtu = st->host->config.mtu;
	if (proto == STACK_TCP) {
		tcp_init(c);
		c->notsent_lowat = st->host->tuning.notsent_lowat;
		c->syn_retries = st->host->tuning.syn_retries;
		c->rcv_wscale = tcp_wscale(st);
	}
	atomic_signal_fence(memory_order_seq_cst);
	c->state = CONN_CLOSED;
	return c;
}

void conn_unbind(struct stack *st, struct conn *c)
{
	hash_remove(st, c);
	bound_remove(st, c);
}

/* The caller has emptied the queues. */
void conn_free(struct stack *st, struct conn *c)
{
	undo_impossible(st, c);
	group_leave_all(st, c);
	conn_unbind(st, c);
	timer_cancel(st, c);
	c->state = CONN_FREE;
	c->sock = 0;
	atomic_signal_fence(memory_order_seq_cst);
	slot_free(st->conns, c->self);
}

int conn_open(struct stack *st, uint8_t proto, sock_ix sock, vif_ix vif,
	      conn_ix *ix)
{
	struct conn *c = conn_new(st, proto);

	if (!c)
		return -ENOBUFS;
	c->sock = sock;
	c->vif = vif;
	*ix = c->self;
	return 0;
}

void conn_own(struct stack *st, conn_ix ix, sock_ix sock, vif_ix vif)
{
	struct conn *c = conn_at(st, ix);

	c->sock = sock;
	c->vif = vif;
}

int conn_path(struct stack *st, struct conn *c, struct path *p)
{
	int err;

	if (likely(c->route_gen == path_gen(st)))
		return 0;
	err = path_find(st, &c->peer, p);
	if (err)
		return err;
	err = path_resolve(st, p);
	if (err)
		return err;
	mac_copy(c->mac, p->mac);
	/* Read again: resolving may have moved it. */
	c->route_gen = path_gen(st);
	return 0;
}

/* The peer is fixed, the local address and port chosen where they are not. */
int conn_connect(struct stack *st, conn_ix ix, const struct ip_addr *addr,
		 uint16_t port)
{
	struct conn *c = conn_at(st, ix);
	struct ip_addr to = *addr, from = c->local;
	struct path p;
	conn_ix outer;
	int err;

	if (c->proto == STACK_TCP) {
		err = tcp_may_connect(c);
		if (err)
			return err;
	}
	/* "Any" as a destination is this host, as in Linux. */
	if (ip_is_any(&to)) {
		/* Of the family it is bound in, if it is. */
		bool v6 = !ip_is_v4(&to) &&
			  (ip_is_any(&from) || !ip_is_v4(&from));
		static const struct ip_addr one = { .b = { [15] = 1 } };

		to = v6 ? one : ip_from_v4(be32(0x7f000001));
	}
	err = path_find(st, &to, &p);
	if (err)
		return err;
	if (c->proto == STACK_TCP && p.kind > PATH_LINK)
		return -ENETUNREACH;
	if (p.kind == PATH_BROADCAST && !(c->flags & CONN_F_BCAST))
		return -EACCES;
	if (path_resolve(st, &p) < 0)
		return -EHOSTUNREACH;
	if (ip_is_any(&from)) {
		err = path_source(st, &to, &from);
		if (err)
			return err;
	} else if (c->proto != STACK_TCP && ip_is_v4(&to) && !ip_is_v4(&from) &&
		   (c->flags & CONN_PINGPONG)) {
		/* Nobody asked for the address that it has. */
		err = path_source(st, &to, &from);
		if (err)
			return err;
	} else if (ip_is_v4(&from) != ip_is_v4(&to)) {
		return ip_is_v4(&from) ? -EAFNOSUPPORT : -ENETUNREACH;
	}
	outer = writing_begin(st, ix);
	err = c->proto == STACK_TCP ? tcp_connect(st, c, &from, &to, port)
				    : udp_connect(st, c, &from, &to, port);
	writing_end(st, outer);
	return err;
}

void conn_disconnect(struct stack *st, conn_ix ix)
{
	conn_ix outer = writing_begin(st, ix);

	udp_disconnect(st, conn_at(st, ix));
	writing_end(st, outer);
}

uint32_t conn_ready(const struct stack *st, conn_ix ix)
{
	const struct conn *c = conn_at(st, ix);

	return c->proto == STACK_TCP ? tcp_ready(c) : udp_ready(st, c);
}

int conn_error(struct stack *st, conn_ix ix)
{
	struct conn *c = conn_at(st, ix);
	int err = c->error;

	c->error = 0;
	return err;
}

void conn_again(struct stack *st, conn_ix ix, int err)
{
	conn_at(st, ix)->error = (uint16_t)err;
}

int conn_names(const struct stack *st, conn_ix ix, struct ip_addr *local,
	       uint16_t *lport, struct ip_addr *peer, uint16_t *pport)
{
	const struct conn *c = conn_at(st, ix);

	if (local)
		*local = c->local;
	if (lport)
		*lport = c->lport;
	if (!peer && !pport)
		return 0;
	if (!c->pport || c->state == CONN_CLOSED ||
	    (c->state == CONN_TIME_WAIT && c->sock) ||
	    c->state == CONN_LISTEN || c->state == CONN_SYN_SENT)
		return -ENOTCONN;
	if (peer)
		*peer = c->peer;
	if (pport)
		*pport = c->pport;
	return 0;
}

void conn_close(struct stack *st, conn_ix ix)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer = writing_begin(st, ix);

	c->sock = 0;
	if (c->proto == STACK_TCP)
		tcp_close(st, c);
	else
		udp_close(st, c);
	writing_end(st, outer);
}

void conn_abort(struct stack *st, conn_ix ix)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer = writing_begin(st, ix);

	c->sock = 0;
	if (c->proto == STACK_TCP)
		tcp_abort(st, c);
	else
		udp_close(st, c);
	writing_end(st, outer);
}

void conn_icmp(struct stack *st, uint8_t proto, const struct ip_addr *local,
	       uint16_t lport, const struct ip_addr *peer, uint16_t pport,
	       uint32_t seq, int err, bool hard, uint32_t mtu, frame_ix news)
{
	struct conn *c;
	conn_ix outer;

	if (proto == STACK_TCP)
		c = hash_find(st,
			      conn_hash(st->host, local, lport, peer, pport),
			      local, lport, peer, pport);
	else
		c = bound_find(st, proto, local, lport, peer, pport);
	if (!c)
		return;
	if (proto != STACK_TCP && (c->flags & CONN_F_RECVERR)) {
		if (news)
			errors_keep(st, c, news, err);
		hard = true;
	}
	/* Whoever brings the news is not the one whom it concerns. */
	outer = undo_begin(st, c);
	if (proto == STACK_TCP) {
		tcp_icmp(st, c, seq, err, mtu);
	} else if (hard && !mtu &&
		   (c->state == CONN_ESTABLISHED ||
		    (c->flags & CONN_F_RECVERR))) {
		/* Only a connected socket can know what it is about, or one
		 * that asks. */
		c->error = (uint16_t)err;
		conn_event(st, c, STACK_ERR);
	} else if (mtu) {
		pmtu_learn(st, peer, mtu);
	}
	undo_end(st, outer);
}

void stack_fail(struct stack *st, int err)
{
	for (conn_ix ix = 1, end = slot_end(st->conns); ix < end; ix++) {
		struct conn *c = conn_at(st, ix);
		conn_ix outer;

		if (c->state == CONN_FREE || !c->sock ||
		    c->host != st->host->config.self ||
		    c->state == CONN_LISTEN ||
		    (c->proto == STACK_TCP && c->state == CONN_CLOSED))
			continue;
		outer = writing_begin(st, ix);
		if (c->proto == STACK_TCP) {
			tcp_fail(st, c, err);
		} else {
			c->error = (uint16_t)err;
			conn_event(st, c, STACK_ERR);
		}
		writing_end(st, outer);
	}
}
