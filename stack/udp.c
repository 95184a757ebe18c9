/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP, RFC 768 and 1122, and UDP-Lite, RFC 3828, which differs in what its
 * checksum covers: datagrams are frames, queued as they came.
 *
 * A queued frame keeps its headers; who sent it is read from there when it is
 * taken. The queue charges RCVBUF for each payload and a little for each frame,
 * so that empty datagrams have an end too.
 */
#include "stack/pace.h"
#include "stack/stack_internal.h"
#include "stack/auto.h"
#include "stack/csum.h"
#include "stack/group.h"
#include "stack/shape.h"

#include <errno.h>

#define FRAME_CHARGE 256

static uint32_t charge_of(const struct frame *f)
{
	return f->payload + FRAME_CHARGE;
}

/* Queues @ix for @c; consumes it. */
void udp_queue(struct stack *st, struct conn *c, frame_ix ix)
{
	struct frame *f = frame_at(st->arena, ix);
	conn_ix outer;

	if (!conn_admits(st, c, ix)) {
		frame_free(st->arena, ix);
		return;
	}
	if (c->rcv_queued && c->rcv_queued + charge_of(f) > c->rcvbuf) {
		c->drops++;
		count(st, Udp_RcvbufErrors);
		count(st, Udp_InErrors);
		frame_free(st->arena, ix);
		return;
	}
	outer = writing_begin(st, c->self);
	f->next = 0;
	f->note[0] = st->now_ns;
	if (c->rcv_last)
		frame_at(st->arena, c->rcv_last)->next = ix;
	else
		c->rcv_first = ix;
	c->rcv_last = ix;
	store_u32(&c->rcv_queued, c->rcv_queued + charge_of(f));
	count(st, Udp_InDatagrams);
	conn_event(st, c, STACK_IN);
	writing_end(st, outer);
}

/* A group's datagram goes to everybody who listens. */
static void deliver_all(struct stack *st, struct packet *p, uint16_t sport,
			uint16_t dport)
{
	struct conn *c = NULL, *last = NULL;

	while ((c = bound_next(st, c, p->proto, dport))) {
		bool any = ip_is_any(&c->local);

		if (any ? (p->v4 ? (c->flags & CONN_V6ONLY) != 0
				 : !(c->flags & CONN_INET6))
			: !ip_equal(&c->local, &p->dst))
			continue;
		if (c->pport &&
		    (c->pport != sport || !ip_equal(&c->peer, &p->src)))
			continue;
		if (ip_is_multicast(&p->dst) &&
		    !group_wanted(st->host, c, &p->dst, &p->src))
			continue;
		if (last) {
			frame_ix copy = frame_clone(st->arena, p->ix);

			if (copy)
				udp_queue(st, last, copy);
		}
		last = c;
	}
	if (last) {
		udp_queue(st, last, p->ix);
		return;
	}
	count(st, Udp_NoPorts);
	frame_free(st->arena, p->ix);
}

/* The sum over the UDP-Lite header and what of the payload it covers. */
static uint64_t lite_sum(const struct stack *st, const struct frame *f,
			 uint32_t covered)
{
	uint64_t sum = csum_add(0, f->header + f->l4_off, UDP_BYTES);
	uint8_t piece[512];

	covered -= UDP_BYTES;
	for (uint32_t off = 0, n; off < covered; off += n) {
		n = min_u32(covered - off, sizeof(piece));
		frame_copy_out(st->arena, f, off, piece, n);
		sum = csum_add(sum, piece, n);
	}
	return sum;
}

/* UDP-Lite's length field says what is covered; 0: everything. */
static bool lite_ok(struct stack *st, struct packet *p, uint32_t *covered)
{
	const struct udp_header *u =
		(const struct udp_header *)(p->f->header + p->f->l4_off);

	*covered = be16(u->length) ? be16(u->length) : p->l4_bytes;
	if (*covered < UDP_BYTES || *covered > p->l4_bytes || !u->csum)
		return false;
	if (p->f->flags & FRAME_CSUM_OK)
		return true;
	return csum_fold(lite_sum(st, p->f, *covered) +
			 csum_pseudo(&p->src, &p->dst, p->proto,
				     p->l4_bytes)) == 0xffff;
}

static void lite_close(struct stack *st, const struct conn *c, struct frame *f,
		       const struct ip_out *o)
{
	struct udp_header *u = (struct udp_header *)(f->header + f->l4_off);
	uint32_t bytes = f->payload + UDP_BYTES, covered = bytes;
	uint16_t sum;

	if (c->mss && c->mss < bytes)
		covered = c->mss;
	u->length = be16((uint16_t)(covered == bytes ? 0 : covered));
	u->csum = 0;
	sum = (uint16_t)~csum_fold(
		lite_sum(st, f, covered) +
		csum_pseudo(o->src, o->dst, o->proto, bytes));
	u->csum = sum ? sum : 0xffff;
	f->flags = (uint8_t)((f->flags & (FRAME_REFS | FRAME_STAMP)) |
			     FRAME_CSUM_OK);
}

