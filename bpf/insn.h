/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction set of packet programs: RFC 9669, conformance groups base32,
 * base64, divmul32, divmul64, atomic32 and atomic64. The group "packet"
 * (absolute and indirect loads) is refused by the verifier.
 *
 * A program is an array of instructions of 8 bytes; the one that loads a 64-bit
 * constant takes two of them. Eleven registers of 64 bits: r0 result, r1 to r5
 * arguments, r6 to r9 kept by calls, r10 the frame's end, read only.
 */
#ifndef TOAMI_BPF_INSN_H
#define TOAMI_BPF_INSN_H

#include "base/types.h"

struct bpf_insn {
	uint8_t code;
	uint8_t dst : 4;
	uint8_t src : 4;
	int16_t off;
	int32_t imm;
};

static_assert(sizeof(struct bpf_insn) == 8, "RFC 9669 section 3");

#define BPF_REGS	11
#define BPF_FP		10 /* r10 */
#define BPF_INSNS_MAX	4096
#define BPF_STACK_BYTES 512 /* a function */
#define BPF_FRAMES_MAX	8   /* functions that call each other */
#define BPF_MAPS_MAX	16  /* a program refers to */

/* The class: the lowest three bits of `code`. */
enum {
	BPF_LD,
	BPF_LDX,
	BPF_ST,
	BPF_STX,
	BPF_ALU,
	BPF_JMP,
	BPF_JMP32,
	BPF_ALU64
};
#define BPF_CLASS(code) ((code)&0x07)

/* Arithmetic and jumps: where the second operand is. */
#define BPF_K	      0x00 /* imm */
#define BPF_X	      0x08 /* src */
#define BPF_SRC(code) ((code)&0x08)

/* Arithmetic. */
#define BPF_OP(code) ((code)&0xf0)
#define BPF_ADD	     0x00
#define BPF_SUB	     0x10
#define BPF_MUL	     0x20
#define BPF_DIV	     0x30 /* off 1: signed */
#define BPF_OR	     0x40
#define BPF_AND	     0x50
#define BPF_LSH	     0x60
#define BPF_RSH	     0x70
#define BPF_NEG	     0x80
#define BPF_MOD	     0x90 /* off 1: signed */
#define BPF_XOR	     0xa0
#define BPF_MOV	     0xb0 /* off 8, 16, 32: sign extended from there */
#define BPF_ARSH     0xc0
#define BPF_END	     0xd0 /* imm 16, 32, 64: to order X (big), K (little) */

/* Jumps. */
#define BPF_JA	 0x00
#define BPF_JEQ	 0x10
#define BPF_JGT	 0x20
#define BPF_JGE	 0x30
#define BPF_JSET 0x40
#define BPF_JNE	 0x50
#define BPF_JSGT 0x60
#define BPF_JSGE 0x70
#define BPF_CALL 0x80 /* src 0: helper imm; 1: function at pc + 1 + imm */
#define BPF_EXIT 0x90
#define BPF_JLT	 0xa0
#define BPF_JLE	 0xb0
#define BPF_JSLT 0xc0
#define BPF_JSLE 0xd0

/* Loads and stores. */
#define BPF_SIZE(code) ((code)&0x18)
#define BPF_W	       0x00 /* 4 bytes */
#define BPF_H	       0x08 /* 2 */
#define BPF_B	       0x10 /* 1 */
#define BPF_DW	       0x18 /* 8 */
#define BPF_MODE(code) ((code)&0xe0)
#define BPF_IMM	       0x00 /* with LD | DW: a constant of two instructions */
#define BPF_ABS	       0x20
#define BPF_IND	       0x40
#define BPF_MEM	       0x60
#define BPF_MEMSX      0x80
#define BPF_ATOMIC     0xc0

/* imm of atomic instructions: an arithmetic operation, or one of these. */
#define BPF_FETCH   0x01
#define BPF_XCHG    (0xe0 | BPF_FETCH)
#define BPF_CMPXCHG (0xf0 | BPF_FETCH)

/* src of the constant of two instructions. */
#define BPF_CONST     0
#define BPF_MAP	      1 /* imm: a map, by its number */
#define BPF_MAP_VALUE 2 /* imm: a map of one value; next imm: offset in it */

/* src of calls. */
#define BPF_CALL_HELPER 0
#define BPF_CALL_LOCAL	1

static inline uint32_t bpf_size_bytes(uint8_t code)
{
	static const uint8_t bytes[] = { 4, 2, 1, 8 };

	return bytes[BPF_SIZE(code) >> 3];
}

static inline bool bpf_insn_wide(const struct bpf_insn *i)
{
	return i->code == (BPF_LD | BPF_IMM | BPF_DW);
}

/*
 * Jumps and calls of local functions: how far behind the next instruction.
 * BPF_JMP32 | BPF_JA is the far jump.
 */
static inline int32_t bpf_insn_jump(const struct bpf_insn *i)
{
	if (i->code == (BPF_JMP | BPF_CALL) || i->code == (BPF_JMP32 | BPF_JA))
		return i->imm;
	return i->off;
}

static inline bool bpf_insn_is_jump(const struct bpf_insn *i)
{
	uint8_t class = BPF_CLASS(i->code);

	return (class == BPF_JMP || class == BPF_JMP32) &&
	       BPF_OP(i->code) != BPF_CALL && BPF_OP(i->code) != BPF_EXIT;
}

static inline bool bpf_insn_is_ja(const struct bpf_insn *i)
{
	return bpf_insn_is_jump(i) && BPF_OP(i->code) == BPF_JA;
}

static inline bool bpf_insn_is_exit(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_EXIT);
}

static inline bool bpf_insn_is_local_call(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_CALL) && i->src == BPF_CALL_LOCAL;
}

static inline bool bpf_insn_is_helper(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_CALL) && i->src == BPF_CALL_HELPER;
}

#endif
