/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The path MTU cache: destinations that take less than the link. Learned from
 * ICMP (RFC 1191, 8201) by connections that have checked that the error quotes
 * what they sent, or found out by TCP itself (tcp_mtu.c). Forgotten after ten
 * minutes, as RFC 1191 section 6.3 asks: routes change, and never say so.
 *
 * A thread that dies half way leaves an entry for an address that nobody has,
 * or with an MTU that some path had: no harm, so nothing is undone.
 */
#include "stack/stack_internal.h"

#define FORGET_NS (600 * NSEC_PER_SEC)

static struct pmtu *find(const struct stack *st, const struct ip_addr *to)
{
	struct stack_host *h = st->host;

	for (uint32_t i = 0; i < PMTU_MAX; i++)
		if (h->pmtu[i].mtu && ip_equal(&h->pmtu[i].to, to))
			return &h->pmtu[i];
	return NULL;
}

uint32_t pmtu_known(const struct stack *st, const struct ip_addr *to)
{
	uint32_t link = st->host->config.mtu;
	struct pmtu *p = find(st, to);

	if (!p)
		return link;
	if (p->until_ns <= st->now_ns) {
		p->mtu = 0;
		return link;
	}
	return min_u32(link, p->mtu);
}

/* The one that is forgotten first makes room. */
static struct pmtu *oldest(struct stack_host *h)
{
	struct pmtu *p = &h->pmtu[0];

	for (uint32_t i = 0; i < PMTU_MAX; i++) {
		if (!h->pmtu[i].mtu)
			return &h->pmtu[i];
		if (h->pmtu[i].until_ns < p->until_ns)
			p = &h->pmtu[i];
	}
	return p;
}

void pmtu_learn(struct stack *st, const struct ip_addr *to, uint32_t mtu)
{
	struct stack_host *h = st->host;
	struct pmtu *p = find(st, to);

	if (mtu >= h->config.mtu) {
		if (p)
			p->mtu = 0;
		return;
	}
	if (!p)
		p = oldest(h);
	p->mtu = 0;
	atomic_signal_fence(memory_order_seq_cst);
	p->to = *to;
	p->until_ns = st->now_ns + FORGET_NS;
	atomic_signal_fence(memory_order_seq_cst);
	p->mtu = (uint16_t)mtu;
	h->pmtus = true;
	/* Connections look at it before they send again. */
	h->neigh_gen++;
}
