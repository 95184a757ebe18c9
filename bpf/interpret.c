/* SPDX-License-Identifier: BSD-2-Clause */
/* The interpreter, for members that may not map native code. */
#define STEP(run)		      ((void)0)
#define MEMORY(run, at, bytes, write) ((void)0)

#include "bpf/interpret.h"

uint64_t bpf_interpret(const struct bpf_insn *insn, const uint32_t *charge,
		       struct bpf_run *run)
{
	return interpret_body(insn, charge, run);
}
