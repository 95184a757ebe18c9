/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One small host for fuzzing, and what must be true of it between any two
 * calls.
 *
 * Everything lies in one block, so that each input begins from the same state:
 * a copy of it is put back. The host has 10.0.0.1/24 and fd00::1/64 on a link
 * where every neighbour's address is known.
 */
#ifndef TOAMI_FUZZ_WORLD_H
#define TOAMI_FUZZ_WORLD_H

#include "stack/conn.h"
#include "stack/host.h"
#include "stack/stack.h"

#define WORLD_FRAMES 512
#define WORLD_CHUNKS 128
#define WORLD_CONNS  64

struct world {
	struct arena_shared shared;
	struct arena_cache cache;
	struct slot_pool pool;
	struct stack_host host;
	uint64_t random;
	uint64_t now_ns;
	_Alignas(64) unsigned char conns[WORLD_CONNS][CONN_BYTES];
	struct chunk chunks[WORLD_CHUNKS];
	_Alignas(64) unsigned char frames[WORLD_FRAMES][FRAME_BYTES];
	unsigned char bytes[WORLD_CHUNKS][CHUNK_BYTES];
};

extern struct world world;
extern struct stack world_stack;

/* world_begin - the host, without connections */
void world_begin(void);

/* world_save, world_restore - the state that inputs begin from */
void world_save(void);
void world_restore(void);

struct conn *world_conn(conn_ix ix);

/* world_input - the host gets an Ethernet frame, its first @header bytes in
 * header[] */
void world_input(const uint8_t *data, uint32_t bytes, uint32_t header,
		 uint8_t flags);

/* world_advance - time passes and timers run */
void world_advance(uint64_t ns);

/* world_check - aborts when an invariant is broken; then drops what the host
 * sent */
void world_check(void);

/* The last SYN-ACK that left: ports, numbers and timestamp as the host wrote
 * them. */
struct world_synack {
	uint16_t sport, dport;
	uint32_t seq, ack, tsval;
	bool v6;
};

extern struct world_synack world_synack;

struct ip_addr world_ip4(uint8_t last);
struct ip_addr world_ip6(uint8_t last);

#endif