void udp_input(struct stack *st, struct packet *p)
{
	struct frame *f = p->f;
	const struct udp_header *u;
	bool lite = p->proto == STACK_UDPLITE;
	uint16_t sport, dport, length;
	uint32_t covered = 0;
	struct conn *c;

	if (p->l4_bytes < UDP_BYTES ||
	    (f->header_bytes != f->l4_off + UDP_BYTES &&
	     frame_header_set(st->arena, p->ix, f->l4_off + UDP_BYTES)))
		goto bad;
	u = (const struct udp_header *)(f->header + f->l4_off);
	length = be16(u->length);
	sport = be16(u->sport);
	dport = be16(u->dport);
	if (lite) {
		if (!lite_ok(st, p, &covered))
			goto bad;
		length = (uint16_t)p->l4_bytes;
	}
	if (length < UDP_BYTES || length > p->l4_bytes)
		goto bad;
	if (length < p->l4_bytes) {
		frame_trim(st->arena, p->ix, length - UDP_BYTES);
		p->l4_bytes = length;
	}
	/* 0 means none, which only IPv4 permits. */
	if (!lite && (u->csum || !p->v4) && !l4_csum_ok(st, p)) {
		count(st, Udp_InCsumErrors);
		goto bad;
	}
	if (unlikely(p->v4 && dport == DHCP_CLIENT && sport == DHCP_SERVER &&
		     st->host->dhcp.state != DHCP_OFF)) {
		dhcp_input(st, p);
		return;
	}
	if (!p->unicast) {
		deliver_all(st, p, sport, dport);
		return;
	}
	c = bound_find(st, p->proto, &p->dst, dport, &p->src, sport);
	if (c && lite && covered < p->l4_bytes && covered < c->mss_peer)
		goto bad;
	if (c) {
		udp_queue(st, c, p->ix);
		return;
	}
	count(st, Udp_NoPorts);
	icmp_unreachable(st, p, ICMP_UNREACH_PORT, ICMP6_UNREACH_PORT);
	frame_free(st->arena, p->ix);
	return;
bad:
	count(st, Udp_InErrors);
	frame_free(st->arena, p->ix);
}

static int destination(const struct conn *c, const struct ip_addr **to,
		       uint16_t *port)
{
	if (!*to) {
		if (c->state != CONN_ESTABLISHED)
			return -EDESTADDRREQ;
		*to = &c->peer;
		*port = c->pport;
	} else if (!*port && !is_ping(c) && !is_raw(c)) {
		return -EINVAL;
	}
	return 0;
}

/* Where and from whom, as sendto() says or connect() said. */
static int address(struct stack *st, struct conn *c, const struct ip_addr **to,
		   uint16_t *port, struct ip_addr *from, bool made)
{
	struct path p;
	int err;

	err = destination(c, to, port);
	if (err)
		return err;
	err = path_find(st, *to, &p);
	if (err)
		return err;
	if (p.kind == PATH_BROADCAST && !(c->flags & CONN_F_BCAST))
		return -EACCES;
	*from = c->local;
	/* An IPv6 socket sends to IPv4 addresses, wherever it is bound. */
	if (ip_is_any(from) || ip_is_multicast(from) ||
	    host_is_broadcast(st->host, from) ||
	    (ip_is_v4(*to) && !ip_is_v4(from) && !(c->flags & CONN_V6ONLY)))
		err = path_source(st, *to, from);
	else if (ip_is_v4(from) != ip_is_v4(*to))
		err = -ENETUNREACH;
	if (err)
		return err;
	/* As the kernel when it makes the packet. */
	if (made)
		return 0;
	if (c->error) {
		err = c->error;
		c->error = 0;
		return -err;
	}
	return c->flags & CONN_SND_SHUT ? -EPIPE : 0;
}

/* "Any" as a destination is this host. */
static const struct ip_addr *some(const struct conn *c,
				  const struct ip_addr *to)
{
	static const struct ip_addr one = { .b = { [15] = 1 } };
	static const struct ip_addr one4 = {
		.b = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 }
	};

	if (!to || !ip_is_any(to))
		return to;
	return !ip_is_v4(to) && !(ip_is_v4(&c->local) && !ip_is_any(&c->local))
		       ? &one
		       : &one4;
}

