/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the tests of this room: a small world in which programs run, all of whose
 * memory can be compared.
 *
 * One page holds a frame and its neighbours, others maps and native code;
 * between them lies memory that may not be touched at all. world_watch()
 * interprets with an eye on every access, counts instructions, and fills what a
 * program must not rely on (registers, stack) with @junk.
 */
#ifndef TOAMI_BPF_TEST_WORLD_H
#define TOAMI_BPF_TEST_WORLD_H

#include "bpf/program.h"
#include "bpf/verify.h"

#define WORLD_MAPS	 4
#define WORLD_MAP_MEMORY 16384
#define WORLD_CODE	 (1u << 20)
#define WORLD_PAYLOAD	 64

struct world {
	struct arena arena;
	struct frame *frame; /* of index 1 */
	struct bpf_map *map; /* WORLD_MAPS of them, 0 is none */
	struct slot_pool pool;
	unsigned char *map_memory;
	unsigned char *code;
	struct bpf_view view;
	uint64_t random;
	struct bpf_report report;
	struct bpf_program *program;

	/* What world_watch() saw. */
	uint64_t executed;
	uint64_t
		budget_left; /* of BPF_RUN_BUDGET, may be negative as int64_t */
	const char *escape;  /* NULL, or what went wrong */
};

/* The maps that programs in the world may use, by their numbers there. */
extern const struct bpf_map_def world_map_def[WORLD_MAPS - 1];

void world_open(struct world *w);
void world_close(struct world *w);

/* world_packet - a TCP packet of @window header bytes in the frame, random
 * payload; maps as they are at the start */
void world_reset(struct world *w, uint32_t window, uint64_t seed);

/**
 * world_load - verifies, binds and compiles
 *
 * Returns what bpf_verify() does; -E2BIG: the compiler could not.
 */
int world_load(struct world *w, const struct bpf_insn *insn, uint32_t count,
	       struct bpf_fault *fault);

/* world_load_unverified - for tables of instructions that have no packet */
void world_load_unverified(struct world *w, const struct bpf_insn *insn,
			   uint32_t count);

/* world_run - runs the loaded program; @native: else interpreted */
uint64_t world_run(struct world *w, bool native, int64_t *left);

/* world_watch - interprets with an eye on everything */
uint64_t world_watch(struct world *w, uint64_t junk);

/* world_image - a number for all that a program may have written to */
uint64_t world_image(const struct world *w);

#endif
