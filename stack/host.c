/* SPDX-License-Identifier: BSD-2-Clause */
/* A host: how it begins, and the door its frames come in by. */
#include "stack/tcp.h"
#include "stack/shape.h"

/* fe80::/64 and the modified EUI-64 of the MAC: RFC 4291, appendix A. */
static struct ip_addr link_local(const uint8_t mac[6])
{
	struct ip_addr a = { .b = { 0xfe, 0x80 } };

	a.b[8] = mac[0] ^ 2;
	a.b[9] = mac[1];
	a.b[10] = mac[2];
	a.b[11] = 0xff;
	a.b[12] = 0xfe;
	a.b[13] = mac[3];
	a.b[14] = mac[4];
	a.b[15] = mac[5];
	return a;
}

void stack_host_init(struct stack_host *h, const struct stack_config *config)
{
	h->config = *config;
	if (!h->config.mtu)
		h->config.mtu = STACK_MTU;
	h->tuning = (struct stack_tuning){
		.ecn = config->ecn ? 1 : 2,
		.timestamps = true,
		.sack = true,
		.window_scaling = true,
		.tail_probes = true,
		.slow_start_after_idle = true,
		.min_tso_segments = 2,
		.syn_retries = 6,
		.synack_retries = TCP_SYNACK_RETRIES,
		.retries = TCP_RETRIES,
		.rcvbuf = STACK_RECV_BUFFER,
		.rcvbuf_max = config->rcvbuf_max,
		.sndbuf = STACK_SEND_BUFFER,
		.sndbuf_max = config->sndbuf_max,
		.notsent_lowat = UINT32_MAX,
		.fastopen = FASTOPEN_CLIENT,
		.fastopen_key = { config->secret[0], ~config->secret[1] },
	};
	h->link6 = link_local(config->mac);
	h->neigh_gen = 1;
	h->port_salt = (uint32_t)config->secret[1];
	h->aux_timer_ns = UINT64_MAX;
	atomic_store(&h->next_timer_ns, UINT64_MAX);
}

static bool for_me(const struct stack *st, const uint8_t *mac)
{
	/* Broadcast and multicast share the group bit; upper layers choose. */
	return mac_equal(mac, st->host->config.mac) || (mac[0] & 1);
}

/* Lengths that the frame can have; what it claims beyond is never read. */
static bool plausible(const struct frame *f)
{
	return f->header_bytes <= FRAME_HEADER_ROOM &&
	       ((f->flags & FRAME_REFS) ? f->refs <= FRAME_REFS_MAX
					: f->payload <= FRAME_INLINE_MAX);
}

void stack_input_other(struct stack *st, frame_ix ix)
{
	struct frame *f = frame_at(st->arena, ix);
	const struct eth_header *e = (const struct eth_header *)f->header;

	if (unlikely(f->header_bytes < ETH_BYTES &&
		     frame_header_set(st->arena, ix, ETH_BYTES))) {
		count(st, Eth_InBad);
		goto drop;
	}
	if (unlikely(!for_me(st, e->dst))) {
		count(st, Eth_InForeign);
		goto drop;
	}
	f->l3_off = ETH_BYTES;
	switch (e->type) {
	case be16c(ETH_IPV4):
		ipv4_input(st, ix);
		return;
	case be16c(ETH_IPV6):
		ipv6_input(st, ix);
		return;
	case be16c(ETH_ARP):
		arp_input(st, ix);
		return;
	default:
		break;
	}
drop:
	frame_free(st->arena, ix);
}

void stack_input(struct stack *st, frame_ix ix)
{
	struct frame *f = frame_at(st->arena, ix);

	f->payload_off = 0;
	if (unlikely(!plausible(f))) {
		f->refs = 0;
		count(st, Eth_InBad);
		frame_free(st->arena, ix);
		return;
	}
	tcp_input_usual(st, f, ix);
}
