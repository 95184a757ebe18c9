/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding a connection: by both ends (host->hash), or by local port
 * (host->bound).
 *
 * host->hash holds what has a peer: TCP connections. host->bound holds what
 * chose its port by bind: listeners, UDP sockets, bound TCP sockets; not what
 * was accepted, nor what connect() gave a port. Chains are singly linked; a
 * walk is bounded, so that a damaged chain costs time but never hangs.
 */
#include "stack/stack_internal.h"
#include "base/random.h"

#define CHAIN_MAX 100000 /* more than any sane chain */

uint32_t conn_hash(const struct stack_host *h, const struct ip_addr *local,
		   uint16_t lport, const struct ip_addr *peer, uint16_t pport)
{
	uint64_t x = hash_ends(h, local->d[1], lport, peer->d[1], pport);

	if (!ip_is_v4(peer))
		x = hash_fold(x ^ peer->d[0],
			      local->d[0] ^ h->config.secret[0]);
	return (uint32_t)(x ^ x >> 32);
}

struct conn *hash_find(const struct stack *st, uint32_t hash,
		       const struct ip_addr *local, uint16_t lport,
		       const struct ip_addr *peer, uint16_t pport)
{
	conn_ix ix = st->host->hash[hash % HOST_HASH_BUCKETS];

	for (uint32_t i = 0; ix && i < CHAIN_MAX; i++) {
		struct conn *c = conn_at(st, ix);

		if (c->hash == hash && c->lport == lport && c->pport == pport &&
		    ip_equal(&c->peer, peer) && ip_equal(&c->local, local))
			return c;
		ix = c->hash_next;
	}
	return NULL;
}

void hash_add(struct stack *st, struct conn *c)
{
	conn_ix *head;

	c->hash = conn_hash(st->host, &c->local, c->lport, &c->peer, c->pport);
	head = &st->host->hash[c->hash % HOST_HASH_BUCKETS];
	c->hash_next = *head;
	*head = c->self;
	c->flags |= CONN_HASHED;
}

void hash_remove(struct stack *st, struct conn *c)
{
	conn_ix *link = &st->host->hash[c->hash % HOST_HASH_BUCKETS];

	if (!(c->flags & CONN_HASHED))
		return;
	for (uint32_t i = 0; *link && i < CHAIN_MAX; i++) {
		if (*link == c->self) {
			*link = c->hash_next;
			break;
		}
		link = &conn_at(st, *link)->hash_next;
	}
	c->flags &= ~CONN_HASHED;
}

static conn_ix *bound_head(const struct stack *st, uint8_t proto, uint16_t port)
{
	uint32_t h = port ^ (proto == STACK_UDP ? 0x800u : 0);

	return &st->host->bound[h % HOST_PORT_BUCKETS];
}

void bound_add(struct stack *st, struct conn *c)
{
	conn_ix *head = bound_head(st, c->proto, c->lport);

	c->bound_next = *head;
	*head = c->self;
	c->flags |= CONN_BOUND;
}

void bound_remove(struct stack *st, struct conn *c)
{
	conn_ix *link = bound_head(st, c->proto, c->lport);

	if (!(c->flags & CONN_BOUND))
		return;
	for (uint32_t i = 0; *link && i < CHAIN_MAX; i++) {
		if (*link == c->self) {
			*link = c->bound_next;
			break;
		}
		link = &conn_at(st, *link)->bound_next;
	}
	c->flags &= ~CONN_BOUND;
}

struct conn *bound_next(const struct stack *st, const struct conn *c,
			uint8_t proto, uint16_t port)
{
	conn_ix ix = c ? c->bound_next : *bound_head(st, proto, port);

	for (uint32_t i = 0; ix && i < CHAIN_MAX; i++) {
		struct conn *d = conn_at(st, ix);

		if (d->proto == proto && d->lport == port)
			return d;
		ix = d->bound_next;
	}
	return NULL;
}

/* How well a socket fits a packet: 0 not at all; each thing it insists on
 * counts. */
static int fitness(const struct conn *c, const struct ip_addr *local,
		   const struct ip_addr *peer, uint16_t pport)
{
	int score = 1;

	if (c->proto == STACK_TCP && c->state != CONN_LISTEN)
		return 0;
	if (ip_is_any(&c->local)) {
		/* "any" of an AF_INET socket means IPv4; V6ONLY means what it
		 * says. */
		if (ip_is_v4(local) ? (c->flags & CONN_V6ONLY) != 0
				    : !(c->flags & CONN_INET6))
			return 0;
	} else {
		if (!ip_equal(&c->local, local))
			return 0;
		score += 2;
	}
	if (c->pport) {
		if (c->pport != pport || !ip_equal(&c->peer, peer))
			return 0;
		score += 4;
	}
	return score;
}

/* The finalizer of MurmurHash3: ports in a row, whose hashes differ in a few
 * bits, are spread evenly whatever the secret is. */
static uint32_t mixed(uint32_t h)
{
	h = (h ^ h >> 16) * 0x85ebca6b;
	h = (h ^ h >> 13) * 0xc2b2ae35;
	return h ^ h >> 16;
}

struct conn *bound_find(const struct stack *st, uint8_t proto,
			const struct ip_addr *local, uint16_t lport,
			const struct ip_addr *peer, uint16_t pport)
{
	struct conn *best = NULL, *c = NULL;
	uint32_t ties = 0, pick;
	int top = 0;

	while ((c = bound_next(st, c, proto, lport))) {
		int score = fitness(c, local, peer, pport);

		if (score > top) {
			top = score;
			best = c;
			ties = 1;
		} else if (score && score == top) {
			ties++;
		}
	}
	if (ties < 2 || !(best->flags & CONN_REUSEPORT))
		return best;
	/* SO_REUSEPORT: the flow's hash chooses among the equals. */
	pick = mixed(conn_hash(st->host, local, lport, peer, pport));
	pick = (uint32_t)((uint64_t)pick * ties >> 32);
	for (c = NULL; (c = bound_next(st, c, proto, lport));)
		if (fitness(c, local, peer, pport) == top && !pick--)
			return c;
	return best;
}
