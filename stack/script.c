/* SPDX-License-Identifier: BSD-2-Clause */
/* See script.h. */
#include "stack/script.h"
#include "stack/csum.h"

#include <stdlib.h>
#include <string.h>

struct script script_new(void)
{
	struct script s = { .n = testnet_new(2, 1),
			    .lport = 80,
			    .pport = 4000,
			    .seq = 1000,
			    .tsval = 100 };

	return s;
}

bool script_free(struct script *s)
{
	return testnet_free(s->n);
}

frame_ix script_raw(struct testnet *n, uint8_t proto, const void *l4,
		    uint32_t bytes)
{
	frame_ix ix = frame_alloc(&n->arena);
	struct frame *f = frame_at(&n->arena, ix);
	struct eth_header *e = (struct eth_header *)f->header;
	struct ipv4_header *h = (struct ipv4_header *)(f->header + ETH_BYTES);
	uint32_t in_header = bytes;

	if (in_header > FRAME_HEADER_ROOM - 34)
		in_header = FRAME_HEADER_ROOM - 34;
	memcpy(e->dst, n->host[0]->config.mac, 6);
	memcpy(e->src, n->host[1]->config.mac, 6);
	e->type = be16(ETH_IPV4);
	memset(h, 0, sizeof(*h));
	h->ver_ihl = 0x45;
	h->total = be16((uint16_t)(IPV4_BYTES + bytes));
	h->ttl = 64;
	h->proto = proto;
	h->src = testnet_ip4(1).w[3];
	h->dst = testnet_ip4(0).w[3];
	h->csum = (uint16_t)~csum_fold(csum_add(0, h, IPV4_BYTES));
	memcpy(f->header + 34, l4, in_header);
	f->header_bytes = (uint8_t)(34 + in_header);
	if (frame_fill(&n->arena, ix, (const uint8_t *)l4 + in_header,
		       bytes - in_header))
		abort();
	return ix;
}

void script_send(struct script *s, uint8_t flags, uint32_t seq, uint32_t ack,
		 uint32_t bytes, uint16_t window, const uint8_t *opt,
		 uint32_t opt_bytes)
{
	static uint8_t l4[65536];
	struct tcp_header *t = (struct tcp_header *)l4;
	struct ip_addr src = testnet_ip4(1), dst = testnet_ip4(0);
	struct ipv4_header *h;
	uint32_t head;
	frame_ix ix;

	memset(t, 0, sizeof(*t));
	if (opt_bytes)
		memcpy(l4 + TCP_BYTES, opt, opt_bytes);
	if (s->ts && !(flags & TCP_SYN)) {
		put32(l4 + TCP_BYTES + opt_bytes, 0x0101080a);
		put32(l4 + TCP_BYTES + opt_bytes + 4, s->tsval);
		put32(l4 + TCP_BYTES + opt_bytes + 8, s->tsecr);
		opt_bytes += 12;
	}
	head = TCP_BYTES + opt_bytes;
	t->sport = be16(s->pport);
	t->dport = be16(s->lport);
	t->seq = be32(seq);
	t->ack = be32(ack);
	t->off = (uint8_t)(head << 2);
	t->flags = flags;
	t->window = be16(window);
	for (uint32_t i = 0; i < bytes; i++)
		l4[head + i] = (uint8_t)(seq + i);
	t->csum = (uint16_t)~csum_fold(
		csum_add(0, l4, head + bytes) +
		csum_pseudo(&src, &dst, IP_TCP, head + bytes));
	ix = script_raw(s->n, IP_TCP, l4, head + bytes);
	h = (struct ipv4_header *)(frame_at(&s->n->arena, ix)->header +
				   ETH_BYTES);
	h->tos = s->tos;
	h->csum = 0;
	h->csum = (uint16_t)~csum_fold(csum_add(0, h, IPV4_BYTES));
	s->n->st[0].now_ns = s->n->now_ns;
	stack_input(&s->n->st[0], ix);
}

struct seen script_next(struct script *s)
{
	struct arena *a = &s->n->arena;
	struct seen seen = { 0 };
	frame_ix ix = frame_list_pop(a, &s->n->st[0].out);
	const struct tcp_header *t;
	const struct frame *f;

	if (!ix)
		return seen;
	f = frame_at(a, ix);
	t = (const struct tcp_header *)(f->header + f->l4_off);
	seen.any = true;
	seen.tos = f->header[ETH_BYTES + 1];
	seen.flags = t->flags;
	seen.seq = be32(t->seq);
	seen.ack = be32(t->ack);
	seen.window = be16(t->window);
	seen.bytes = f->payload;
	seen.options = (uint8_t)((t->off >> 4) * 4 - TCP_BYTES);
	memcpy(seen.opt, f->header + f->l4_off + TCP_BYTES, seen.options);
	if (seen.options >= 12 && get32(seen.opt) == 0x0101080a)
		s->tsecr = get32(seen.opt + 4);
	frame_copy_out(a, f, 0, seen.data, f->payload < 64 ? f->payload : 64);
	frame_free(a, ix);
	return seen;
}

void script_wait(struct script *s, uint64_t us)
{
	uint64_t end = s->n->now_ns + us * NSEC_PER_USEC;

	for (;;) {
		uint64_t next = stack_next_timer_ns(s->n->host[0]);

		if (next > end)
			break;
		if (next > s->n->now_ns)
			s->n->now_ns = next;
		s->n->st[0].now_ns = s->n->now_ns;
		stack_timers(&s->n->st[0]);
	}
	s->n->now_ns = end;
	s->n->st[0].now_ns = end;
}

conn_ix script_accept(struct script *s, bool ts_sack, conn_ix *listener)
{
	static const uint8_t plain[] = { 2, 4, 0x05, 0xb4 };
	uint8_t full[] = { 2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0,
			   0, 0, 0,    0,    0, 0, 1, 3,  3, 0 };
	struct ip_addr any = { .d = { 0, 0 } };
	struct stack *st = &s->n->st[0];
	struct seen synack;
	conn_ix c;

	put32(full + 8, s->tsval);
	st->now_ns = s->n->now_ns;
	if (!*listener && (conn_open(st, STACK_TCP, 1, 1, listener) ||
			   conn_bind(st, *listener, &any, s->lport, 0) ||
			   tcp_listen(st, *listener, 4)))
		abort();
	s->ts = ts_sack;
	script_send(s, TCP_SYN, s->seq, 0, 0, 65535, ts_sack ? full : plain,
		    ts_sack ? sizeof(full) : sizeof(plain));
	synack = script_next(s);
	if (!synack.any || synack.flags != (TCP_SYN | TCP_ACK))
		abort();
	if (ts_sack)
		s->tsecr = get32(synack.opt + 8);
	s->iss = synack.seq;
	s->ack = synack.seq + 1;
	s->seq++;
	script_send(s, TCP_ACK, s->seq, s->ack, 0, 65535, NULL, 0);
	c = tcp_accept(st, *listener);
	if (!c)
		abort();
	conn_own(st, c, 2, 1);
	return c;
}
