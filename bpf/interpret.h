/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter's body, so that tests can have one that watches.
 *
 * Memory is touched through MEMORY(run, address, bytes, write), which says
 * whether to go on; each instruction passes STEP(run). Both are nothing in the
 * ordinary interpreter: what it runs has been verified.
 */
#include "bpf/program.h"
#include "base/mem.h"

#define LOAD_AS(type, at) (((const struct at_##type *)(uintptr_t)(at))->v)

#define PACKED_AT(type)    \
	struct at_##type { \
		type v;    \
	} __attribute__((packed, may_alias))

PACKED_AT(uint8_t);
PACKED_AT(uint16_t);
PACKED_AT(uint32_t);
PACKED_AT(uint64_t);

static inline uint64_t interpret_load(uint64_t at, uint8_t size)
{
	switch (size) {
	case BPF_B:
		return LOAD_AS(uint8_t, at);
	case BPF_H:
		return LOAD_AS(uint16_t, at);
	case BPF_W:
		return LOAD_AS(uint32_t, at);
	default:
		return LOAD_AS(uint64_t, at);
	}
}

static inline uint64_t interpret_load_signed(uint64_t at, uint8_t size)
{
	uint64_t v = interpret_load(at, size);

	switch (size) {
	case BPF_B:
		return (uint64_t)(int64_t)(int8_t)v;
	case BPF_H:
		return (uint64_t)(int64_t)(int16_t)v;
	default:
		return (uint64_t)(int64_t)(int32_t)v;
	}
}

static inline void interpret_store(uint64_t at, uint8_t size, uint64_t v)
{
	switch (size) {
	case BPF_B:
		((struct at_uint8_t *)at)->v = (uint8_t)v;
		break;
	case BPF_H:
		((struct at_uint16_t *)at)->v = (uint16_t)v;
		break;
	case BPF_W:
		((struct at_uint32_t *)at)->v = (uint32_t)v;
		break;
	default:
		((struct at_uint64_t *)at)->v = v;
	}
}

static inline uint64_t interpret_signed_div(int64_t a, int64_t b, bool rest)
{
	if (!b)
		return rest ? (uint64_t)a : 0;
	if (b == -1)
		return rest ? 0 : 0 - (uint64_t)a;
	return (uint64_t)(rest ? a % b : a / b);
}

/* Division where 32-bit operands have been sign extended for signed ones. */
static inline uint64_t interpret_div(uint64_t a, uint64_t b, bool rest,
				     bool is_signed)
{
	if (is_signed)
		return interpret_signed_div((int64_t)a, (int64_t)b, rest);
	if (!b)
		return rest ? a : 0;
	return rest ? a % b : a / b;
}

static inline uint64_t interpret_swap(const struct bpf_insn *i, uint64_t v)
{
	bool keep = BPF_CLASS(i->code) == BPF_ALU && BPF_SRC(i->code) == BPF_K;

	switch (i->imm) {
	case 16:
		return keep ? (uint16_t)v : __builtin_bswap16((uint16_t)v);
	case 32:
		return keep ? (uint32_t)v : __builtin_bswap32((uint32_t)v);
	default:
		return keep ? v : __builtin_bswap64(v);
	}
}

static inline uint64_t interpret_extend(uint64_t v, int16_t from)
{
	switch (from) {
	case 8:
		return (uint64_t)(int64_t)(int8_t)v;
	case 16:
		return (uint64_t)(int64_t)(int16_t)v;
	case 32:
		return (uint64_t)(int64_t)(int32_t)v;
	default:
		return v;
	}
}

/* RFC 9669 section 4.1. */
static inline uint64_t interpret_alu(const struct bpf_insn *i, uint64_t a,
				     uint64_t b)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	uint8_t op = BPF_OP(i->code);
	uint64_t r;

	if (op == BPF_END)
		return interpret_swap(i, a);
	if (!wide) {
		bool is_signed = (op == BPF_DIV || op == BPF_MOD) && i->off;

		a = is_signed || op == BPF_ARSH ? (uint64_t)(int64_t)(int32_t)a
						: (uint32_t)a;
		b = is_signed ? (uint64_t)(int64_t)(int32_t)b : (uint32_t)b;
	}
	switch (op) {
	case BPF_ADD:
		r = a + b;
		break;
	case BPF_SUB:
		r = a - b;
		break;
	case BPF_MUL:
		r = a * b;
		break;
	case BPF_DIV:
	case BPF_MOD:
		r = interpret_div(a, b, op == BPF_MOD, i->off == 1);
		break;
	case BPF_OR:
		r = a | b;
		break;
	case BPF_AND:
		r = a & b;
		break;
	case BPF_LSH:
		r = a << (b & (wide ? 63 : 31));
		break;
	case BPF_RSH:
		r = a >> (b & (wide ? 63 : 31));
		break;
	case BPF_NEG:
		r = 0 - a;
		break;
	case BPF_XOR:
		r = a ^ b;
		break;
	case BPF_ARSH:
		r = (uint64_t)((int64_t)a >> (b & (wide ? 63 : 31)));
		break;
	default:
		r = interpret_extend(b, i->off);
	}
	return wide ? r : (uint32_t)r;
}

