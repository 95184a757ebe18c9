/* SPDX-License-Identifier: BSD-2-Clause */
/* See world.h. */
#include "fuzz/world.h"
#include "stack/tcp.h"
#include "stack/tcp_flight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fuzzer is to explore the stack, not its judge. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), \
			     apply_to = function)
#endif

struct world world;
static struct world saved;
static struct arena arena;
static struct slot_table conns;
struct stack world_stack;
struct world_synack world_synack;

#define REQUIRE(what)                                                      \
	do {                                                               \
		if (!(what)) {                                             \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#what);                                    \
			abort();                                           \
		}                                                          \
	} while (0)

struct ip_addr world_ip4(uint8_t last)
{
	return ip_from_v4(be32(0x0a000000u + last));
}

struct ip_addr world_ip6(uint8_t last)
{
	struct ip_addr a = { .b = { 0xfd, [15] = last } };

	return a;
}

static void on_event(struct stack *st, conn_ix c, uint32_t events)
{
	(void)st;
	(void)events;
	REQUIRE(c && c < WORLD_CONNS);
}

static int on_neighbour(struct stack *st, const struct ip_addr *to,
			uint8_t mac[6])
{
	(void)st;
	/* One of them is unknown and has to be asked for. */
	if (to->b[15] == 9)
		return -ENOENT;
	memset(mac, 2, 6);
	mac[5] = to->b[15];
	return 0;
}

static const struct stack_ops ops = {
	.event = on_event,
	.neighbour = on_neighbour,
};

struct conn *world_conn(conn_ix ix)
{
	return slot_at(&conns, ix);
}

void world_begin(void)
{
	struct stack_config g = {
		.addr4 = world_ip4(1),
		.addr6 = world_ip6(1),
		.prefix4 = 24,
		.prefix6 = 64,
		.mac = { 2, 0, 0, 0, 0, 1 },
		.mtu = STACK_MTU,
		.vif = 1,
		.self = 1,
		.secret = { 3, 7 },
	};

	memset(&world, 0, sizeof(world));
	world.now_ns = 1000 * NSEC_PER_SEC;
	world.random = 1;
	arena_shared_init(&world.shared, WORLD_FRAMES, WORLD_CHUNKS);
	slot_pool_init(&world.pool, WORLD_CONNS);
	arena = (struct arena){ .shared = &world.shared,
				.frames = world.frames[0],
				.chunks = world.chunks,
				.bytes = world.bytes[0],
				.cache = &world.cache };
	conns = (struct slot_table){ .pool = &world.pool,
				     .base = world.conns[0],
				     .stride = sizeof(world.conns[0]) };
	stack_host_init(&world.host, &g);
	world_stack = (struct stack){ .arena = &arena,
				      .host = &world.host,
				      .conns = &conns,
				      .ops = &ops,
				      .now_ns = world.now_ns,
				      .random = &world.random,
				      .neighbour_gen = 1 };
}

void world_save(void)
{
	saved = world;
}

/* What lies beyond the slots in use then is anything once they are handed out.
 */
void world_restore(void)
{
	memcpy(&world, &saved, offsetof(struct world, conns));
	memcpy(world.conns, saved.conns,
	       slot_end(&conns) * sizeof(world.conns[0]));
	memcpy(world.chunks, saved.chunks,
	       arena_chunks_end(&arena) * sizeof(world.chunks[0]));
	memcpy(world.frames, saved.frames,
	       arena_frames_end(&arena) * sizeof(world.frames[0]));
	world_stack.now_ns = world.now_ns;
	world_stack.out = (struct frame_list){ 0, 0 };
	world_stack.acked = 0;
	world_stack.acked_chunks = 0;
	memset(&world_synack, 0, sizeof(world_synack));
}

void world_input(const uint8_t *data, uint32_t bytes, uint32_t header,
		 uint8_t flags)
{
	frame_ix ix = frame_alloc(&arena);
	struct frame *f;

	if (!ix)
		return;
	f = frame_at(&arena, ix);
	header = min_u32(min_u32(header, bytes), FRAME_HEADER_ROOM);
	memcpy(f->header, data, header);
	f->header_bytes = (uint8_t)header;
	if (frame_fill(&arena, ix, data + header, bytes - header)) {
		frame_free(&arena, ix);
		return;
	}
	f->flags |= flags;
	stack_input(&world_stack, ix);
}

