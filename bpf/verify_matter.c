/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which registers' numbers matter to safety.
 *
 * A hash that is added up on ten ways at once has ten values where they meet,
 * and nothing but the verdict comes of it: to follow each of them is a waste
 * that grows with every round of a loop. A number matters where it may become
 * part of an address, is compared, is a size, or goes into the stack, whence it
 * may come back as any of these. Two states that differ only in numbers that do
 * not matter are as safe as each other (verify_state.c).
 *
 * Which stores go into the stack is settled first, over the ways forward: what
 * may be a pointer to it. Then backward: whose number may still matter.
 */
#include "bpf/verify_internal.h"

#include <string.h>

#define REG(n) ((uint16_t)(1u << (n)))

/* Passes over a program; it takes a few, and what is not settled matters. */
#define PASSES_MAX 64

/* May a store or an atomic operation of @i go into the stack? */
static bool into_stack(const struct verifier *v, uint32_t pc)
{
	return v->stack[pc] >> v->insns[pc].dst & 1;
}

/* --- pointers to the stack ---------------------------------------------------
 */

static uint16_t arguments(const struct bpf_insn *i)
{
	return bpf_insn_is_local_call(i) ? REG(0) : 0;
}

/* What may be a pointer to the stack behind @pc. */
static uint16_t stack_after(const struct verifier *v, uint32_t pc)
{
	const struct bpf_insn *i = &v->insns[pc];
	uint16_t now = v->stack[pc], dst = REG(i->dst), kept = now & ~dst;
	bool src = now >> i->src & 1, by_reg = BPF_SRC(i->code) == BPF_X;

	switch (BPF_CLASS(i->code)) {
	case BPF_ALU64:
		if (BPF_OP(i->code) == BPF_MOV)
			return by_reg && src ? kept | dst : kept;
		if (BPF_OP(i->code) == BPF_ADD || BPF_OP(i->code) == BPF_SUB)
			return by_reg && src ? now | dst : now;
		return kept;
	case BPF_ALU:
	case BPF_LD:
		return kept;
	case BPF_LDX:
		/* One that was saved there comes back. */
		return BPF_SIZE(i->code) == BPF_DW && src ? kept | dst : kept;
	case BPF_JMP:
		if (BPF_OP(i->code) == BPF_CALL)
			return (uint16_t)((now & ~0x3f) | arguments(i));
		return now;
	default:
		return now;
	}
}

/* Adds what may be so at @to; returns whether that is new. */
static bool reaches(struct verifier *v, uint32_t to, uint16_t what)
{
	uint16_t was = v->stack[to];

	v->stack[to] |= what;
	return v->stack[to] != was;
}

static bool stack_pass(struct verifier *v)
{
	bool again = false;

	for (uint32_t pc = 0; pc < v->count; pc++) {
		const struct bpf_insn *i = &v->insns[pc];
		uint16_t after = stack_after(v, pc);
		uint32_t next = pc + 1 + bpf_insn_wide(i);

		if (bpf_insn_is_jump(i) &&
		    reaches(v, (uint32_t)((int64_t)pc + 1 + bpf_insn_jump(i)),
			    after))
			again = true;
		if (!bpf_insn_is_exit(i) && !bpf_insn_is_ja(i) &&
		    reaches(v, next, after))
			again = true;
		pc = next - 1;
	}
	return again;
}

/* A function may be given pointers to its callers' stacks. */
static void find_stack(struct verifier *v)
{
	int passes = 0;

	for (uint32_t pc = 0; pc < v->count; pc++)
		v->stack[pc] = v->function[pc] && v->function[pc] == pc
				       ? REG(BPF_FP) | 0x3e
				       : REG(BPF_FP);
	while (stack_pass(v))
		if (++passes == PASSES_MAX) {
			memset(v->stack, 0xff, sizeof(v->stack));
			return;
		}
}

/* --- numbers -----------------------------------------------------------------
 */

static uint16_t call_before(const struct bpf_insn *i, uint16_t after)
{
	uint16_t before = after & (uint16_t)~0x3f;
	const struct bpf_prototype *p;

	if (bpf_insn_is_local_call(i))
		return before | 0x3e;
	p = bpf_prototype(i->imm);
	for (int a = 0; a < 5 && p->arg[a]; a++)
		if (p->arg[a] != BPF_ARG_NUMBER)
			before |= REG(a + 1);
	return before;
}

static uint16_t atomic_before(const struct verifier *v, uint32_t pc,
			      uint16_t after)
{
	const struct bpf_insn *i = &v->insns[pc];
	bool swaps = i->imm == BPF_CMPXCHG;
	uint16_t old = swaps ? REG(0) : REG(i->src), before = after;

	if (i->imm & BPF_FETCH)
		before &= (uint16_t)~old;
	if (into_stack(v, pc))
		before |= (uint16_t)(REG(i->src) | old);
	return before | REG(i->dst);
}

/* What matters before @pc, where @after matters behind it. */
static uint16_t matters_before(const struct verifier *v, uint32_t pc,
			       uint16_t after)
{
	const struct bpf_insn *i = &v->insns[pc];
	uint16_t dst = REG(i->dst), src = REG(i->src);
	bool by_reg = BPF_SRC(i->code) == BPF_X;

	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		if (!(after & dst) || BPF_OP(i->code) == BPF_END)
			return after;
		if (BPF_OP(i->code) == BPF_MOV)
			after &= (uint16_t)~dst;
		return by_reg ? after | src : after;
	case BPF_LD:
		return after & (uint16_t)~dst;
	case BPF_LDX:
		return (after & (uint16_t)~dst) | src;
	case BPF_ST:
		return after | dst;
	case BPF_STX:
		if (BPF_MODE(i->code) == BPF_ATOMIC)
			return atomic_before(v, pc, after);
		return after | dst | (into_stack(v, pc) ? src : 0);
	default:
		if (BPF_OP(i->code) == BPF_CALL)
			return call_before(i, after);
		if (BPF_OP(i->code) == BPF_EXIT)
			return v->function[pc] ? REG(0) : 0;
		if (BPF_OP(i->code) == BPF_JA)
			return after;
		return after | dst | (by_reg ? src : 0);
	}
}

static bool matter_pass(struct verifier *v, const bool *second)
{
	bool again = false;

	for (uint32_t pc = v->count; pc-- > 0;) {
		const struct bpf_insn *i = &v->insns[pc];
		uint32_t next = pc + 1 + bpf_insn_wide(i);
		uint16_t after = 0;

		if (second[pc])
			continue;
		if (!bpf_insn_is_exit(i) && !bpf_insn_is_ja(i))
			after = v->matters[next];
		if (bpf_insn_is_jump(i))
			after |= v->matters[(int64_t)pc + 1 + bpf_insn_jump(i)];
		after = matters_before(v, pc, after);
		again |= after != v->matters[pc];
		v->matters[pc] = after;
	}
	return again;
}

void verify_matter(struct verifier *v, const bool *second)
{
	int passes = 0;

	find_stack(v);
	while (matter_pass(v, second))
		if (++passes == PASSES_MAX) {
			memset(v->matters, 0xff, sizeof(v->matters));
			return;
		}
}
