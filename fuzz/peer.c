/* SPDX-License-Identifier: BSD-2-Clause */
/* See peer.h. */
#include "fuzz/peer.h"
#include "stack/tcp.h"

#include <stdlib.h>
#include <string.h>

#define L4_MAX 4096

void peer_ip(bool v6, uint8_t proto, uint8_t tos, uint16_t id, uint16_t frag,
	     const uint8_t *l4, uint32_t bytes)
{
	static uint8_t f[L4_MAX + 128];
	uint32_t head = v6 ? 54 : 34;

	bytes = min_u32(bytes, L4_MAX);
	memset(f, 0, 64);
	memcpy(f, world.host.config.mac, 6);
	f[6] = 2;
	f[11] = 2;
	if (v6) {
		struct ip_addr src = world_ip6(2), dst = world_ip6(1);

		put16(f + 12, 0x86dd);
		f[14] = (uint8_t)(0x60 | tos >> 4);
		f[15] = (uint8_t)(tos << 4);
		f[21] = 64;
		memcpy(f + 22, &src, 16);
		memcpy(f + 38, &dst, 16);
		f[20] = proto;
		if (frag) {
			f[20] = 44;
			f[54] = proto;
			put16(f + 56, (uint16_t)(frag << 3 | frag >> 13));
			put32(f + 58, id);
			head += 8;
		}
		put16(f + 18, (uint16_t)(head - 54 + bytes));
	} else {
		put16(f + 12, 0x0800);
		f[14] = 0x45;
		f[15] = tos;
		put16(f + 16, (uint16_t)(20 + bytes));
		put16(f + 18, id);
		put16(f + 20, frag);
		f[22] = 64;
		f[23] = proto;
		put32(f + 26, 0x0a000002);
		put32(f + 30, 0x0a000001);
	}
	memcpy(f + head, l4, bytes);
	world_input(f, head + bytes, FRAME_HEADER_ROOM, FRAME_CSUM_OK);
}

void peer_send(const struct peer_segment *s)
{
	static uint8_t l4[L4_MAX];
	uint32_t opt = min_u32(s->opt_bytes, 40) & ~3u;
	uint32_t bytes = min_u32(s->bytes, L4_MAX - 60);

	memset(l4, 0, 20);
	put16(l4, s->sport);
	put16(l4 + 2, s->dport);
	put32(l4 + 4, s->seq);
	put32(l4 + 8, s->ack);
	l4[12] = (uint8_t)((20 + opt) << 2);
	l4[13] = s->flags;
	put16(l4 + 14, s->window);
	put16(l4 + 18, s->urgent);
	if (opt)
		memcpy(l4 + 20, s->opt, opt);
	for (uint32_t i = 0; i < bytes; i++)
		l4[20 + opt + i] = (uint8_t)(s->seq + i);
	peer_ip(s->v6, IP_TCP, s->tos, 1, 0, l4, 20 + opt + bytes);
}

static conn_ix open_bound(uint8_t proto, uint16_t port, uint32_t flags)
{
	struct ip_addr any = { .d = { 0, 0 } };
	conn_ix c;

	if (conn_open(&world_stack, proto, port, 1, &c) ||
	    conn_bind(&world_stack, c, &any, port, flags))
		abort();
	return c;
}

static conn_ix accepted(conn_ix listener, uint16_t sport, const uint8_t *opt,
			uint32_t opt_bytes)
{
	struct peer_segment s = { .sport = sport,
				  .dport = 80,
				  .seq = 1000,
				  .flags = TCP_SYN,
				  .window = 65535,
				  .opt = opt,
				  .opt_bytes = opt_bytes };
	conn_ix c;

	peer_send(&s);
	s.ack = world_conn(world_conn(listener)->syn_first)->snd_nxt;
	s.flags = TCP_ACK;
	s.seq++;
	s.opt_bytes = 0;
	peer_send(&s);
	c = tcp_accept(&world_stack, listener);
	if (!c)
		abort();
	conn_own(&world_stack, c, sport, 1);
	return c;
}

void peer_begin(struct peer *p)
{
	static const uint8_t full[] = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
					0, 1, 0, 0,    0, 0, 1, 3,  3, 2 };
	struct ip_addr to = world_ip6(2);

	world_begin();
	p->listener = open_bound(STACK_TCP, 80, 0);
	p->listener6 = open_bound(STACK_TCP, 81, STACK_INET6);
	p->udp = open_bound(STACK_UDP, 53, 0);
	p->udp6 = open_bound(STACK_UDP, 54, STACK_INET6);
	if (tcp_listen(&world_stack, p->listener, 2) ||
	    tcp_listen(&world_stack, p->listener6, 2) ||
	    conn_connect(&world_stack, p->udp6, &to, 55))
		abort();
	p->full = accepted(p->listener, 4000, full, sizeof(full));
	p->plain = accepted(p->listener, 4001, NULL, 0);
	world_check();
	world_save();
}
