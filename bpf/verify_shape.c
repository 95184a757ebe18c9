/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be said of a program without following it: instructions are known
 * and whole, jumps stay in their function, and which registers are read later
 * (backward over the jumps, until nothing changes).
 */
#include "bpf/verify_internal.h"

#include <errno.h>

static int check_alu(struct verifier *v, const struct bpf_insn *i)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	bool by_reg = BPF_SRC(i->code) == BPF_X;
	uint8_t op = BPF_OP(i->code);

	if (op > BPF_END)
		return verify_refuse(v, "unknown instruction 0x%02x", i->code);
	if (op == BPF_END) {
		if (i->imm != 16 && i->imm != 32 && i->imm != 64)
			return verify_refuse(v, "byte order of %d bits",
					     i->imm);
		if ((wide && by_reg) || i->src || i->off)
			return verify_refuse(v, "reserved fields are not zero");
		return 0;
	}
	if (op == BPF_NEG) {
		if (by_reg || i->src || i->off || i->imm)
			return verify_refuse(v, "reserved fields are not zero");
		return 0;
	}
	if (by_reg ? i->imm : i->src)
		return verify_refuse(v, "reserved fields are not zero");
	if (op == BPF_MOV && by_reg) {
		if (i->off && i->off != 8 && i->off != 16 &&
		    !(wide && i->off == 32))
			return verify_refuse(v, "sign extension from %d bits",
					     i->off);
	} else if (op == BPF_DIV || op == BPF_MOD) {
		if (i->off != 0 && i->off != 1)
			return verify_refuse(v, "reserved fields are not zero");
	} else if (i->off) {
		return verify_refuse(v, "reserved fields are not zero");
	}
	if ((op == BPF_DIV || op == BPF_MOD) && !by_reg && !i->imm)
		return verify_refuse(v, "division by zero");
	return 0;
}

static int check_memory(struct verifier *v, const struct bpf_insn *i)
{
	uint8_t class = BPF_CLASS(i->code), mode = BPF_MODE(i->code);
	uint8_t size = BPF_SIZE(i->code);

	if (class == BPF_LDX && mode == BPF_MEM && !i->imm)
		return 0;
	if (class == BPF_LDX && mode == BPF_MEMSX && size != BPF_DW && !i->imm)
		return 0;
	if (class == BPF_ST && mode == BPF_MEM && !i->src)
		return 0;
	if (class == BPF_STX && mode == BPF_MEM && !i->imm)
		return 0;
	if (class == BPF_STX && mode == BPF_ATOMIC &&
	    (size == BPF_W || size == BPF_DW)) {
		switch (i->imm) {
		case BPF_ADD:
		case BPF_ADD | BPF_FETCH:
		case BPF_OR:
		case BPF_OR | BPF_FETCH:
		case BPF_AND:
		case BPF_AND | BPF_FETCH:
		case BPF_XOR:
		case BPF_XOR | BPF_FETCH:
		case BPF_XCHG:
		case BPF_CMPXCHG:
			return 0;
		default:
			return verify_refuse(v,
					     "unknown atomic operation 0x%02x",
					     (unsigned int)i->imm);
		}
	}
	return verify_refuse(
		v,
		"unknown instruction 0x%02x, or reserved fields are not zero",
		i->code);
}

static int check_wide(struct verifier *v, const struct bpf_insn *i)
{
	const struct bpf_insn *second = i + 1;

	if (!bpf_insn_wide(i))
		return verify_refuse(
			v,
			BPF_MODE(i->code) == BPF_ABS ||
					BPF_MODE(i->code) == BPF_IND
				? "loads of the classic kind (0x%02x) are not "
				  "supported: use pointers"
				: "unknown instruction 0x%02x",
			i->code);
	if (v->pc + 1 == v->count || second->code || second->dst ||
	    second->src || second->off || i->off)
		return verify_refuse(v, "half of a 64-bit constant is missing");
	switch (i->src) {
	case BPF_CONST:
		return 0;
	case BPF_MAP:
	case BPF_MAP_VALUE:
		if ((uint32_t)i->imm >= v->map_count)
			return verify_refuse(v, "there is no map %d", i->imm);
		if (i->src == BPF_MAP && second->imm)
			return verify_refuse(v, "reserved fields are not zero");
		return 0;
	default:
		return verify_refuse(
			v, "constants of kind %u are not supported", i->src);
	}
}