void world_advance(uint64_t ns)
{
	uint32_t rounds = 0;

	world.now_ns += ns;
	world_stack.now_ns = world.now_ns;
	/* What begins anew may be due at once, but not for ever. */
	do {
		stack_timers(&world_stack);
		REQUIRE(++rounds < 8);
	} while (stack_next_timer_ns(&world.host) <= world.now_ns);
}

/* --- what must be true
 * --------------------------------------------------- */

struct census {
	uint8_t frame[WORLD_FRAMES];
	uint32_t chunk[WORLD_CHUNKS];
};

static void hold_chunk(void *arg, chunk_ix ix)
{
	struct census *h = arg;

	REQUIRE(ix && ix < arena_chunks_end(&arena));
	h->chunk[ix]++;
}

static void hold_frame(void *arg, frame_ix ix)
{
	struct census *h = arg;
	const struct frame *f;
	uint32_t sum = 0;

	REQUIRE(ix && ix < arena_frames_end(&arena));
	REQUIRE(!h->frame[ix]);
	h->frame[ix] = 1;
	f = frame_at(&arena, ix);
	REQUIRE(f->header_bytes <= FRAME_HEADER_ROOM);
	REQUIRE(f->payload_off <= f->payload);
	if (!(f->flags & FRAME_REFS)) {
		REQUIRE(f->payload <= FRAME_INLINE_MAX);
		return;
	}
	REQUIRE(f->refs <= FRAME_REFS_MAX);
	for (uint8_t i = 0; i < f->refs; i++) {
		REQUIRE(f->ref[i].off + f->ref[i].bytes <= CHUNK_BYTES);
		sum += f->ref[i].bytes;
		hold_chunk(h, f->ref[i].chunk);
	}
	REQUIRE(sum == f->payload);
}

/* Held by somebody, or free: nothing in between, nothing twice. */
static void check_arena(void)
{
	static struct census h;
	uint32_t held = 0, freed = world.cache.frames;
	uint32_t chunks = 0, chunks_freed = world.cache.chunks;

	memset(&h, 0, sizeof(h));
	stack_visit(&world_stack, hold_frame, hold_chunk, &h);
	for (frame_ix ix = world_stack.out.first; ix;
	     ix = frame_at(&arena, ix)->next)
		hold_frame(&h, ix);
	for (uint32_t i = 0; i < WORLD_FRAMES; i++)
		held += h.frame[i];
	for (uint32_t b = (uint32_t)world.shared.frame.batches; b;
	     b = frame_at(&arena, b)->batch)
		for (uint32_t i = b; i; i = frame_at(&arena, i)->next)
			freed++;
	REQUIRE(held + freed == arena_frames_end(&arena) - 1);
	for (uint32_t i = 1; i < WORLD_CHUNKS; i++) {
		if (h.chunk[i])
			REQUIRE(world.chunks[i].refs == h.chunk[i]);
		chunks += h.chunk[i] != 0;
	}
	for (uint32_t b = (uint32_t)world.shared.chunk.batches; b;
	     b = world.chunks[b].batch)
		for (uint32_t i = b; i; i = world.chunks[i].next)
			chunks_freed++;
	REQUIRE(chunks + chunks_freed == arena_chunks_end(&arena) - 1);
}

static void check_send(const struct conn *c)
{
	uint32_t sum = 0;
	chunk_ix last = 0;

	for (chunk_ix k = c->snd_head; k; k = world.chunks[k].next) {
		REQUIRE(world.chunks[k].start <= world.chunks[k].end);
		REQUIRE(world.chunks[k].end <= CHUNK_BYTES);
		sum += (uint32_t)(world.chunks[k].end - world.chunks[k].start);
		last = k;
	}
	REQUIRE(last == c->snd_tail);
	REQUIRE(sum == c->snd_queued);
	if (!tcp_synchronized(c) || c->state == CONN_TIME_WAIT)
		return;
	REQUIRE(seq_le(c->snd_una, c->snd_nxt));
	REQUIRE(seq_le(c->snd_nxt,
		       c->snd_end + !!(c->flags & CONN_FIN_QUEUED)));
	if (seq_le(c->snd_una, c->snd_end))
		REQUIRE(sum == c->snd_end - c->snd_una);
	REQUIRE(c->mss && c->cwnd >= c->mss);
	REQUIRE(flight_whole(&world_stack, c));
	/* What waits for an answer has a date. */
	if (c->snd_una != c->snd_nxt)
		REQUIRE(c->rtx_at);
}

