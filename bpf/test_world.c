/* SPDX-License-Identifier: BSD-2-Clause */
/* See test_world.h. */
#include "bpf/test_world.h"
#include "bpf/compile.h"
#include "bpf/cost.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/random.h"

#define PAGE 4096

static struct world *watched;
static const unsigned char *watched_stack;

static void see_step(struct bpf_run *run)
{
	(void)run;
	/* Far beyond any budget: the test is to end, and to say so. */
	if (++watched->executed > 64 * (uint64_t)BPF_RUN_BUDGET) {
		fprintf(stderr, "a program that runs without end\n");
		abort();
	}
}

static bool inside(uint64_t at, uint32_t bytes, const void *begin, size_t size)
{
	uint64_t b = (uint64_t)(uintptr_t)begin;

	return at >= b && at - b <= size && bytes <= size - (at - b);
}

static bool in_value(const struct world *w, uint64_t at, uint32_t bytes)
{
	for (uint32_t n = 1; n < WORLD_MAPS; n++) {
		const struct bpf_map *m = &w->map[n];
		uint64_t off = at - (uint64_t)(uintptr_t)w->map_memory;

		if (off < m->elements || off >= m->memory + m->bytes)
			continue;
		off = (off - m->elements) % m->stride;
		return off >= m->value_off &&
		       off + bytes <= m->value_off + m->value_bytes;
	}
	return false;
}

/* Says whether a program may touch these bytes. */
static void see_memory(struct bpf_run *run, uint64_t at, uint32_t bytes,
		       bool write, uint64_t frame_end)
{
	struct world *w = watched;

	if (inside(at, bytes, run->packet.data, run->packet.window) ||
	    inside(at, bytes, watched_stack,
		   frame_end - (uint64_t)(uintptr_t)watched_stack) ||
	    in_value(w, at, bytes))
		return;
	if (inside(at, bytes, &run->packet, sizeof(run->packet)) &&
	    (!write || inside(at, bytes, &run->packet.mark, 4)))
		return;
	w->escape =
		write ? "writes where it may not" : "reads where it may not";
}

/* A wild access would end the test; the run ends instead. */
#define STEP(run) see_step(run)
#define MEMORY(run, at, bytes, write)                           \
	do {                                                    \
		see_memory(run, at, bytes, write, reg[BPF_FP]); \
		if (watched->escape)                            \
			return 0;                               \
	} while (0)
#define INTERPRET_BEGIN(run, stack, bytes)                      \
	do {                                                    \
		watched_stack = (const unsigned char *)(stack); \
		for (size_t n_ = 0; n_ < (bytes) / 8; n_++)     \
			(stack)[n_] = watched_junk;             \
		for (int n_ = 0; n_ < BPF_REGS; n_++)           \
			reg[n_] = watched_junk + (uint64_t)n_;  \
	} while (0)
static uint64_t watched_junk;

#include "bpf/interpret.h"

const struct bpf_map_def world_map_def[WORLD_MAPS - 1] = {
	{ TOAMI_ARRAY, 4, 16, 4, 0, false, "array" },
	{ TOAMI_HASH, 8, 24, 8, 0, false, "hash" },
	{ TOAMI_ARRAY, 4, 64, 1, 0, false, "data" },
};

/* Memory with forbidden pages on both sides. */
static void *fenced(size_t bytes, int protection)
{
	unsigned char *p = mmap(NULL, bytes + (size_t)2 * PAGE, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + PAGE, bytes, protection))
		abort();
	return p + PAGE;
}

void world_open(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->arena.frames = fenced(PAGE, PROT_READ | PROT_WRITE);
	w->frame = frame_at(&w->arena, 1);
	w->map = calloc(WORLD_MAPS, sizeof(struct bpf_map));
	w->map_memory = fenced(WORLD_MAP_MEMORY, PROT_READ | PROT_WRITE);
	w->code = fenced(WORLD_CODE, PROT_READ | PROT_WRITE | PROT_EXEC);
	w->program = aligned_alloc(CACHE_LINE, sizeof(*w->program));
	if (!w->map || !w->program)
		abort();
	memset(w->program, 0, sizeof(*w->program));
	w->view = (struct bpf_view){
		.arena = &w->arena,
		.maps = { { &w->pool, (unsigned char *)w->map,
			    sizeof(struct bpf_map) },
			  w->map_memory },
		.random = &w->random,
	};
}

void world_close(struct world *w)
{
	munmap(w->arena.frames - PAGE, (size_t)3 * PAGE);
	munmap(w->map_memory - PAGE, WORLD_MAP_MEMORY + (size_t)2 * PAGE);
	munmap(w->code - PAGE, WORLD_CODE + (size_t)2 * PAGE);
	free(w->map);
	free(w->program);
}

static void make_maps(struct world *w)
{
	uint64_t at = 0;

	memset(w->map_memory, 0, WORLD_MAP_MEMORY);
	for (uint32_t n = 1; n < WORLD_MAPS; n++) {
		const struct bpf_map_def *d = &world_map_def[n - 1];
		struct bpf_map *m = &w->map[n];

		*m = (struct bpf_map){ .type = d->type,
				       .key_bytes = d->key_bytes,
				       .value_bytes = d->value_bytes,
				       .entries = d->entries };
		if (!bpf_map_layout(m))
			abort();
		m->memory = at;
		at += m->bytes;
		if (at > WORLD_MAP_MEMORY)
			abort();
		bpf_map_start(m, 12345);
	}
}

