/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole history of a live connection table: segments that nearly fit,
 * datagrams, fragments, ICMP errors, raw frames, calls by the owner, time.
 * After each step every invariant of world_check() holds; at the end everything
 * is closed, time passes, and every frame and slot has come home. HACKING.md
 * has the commands.
 *
 * The input is a row of steps: a byte that says which, then its arguments.
 */
#include "fuzz/peer.h"
#include "stack/tcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 48

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *in;
static size_t left;

static uint8_t byte(void)
{
	if (!left)
		return 0;
	left--;
	return *in++;
}

static uint16_t word(void)
{
	uint16_t hi = byte();

	return (uint16_t)(hi << 8 | byte());
}

static struct conn *pick(void)
{
	conn_ix end = slot_end(world_stack.conns), ix = byte() % end;

	for (conn_ix i = 0; i < end; i++, ix = (ix + 1) % end)
		if (ix && world_conn(ix)->state != CONN_FREE)
			return world_conn(ix);
	return NULL;
}

/* Small distances are likely, large ones possible. */
static uint32_t near(uint32_t seq)
{
	uint8_t how = byte();

	if (how < 128)
		return seq;
	if (how < 192)
		return seq + (uint32_t)(int8_t)byte();
	if (how < 250)
		return seq + (uint32_t)(int16_t)word();
	return (uint32_t)word() << 16 | word();
}

/* Options: a timestamp that fits, SACK blocks, or any bytes. */
static uint32_t options(const struct conn *c, uint8_t *opt)
{
	uint8_t how = byte();
	uint32_t n = 0;

	if (how & 1) {
		put32(opt, 0x0101080a);
		put32(opt + 4, near(c->ts_recent));
		put32(opt + 8, near(tcp_ms(&world_stack) + c->ts_offset));
		n = 12;
	}
	if (how & 2) {
		uint32_t blocks = how >> 6;

		opt[n] = 1;
		opt[n + 1] = 1;
		opt[n + 2] = 5;
		opt[n + 3] = (uint8_t)(2 + 8 * blocks);
		n += 4;
		for (uint32_t i = 0; i < blocks; i++, n += 8) {
			uint32_t from = c->snd_una + word();

			put32(opt + n, from);
			put32(opt + n + 4, near(from + word()));
		}
	}
	if (how & 4)
		for (uint32_t any = byte() & 31u; any && n < 40; any--)
			opt[n++] = byte();
	while (n & 3)
		opt[n++] = 0;
	return n;
}

static void a_segment(void)
{
	const struct conn *c = pick();
	struct peer_segment s = { 0 };
	uint8_t opt[44];

	if (!c || c->proto != STACK_TCP || !c->pport)
		return;
	s.sport = c->pport;
	s.dport = c->lport;
	s.v6 = !ip_is_v4(&c->peer);
	s.flags = byte();
	if (s.flags < 64)
		s.flags = TCP_ACK;
	s.seq = near(c->rcv_nxt);
	s.ack = near(c->snd_nxt);
	s.window = word();
	s.bytes = word() & 0xfff;
	s.urgent = s.flags & TCP_URG ? word() : 0;
	s.tos = byte();
	s.opt = opt;
	s.opt_bytes = options(c, opt);
	peer_send(&s);
}

static void a_syn(void)
{
	static const uint8_t full[] = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
					0, 1, 0, 0,    0, 0, 1, 3,  3, 2 };
	uint8_t how = byte();
	struct peer_segment s = { .sport = (uint16_t)(5000 + byte() % 8),
				  .dport = how & 1 ? 81 : 80,
				  .seq = word(),
				  .flags = TCP_SYN | (how & 0xc0),
				  .window = word(),
				  .opt = full,
				  .opt_bytes = how & 2 ? sizeof(full) : 0,
				  .v6 = how & 1 };

	peer_send(&s);
}

/* The handshake's last step, of a half-open connection or of a cookie. */
static void a_last_ack(void)
{
	const struct world_synack *a = &world_synack;
	uint8_t how = byte(), opt[12];
	struct peer_segment s = { .sport = a->dport,
				  .dport = a->sport,
				  .seq = near(a->ack),
				  .ack = near(a->seq + 1),
				  .flags = TCP_ACK | (how & 0x0b),
				  .window = word(),
				  .bytes = how >> 4,
				  .opt = opt,
				  .opt_bytes = how & 4 ? sizeof(opt) : 0,
				  .v6 = a->v6 };

	put32(opt, 0x0101080a);
	put32(opt + 4, 2);
	put32(opt + 8, a->tsval);
	peer_send(&s);
}

static void a_datagram(void)
{
	uint8_t how = byte(), l4[600];
	uint32_t bytes = word() % 500u;
	bool v6 = how & 1;
	uint16_t frag =
		how & 2 ? (uint16_t)((how & 4 ? 0x2000 : 0) | byte() % 64) : 0;

	memset(l4, how, sizeof(l4));
	put16(l4, v6 ? 55 : 1000);
	put16(l4 + 2, v6 ? 54 : 53);
	put16(l4 + 4, (uint16_t)(8 + bytes));
	put16(l4 + 6, 0);
	peer_ip(v6, IP_UDP, 0, how >> 4, frag, l4,
		how & 2 ? byte() * 8u % 600u : 8 + bytes);
}