int udp_may_send(struct stack *st, conn_ix ix, const struct ip_addr *to,
		 uint16_t port, bool whole)
{
	struct conn *c = conn_at(st, ix);
	struct ip_addr from;

	if (!whole)
		return destination(c, &to, &port);

	to = some(c, to);
	return address(st, c, &to, &port, &from, false);
}

int udp_send(struct stack *st, conn_ix ix, frame_ix frame,
	     const struct ip_addr *to, uint16_t port)
{
	return udp_send_how(st, ix, frame, to, port, NULL);
}

int udp_send_how(struct stack *st, conn_ix ix, frame_ix frame,
		 const struct ip_addr *to, uint16_t port,
		 const struct udp_how *how)
{
	struct conn *c = conn_at(st, ix);
	struct frame *f = frame_at(st->arena, frame);
	struct ip_addr from, dst;
	struct ip_out o;
	struct udp_header *u;
	uint32_t bytes = f->payload + (is_ping(c) || is_raw(c) ? 0 : UDP_BYTES);
	bool group;
	int err;

	to = some(c, to);
	err = address(st, c, &to, &port, &from, how && how->made);
	if (!err)
		dst = *to;
	if (!err && how && !ip_is_any(&how->from)) {
		/* Spoken for, or one of ours. */
		if (ip_is_v4(&how->from) != ip_is_v4(&dst))
			err = -EINVAL;
		else if (!host_has(st->host, &how->from))
			err = ip_is_v4(&dst) ? -EINVAL : -EADDRNOTAVAIL;
		from = how->from;
	}
	if (!err && bytes > (ip_is_v4(&dst) ? 65535u - IPV4_BYTES : 65535u))
		err = -EMSGSIZE;
	if (!err && !c->lport) {
		struct ip_addr any = { .d = { 0, 0 } };

		err = conn_bind(st, ix, &any, 0,
				c->flags & CONN_V6ONLY ? STACK_V6ONLY : 0);
		/* Sent to IPv6: an IPv6 socket that was never bound. */
		if (!err && !ip_is_v4(&dst))
			c->flags |= CONN_INET6;
	}
	if (!err && is_ping(c))
		err = ip_is_v4(&dst) == (c->proto == STACK_ICMP)
			      ? ping_prepare(st, c, frame, ip_is_v4(&dst))
			      : -EINVAL;
	if (err) {
		frame_free(st->arena, frame);
		return err;
	}
	group = ip_is_multicast(&dst);
	o = (struct ip_out){ .src = &from,
			     .dst = &dst,
			     .proto = c->proto,
			     .ttl = group ? c->mcast_ttl : c->ttl,
			     .tos = c->tos };
	if (how && how->ttl >= 0)
		o.ttl = (uint8_t)how->ttl;
	if (how && how->tos >= 0)
		o.tos = (uint8_t)how->tos;
	if (is_raw(c)) {
		o.proto = (uint8_t)c->lport;
		return raw_send(st, c, frame, &o);
	}
	if (is_ping(c)) {
		ping_close(st, f, &o);
	} else {
		l4_prepare(f, ip_is_v4(&dst), UDP_BYTES);
		u = (struct udp_header *)(f->header + f->l4_off);
		u->sport = be16(c->lport);
		u->dport = be16(port);
		u->length = be16((uint16_t)bytes);
		if (c->proto == STACK_UDPLITE)
			lite_close(st, c, f, &o);
		else
			l4_csum_open(f, &o, 6, bytes);
	}
	f->tx_vif = c->vif;
	f->pace = c->self;
	f->gso_type = FRAME_GSO_NONE;
	f->gso_bytes = 0;
	if (group && (c->flags & CONN_F_MLOOP)) {
		frame_ix copy = frame_clone(st->arena, frame);
		struct path self = { .kind = PATH_SELF };

		if (copy)
			frame_at(st->arena, copy)->flags &=
				(uint8_t)~FRAME_STAMP;
		/* Listeners on this host hear it too. */
		if (copy && ip_is_v4(&dst))
			ipv4_output(st, copy, &o, &self);
		else if (copy)
			ipv6_output(st, copy, &o, &self);
	}
	err = ip_output(st, frame, &o);
	if (likely(!err))
		count(st, Udp_OutDatagrams);
	else if (err == -ENOBUFS)
		count(st, Udp_SndbufErrors);
	return err;
}

void udp_note_of(const struct frame *f, struct udp_note *note)
{
	const uint8_t *l3 = f->header + f->l3_off;

	note->port = 0;
	note->at_ns = f->note[0];
	if (l3[0] >> 4 == 4) {
		const struct ipv4_header *h = (const struct ipv4_header *)l3;

		note->from = ip_from_v4(h->src);
		note->to = ip_from_v4(h->dst);
		note->ttl = h->ttl;
		note->tos = h->tos;
	} else {
		const struct ipv6_header *h = (const struct ipv6_header *)l3;
		uint64_t src[2] = { h->src[0], h->src[1] };
		uint64_t dst[2] = { h->dst[0], h->dst[1] };

		note->from = ip_from_v6(src);
		note->to = ip_from_v6(dst);
		note->ttl = h->hops;
		note->tos = (uint8_t)(be32(h->ver_class_flow) >> 20);
	}
}