void world_reset(struct world *w, uint32_t window, uint64_t seed)
{
	static const uint8_t headers[] = {
		2,  0x74, 0x6f, 0, 0,  2,  2, 0x74, 0x6f, 0,	0, 3,  8,
		0,  0x45, 0,	0, 60, 0,  1, 0,    0,	  64,	6, 0,  0,
		10, 77,	  0,	9, 10, 77, 0, 1,    0x30, 0x39, 0, 80,
	};
	struct frame *f = w->frame;

	memset(w->arena.frames, 0xa5, PAGE);
	memset(f, 0, sizeof(*f));
	w->random = seed;
	for (size_t n = 0; n < sizeof(f->header); n++)
		f->header[n] = (uint8_t)random_next(&w->random);
	for (size_t n = 0; n < sizeof(f->data); n++)
		f->data[n] = (uint8_t)random_next(&w->random);
	memcpy(f->header, headers, sizeof(headers));
	f->header_bytes = (uint8_t)window;
	f->l3_off = 14;
	f->l4_off = 34;
	f->payload = WORLD_PAYLOAD;
	make_maps(w);
	/* The hash has something to be found. */
	for (uint64_t key = 0; key < 4; key++) {
		uint8_t value[24] = { (uint8_t)key, 1, 2, 3 };

		bpf_map_set(&w->view.maps, &w->map[2], &key, value, TOAMI_ANY);
	}
	w->random = seed;
}

static void bind(struct bpf_program *p, const struct world *w)
{
	for (uint32_t pc = 0; pc < p->count; pc++) {
		struct bpf_insn *i = &p->insn[pc];

		if (!bpf_insn_wide(i))
			continue;
		if (i->src == BPF_MAP) {
			i->imm++;
		} else if (i->src == BPF_MAP_VALUE) {
			uint64_t at = w->map[i->imm + 1].elements +
				      (uint32_t)i[1].imm;

			i->imm = (int32_t)at;
			i[1].imm = (int32_t)(at >> 32);
		}
		pc++;
	}
}

static int compile(struct world *w, const struct bpf_insn *insn, uint32_t count)
{
	struct bpf_program *p = w->program;

	p->count = count;
	p->entry_cost = w->report.entry_cost;
	p->writes = w->report.writes;
	memcpy(p->insn, insn, count * sizeof(*insn));
	memcpy(p->charge, w->report.charge, count * sizeof(*p->charge));
	for (uint32_t pc = 0; pc < count; pc++)
		if (!w->report.seen[pc])
			p->insn[pc] =
				(struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	bind(p, w);
	p->code_off = CACHE_LINE;
	p->code_bytes =
		bpf_compile(p->insn, count, p->charge, w->code + p->code_off,
			    WORLD_CODE - CACHE_LINE);
	return p->code_bytes ? 0 : -E2BIG;
}

int world_load(struct world *w, const struct bpf_insn *insn, uint32_t count,
	       struct bpf_fault *fault)
{
	int err = bpf_verify(insn, count, world_map_def, WORLD_MAPS - 1,
			     &w->report, fault);

	return err ? err : compile(w, insn, count);
}

void world_load_unverified(struct world *w, const struct bpf_insn *insn,
			   uint32_t count)
{
	memset(&w->report, 0, sizeof(w->report));
	memset(w->report.seen, 1, sizeof(w->report.seen));
	if (bpf_cost(insn, count, &w->report) || compile(w, insn, count))
		abort();
}

static struct bpf_run start(struct world *w)
{
	const struct frame *f = w->frame;

	return (struct bpf_run){
		.helper = bpf_helpers,
		.left = (int64_t)BPF_RUN_BUDGET - w->program->entry_cost,
		.map_memory = w->map_memory,
		.view = &w->view,
		.frame = w->frame,
		.now_ns = 1000,
		.packet = { .data = w->frame->header,
			    .data_end = w->frame->header + f->header_bytes,
			    .length = f->header_bytes + f->payload,
			    .window = f->header_bytes,
			    .l3_off = f->l3_off,
			    .l4_off = f->l4_off },
	};
}

uint64_t world_run(struct world *w, bool native, int64_t *left)
{
	struct bpf_run run = start(w);
	uint64_t r0;

	if (native)
		r0 = ((uint64_t(*)(struct toami_packet *, struct bpf_run *))(
			uintptr_t)(w->code + w->program->code_off))(&run.packet,
								    &run);
	else
		r0 = bpf_interpret(w->program->insn, w->program->charge, &run);
	if (left)
		*left = run.left;
	return r0;
}

uint64_t world_watch(struct world *w, uint64_t junk)
{
	struct bpf_run run = start(w);
	uint64_t r0;

	watched = w;
	watched_junk = junk;
	w->executed = 0;
	w->escape = NULL;
	r0 = interpret_body(w->program->insn, w->program->charge, &run);
	w->budget_left = (uint64_t)run.left;
	return r0;
}

uint64_t world_image(const struct world *w)
{
	static const uint64_t key[2] = { 1, 2 };
	uint64_t parts[2] = {
		siphash(key, (const uint64_t *)(const void *)w->arena.frames,
			PAGE / 8),
		siphash(key, (const uint64_t *)(const void *)w->map_memory,
			WORLD_MAP_MEMORY / 8),
	};

	return siphash(key, parts, 2);
}
