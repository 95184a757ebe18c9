/* SPDX-License-Identifier: BSD-2-Clause */
/* See compile.h. */
#include "bpf/compile.h"
#include "bpf/emit.h"
#include "bpf/program.h"

#include <stdlib.h>

#define RUN R12

/* Where native code finds things in struct bpf_run. */
static_assert(offsetof(struct bpf_run, helper) == 0, "run");
static_assert(offsetof(struct bpf_run, left) == 8, "run");
static_assert(offsetof(struct bpf_run, stack) == 16, "run");
static_assert(offsetof(struct bpf_run, map_memory) == 24, "run");
#define RUN_HELPER 0
#define RUN_LEFT   8
#define RUN_STACK  16
#define RUN_MAPS   24

static const uint8_t hardware[BPF_REGS] = { RAX, RDI, RSI, RDX, RCX, R8,
					    RBX, R13, R14, R15, RBP };

/* A 32-bit distance to be filled in, to an instruction or a function. */
struct fixup {
	uint32_t at; /* behind the distance */
	uint32_t to;
	enum { TO_INSN, TO_FUNCTION, TO_ABORT } kind;
};

struct compiler {
	struct emitter e;
	const struct bpf_insn *insn;
	uint32_t count;
	const uint32_t *charge;
	uint32_t address[BPF_INSNS_MAX];  /* of each instruction */
	uint32_t function[BPF_INSNS_MAX]; /* of the entry, by first insn */
	bool begins[BPF_INSNS_MAX + 1];	  /* a function */
	struct fixup fixup[3 * BPF_INSNS_MAX];
	uint32_t fixups;

	/* The function that is being written. */
	uint8_t saved[6];
	uint32_t saves;
	bool has_stack;
	uint32_t room; /* bytes below the saved registers */
};

static void fix_later(struct compiler *c, uint32_t to, int kind)
{
	emit32(&c->e, 0);
	if (c->fixups < ARRAY_SIZE(c->fixup))
		c->fixup[c->fixups++] =
			(struct fixup){ c->e.at, to, (unsigned int)kind };
}

static void jump(struct compiler *c, uint32_t to)
{
	emit8(&c->e, 0xe9);
	fix_later(c, to, TO_INSN);
}

static void jump_if(struct compiler *c, uint32_t cc, uint32_t to, int kind)
{
	emit8(&c->e, 0x0f);
	emit8(&c->e, 0x80 | cc);
	fix_later(c, to, kind);
}

/* --- entry and exit ----------------------------------------------------------
 */

/* What the function at @begin uses: registers to be saved, and its stack. */
static void survey(struct compiler *c, uint32_t begin)
{
	bool used[16] = { false };
	bool calls = false;

	c->has_stack = false;
	for (uint32_t pc = begin; pc == begin || !c->begins[pc]; pc++) {
		const struct bpf_insn *i;

		if (pc >= c->count)
			break;
		i = &c->insn[pc];
		used[hardware[i->dst]] = true;
		if (!bpf_insn_wide(i) && i->src < BPF_REGS)
			used[hardware[i->src]] = true;
		calls |= i->code == (BPF_JMP | BPF_CALL);
		if (bpf_insn_is_jump(i) && bpf_insn_jump(i) < 0)
			calls = true;
		if (bpf_insn_wide(i)) {
			calls |= i->src == BPF_MAP_VALUE;
			pc++;
		}
	}
	c->saves = 0;
	/* Functions find it set already. */
	if (!begin && calls)
		c->saved[c->saves++] = RUN;
	for (int r = 6; r <= 9; r++)
		if (used[hardware[r]])
			c->saved[c->saves++] = hardware[r];
	c->has_stack = used[RBP];
	if (c->has_stack)
		c->saved[c->saves++] = RBP;
	c->room = c->has_stack ? BPF_STACK_BYTES : 0;
	/* The return address and what is saved; calls want 16. */
	if ((8 + 8 * c->saves + c->room) & 15)
		c->room += 8;
}

static void enter(struct compiler *c, uint32_t begin)
{
	survey(c, begin);
	c->function[begin] = c->e.at;
	for (uint32_t n = 0; n < c->saves; n++)
		emit_push(&c->e, c->saved[n]);
	if (c->has_stack)
		emit_mov(&c->e, true, RBP, RSP);
	if (c->room)
		emit_ri(&c->e, true, 5, RSP, (int32_t)c->room);
	if (!begin && c->saves && c->saved[0] == RUN) {
		emit_mov(&c->e, true, RUN, RSI);
		emit_rm(&c->e, true, 0x89, RSP, RUN, RUN_STACK, false);
	}
}

