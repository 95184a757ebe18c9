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

#include <errno.h>

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

/*
 * Whose frame this is learns that nobody answers, as from a router: a
 * connection that is being made fails, another one only notes it.
 */
static void report(struct stack *st, frame_ix ix)
{
	const struct frame *f = frame_at(st->arena, ix);
	const uint8_t *ip = f->header + f->l3_off, *l4 = f->header + f->l4_off;
	struct ip_addr local, peer;
	bool v4 = *ip >> 4 == 4;
	uint8_t proto = ip[v4 ? 9 : 6];

	if ((proto != IP_TCP && proto != IP_UDP) ||
	    f->header_bytes < f->l4_off + UDP_BYTES)
		return;
	if (v4) {
		local = ip_from_v4(((const struct ipv4_header *)ip)->src);
		peer = ip_from_v4(((const struct ipv4_header *)ip)->dst);
	} else {
		memcpy(&local, ip + 8, 16);
		memcpy(&peer, ip + 24, 16);
	}
	conn_icmp(st, proto, &local, get16(l4), &peer, get16(l4 + 2),
		  get32(l4 + 4), EHOSTUNREACH, true, 0, 0);
}

/* Nobody answers: what waited is lost, and its senders know. */
static void give_up(struct stack *st, struct neigh *n)
{
	frame_ix lost[NEIGH_PENDING];
	uint32_t frames = n->frames;

	/* Off the entry first: a report may send, and so wait here again. */
	memcpy(lost, n->pending, sizeof(lost));
	n->frames = 0;
	forget(st, n);
	for (uint32_t i = 0; i < frames; i++) {
		report(st, lost[i]);
		frame_free(st->arena, lost[i]);
	}
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
				give_up(st, n);
				continue;
			}
			n->at_ns = st->now_ns + ASK_NS;
			ask(st, n);
		}
		next = min_u64(next, n->at_ns);
	}
	return next;
}