static int check_jump(struct verifier *v, const struct bpf_insn *i)
{
	bool narrow = BPF_CLASS(i->code) == BPF_JMP32;
	bool by_reg = BPF_SRC(i->code) == BPF_X;
	uint8_t op = BPF_OP(i->code);

	if (op > BPF_JSLE)
		return verify_refuse(v, "unknown instruction 0x%02x", i->code);
	if (op == BPF_CALL || op == BPF_EXIT || op == BPF_JA) {
		if (by_reg || i->dst || (op != BPF_JA && narrow))
			return verify_refuse(v, "unknown instruction 0x%02x",
					     i->code);
		if (op == BPF_EXIT && (i->src || i->off || i->imm))
			return verify_refuse(v, "reserved fields are not zero");
		if (op == BPF_JA && (i->src || (narrow ? i->off : i->imm)))
			return verify_refuse(v, "reserved fields are not zero");
		if (op == BPF_CALL && i->off)
			return verify_refuse(v, "reserved fields are not zero");
		if (op == BPF_CALL && i->src != BPF_CALL_HELPER &&
		    i->src != BPF_CALL_LOCAL)
			return verify_refuse(
				v, "calls of kind %u are not supported",
				i->src);
		if (bpf_insn_is_helper(i) && !bpf_prototype(i->imm))
			return verify_refuse(v, "there is no helper %d",
					     i->imm);
		return 0;
	}
	if (by_reg ? i->imm : i->src)
		return verify_refuse(v, "reserved fields are not zero");
	return 0;
}

static bool writes_dst(const struct bpf_insn *i)
{
	uint8_t class = BPF_CLASS(i->code);

	return class == BPF_ALU || class == BPF_ALU64 || class == BPF_LDX ||
	       class == BPF_LD;
}

static int check_insn(struct verifier *v, const struct bpf_insn *i)
{
	if (i->dst >= BPF_REGS || (i->src >= BPF_REGS && !bpf_insn_wide(i)))
		return verify_refuse(v, "there is no such register");
	if (writes_dst(i) && i->dst == BPF_FP)
		return verify_refuse(v, "r10 is read only");
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		return check_alu(v, i);
	case BPF_LD:
		return check_wide(v, i);
	case BPF_JMP:
	case BPF_JMP32:
		return check_jump(v, i);
	default:
		return check_memory(v, i);
	}
}

/* Where the jump or local call at @pc leads; false: outside the program. */
static bool find_target(const struct verifier *v, uint32_t pc, uint32_t *to)
{
	int64_t t = (int64_t)pc + 1 + bpf_insn_jump(&v->insns[pc]);

	if (t < 0 || t >= v->count)
		return false;
	*to = (uint32_t)t;
	return true;
}

/* Marks where functions begin, then says of each instruction which is its. */
static int find_functions(struct verifier *v, const bool *second)
{
	bool begins[BPF_INSNS_MAX] = { true };
	uint32_t to, current = 0;

	for (v->pc = 0; v->pc < v->count; v->pc++) {
		if (second[v->pc] || !bpf_insn_is_local_call(&v->insns[v->pc]))
			continue;
		if (!find_target(v, v->pc, &to) || second[to])
			return verify_refuse(
				v, "calls a function outside the program");
		begins[to] = true;
	}
	for (v->pc = 0; v->pc < v->count; v->pc++) {
		if (begins[v->pc])
			current = v->pc;
		v->function[v->pc] = current;
	}
	return 0;
}

static int find_targets(struct verifier *v, const bool *second)
{
	for (v->pc = 0; v->pc < v->count; v->pc++) {
		const struct bpf_insn *i = &v->insns[v->pc];
		uint32_t next = v->pc + 1, to;

		if (second[v->pc])
			continue;
		if (bpf_insn_wide(i))
			next++;
		if (bpf_insn_is_jump(i)) {
			if (!find_target(v, v->pc, &to) || second[to])
				return verify_refuse(
					v, "jumps out of the program");
			if (v->function[to] != v->function[v->pc])
				return verify_refuse(
					v, "jumps into another function");
			v->target[to] = true;
			if (to <= v->pc)
				v->head[to] = true;
		}
		if (bpf_insn_is_exit(i) || bpf_insn_is_ja(i))
			continue;
		if (next >= v->count || v->function[next] != v->function[v->pc])
			return verify_refuse(v,
					     "runs off the end of a function");
	}
	return 0;
}

