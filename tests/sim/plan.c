/* SPDX-License-Identifier: BSD-2-Clause */
/* See flow.h: what a flow will do, its sockets and their options. */
#include "tests/sim/flow_internal.h"
#include "base/random.h"

#include <string.h>

static void plan(struct flow *f, uint64_t *r)
{
	struct end *c = &f->end[0], *s = &f->end[1];
	uint32_t most = chance(r, 200000) ? 1u << 21 : 1u << 17;

	for (int i = 0; i < 2; i++) {
		struct end *e = &f->end[i];

		e->salt = (uint32_t)random_next(r);
		e->tx_total = between(r, 0, most);
		e->write_max = chance(r, 300000) ? between(r, 1, 500) : CHUNK;
		e->read_max = chance(r, 300000) ? between(r, 500, 5000) : CHUNK;
		e->client = !i;
	}
	/* Small writes of a lot would only take long. */
	if (c->write_max < 500)
		c->tx_total %= 50000;
	if (s->write_max < 500)
		s->tx_total %= 50000;
	switch (f->kind) {
	case FLOW_REQUEST: {
		uint32_t times = between(r, 1, 60);

		c->ask = s->ask = between(r, 1, 3000);
		c->answer = s->answer = between(r, 1, 20000);
		c->tx_total = times * c->ask;
		s->tx_total = times * c->answer;
		break;
	}
	case FLOW_PUSH:
		s->tx_total = 0;
		break;
	case FLOW_ABORT:
		f->end[between(r, 0, 1)].rst_wanted = true;
		c->tx_total += 1000;
		s->tx_total += 1000;
		break;
	case FLOW_SLOW:
		f->end[between(r, 0, 1)].pause_ms = between(r, 1, 2000);
		c->tx_total = between(r, 10000, 100000);
		s->tx_total = between(r, 10000, 100000);
		c->read_max = s->read_max = between(r, 1000, 20000);
		break;
	default:
		break;
	}
	c->rx_total = s->tx_total;
	s->rx_total = c->tx_total;
}

void flow_keep(struct testnet *n, const struct end *e)
{
	struct stack *st = stack_of(n, e);

	conn_set(st, e->c, CONN_KEEPALIVE, 1);
	conn_set(st, e->c, CONN_KEEPIDLE_S, 30);
	conn_set(st, e->c, CONN_KEEPINTVL_S, 10);
}

void flow_options(struct testnet *n, const struct flow *f, struct end *e,
		  uint64_t *r)
{
	struct stack *st = stack_of(n, e);

	if (chance(r, 300000))
		conn_set(st, e->c, CONN_NODELAY, 1);
	if (chance(r, 200000))
		conn_set(st, e->c, CONN_CONGESTION, 1);
	if (chance(r, 100000)) {
		conn_set(st, e->c, CONN_CORK, 1);
		e->corks = true;
	}
	e->urgent = chance(r, 100000);
	if (chance(r, 100000))
		conn_set(st, e->c, CONN_MAXSEG, (int)between(r, 88, 1400));
	if (chance(r, 100000))
		conn_set(st, e->c, CONN_QUICKACK, (int)between(r, 0, 1));
	if (chance(r, 50000))
		conn_set(st, e->c, CONN_RCVLOWAT, 1);
	if (chance(r, 50000))
		conn_set(st, e->c, CONN_TOS, (int)between(r, 0, 63) << 2);
	if (f->kind == FLOW_ABORT || chance(r, 300000))
		flow_keep(n, e);
	if (f->kind == FLOW_SLOW)
		conn_set(st, e->c, CONN_RCVBUF, (int)between(r, 2304, 30000));
	else if (chance(r, 300000))
		conn_set(st, e->c, CONN_RCVBUF, (int)between(r, 5000, 200000));
	if (chance(r, 300000))
		conn_set(st, e->c, CONN_SNDBUF, (int)between(r, 5000, 200000));
	else if (chance(r, 50000))
		conn_set(st, e->c, CONN_SNDBUF, (int)between(r, 1, 5000));
}

static struct ip_addr address(const struct flow *f, uint32_t host)
{
	return f->v6 ? testnet_ip6(host) : testnet_ip4(host);
}

