/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs out of a random number: for the tests of this room.
 *
 * What it writes looks like what authors write, at the edges of what is
 * allowed: about half of it is refused. author_mutate() changes single fields
 * of that.
 */
#ifndef TOAMI_BPF_TEST_AUTHOR_H
#define TOAMI_BPF_TEST_AUTHOR_H

#include "bpf/insn.h"

#define AUTHOR_INSNS_MAX 512

/* author_write - a program; returns its number of instructions */
uint32_t author_write(uint64_t *random, struct bpf_insn out[AUTHOR_INSNS_MAX]);

/* author_mutate - changes, swaps or copies an instruction or more */
void author_mutate(uint64_t *random, struct bpf_insn *insn, uint32_t count);

#endif