/* The registers that @i reads, and those that it gives a value to. */
static void uses(const struct bpf_insn *i, uint16_t *reads, uint16_t *writes)
{
	uint16_t dst = (uint16_t)(1u << i->dst), src = (uint16_t)(1u << i->src);
	uint8_t op = BPF_OP(i->code);

	*reads = *writes = 0;
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		*writes = dst;
		if (op != BPF_MOV)
			*reads = dst;
		if (BPF_SRC(i->code) == BPF_X && op != BPF_END)
			*reads |= src;
		break;
	case BPF_LD:
		*writes = dst;
		break;
	case BPF_LDX:
		*writes = dst;
		*reads = src;
		break;
	case BPF_ST:
		*reads = dst;
		break;
	case BPF_STX:
		*reads = dst | src;
		if (BPF_MODE(i->code) == BPF_ATOMIC && i->imm == BPF_CMPXCHG)
			*reads |= 1;
		break;
	default:
		if (op == BPF_EXIT) {
			*reads = 1;
		} else if (op == BPF_CALL) {
			*writes = 0x3f;
			*reads = 0x3e;
			if (bpf_insn_is_helper(i)) {
				const struct bpf_prototype *p =
					bpf_prototype(i->imm);

				*reads = 0;
				for (int a = 0; a < 5 && p->arg[a]; a++)
					*reads |= (uint16_t)(2u << a);
			}
		} else if (op != BPF_JA) {
			*reads = dst;
			if (BPF_SRC(i->code) == BPF_X)
				*reads |= src;
		}
	}
}

/* What is read later than the beginning of @pc. */
static uint16_t live_before(const struct verifier *v, uint32_t pc)
{
	const struct bpf_insn *i = &v->insns[pc];
	uint32_t next = pc + 1 + bpf_insn_wide(i), to;
	uint16_t reads, writes, live = 0;

	if (!bpf_insn_is_exit(i) && !bpf_insn_is_ja(i))
		live = v->live[next];
	if (bpf_insn_is_jump(i) && find_target(v, pc, &to))
		live |= v->live[to];
	uses(i, &reads, &writes);
	return (uint16_t)((live & ~writes) | reads);
}

/* Instructions to be looked at again, the last first; each is in it once. */
struct worklist {
	uint32_t count;
	uint16_t at[BPF_INSNS_MAX];
	bool queued[BPF_INSNS_MAX];
	/* Who jumps to an instruction: its number plus one, and the next. */
	uint16_t from[BPF_INSNS_MAX], other[BPF_INSNS_MAX];
};

static_assert(BPF_INSNS_MAX < UINT16_MAX, "numbers fit");

static void look_again(struct worklist *w, uint32_t pc)
{
	if (w->queued[pc])
		return;
	w->queued[pc] = true;
	w->at[w->count++] = (uint16_t)pc;
}

/*
 * An instruction is looked at again only after one behind it has changed, which
 * happens once a register at the most: jumps that lead back through the whole
 * program cost no more than others.
 */
static void find_live(struct verifier *v, const bool *second)
{
	struct worklist w = { 0 };
	uint32_t to;

	for (uint32_t pc = 0; pc < v->count; pc++) {
		if (second[pc])
			continue;
		look_again(&w, pc);
		if (!bpf_insn_is_jump(&v->insns[pc]) ||
		    !find_target(v, pc, &to))
			continue;
		w.other[pc] = w.from[to];
		w.from[to] = (uint16_t)(pc + 1);
	}
	while (w.count) {
		uint32_t pc = w.at[--w.count];
		uint16_t live = live_before(v, pc);

		w.queued[pc] = false;
		if (live == v->live[pc])
			continue;
		v->live[pc] = live;
		for (uint32_t n = w.from[pc]; n; n = w.other[n - 1])
			look_again(&w, n - 1);
		if (pc)
			look_again(&w, pc - 1 - second[pc - 1]);
	}
}

int verify_shape(struct verifier *v)
{
	bool second[BPF_INSNS_MAX] = { false };
	int err;

	v->pc = 0;
	if (!v->count)
		return verify_refuse(v, "the program is empty");
	if (v->count > BPF_INSNS_MAX)
		return verify_refuse(v, "more than %d instructions",
				     BPF_INSNS_MAX);
	for (v->pc = 0; v->pc < v->count; v->pc++) {
		const struct bpf_insn *i = &v->insns[v->pc];

		err = check_insn(v, i);
		if (err)
			return err;
		if (bpf_insn_wide(i))
			second[++v->pc] = true;
	}
	err = find_functions(v, second);
	if (!err)
		err = find_targets(v, second);
	if (err)
		return err;
	find_live(v, second);
	verify_matter(v, second);
	return 0;
}
