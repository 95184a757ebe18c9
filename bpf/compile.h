/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86-64 code for a verified program.
 *
 * The code runs at any address, in any process that has it mapped: all it
 * refers to, it reaches through its `struct bpf_run`. It uses no vector
 *register and keeps what the System V ABI says is the caller's. It does exactly
 *what bpf_interpret() does.
 *
 *	r0  r1  r2  r3  r4  r5 r6  r7  r8  r9  r10
 *	rax rdi rsi rdx rcx r8 rbx r13 r14 r15 rbp	run: r12; free: r9 to
 *r11
 *
 * so that a helper's arguments are where C wants them.
 */
#ifndef TOAMI_BPF_COMPILE_H
#define TOAMI_BPF_COMPILE_H

#include "bpf/insn.h"

/* Bytes that are enough for @count instructions. */
#define BPF_CODE_MAX(count) (256 + 128 * (count))

/**
 * bpf_compile - writes native code for @count instructions to @out
 * @charge: of jumps backward (bpf/cost.h)
 *
 * Entered as uint64_t (*)(struct toami_packet *, struct bpf_run *). Returns its
 * bytes, or 0: it does not fit into @size.
 */
uint32_t bpf_compile(const struct bpf_insn *insn, uint32_t count,
		     const uint32_t *charge, uint8_t *out, uint32_t size);

#endif
