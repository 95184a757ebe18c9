/* SPDX-License-Identifier: BSD-2-Clause */
/* ARP for IPv4 over Ethernet: RFC 826, address probes of RFC 5227 answered. */
#include "stack/auto.h"
#include "stack/shape.h"

#define ARP_FRAME (ETH_BYTES + (uint32_t)sizeof(struct arp_header))

static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };

static void arp_send(struct stack *st, uint16_t op, const uint8_t *to,
		     uint32_t sender, uint32_t target)
{
	const struct stack_config *g = &st->host->config;
	frame_ix ix = frame_alloc(st->arena);
	struct frame *f;
	struct arp_header *a;

	if (!ix)
		return;
	f = frame_at(st->arena, ix);
	f->header_bytes = ARP_FRAME;
	f->l3_off = ETH_BYTES;
	f->l4_off = ETH_BYTES;
	f->flags = FRAME_CSUM_OK;
	f->tx_vif = g->vif;
	((struct eth_header *)f->header)->type = be16(ETH_ARP);
	a = (struct arp_header *)(f->header + ETH_BYTES);
	a->hardware = be16(1);
	a->protocol = be16(ETH_IPV4);
	a->hardware_bytes = 6;
	a->protocol_bytes = 4;
	a->op = be16(op);
	mac_copy(a->sender_mac, g->mac);
	a->sender = sender;
	if (op == ARP_REPLY)
		mac_copy(a->target_mac, to);
	else
		memset(a->target_mac, 0, 6);
	a->target = target;
	eth_send(st, to, ix);
}

void arp_request(struct stack *st, const struct ip_addr *target)
{
	count(st, Arp_OutRequests);
	arp_send(st, ARP_REQUEST, all, st->host->config.addr4.w[3],
		 target->w[3]);
}

void arp_probe(struct stack *st, uint32_t target)
{
	arp_send(st, ARP_REQUEST, all, 0, target);
}

void arp_announce(struct stack *st, uint32_t address)
{
	arp_send(st, ARP_REQUEST, all, address, address);
}

/*
 * Another host speaks for our address, which was given to us and is kept: RFC
 * 5227, section 2.4 (c). Caches that believed him hear it from us once, but not
 * again within ten seconds, lest two who both defend it shout for ever.
 */
static void defend(struct stack *st, const struct arp_header *a)
{
	const struct stack_config *g = &st->host->config;
	uint64_t *last_ns = &st->host->dhcp.defended_ns;

	if (st->host->dhcp.state != DHCP_OFF || a->sender != g->addr4.w[3] ||
	    mac_equal(a->sender_mac, g->mac))
		return;
	if (*last_ns && st->now_ns - *last_ns < DEFEND_NS)
		return;
	*last_ns = st->now_ns;
	arp_announce(st, a->sender);
}

void arp_input(struct stack *st, frame_ix ix)
{
	const struct stack_config *g = &st->host->config;
	struct frame *f = frame_at(st->arena, ix);
	struct arp_header a;
	struct ip_addr sender;
	bool to_me;

	if (frame_header_set(st->arena, ix, ARP_FRAME)) {
		count(st, Eth_InBad);
		goto out;
	}
	a = *(const struct arp_header *)(f->header + ETH_BYTES);
	if (a.hardware != be16(1) || a.protocol != be16(ETH_IPV4) ||
	    a.hardware_bytes != 6 || a.protocol_bytes != 4) {
		count(st, Eth_InBad);
		goto out;
	}
	dhcp_arp(st, &a);
	if (ip_is_any(&g->addr4))
		goto out;
	defend(st, &a);
	sender = ip_from_v4(a.sender);
	to_me = a.target == g->addr4.w[3];
	/* Our own address from another's mouth is not learned. */
	if (a.sender && a.sender != g->addr4.w[3])
		neigh_learn(st, &sender, a.sender_mac, to_me);
	if (a.op == be16(ARP_REQUEST)) {
		count(st, Arp_InRequests);
		if (to_me && !mac_equal(a.sender_mac, g->mac)) {
			count(st, Arp_OutReplies);
			arp_send(st, ARP_REPLY, a.sender_mac, g->addr4.w[3],
				 a.sender);
		}
	} else if (a.op == be16(ARP_REPLY)) {
		count(st, Arp_InReplies);
	}
out:
	frame_free(st->arena, ix);
}