static void check_recv(const struct conn *c)
{
	uint32_t sum = 0, frames = 0, at = c->rcv_nxt;
	frame_ix last = 0;

	for (frame_ix ix = c->rcv_first; ix; ix = frame_at(&arena, ix)->next) {
		const struct frame *f = frame_at(&arena, ix);

		sum += c->proto == STACK_UDP ? f->payload + 256
					     : f->payload - f->payload_off;
		last = ix;
	}
	REQUIRE(last == c->rcv_last);
	REQUIRE(sum == c->rcv_queued);
	sum = 0;
	last = 0;
	for (frame_ix ix = c->ooo_first; ix; ix = frame_at(&arena, ix)->next) {
		const struct frame *f = frame_at(&arena, ix);

		REQUIRE(seq_ge(f->tcp.seq, at));
		REQUIRE(seq_le(f->tcp.end_seq, c->rcv_adv));
		REQUIRE(f->tcp.end_seq - f->tcp.seq ==
			f->payload - f->payload_off);
		at = f->tcp.end_seq;
		sum += f->tcp.end_seq - f->tcp.seq;
		frames++;
		last = ix;
	}
	REQUIRE(last == c->ooo_last);
	REQUIRE(sum == c->ooo_bytes && frames == c->ooo_frames);
	REQUIRE(c->sacks <= TCP_SACK_MAX);
	if (c->proto == STACK_TCP && tcp_synchronized(c))
		REQUIRE(seq_le(c->rcv_nxt, c->rcv_adv));
}

static void check_listener(const struct conn *l)
{
	uint32_t accepts = 0, syns = 0;

	for (conn_ix ix = l->accept_first; ix; ix = world_conn(ix)->q_next) {
		REQUIRE(world_conn(ix)->listener == l->self);
		REQUIRE(world_conn(ix)->flags & CONN_ACCEPTABLE);
		accepts++;
	}
	for (conn_ix ix = l->syn_first; ix; ix = world_conn(ix)->q_next) {
		REQUIRE(world_conn(ix)->listener == l->self);
		REQUIRE(world_conn(ix)->state == CONN_SYN_RECEIVED);
		syns++;
	}
	REQUIRE(accepts == l->accepts && syns == l->syns);
	REQUIRE(accepts <= l->backlog + 1 && syns <= l->backlog + 1);
}

static void note_synack(const struct frame *f)
{
	const uint8_t *t = f->header + f->l4_off;
	uint32_t tcp = f->header_bytes - f->l4_off;

	if (f->l4_off < 34 || tcp < TCP_BYTES || t[13] != (TCP_SYN | TCP_ACK))
		return;
	world_synack = (struct world_synack){ .sport = get16(t),
					      .dport = get16(t + 2),
					      .seq = get32(t + 4),
					      .ack = get32(t + 8),
					      .v6 = f->l4_off == 54 };
	/* Behind MSS and SACK-permitted. */
	if (tcp >= 36 && t[26] == 8)
		world_synack.tsval = get32(t + 28);
}

/* Whatever leaves is as long as it says. */
static void check_output(void)
{
	frame_ix ix;

	while ((ix = frame_list_pop(&arena, &world_stack.out))) {
		const struct frame *f = frame_at(&arena, ix);
		uint32_t bytes = f->header_bytes + f->payload;
		const uint8_t *h = f->header;

		REQUIRE(f->header_bytes >= ETH_BYTES);
		if (get16(h + 12) == 0x0800)
			REQUIRE(get16(h + 16) + ETH_BYTES == bytes);
		if (get16(h + 12) == 0x86dd)
			REQUIRE(get16(h + 18) + ETH_BYTES + IPV6_BYTES ==
				bytes);
		note_synack(f);
		frame_free(&arena, ix);
	}
}

void world_check(void)
{
	uint32_t live = 0;

	REQUIRE(!world.host.writing);
	REQUIRE(!world_stack.acked);
	check_arena();
	for (conn_ix ix = 1; ix < slot_end(&conns); ix++) {
		const struct conn *c = world_conn(ix);

		if (c->state == CONN_FREE)
			continue;
		live++;
		REQUIRE(c->self == ix);
		REQUIRE(c->sock || c->listener || (c->flags & CONN_ORPHAN));
		if (c->proto == STACK_TCP)
			check_send(c);
		check_recv(c);
		if (c->state == CONN_LISTEN)
			check_listener(c);
	}
	REQUIRE(live < WORLD_CONNS);
	check_output();
}

#ifdef __clang__
#pragma clang attribute pop
#endif
