/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier: a program is taken only if every way through it ends and
 * touches nothing but its own.
 *
 * For the daemon and for tests; members run what has been verified. Uses the
 * C library's allocator.
 */
#ifndef TOAMI_BPF_VERIFY_H
#define TOAMI_BPF_VERIFY_H

#include "bpf/insn.h"

/* Instructions that verification follows before it gives up. */
#ifndef BPF_STEPS_MAX /* fuzzing is in a hurry */
#define BPF_STEPS_MAX 200000
#endif

/*
 * What they may cost: about a nanosecond each, counted instead of measured, so
 * that a program is taken or refused wherever it is tried. And what may be
 * remembered of ways meanwhile.
 */
#define BPF_WORK_MAX   UINT64_C(50000000)
#define BPF_MEMORY_MAX (32u << 20) /* bytes */

#define BPF_NAME_MAX 32

/* A map as a program asks for it. */
struct bpf_map_def {
	uint32_t type; /* TOAMI_ARRAY ... */
	uint32_t key_bytes;
	uint32_t value_bytes;
	uint32_t entries;
	uint32_t flags;
	bool read_only; /* constants: no stores */
	char name[BPF_NAME_MAX];
};

/* Why a program was refused. */
struct bpf_fault {
	uint32_t insn;
	char why[160];
};

/* What is known of a program that was taken. */
struct bpf_report {
	uint32_t steps;	     /* instructions followed */
	uint64_t work;	     /* of BPF_WORK_MAX */
	bool writes;	     /* to the packet */
	uint32_t entry_cost; /* see bpf/cost.h */
	uint32_t charge[BPF_INSNS_MAX];
	bool seen[BPF_INSNS_MAX]; /* an instruction that may be reached */
};

/**
 * bpf_verify - judges a program
 * @maps: what constants with src BPF_MAP and BPF_MAP_VALUE refer to by number
 *
 * Returns 0 and *report; -EACCES and *fault: refused; -ENOMEM.
 */
int bpf_verify(const struct bpf_insn *insns, uint32_t count,
	       const struct bpf_map_def *maps, uint32_t map_count,
	       struct bpf_report *report, struct bpf_fault *fault);

#endif
