/* SPDX-License-Identifier: BSD-2-Clause */
/* See auto.h: what both ways have in common. */
#include "stack/auto.h"

uint64_t auto_timers(struct stack *st)
{
	return min_u64(dhcp_timers(st), slaac_timers(st));
}

void auto_changed(struct stack *st)
{
	st->host->neigh_gen++;
	if (st->ops->configured)
		st->ops->configured(st);
}

void auto_recover(struct stack *st)
{
	struct stack_host *h = st->host;

	/* Whoever died may have been half way: but a lease that is had. */
	if (h->dhcp.state != DHCP_OFF) {
		if (h->dhcp.state < DHCP_BOUND)
			dhcp_start(st);
		timer_aux(st, h->dhcp.at_ns);
	}
	if (h->slaac.state != SLAAC_OFF) {
		if (h->slaac.state != SLAAC_BOUND)
			slaac_start(st);
		timer_aux(st, h->slaac.at_ns);
	}
}

void stack_auto_start(struct stack *st, bool dhcp, bool slaac)
{
	if (dhcp)
		dhcp_start(st);
	if (slaac)
		slaac_start(st);
}