static uint16_t sport_of(const struct frame *f)
{
	return be16(
		((const struct udp_header *)(f->header + f->l4_off))->sport);
}

frame_ix udp_take(struct stack *st, conn_ix ix, struct udp_note *note,
		  bool peek)
{
	struct conn *c = conn_at(st, ix);
	frame_ix frame = c->rcv_first;
	const struct frame *f;
	conn_ix outer;

	if (!frame)
		return 0;
	f = frame_at(st->arena, frame);
	udp_note_of(f, note);
	if (!is_ping(c) && !is_raw(c))
		note->port = sport_of(f);
	if (peek)
		return frame;
	outer = writing_begin(st, ix);
	c->rcv_first = f->next;
	if (!c->rcv_first)
		c->rcv_last = 0;
	store_u32(&c->rcv_queued, c->rcv_queued - charge_of(f));
	writing_end(st, outer);
	frame_at(st->arena, frame)->next = 0;
	return frame;
}

frame_ix udp_take_alike(struct stack *st, conn_ix ix, frame_ix first,
			uint32_t max)
{
	const struct frame *f = frame_at(st->arena, first), *g;
	frame_ix next = conn_at(st, ix)->rcv_first;
	struct udp_note a, b;

	if (!next)
		return 0;
	g = frame_at(st->arena, next);
	udp_note_of(f, &a);
	udp_note_of(g, &b);
	if (!g->payload || g->payload > max || sport_of(f) != sport_of(g) ||
	    a.ttl != b.ttl || a.tos != b.tos || !ip_equal(&a.from, &b.from) ||
	    !ip_equal(&a.to, &b.to))
		return 0;
	return udp_take(st, ix, &b, false);
}

int udp_connect(struct stack *st, struct conn *c, const struct ip_addr *from,
		const struct ip_addr *to, uint16_t port)
{
	if (!c->lport) {
		uint32_t flags = ip_is_v4(to) ? 0 : STACK_INET6;
		int err = conn_bind(st, c->self, from, 0, flags);

		if (err)
			return err;
		/* The address was not asked for: disconnecting undoes it. */
		c->locked &= (uint8_t)~ADDR_ASKED;
		c->flags |= CONN_PINGPONG;
	} else if (ip_is_any(&c->local)) {
		c->local = *from;
		c->flags |= CONN_PINGPONG;
	}
	c->peer = *to;
	c->pport = is_ping(c) || is_raw(c) ? PING_PORT : port;
	c->state = CONN_ESTABLISHED;
	return 0;
}

void udp_disconnect(struct stack *st, struct conn *c)
{
	memset(&c->peer, 0, sizeof(c->peer));
	c->pport = 0;
	/* A port that nobody asked for is given back. */
	if (!is_raw(c) && c->lport && !(c->locked & PORT_ASKED)) {
		bound_remove(st, c);
		c->lport = 0;
	}
	if (c->flags & CONN_PINGPONG)
		memset(&c->local, 0, sizeof(c->local));
	c->flags &= ~CONN_PINGPONG;
	c->state = CONN_CLOSED;
}

uint32_t udp_ready(const struct stack *st, const struct conn *c)
{
	uint32_t ready = 0;

	if (likely(!conn_is_paced(c)) || stack_pace_room(st, c))
		ready |= STACK_OUT | STACK_WRBAND;

	if (c->rcv_first)
		ready |= STACK_IN;
	if (c->flags & CONN_RCV_SHUT)
		ready |= STACK_IN | STACK_RDHUP;
	if ((c->flags & CONN_RCV_SHUT) && (c->flags & CONN_SND_SHUT))
		ready |= STACK_HUP;
	if (c->error || ((c->flags & CONN_F_RECVERR) && c->ooo_first))
		ready |= STACK_ERR;
	return ready;
}

void udp_close(struct stack *st, struct conn *c)
{
	struct frame_list list = { c->rcv_first, c->rcv_last };

	c->rcv_first = 0;
	c->rcv_last = 0;
	frame_list_free(st->arena, &list);
	errors_drop(st, c);
	udp_cork_drop(st, c->self);
	conn_free(st, c);
}

int udp_readable(const struct stack *st, conn_ix ix)
{
	const struct conn *c = conn_at(st, ix);

	return c->rcv_first ? (int)frame_at(st->arena, c->rcv_first)->payload
			    : 0;
}
