/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet programs by anybody: any bytes as an object, as instructions and as a
 * classic filter. What the verifier takes is run with an eye on every access,
 *and natively: the same must come out.
 *
 *	ninja -C build-fuzz fuzz/bpf_fuzz && build-fuzz/fuzz/bpf_fuzz
 *-max_len=4096
 */
#include "bpf/filter.h"
#include "bpf/object.h"
#include "bpf/test_author.h"
#include "bpf/test_world.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world world;

static void run(uint64_t seed)
{
	uint64_t watched, image;

	world_reset(&world, 54, seed);
	watched = world_watch(&world, seed);
	image = world_image(&world);
	if (world.escape ||
	    (int64_t)world.executed > 65536 - (int64_t)world.budget_left)
		abort();
	world_reset(&world, 54, seed);
	if (world_run(&world, true, NULL) != watched ||
	    world_image(&world) != image)
		abort();
}

static void try(const struct bpf_insn *insn, uint32_t count)
{
	struct bpf_fault fault;

	world_reset(&world, 54, 1);
	if (!world_load(&world, insn, count, &fault))
		run(count);
}

static void try_object(const uint8_t *data, size_t size)
{
	struct bpf_object o;
	char why[BPF_OBJECT_WHY];
	uint8_t *copy = malloc(size + 1);

	memcpy(copy, data, size);
	bpf_object_read(&o, copy, size, why);
	bpf_object_fini(&o);
	free(copy);
}

/* The first byte says what the rest is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bpf_insn insn[BPF_INSNS_MAX];
	static struct bpf_classic classic[512];
	uint64_t seed = 0;
	int n;

	if (!world.code)
		world_open(&world);
	if (!size)
		return 0;
	data++, size--;
	memset(insn, 0, sizeof(insn));
	switch (data[-1] & 3) {
	case 0:
		try_object(data, size);
		break;
	case 1:
		if (size > sizeof(insn))
			size = sizeof(insn);
		memcpy(insn, data, size / 8 * 8);
		try(insn, (uint32_t)(size / 8));
		break;
	case 2:
		if (size > sizeof(classic))
			size = sizeof(classic);
		memcpy(classic, data, size / 8 * 8);
		n = bpf_filter_translate(classic, (uint32_t)(size / 8), insn,
					 BPF_INSNS_MAX);
		if (n > 0)
			try(insn, (uint32_t)n);
		break;
	default:
		memcpy(&seed, data, size < 8 ? size : 8);
		n = (int)author_write(&seed, insn);
		author_mutate(&seed, insn, (uint32_t)n);
		try(insn, (uint32_t)n);
	}
	return 0;
}