static void leave(struct compiler *c)
{
	if (c->room)
		emit_ri(&c->e, true, 0, RSP, (int32_t)c->room);
	for (uint32_t n = c->saves; n-- > 0;)
		emit_pop(&c->e, c->saved[n]);
	emit8(&c->e, 0xc3);
}

/* --- arithmetic --------------------------------------------------------------
 */

static void divide(struct compiler *c, const struct bpf_insn *i, bool wide,
		   uint32_t dst, uint32_t src)
{
	struct emitter *e = &c->e;
	bool is_signed = i->off == 1, rest = BPF_OP(i->code) == BPF_MOD;
	uint32_t zero, minus = 0, done, done_minus = 0;

	if (BPF_SRC(i->code) == BPF_K)
		emit_constant(e, R11,
			      wide ? (uint64_t)(int64_t)i->imm
				   : (uint32_t)i->imm);
	else
		emit_mov(e, wide, R11, src);
	emit_rr(e, wide, 0x85, R11, R11);
	zero = emit_skip(e, CC_E);
	if (is_signed) {
		emit_ri(e, wide, 7, R11, -1);
		minus = emit_skip(e, CC_E);
	}
	emit_mov(e, true, R9, RAX);
	emit_mov(e, true, R10, RDX);
	emit_mov(e, wide, RAX, dst);
	if (is_signed) {
		emit_rex(e, wide, 0, 0, false);
		emit8(e, 0x99);
		emit_rr(e, wide, 0xf7, 7, R11);
	} else {
		emit_rr(e, false, 0x31, RDX, RDX);
		emit_rr(e, wide, 0xf7, 6, R11);
	}
	emit_mov(e, wide, R11, rest ? RDX : RAX);
	emit_mov(e, true, RAX, R9);
	emit_mov(e, true, RDX, R10);
	emit_mov(e, wide, dst, R11);
	done = emit_skip(e, CC_E);
	/* Always taken: rewritten to a plain short jump. */
	if (done - 2 < e->size)
		e->out[done - 2] = 0xeb;
	if (is_signed) {
		emit_land(e, minus);
		if (rest)
			emit_rr(e, false, 0x31, dst, dst);
		else
			emit_rr(e, wide, 0xf7, 3, dst);
		done_minus = emit_skip(e, CC_E);
		if (done_minus - 2 < e->size)
			e->out[done_minus - 2] = 0xeb;
	}
	emit_land(e, zero);
	if (!rest)
		emit_rr(e, false, 0x31, dst, dst);
	else if (!wide)
		emit_mov(e, false, dst, dst);
	emit_land(e, done);
	if (is_signed)
		emit_land(e, done_minus);
}

static void shift(struct compiler *c, const struct bpf_insn *i, bool wide,
		  uint32_t dst, uint32_t src)
{
	static const uint8_t which[] = { [BPF_LSH >> 4] = 4,
					 [BPF_RSH >> 4] = 5,
					 [BPF_ARSH >> 4] = 7 };
	uint32_t op = which[BPF_OP(i->code) >> 4];
	struct emitter *e = &c->e;

	if (BPF_SRC(i->code) == BPF_K) {
		uint32_t n = (uint32_t)i->imm & (wide ? 63 : 31);

		if (n) {
			emit_rr(e, wide, 0xc1, op, dst);
			emit8(e, n);
		} else if (!wide) {
			emit_mov(e, false, dst, dst);
		}
		return;
	}
	if (src == RCX && dst != RCX) {
		emit_rr(e, wide, 0xd3, op, dst);
		if (!wide)
			emit_mov(e, false, dst, dst);
		return;
	}
	emit_mov(e, true, R10, RCX);
	emit_mov(e, wide, R11, dst);
	emit_mov(e, false, RCX, src);
	emit_rr(e, wide, 0xd3, op, R11);
	emit_mov(e, true, RCX, R10);
	emit_mov(e, wide, dst, R11);
}

static void byte_order(struct compiler *c, const struct bpf_insn *i,
		       uint32_t dst)
{
	struct emitter *e = &c->e;
	bool keep = BPF_CLASS(i->code) == BPF_ALU && BPF_SRC(i->code) == BPF_K;

	switch (i->imm) {
	case 16:
		if (!keep) {
			emit8(e, 0x66);
			emit_rr(e, false, 0xc1, 0, dst);
			emit8(e, 8);
		}
		emit_rr(e, false, 0x0fb7, dst, dst);
		break;
	case 32:
		if (keep) {
			emit_mov(e, false, dst, dst);
			break;
		}
		emit_rex(e, false, 0, dst, false);
		emit8(e, 0x0f);
		emit8(e, 0xc8 | (dst & 7));
		break;
	default:
		if (keep)
			break;
		emit_rex(e, true, 0, dst, false);
		emit8(e, 0x0f);
		emit8(e, 0xc8 | (dst & 7));
	}
}