/* RFC 9669 section 4.3. */
static inline bool interpret_holds(const struct bpf_insn *i, uint64_t a,
				   uint64_t b)
{
	int64_t sa = (int64_t)a, sb = (int64_t)b;

	if (BPF_CLASS(i->code) == BPF_JMP32) {
		a = (uint32_t)a;
		b = (uint32_t)b;
		sa = (int32_t)a;
		sb = (int32_t)b;
	}
	switch (BPF_OP(i->code)) {
	case BPF_JA:
		return true;
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JSET:
		return a & b;
	case BPF_JNE:
		return a != b;
	case BPF_JSGT:
		return sa > sb;
	case BPF_JSGE:
		return sa >= sb;
	case BPF_JLT:
		return a < b;
	case BPF_JLE:
		return a <= b;
	case BPF_JSLT:
		return sa < sb;
	default:
		return sa <= sb;
	}
}

#define INTERPRET_ATOMIC(type)                                      \
	do {                                                        \
		_Atomic type *p = (_Atomic type *)at;               \
		type v = (type)reg[i->src], old = (type)reg[0];     \
                                                                    \
		switch (i->imm & ~BPF_FETCH) {                      \
		case BPF_ADD:                                       \
			v = atomic_fetch_add(p, v);                 \
			break;                                      \
		case BPF_OR:                                        \
			v = atomic_fetch_or(p, v);                  \
			break;                                      \
		case BPF_AND:                                       \
			v = atomic_fetch_and(p, v);                 \
			break;                                      \
		case BPF_XOR:                                       \
			v = atomic_fetch_xor(p, v);                 \
			break;                                      \
		case BPF_XCHG & ~BPF_FETCH:                         \
			v = atomic_exchange(p, v);                  \
			break;                                      \
		default:                                            \
			atomic_compare_exchange_strong(p, &old, v); \
			reg[0] = old;                               \
			return;                                     \
		}                                                   \
		if (i->imm & BPF_FETCH)                             \
			reg[i->src] = v;                            \
	} while (0)

static inline void interpret_atomic(const struct bpf_insn *i, uint64_t at,
				    uint64_t *reg)
{
	if (BPF_SIZE(i->code) == BPF_DW)
		INTERPRET_ATOMIC(uint64_t);
	else
		INTERPRET_ATOMIC(uint32_t);
}

static inline uint64_t interpret_wide(const struct bpf_insn *i,
				      const struct bpf_run *run)
{
	uint64_t v = (uint64_t)(uint32_t)i[1].imm << 32 | (uint32_t)i->imm;

	return i->src == BPF_MAP_VALUE ? (uint64_t)run->map_memory + v : v;
}

static inline __attribute__((always_inline)) uint64_t
interpret_body(const struct bpf_insn *insn, const uint32_t *charge,
	       struct bpf_run *run)
{
	uint64_t stack[BPF_FRAMES_MAX * BPF_STACK_BYTES / 8];
	struct {
		const struct bpf_insn *back;
		uint64_t kept[4];
	} call[BPF_FRAMES_MAX];
	uint64_t reg[BPF_REGS] = { 0 };
	const struct bpf_insn *i = insn;
	uint32_t depth = 0;

#ifdef INTERPRET_BEGIN
	INTERPRET_BEGIN(run, stack, sizeof(stack));
#endif
	reg[1] = (uint64_t)(uintptr_t)&run->packet;
	reg[BPF_FP] = (uint64_t)(uintptr_t)stack + BPF_STACK_BYTES;
	for (;; i++) {
		uint64_t operand = BPF_SRC(i->code) == BPF_X
					   ? reg[i->src]
					   : (uint64_t)(int64_t)i->imm;
		uint64_t at;

		STEP(run);
		switch (BPF_CLASS(i->code)) {
		case BPF_ALU:
		case BPF_ALU64:
			reg[i->dst] = interpret_alu(i, reg[i->dst], operand);
			break;
		case BPF_LD:
			reg[i->dst] = interpret_wide(i, run);
			i++;
			break;
		case BPF_LDX:
			at = reg[i->src] + (uint64_t)(int64_t)i->off;
			MEMORY(run, at, bpf_size_bytes(i->code), false);
			reg[i->dst] =
				BPF_MODE(i->code) == BPF_MEMSX
					? interpret_load_signed(
						  at, BPF_SIZE(i->code))
					: interpret_load(at, BPF_SIZE(i->code));
			break;
		case BPF_ST:
		case BPF_STX:
			at = reg[i->dst] + (uint64_t)(int64_t)i->off;
			MEMORY(run, at, bpf_size_bytes(i->code), true);
			if (BPF_MODE(i->code) == BPF_ATOMIC)
				interpret_atomic(i, at, reg);
			else
				interpret_store(
					at, BPF_SIZE(i->code),
					BPF_CLASS(i->code) == BPF_ST
						? (uint64_t)(int64_t)i->imm
						: reg[i->src]);
			break;
		default:
			if (bpf_insn_is_exit(i)) {
				if (!depth)
					return reg[0];
				depth--;
				i = call[depth].back;
				for (int n = 0; n < 4; n++)
					reg[6 + n] = call[depth].kept[n];
				reg[BPF_FP] -= BPF_STACK_BYTES;
			} else if (bpf_insn_is_local_call(i)) {
				call[depth].back = i;
				for (int n = 0; n < 4; n++)
					call[depth].kept[n] = reg[6 + n];
				depth++;
				reg[BPF_FP] += BPF_STACK_BYTES;
				i += i->imm;
			} else if (BPF_OP(i->code) == BPF_CALL) {
				reg[0] = run->helper[i->imm](reg[1], reg[2],
							     reg[3], reg[4],
							     reg[5], run);
			} else if (interpret_holds(i, reg[i->dst], operand)) {
				int32_t by = bpf_insn_jump(i);

				if (by < 0) {
					run->left -= charge[i - insn];
					if (run->left < 0)
						return 0;
				}
				i += by;
			}
		}
	}
}
