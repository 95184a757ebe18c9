/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Neighbours that the surroundings could not name: a small cache filled by ARP
 *and ND.
 *
 *	FREE -> ASKED    a frame waits, a request is out; asked again every
 *second ASKED -> KNOWN   the answer came, the frames leave ASKED -> FREE three
 *requests without an answer; the frames are dropped
 *
 * A known entry is used for ever, and asked about again when it is used after
 *its date: an idle host has no timer here. A full cache gives up its oldest
 *known entry.
 */
#include "stack/stack_internal.h"

#define ASK_NS	 NSEC_PER_SEC
#define ASK_MAX	 3
#define FRESH_NS (30 * NSEC_PER_SEC)

static struct neigh *find(struct stack *st, const struct ip_addr *a)
{
	for (uint32_t i = 0; i < NEIGH_MAX; i++) {
		struct neigh *n = &st->host->neigh[i];

		if (n->state != NEIGH_FREE && ip_equal(&n->addr, a))
			return n;
	}
	return NULL;
}

static void forget(struct stack *st, struct neigh *n)
{
	for (uint32_t i = 0; i < n->frames; i++)
		frame_free(st->arena, n->pending[i]);
	n->frames = 0;
	n->state = NEIGH_FREE;
	st->host->neigh_gen++;
}

static struct neigh *make(struct stack *st, const struct ip_addr *a)
{
	struct neigh *n = NULL;

	for (uint32_t i = 0; i < NEIGH_MAX; i++) {
		struct neigh *o = &st->host->neigh[i];

		if (o->state == NEIGH_FREE) {
			n = o;
			break;
		}
		if (o->state == NEIGH_KNOWN && (!n || o->at_ns < n->at_ns))
			n = o;
	}
	if (!n)
		return NULL;
	if (n->state != NEIGH_FREE)
		forget(st, n);
	memset(n, 0, sizeof(*n));
	n->addr = *a;
	return n;
}

static void ask(struct stack *st, struct neigh *n)
{
	n->asked++;
	if (ip_is_v4(&n->addr))
		arp_request(st, &n->addr);
	else
		icmp6_solicit(st, &n->addr);
}

struct neigh *neigh_find(struct stack *st, const struct ip_addr *a)
{
	struct neigh *n = find(st, a);

	if (!n || n->state != NEIGH_KNOWN)
		return NULL;
	if (n->at_ns <= st->now_ns) {
		if (n->asked == ASK_MAX) {
			forget(st, n);
			return NULL;
		}
		n->at_ns = st->now_ns + ASK_NS;
		ask(st, n);
	}
	return n;
}

void neigh_doubt(struct stack *st, const struct ip_addr *a)
{
	struct neigh *n = find(st, a);

	if (n && n->state == NEIGH_KNOWN && n->at_ns > st->now_ns)
		n->at_ns = st->now_ns;
}

void neigh_wait(struct stack *st, const struct ip_addr *a, frame_ix ix)
{
	struct neigh *n = find(st, a);

	if (!n) {
		n = make(st, a);
		if (!n) {
			frame_free(st->arena, ix);
			return;
		}
		n->state = NEIGH_ASKED;
		n->at_ns = st->now_ns + ASK_NS;
		ask(st, n);
		timer_aux(st, n->at_ns);
	}
	if (n->frames == NEIGH_PENDING) {
		/* The oldest makes room, as in Linux. */
		frame_free(st->arena, n->pending[0]);
		n->frames--;
		for (uint32_t i = 0; i < n->frames; i++)
			n->pending[i] = n->pending[i + 1];
	}
	n->pending[n->frames++] = ix;
}

void neigh_learn(struct stack *st, const struct ip_addr *a,
		 const uint8_t mac[6], bool create)
{
	struct neigh *n = find(st, a);
	uint32_t frames;

	if (!n && create)
		n = make(st, a);
	if (!n || (mac[0] & 1))
		return;
	if (n->state != NEIGH_KNOWN || !mac_equal(n->mac, mac))
		st->host->neigh_gen++;
	mac_copy(n->mac, mac);
	n->state = NEIGH_KNOWN;
	n->asked = 0;
	n->at_ns = st->now_ns + FRESH_NS;
	frames = n->frames;
	n->frames = 0;
	for (uint32_t i = 0; i < frames; i++)
		eth_send(st, n->mac, n->pending[i]);
}

uint64_t neigh_timers(struct stack *st)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < NEIGH_MAX; i++) {
		struct neigh *n = &st->host->neigh[i];

		if (n->state != NEIGH_ASKED)
			continue;
		if (n->at_ns <= st->now_ns) {
			if (n->asked == ASK_MAX) {
				count(st, Arp_Failed);
				forget(st, n);
				continue;
			}
			n->at_ns = st->now_ns + ASK_NS;
			ask(st, n);
		}
		next = min_u64(next, n->at_ns);
	}
	return next;
}