static void move(struct compiler *c, const struct bpf_insn *i, bool wide,
		 uint32_t dst, uint32_t src)
{
	struct emitter *e = &c->e;

	if (BPF_SRC(i->code) == BPF_K) {
		emit_constant(e, dst,
			      wide ? (uint64_t)(int64_t)i->imm
				   : (uint32_t)i->imm);
		return;
	}
	switch (i->off) {
	case 0:
		emit_mov(e, wide, dst, src);
		break;
	case 8:
		emit_rex(e, wide, dst, src, true);
		emit8(e, 0x0f);
		emit8(e, 0xbe);
		emit8(e, 0xc0u | (dst & 7) << 3 | (src & 7));
		break;
	case 16:
		emit_rr(e, wide, 0x0fbf, dst, src);
		break;
	default:
		emit_rr(e, true, 0x63, dst, src);
	}
}

static void alu(struct compiler *c, const struct bpf_insn *i)
{
	static const struct {
		uint8_t by_reg, which;
	} simple[] = {
		[BPF_ADD >> 4] = { 0x01, 0 }, [BPF_SUB >> 4] = { 0x29, 5 },
		[BPF_OR >> 4] = { 0x09, 1 },  [BPF_AND >> 4] = { 0x21, 4 },
		[BPF_XOR >> 4] = { 0x31, 6 },
	};
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	bool by_reg = BPF_SRC(i->code) == BPF_X;
	uint32_t dst = hardware[i->dst], src = hardware[i->src];
	uint8_t op = BPF_OP(i->code);
	struct emitter *e = &c->e;

	switch (op) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_OR:
	case BPF_AND:
	case BPF_XOR:
		if (by_reg)
			emit_rr(e, wide, simple[op >> 4].by_reg, src, dst);
		else
			emit_ri(e, wide, simple[op >> 4].which, dst, i->imm);
		break;
	case BPF_MUL:
		if (by_reg) {
			emit_rr(e, wide, 0x0faf, dst, src);
		} else {
			emit_rr(e, wide, 0x69, dst, dst);
			emit32(e, (uint32_t)i->imm);
		}
		break;
	case BPF_DIV:
	case BPF_MOD:
		divide(c, i, wide, dst, src);
		break;
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH:
		shift(c, i, wide, dst, src);
		break;
	case BPF_NEG:
		emit_rr(e, wide, 0xf7, 3, dst);
		break;
	case BPF_END:
		byte_order(c, i, dst);
		break;
	default:
		move(c, i, wide, dst, src);
	}
}

/* --- memory ------------------------------------------------------------------
 */

static void load(struct compiler *c, const struct bpf_insn *i)
{
	uint32_t dst = hardware[i->dst], src = hardware[i->src];
	bool is_signed = BPF_MODE(i->code) == BPF_MEMSX;
	struct emitter *e = &c->e;

	switch (BPF_SIZE(i->code)) {
	case BPF_B:
		emit_rm(e, is_signed, is_signed ? 0x0fbe : 0x0fb6, dst, src,
			i->off, false);
		break;
	case BPF_H:
		emit_rm(e, is_signed, is_signed ? 0x0fbf : 0x0fb7, dst, src,
			i->off, false);
		break;
	case BPF_W:
		emit_rm(e, is_signed, is_signed ? 0x63 : 0x8b, dst, src, i->off,
			false);
		break;
	default:
		emit_rm(e, true, 0x8b, dst, src, i->off, false);
	}
}

static void store(struct compiler *c, const struct bpf_insn *i)
{
	uint32_t dst = hardware[i->dst], src = hardware[i->src];
	bool constant = BPF_CLASS(i->code) == BPF_ST;
	struct emitter *e = &c->e;

	if (constant)
		src = 0;
	if (BPF_SIZE(i->code) == BPF_H)
		emit8(e, 0x66);
	if (BPF_SIZE(i->code) == BPF_B)
		emit_rm(e, false, constant ? 0xc6 : 0x88, src, dst, i->off,
			!constant);
	else
		emit_rm(e, BPF_SIZE(i->code) == BPF_DW, constant ? 0xc7 : 0x89,
			src, dst, i->off, false);
	if (!constant)
		return;
	if (BPF_SIZE(i->code) == BPF_B) {
		emit8(e, (uint32_t)i->imm & 0xff);
	} else if (BPF_SIZE(i->code) == BPF_H) {
		emit8(e, (uint32_t)i->imm & 0xff);
		emit8(e, (uint32_t)i->imm >> 8 & 0xff);
	} else {
		emit32(e, (uint32_t)i->imm);
	}
}