/* An error that quotes what a connection may have sent. */
static void an_error(void)
{
	const struct conn *c = pick();
	uint8_t l4[8 + 28] = { 0 };

	if (!c || !c->pport || !ip_is_v4(&c->peer))
		return;
	l4[0] = byte() % 16;
	l4[1] = byte() % 16;
	put16(l4 + 6, word());
	l4[8] = 0x45;
	put16(l4 + 10, 48);
	l4[17] = c->proto;
	put32(l4 + 20, 0x0a000001);
	put32(l4 + 24, 0x0a000002);
	put16(l4 + 28, c->lport);
	put16(l4 + 30, c->pport);
	put32(l4 + 32, near(c->snd_una));
	peer_ip(false, IP_ICMP, 0, 0, 0, l4, sizeof(l4));
}

static void raw(void)
{
	uint32_t n = min_u32(byte(), (uint32_t)left);

	world_input(in, n, FRAME_HEADER_ROOM, FRAME_CSUM_OK);
	in += n;
	left -= n;
}

/* As a relay does: what is in frames, the first of which was read in part. */
static void pass_on(struct conn *c, const uint8_t *bytes, uint32_t n)
{
	struct frame_list list = { 0, 0 };
	frame_ix ix = frame_alloc(world_stack.arena);

	if (!ix)
		return;
	if (!frame_fill(world_stack.arena, ix, bytes, n))
		frame_at(world_stack.arena, ix)->payload_off = n / 3;
	frame_list_add(world_stack.arena, &list, ix);
	tcp_append_frames(&world_stack, c->self, &list, n / 2);
	tcp_append_frames(&world_stack, c->self, &list, n);
	frame_list_free(world_stack.arena, &list);
}

static void send_some(struct conn *c)
{
	static const uint8_t bytes[8192];
	uint32_t n = word() & 8191u;

	if (c->proto == STACK_TCP) {
		if (tcp_send_error(&world_stack, c->self))
			return;
		if (byte() & 1)
			pass_on(c, bytes, n);
		else
			tcp_append(&world_stack, c->self, bytes, n);
		tcp_push(&world_stack, c->self, byte() & 1);
	} else {
		struct ip_addr to = world_ip4((uint8_t)(2 + (n & 7)));
		frame_ix ix = frame_alloc(world_stack.arena);

		if (!ix)
			return;
		if (frame_fill(world_stack.arena, ix, bytes, n))
			frame_free(world_stack.arena, ix);
		else
			udp_send(&world_stack, c->self, ix,
				 c->pport ? NULL : &to, 77);
	}
}

static void read_some(struct conn *c)
{
	static uint8_t bytes[4096];
	struct frame_list list = { 0, 0 };
	struct udp_note note;
	frame_ix ix;

	if (c->state == CONN_LISTEN)
		return;
	if (c->proto == STACK_UDP) {
		ix = udp_take(&world_stack, c->self, &note, byte() & 1);
		if (ix && c->rcv_first != ix)
			frame_free(world_stack.arena, ix);
		return;
	}
	if (byte() & 1) {
		tcp_copy(&world_stack, c->self, 0, bytes, word() & 4095u,
			 false);
	} else {
		tcp_take(&world_stack, c->self, word(), &list);
		frame_list_free(world_stack.arena, &list);
	}
	tcp_consumed(&world_stack, c->self);
}

static void a_call(void)
{
	struct ip_addr to = world_ip4((uint8_t)(byte() & 15));
	struct conn *c = pick();
	conn_ix ix;

	if (!c)
		return;
	switch (byte() % 10) {
	case 0:
	case 1:
		if (c->sock)
			send_some(c);
		break;
	case 2:
	case 3:
		if (c->sock)
			read_some(c);
		break;
	case 4:
		if (c->sock)
			tcp_shutdown(&world_stack, c->self, byte() % 3);
		break;
	case 5:
		if (c->sock)
			conn_close(&world_stack, c->self);
		break;
	case 6:
		if (c->sock)
			conn_abort(&world_stack, c->self);
		break;
	case 7:
		if (c->state == CONN_LISTEN) {
			ix = tcp_accept(&world_stack, c->self);
			if (ix)
				conn_own(&world_stack, ix, 7, 1);
		}
		break;
	case 8:
		if (!conn_open(&world_stack, STACK_TCP, 8, 1, &ix))
			conn_connect(&world_stack, ix, &to, 99);
		break;
	default:
		if (c->sock)
			conn_set(&world_stack, c->self,
				 (enum conn_option)(byte() % 21), word());
		break;
	}
}

static void finish(void)
{
	for (conn_ix ix = 1; ix < slot_end(world_stack.conns); ix++)
		if (world_conn(ix)->state != CONN_FREE && world_conn(ix)->sock)
			conn_close(&world_stack, ix);
	world_check();
	for (uint32_t i = 0; i < 20; i++) {
		world_advance(200 * NSEC_PER_SEC);
		if (i % 8 == 0)
			world_check();
	}
	world_check();
	for (conn_ix ix = 1; ix < slot_end(world_stack.conns); ix++)
		if (world_conn(ix)->state != CONN_FREE) {
			fprintf(stderr, "connection %u is left in state %u\n",
				ix, world_conn(ix)->state);
			abort();
		}
	if (stack_next_timer_ns(&world.host) != UINT64_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct peer peer;

	if (!peer.listener)
		peer_begin(&peer);
	world_restore();
	in = data;
	left = size;
	for (uint32_t i = 0; left && i < STEPS_MAX; i++) {
		switch (byte() % 13) {
		default:
			a_segment();
			break;
		case 4:
			a_syn();
			break;
		case 5:
			a_datagram();
			break;
		case 6:
			an_error();
			break;
		case 7:
			raw();
			break;
		case 8:
			world_advance(NSEC_PER_MSEC << (byte() % 18));
			break;
		case 12:
			a_last_ack();
			break;
		case 9:
		case 10:
		case 11:
			a_call();
			break;
		}
		world_check();
	}
	finish();
	return 0;
}
