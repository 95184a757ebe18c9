/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local ports: who may share one, and how one is chosen.
 *
 * bind() to port 0 takes an odd port, connect() an even one (both take the
 * other kind when theirs is used up), as in Linux: so that neither gets in the
 * other's way. connect() starts at an offset that depends on the destination
 * and a secret (RFC 6056, algorithm 3), and a port serves any number of
 * destinations.
 */
#include "stack/stack_internal.h"
#include "stack/tcp.h"
#include "base/random.h"

#include <errno.h>

#define PORT_FIRST 32768u
#define PORT_COUNT 28232u /* up to 60999, as Linux */

/* Could one packet be meant for either socket? */
static bool overlap(const struct conn *c, const struct ip_addr *addr,
		    uint32_t flags)
{
	bool v6 = flags & STACK_INET6;
	bool any_c = ip_is_any(&c->local), any = ip_is_any(addr);

	if (any && any_c) {
		if (!v6 && !(c->flags & CONN_INET6))
			return true;
		if (v6 && (c->flags & CONN_INET6))
			return true;
		/* One of each family: they meet unless the IPv6 one is only
		 * that. */
		return v6 ? !(flags & STACK_V6ONLY) : !(c->flags & CONN_V6ONLY);
	}
	if (any)
		return ip_is_v4(&c->local) ? !(v6 && (flags & STACK_V6ONLY))
					   : v6;
	if (any_c)
		return ip_is_v4(addr) ? !(c->flags & CONN_V6ONLY)
				      : (c->flags & CONN_INET6) != 0;
	return ip_equal(&c->local, addr);
}

static bool conflict(const struct stack *st, const struct conn *self,
		     const struct ip_addr *addr, uint16_t port, uint32_t flags)
{
	struct conn *c = NULL;

	while ((c = bound_next(st, c, self->proto, port))) {
		if (c == self || !overlap(c, addr, flags))
			continue;
		if ((flags & STACK_REUSEPORT) && (c->flags & CONN_REUSEPORT))
			continue;
		if ((flags & STACK_REUSEADDR) && (c->flags & CONN_REUSEADDR) &&
		    c->state != CONN_LISTEN)
			continue;
		return true;
	}
	return false;
}

static int choose_bind(struct stack *st, const struct conn *self,
		       const struct ip_addr *addr, uint32_t flags,
		       uint16_t *port)
{
	uint32_t start = (uint32_t)random_next(st->random) % PORT_COUNT;

	/* A port of one's own is wanted: nothing is shared here. */
	flags &= ~(STACK_REUSEADDR | STACK_REUSEPORT);
	for (uint32_t kind = 0; kind < 2; kind++) {
		for (uint32_t i = 0; i < PORT_COUNT; i += 2) {
			uint32_t p = PORT_FIRST +
				     (((start + i) % PORT_COUNT) & ~1u) +
				     (kind ^ 1);

			if (!conflict(st, self, addr, (uint16_t)p, flags)) {
				*port = (uint16_t)p;
				return 0;
			}
		}
	}
	return -EADDRINUSE;
}

int conn_bind(struct stack *st, conn_ix ix, const struct ip_addr *addr,
	      uint16_t port, uint32_t flags)
{
	struct conn *c = conn_at(st, ix);
	const bool asked = port != 0;
	conn_ix outer;
	int err;

	if (is_raw(c))
		return raw_bind(st, c, addr);
	/* A stream that has ended shows the port that it was given, and has it
	 * no more. */
	if ((c->flags & CONN_BOUND) || c->state != CONN_CLOSED ||
	    (c->lport && c->proto != STACK_TCP))
		return -EINVAL;
	if (!ip_is_any(addr) && !host_has(st->host, addr) &&
	    !(c->proto != STACK_TCP &&
	      (ip_is_multicast(addr) || host_is_broadcast(st->host, addr))))
		return -EADDRNOTAVAIL;
	if (!port) {
		err = choose_bind(st, c, addr, flags, &port);
		if (err)
			return err;
	} else if (conflict(st, c, addr, port, flags)) {
		return -EADDRINUSE;
	}
	outer = writing_begin(st, ix);
	c->local = *addr;
	c->lport = port;
	c->locked &= (uint8_t) ~(PORT_ASKED | ADDR_ASKED);
	c->locked |=
		(asked ? PORT_ASKED : 0) | (ip_is_any(addr) ? 0 : ADDR_ASKED);
	c->peer = (struct ip_addr){ .d = { 0, 0 } };
	c->pport = 0;
	c->flags &=
		~(CONN_REUSEADDR | CONN_REUSEPORT | CONN_V6ONLY | CONN_INET6);
	if (flags & STACK_REUSEADDR)
		c->flags |= CONN_REUSEADDR;
	if (flags & STACK_REUSEPORT)
		c->flags |= CONN_REUSEPORT;
	if (flags & STACK_V6ONLY)
		c->flags |= CONN_V6ONLY;
	if (flags & STACK_INET6)
		c->flags |= CONN_INET6;
	bound_add(st, c);
	writing_end(st, outer);
	return 0;
}

/* May @c, with its peer set, have local port @port? An old TIME-WAIT gives way.
 */
static bool usable(struct stack *st, struct conn *c, uint16_t port)
{
	struct conn *other = NULL;
	uint32_t hash;

	while ((other = bound_next(st, other, c->proto, port)))
		if (overlap(other, &c->local, 0))
			return false;
	hash = conn_hash(st->host, &c->local, port, &c->peer, c->pport);
	other = hash_find(st, hash, &c->local, port, &c->peer, c->pport);
	return !other || tcp_time_wait_yield(st, other, c);
}

int port_choose(struct stack *st, struct conn *c)
{
	uint64_t words[4] = { c->peer.d[0], c->peer.d[1], c->local.d[1],
			      c->pport };
	uint32_t offset = (uint32_t)siphash(st->host->config.secret, words, 4);

	/* Whichever kind had one last time is tried first. */
	for (uint32_t pass = 0; pass < 2; pass++) {
		uint32_t kind = st->host->port_odd;

		for (uint32_t i = 0; i < PORT_COUNT; i += 2) {
			uint32_t n = st->host->port_salt;
			uint16_t p;

			st->host->port_salt = n + 2;
			p = (uint16_t)(PORT_FIRST +
				       ((offset + n) % PORT_COUNT & ~1u) +
				       kind);
			if (usable(st, c, p)) {
				c->lport = p;
				return 0;
			}
		}
		st->host->port_odd = !kind;
	}
	return -EADDRNOTAVAIL;
}