/* and, or, xor that return the old value: compare and swap until it fits. */
static void atomic_fetch(struct compiler *c, const struct bpf_insn *i,
			 bool wide, uint32_t op)
{
	uint32_t dst = hardware[i->dst], src = hardware[i->src], again;
	struct emitter *e = &c->e;

	emit_rm(e, true, 0x8d, R10, dst, i->off, false);
	emit_mov(e, true, R11, src);
	emit_mov(e, true, R9, RAX);
	emit_push(e, RDX);
	emit_rm(e, wide, 0x8b, RAX, R10, 0, false);
	again = e->at;
	emit_mov(e, wide, RDX, RAX);
	emit_rr(e, wide, op, R11, RDX);
	emit8(e, 0xf0);
	emit_rm(e, wide, 0x0fb1, RDX, R10, 0, false);
	emit8(e, 0x70 | CC_NE);
	emit8(e, (again - (e->at + 1)) & 0xff);
	emit_pop(e, RDX);
	emit_mov(e, wide, R11, RAX);
	emit_mov(e, true, RAX, R9);
	emit_mov(e, true, src, R11);
}

static void atomic(struct compiler *c, const struct bpf_insn *i)
{
	uint32_t dst = hardware[i->dst], src = hardware[i->src];
	bool wide = BPF_SIZE(i->code) == BPF_DW;
	struct emitter *e = &c->e;
	uint32_t op;

	switch (i->imm & ~BPF_FETCH) {
	case BPF_ADD:
		op = 0x01;
		break;
	case BPF_OR:
		op = 0x09;
		break;
	case BPF_AND:
		op = 0x21;
		break;
	case BPF_XOR:
		op = 0x31;
		break;
	case BPF_XCHG & ~BPF_FETCH:
		emit_rm(e, wide, 0x87, src, dst, i->off, false);
		return;
	default:
		emit8(e, 0xf0);
		emit_rm(e, wide, 0x0fb1, src, dst, i->off, false);
		/* Where it succeeds the upper half was left alone. */
		if (!wide)
			emit_mov(e, false, RAX, RAX);
		return;
	}
	if ((i->imm & BPF_FETCH) && op != 0x01) {
		atomic_fetch(c, i, wide, op);
		return;
	}
	emit8(e, 0xf0);
	emit_rm(e, wide, i->imm & BPF_FETCH ? 0x0fc1 : op, src, dst, i->off,
		false);
}

static void constant(struct compiler *c, const struct bpf_insn *i)
{
	uint64_t v = (uint64_t)(uint32_t)i[1].imm << 32 | (uint32_t)i->imm;
	uint32_t dst = hardware[i->dst];

	emit_constant(&c->e, dst, v);
	if (i->src == BPF_MAP_VALUE)
		emit_rm(&c->e, true, 0x03, dst, RUN, RUN_MAPS, false);
}

/* --- jumps and calls ---------------------------------------------------------
 */

static uint32_t condition(uint8_t op)
{
	switch (op) {
	case BPF_JEQ:
		return CC_E;
	case BPF_JGT:
		return CC_A;
	case BPF_JGE:
		return CC_AE;
	case BPF_JSET:
	case BPF_JNE:
		return CC_NE;
	case BPF_JSGT:
		return CC_G;
	case BPF_JSGE:
		return CC_GE;
	case BPF_JLT:
		return CC_B;
	case BPF_JLE:
		return CC_BE;
	case BPF_JSLT:
		return CC_L;
	default:
		return CC_LE;
	}
}

static void compare(struct compiler *c, const struct bpf_insn *i)
{
	bool wide = BPF_CLASS(i->code) == BPF_JMP;
	uint32_t dst = hardware[i->dst], src = hardware[i->src];
	struct emitter *e = &c->e;

	if (BPF_SRC(i->code) == BPF_X) {
		emit_rr(e, wide, BPF_OP(i->code) == BPF_JSET ? 0x85 : 0x39, src,
			dst);
	} else if (BPF_OP(i->code) == BPF_JSET) {
		emit_rr(e, wide, 0xf7, 0, dst);
		emit32(e, (uint32_t)i->imm);
	} else if (!i->imm) {
		emit_rr(e, wide, 0x85, dst, dst);
	} else {
		emit_ri(e, wide, 7, dst, i->imm);
	}
}

