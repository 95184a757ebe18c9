/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86-64 instructions as bytes (Intel SDM volume 2): what compile.c needs of
 * them. Registers are hardware numbers. Writing beyond the end only counts.
 */
#ifndef TOAMI_BPF_EMIT_H
#define TOAMI_BPF_EMIT_H

#include "base/types.h"

enum x86_reg {
	RAX,
	RCX,
	RDX,
	RBX,
	RSP,
	RBP,
	RSI,
	RDI,
	R8,
	R9,
	R10,
	R11,
	R12,
	R13,
	R14,
	R15
};

/* Conditions of jumps, as in the opcode. */
enum x86_cc {
	CC_B = 2,
	CC_AE = 3,
	CC_E = 4,
	CC_NE = 5,
	CC_BE = 6,
	CC_A = 7,
	CC_S = 8,
	CC_L = 12,
	CC_GE = 13,
	CC_LE = 14,
	CC_G = 15
};

struct emitter {
	uint8_t *out;
	uint32_t size;
	uint32_t at;
};

static inline void emit8(struct emitter *e, uint32_t byte)
{
	if (e->at < e->size)
		e->out[e->at] = (uint8_t)byte;
	e->at++;
}

static inline void emit32(struct emitter *e, uint32_t v)
{
	for (int n = 0; n < 4; n++)
		emit8(e, v >> 8 * n & 0xff);
}

static inline void emit64(struct emitter *e, uint64_t v)
{
	emit32(e, (uint32_t)v);
	emit32(e, (uint32_t)(v >> 32));
}

/* @reg: in ModRM.reg; @rm: in ModRM.rm. @force: byte registers need one. */
static inline void emit_rex(struct emitter *e, bool wide, uint32_t reg,
			    uint32_t rm, bool force)
{
	uint32_t rex = 0x40u | (wide ? 8u : 0) | (reg >> 3) << 2 | rm >> 3;

	if (rex != 0x40 || force)
		emit8(e, rex);
}

/* An operation between two registers; @op may have 0x0f before it. */
static inline void emit_rr(struct emitter *e, bool wide, uint32_t op,
			   uint32_t reg, uint32_t rm)
{
	emit_rex(e, wide, reg, rm, false);
	if (op > 0xff)
		emit8(e, op >> 8);
	emit8(e, op & 0xff);
	emit8(e, 0xc0u | (reg & 7) << 3 | (rm & 7));
}

/* ModRM, SIB and displacement of [base + off]. */
static inline void emit_address(struct emitter *e, uint32_t reg, uint32_t base,
				int32_t off)
{
	uint32_t mod = off >= -128 && off < 128 ? 1 : 2;

	if (!off && (base & 7) != RBP)
		mod = 0;
	emit8(e, mod << 6 | (reg & 7) << 3 | (base & 7));
	if ((base & 7) == RSP)
		emit8(e, 0x24);
	if (mod == 1)
		emit8(e, (uint32_t)off & 0xff);
	else if (mod == 2)
		emit32(e, (uint32_t)off);
}

/* An operation between a register and memory. @force as above. */
static inline void emit_rm(struct emitter *e, bool wide, uint32_t op,
			   uint32_t reg, uint32_t base, int32_t off, bool force)
{
	emit_rex(e, wide, reg, base, force);
	if (op > 0xff)
		emit8(e, op >> 8);
	emit8(e, op & 0xff);
	emit_address(e, reg, base, off);
}

static inline void emit_mov(struct emitter *e, bool wide, uint32_t to,
			    uint32_t from)
{
	emit_rr(e, wide, 0x89, from, to);
}

/* A constant, in as few bytes as it takes. */
static inline void emit_constant(struct emitter *e, uint32_t to, uint64_t v)
{
	if (v <= UINT32_MAX) {
		emit_rex(e, false, 0, to, false);
		emit8(e, 0xb8 | (to & 7));
		emit32(e, (uint32_t)v);
	} else if ((int64_t)v == (int32_t)v) {
		emit_rr(e, true, 0xc7, 0, to);
		emit32(e, (uint32_t)v);
	} else {
		emit_rex(e, true, 0, to, false);
		emit8(e, 0xb8 | (to & 7));
		emit64(e, v);
	}
}

/* add, or, and, sub, xor, cmp with a constant: @which is ModRM.reg. */
static inline void emit_ri(struct emitter *e, bool wide, uint32_t which,
			   uint32_t rm, int32_t imm)
{
	bool small = imm >= -128 && imm < 128;

	emit_rr(e, wide, small ? 0x83 : 0x81, which, rm);
	if (small)
		emit8(e, (uint32_t)imm & 0xff);
	else
		emit32(e, (uint32_t)imm);
}

static inline void emit_push(struct emitter *e, uint32_t reg)
{
	emit_rex(e, false, 0, reg, false);
	emit8(e, 0x50 | (reg & 7));
}

static inline void emit_pop(struct emitter *e, uint32_t reg)
{
	emit_rex(e, false, 0, reg, false);
	emit8(e, 0x58 | (reg & 7));
}

/* A jump within the next bytes; returns where emit_land() puts the distance. */
static inline uint32_t emit_skip(struct emitter *e, uint32_t cc)
{
	emit8(e, 0x70 | cc);
	emit8(e, 0);
	return e->at;
}

static inline void emit_land(struct emitter *e, uint32_t skip)
{
	if (skip - 1 < e->size)
		e->out[skip - 1] = (uint8_t)(e->at - skip);
}

#endif