static void start_cross(struct testnet *n, struct flow *f, uint64_t *r)
{
	for (int i = 0; i < 2; i++) {
		struct end *e = &f->end[i];
		struct ip_addr at = address(f, e->host);

		must(conn_open(stack_of(n, e), STACK_TCP, 1, e->host + 1,
			       &e->c),
		     "open");
		flow_options(n, f, e, r);
		must(conn_bind(stack_of(n, e), e->c, &at,
			       (uint16_t)(f->port + i), 0),
		     "bind");
	}
	for (int i = 0; i < 2; i++) {
		struct end *e = &f->end[i];
		struct ip_addr to = address(f, f->end[!i].host);

		must(conn_connect(stack_of(n, e), e->c, &to,
				  (uint16_t)(f->port + !i)),
		     "connect");
	}
}

static void start_datagram(struct testnet *n, struct flow *f, uint64_t *r)
{
	struct end *c = &f->end[0], *s = &f->end[1];
	struct ip_addr to = address(f, s->host), any = { .d = { 0, 0 } };

	must(conn_open(stack_of(n, s), STACK_UDP, 1, s->host + 1, &s->c),
	     "open");
	must(conn_bind(stack_of(n, s), s->c, &any, f->port,
		       f->v6 ? STACK_INET6 : 0),
	     "bind");
	must(conn_set(stack_of(n, s), s->c, CONN_RCVBUF, STACK_BUFFER_MAX),
	     "rcvbuf");
	must(conn_open(stack_of(n, c), STACK_UDP, 1, c->host + 1, &c->c),
	     "open");
	must(conn_connect(stack_of(n, c), c->c, &to, f->port), "connect");
	c->tx_total = between(r, 1, 200); /* datagrams */
	c->wake_ns = n->now_ns;
	s->wake_ns = n->now_ns + 300 * NSEC_PER_SEC; /* the end */
}

/* Much at once, in one direction: the other only acknowledges. */
void flow_start_stream(struct testnet *n, struct flow *f, uint32_t bytes,
		       uint16_t port, uint64_t *r)
{
	flow_start(n, f, FLOW_BULK, 0, 1, port, r);
	for (int i = 0; i < 2; i++) {
		struct end *e = &f->end[i];

		e->tx_total = i ? 0 : bytes;
		e->rx_total = i ? bytes : 0;
		e->write_max = CHUNK;
		e->read_max = CHUNK;
	}
	conn_set(stack_of(n, &f->end[0]), f->end[0].c, CONN_SNDBUF, 1 << 20);
	conn_set(stack_of(n, &f->end[1]), f->listener, CONN_RCVBUF, 1 << 20);
}

void flow_start(struct testnet *n, struct flow *f, enum flow_kind kind,
		uint32_t a, uint32_t b, uint16_t port, uint64_t *r)
{
	struct end *c = &f->end[0], *s = &f->end[1];
	struct ip_addr any = { .d = { 0, 0 } }, to;

	memset(f, 0, sizeof(*f));
	f->kind = kind;
	f->port = port;
	f->v6 = chance(r, 300000);
	c->host = a;
	s->host = b;
	plan(f, r);
	if (kind == FLOW_CROSS && a != b) {
		start_cross(n, f, r);
		return;
	}
	if (kind == FLOW_DATAGRAM) {
		start_datagram(n, f, r);
		return;
	}
	must(conn_open(stack_of(n, s), STACK_TCP, 1, b + 1, &f->listener),
	     "open");
	must(conn_bind(stack_of(n, s), f->listener, &any, port, STACK_INET6),
	     "bind");
	if (kind == FLOW_SLOW)
		conn_set(stack_of(n, s), f->listener, CONN_RCVBUF,
			 (int)between(r, 2304, 30000));
	/* Who is asked first can wait for the question. */
	if (kind == FLOW_REQUEST && chance(r, 100000))
		conn_set(stack_of(n, s), f->listener, CONN_DEFER_ACCEPT_S,
			 (int)between(r, 1, 3));
	must(tcp_listen(stack_of(n, s), f->listener, kind != FLOW_CROWD),
	     "listen");
	must(conn_open(stack_of(n, c), STACK_TCP, 1, a + 1, &c->c), "open");
	flow_options(n, f, c, r);
	to = address(f, b);
	must(conn_connect(stack_of(n, c), c->c, &to, port), "connect");
	f->pending = true;
	if (kind == FLOW_CROWD) {
		f->accept_ns = n->now_ns + between(r, 1, 5000) * NSEC_PER_MSEC;
		s->wake_ns = f->accept_ns;
	}
}