/* Pays for a jump backward; the program ends where it cannot. */
static void pay(struct compiler *c, uint32_t cost)
{
	emit_rm(&c->e, true, 0x81, 5, RUN, RUN_LEFT, false);
	emit32(&c->e, cost);
	jump_if(c, CC_S, 0, TO_ABORT);
}

static void branch(struct compiler *c, const struct bpf_insn *i, uint32_t pc)
{
	uint32_t to = (uint32_t)((int64_t)pc + 1 + bpf_insn_jump(i));
	uint32_t cc = condition(BPF_OP(i->code)), over;

	if (bpf_insn_is_ja(i)) {
		if (to <= pc)
			pay(c, c->charge[pc]);
		if (to != pc + 1)
			jump(c, to);
		return;
	}
	compare(c, i);
	if (to > pc) {
		jump_if(c, cc, to, TO_INSN);
		return;
	}
	over = emit_skip(&c->e, cc ^ 1);
	pay(c, c->charge[pc]);
	jump(c, to);
	emit_land(&c->e, over);
}

static void call(struct compiler *c, const struct bpf_insn *i, uint32_t pc)
{
	struct emitter *e = &c->e;

	if (i->src == BPF_CALL_LOCAL) {
		emit8(e, 0xe8);
		fix_later(c, (uint32_t)((int64_t)pc + 1 + i->imm), TO_FUNCTION);
		return;
	}
	emit_mov(e, true, R9, RUN);
	emit_rm(e, true, 0x8b, RAX, RUN, RUN_HELPER, false);
	emit_rm(e, false, 0xff, 2, RAX, 8 * i->imm, false);
}

static void instruction(struct compiler *c, uint32_t pc)
{
	const struct bpf_insn *i = &c->insn[pc];

	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		alu(c, i);
		break;
	case BPF_LD:
		constant(c, i);
		break;
	case BPF_LDX:
		load(c, i);
		break;
	case BPF_ST:
		store(c, i);
		break;
	case BPF_STX:
		if (BPF_MODE(i->code) == BPF_ATOMIC)
			atomic(c, i);
		else
			store(c, i);
		break;
	default:
		if (bpf_insn_is_exit(i))
			leave(c);
		else if (BPF_OP(i->code) == BPF_CALL)
			call(c, i, pc);
		else
			branch(c, i, pc);
	}
}

static void find_functions(struct compiler *c)
{
	c->begins[0] = true;
	c->begins[c->count] = true;
	for (uint32_t pc = 0; pc < c->count; pc++) {
		if (bpf_insn_is_local_call(&c->insn[pc]))
			c->begins[(int64_t)pc + 1 + c->insn[pc].imm] = true;
		pc += bpf_insn_wide(&c->insn[pc]);
	}
}

static void apply_fixups(struct compiler *c, uint32_t abort_at)
{
	for (uint32_t n = 0; n < c->fixups; n++) {
		const struct fixup *f = &c->fixup[n];
		struct emitter at = { c->e.out, c->e.size, f->at - 4 };
		uint32_t to = abort_at;

		if (f->kind == TO_INSN)
			to = c->address[f->to];
		else if (f->kind == TO_FUNCTION)
			to = c->function[f->to];
		emit32(&at, to - f->at);
	}
}

uint32_t bpf_compile(const struct bpf_insn *insn, uint32_t count,
		     const uint32_t *charge, uint8_t *out, uint32_t size)
{
	struct compiler *c = calloc(1, sizeof(*c));
	uint32_t bytes, abort_at;

	if (!c)
		return 0;
	c->e = (struct emitter){ out, size, 0 };
	c->insn = insn;
	c->count = count;
	c->charge = charge;
	find_functions(c);
	for (uint32_t pc = 0; pc < count; pc++) {
		if (c->begins[pc])
			enter(c, pc);
		c->address[pc] = c->e.at;
		instruction(c, pc);
		pc += bpf_insn_wide(&insn[pc]);
	}
	/* Out of budget, however deep: back to the entry's stack, result 0. */
	abort_at = c->e.at;
	survey(c, 0);
	emit_rm(&c->e, true, 0x8b, RSP, RUN, RUN_STACK, false);
	emit_rr(&c->e, false, 0x31, RAX, RAX);
	leave(c);
	apply_fixups(c, abort_at);
	bytes = c->e.at;
	free(c);
	return bytes <= size ? bytes : 0;
}
