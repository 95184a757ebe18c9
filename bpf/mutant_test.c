/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random and mutated programs through the verifier; those that it takes are
 *run.
 *
 *	mutant-test [--seed N] [--count N]
 *
 * What it takes must not touch anything that is not its own, must not depend on
 * registers and stack that it has not written, must end within its budget and
 * have cost no more than it was charged; and native code must do the same, to
 * the last byte of the world. A failure prints the seed of its program:
 * --seed THAT --count 1 repeats it.
 */
#include "bpf/test_author.h"
#include "bpf/test_world.h"
#include "base/random.h"
#include "bpf/cost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct world world;

static void dump(const struct bpf_insn *insn, uint32_t count)
{
	for (uint32_t n = 0; n < count; n++)
		fprintf(stderr,
			"%4u: code %02x dst r%u src r%u off %d imm %d\n", n,
			insn[n].code, insn[n].dst, insn[n].src, insn[n].off,
			insn[n].imm);
}

static void fail(uint64_t seed, const char *what, const struct bpf_insn *insn,
		 uint32_t count)
{
	fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, what);
	dump(insn, count);
	fprintf(stderr, "repeat: mutant-test --seed %llu --count 1\n",
		(unsigned long long)seed);
	exit(1);
}

static void try_packet(uint64_t seed, uint32_t window,
		       const struct bpf_insn *insn, uint32_t count)
{
	uint64_t result[3], image[3];
	int64_t left;

	for (int n = 0; n < 2; n++) {
		world_reset(&world, window, seed);
		result[n] = world_watch(&world,
					n ? UINT64_C(0x5555555555555555) : 0);
		image[n] = world_image(&world);
		if (world.escape)
			fail(seed, world.escape, insn, count);
	}
	if (result[0] != result[1] || image[0] != image[1])
		fail(seed, "depends on what it has not written", insn, count);
	/* Helpers count for more than one instruction: charged, not executed.
	 */
	if (world.executed > BPF_RUN_BUDGET ||
	    (int64_t)world.executed >
		    (int64_t)BPF_RUN_BUDGET - (int64_t)world.budget_left)
		fail(seed, "executes more than it is charged", insn, count);
	world_reset(&world, window, seed);
	result[2] = world_run(&world, true, &left);
	image[2] = world_image(&world);
	if (result[0] != result[2])
		fail(seed, "native code returns something else", insn, count);
	if (image[0] != image[2])
		fail(seed, "native code leaves something else", insn, count);
	if (left != (int64_t)world.budget_left)
		fail(seed, "native code is charged something else", insn,
		     count);
}

static bool try_seed(uint64_t seed)
{
	static const uint32_t windows[] = { 14, 34, 54, 74, 128 };
	struct bpf_insn insn[AUTHOR_INSNS_MAX];
	struct bpf_fault fault;
	uint64_t random = seed;
	uint32_t count;
	int err;

	random_next(&random);
	memset(insn, 0, sizeof(insn));
	count = author_write(&random, insn);
	if (random_next(&random) % 3 == 0)
		author_mutate(&random, insn, count);
	err = world_load(&world, insn, count, &fault);
	if (err == -12)
		abort();
	if (err) {
		if (!fault.why[0] || fault.insn >= count)
			fail(seed, "refused without a reason", insn, count);
		return false;
	}
	for (size_t n = 0; n < sizeof(windows) / sizeof(windows[0]); n++)
		try_packet(seed, windows[n], insn, count);
	return true;
}

int main(int argc, char **argv)
{
	unsigned long long seed = 1, count = 3000, taken = 0;

	for (int n = 1; n + 1 < argc; n += 2) {
		if (!strcmp(argv[n], "--seed"))
			seed = strtoull(argv[n + 1], NULL, 10);
		if (!strcmp(argv[n], "--count"))
			count = strtoull(argv[n + 1], NULL, 10);
	}
	world_open(&world);
	world_reset(&world, 54, 1);
	for (unsigned long long n = 0; n < count; n++)
		taken += try_seed(seed + n);
	printf("%llu programs, %llu taken: none escaped, none over budget\n",
	       count, taken);
	world_close(&world);
	/* If next to nothing is taken, nothing is shown. */
	return count >= 1000 && taken < count / 20;
}
