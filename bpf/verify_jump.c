/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a condition says about the registers in it.
 *
 * The condition is applied as if it held; where that leaves no value, it never
 * holds, and nobody goes that way.
 */
#include "bpf/verify_internal.h"

/* The condition that holds where @op does not. */
static uint8_t inverse(uint8_t op)
{
	switch (op) {
	case BPF_JEQ:
		return BPF_JNE;
	case BPF_JNE:
		return BPF_JEQ;
	case BPF_JGT:
		return BPF_JLE;
	case BPF_JLE:
		return BPF_JGT;
	case BPF_JGE:
		return BPF_JLT;
	case BPF_JLT:
		return BPF_JGE;
	case BPF_JSGT:
		return BPF_JSLE;
	case BPF_JSLE:
		return BPF_JSGT;
	case BPF_JSGE:
		return BPF_JSLT;
	default:
		return BPF_JSGE;
	}
}

/* The condition with its sides exchanged. */
static uint8_t mirror(uint8_t op)
{
	switch (op) {
	case BPF_JGT:
		return BPF_JLT;
	case BPF_JLT:
		return BPF_JGT;
	case BPF_JGE:
		return BPF_JLE;
	case BPF_JLE:
		return BPF_JGE;
	case BPF_JSGT:
		return BPF_JSLT;
	case BPF_JSLT:
		return BPF_JSGT;
	case BPF_JSGE:
		return BPF_JSLE;
	case BPF_JSLE:
		return BPF_JSGE;
	default:
		return op;
	}
}

static bool narrow_equal(struct reg *a, struct reg *b)
{
	if (!tnum_meets(a->bits, b->bits))
		return false;
	a->bits = b->bits = tnum_intersect(a->bits, b->bits);
	if (a->umin < b->umin)
		a->umin = b->umin;
	if (a->umax > b->umax)
		a->umax = b->umax;
	if (a->smin < b->smin)
		a->smin = b->smin;
	if (a->smax > b->smax)
		a->smax = b->smax;
	if (a->umin > a->umax || a->smin > a->smax || !reg_settle(a))
		return false;
	b->umin = a->umin;
	b->umax = a->umax;
	b->smin = a->smin;
	b->smax = a->smax;
	b->bits = a->bits;
	return true;
}

/* @a is not the constant @c: that matters at the ends of its bounds only. */
static bool narrow_differs(struct reg *a, const struct reg *c)
{
	if (!tnum_is_const(c->bits))
		return true;
	if (tnum_is_const(a->bits))
		return a->umin != c->umin;
	if (a->umin == c->umin)
		a->umin++;
	if (a->umax == c->umin)
		a->umax--;
	if (a->smin == (int64_t)c->umin)
		a->smin++;
	if (a->smax == (int64_t)c->umin)
		a->smax--;
	return a->umin <= a->umax && a->smin <= a->smax && reg_settle(a);
}

/* a < b, or a <= b where @equal */
static bool narrow_below(struct reg *a, struct reg *b, bool equal)
{
	if (!equal && (!b->umax || a->umin == UINT64_MAX))
		return false;
	a->umax = min_u64(a->umax, b->umax - !equal);
	if (b->umin < a->umin + !equal)
		b->umin = a->umin + !equal;
	return a->umin <= a->umax && b->umin <= b->umax && reg_settle(a) &&
	       reg_settle(b);
}

static bool narrow_below_signed(struct reg *a, struct reg *b, bool equal)
{
	if (!equal && (b->smax == INT64_MIN || a->smin == INT64_MAX))
		return false;
	if (a->smax > b->smax - !equal)
		a->smax = b->smax - !equal;
	if (b->smin < a->smin + !equal)
		b->smin = a->smin + !equal;
	return a->smin <= a->smax && b->smin <= b->smax && reg_settle(a) &&
	       reg_settle(b);
}

static bool narrow_bits(struct reg *a, const struct reg *b, bool set)
{
	uint64_t mask = b->umin;

	if (!tnum_is_const(b->bits))
		return true;
	if (!set) {
		if (a->bits.value & mask)
			return false;
		a->bits.mask &= ~mask;
		return reg_settle(a);
	}
	if (!((a->bits.value | a->bits.mask) & mask))
		return false;
	if (!(mask & (mask - 1))) {
		a->bits.value |= mask;
		a->bits.mask &= ~mask;
	}
	return reg_settle(a);
}

/* Both numbers as they are where @op holds. False: it never does. */
static bool narrow(uint8_t op, bool holds, struct reg *a, struct reg *b)
{
	if (op == BPF_JSET)
		return narrow_bits(a, b, holds);
	if (!holds)
		op = inverse(op);
	switch (op) {
	case BPF_JEQ:
		return narrow_equal(a, b);
	case BPF_JNE:
		return narrow_differs(a, b) && narrow_differs(b, a);
	case BPF_JLT:
	case BPF_JLE:
		return narrow_below(a, b, op == BPF_JLE);
	case BPF_JGT:
	case BPF_JGE:
		return narrow_below(b, a, op == BPF_JGE);
	case BPF_JSLT:
	case BPF_JSLE:
		return narrow_below_signed(a, b, op == BPF_JSLE);
	case BPF_JSGT:
	case BPF_JSGE:
		return narrow_below_signed(b, a, op == BPF_JSGE);
	default:
		return true;
	}
}

/* --- telling the others ------------------------------------------------------
 */

static void meet(struct reg *r, const struct reg *with)
{
	struct reg a = *r, b = *with;

	if (narrow_equal(&a, &b)) {
		a.id = r->id;
		*r = a;
	}
}

static void learn_same(struct reg *r, void *arg)
{
	const struct reg *known = arg;
	struct reg value = *known, by;

	if (r->id != known->id ||
	    (r->kind != KIND_NUMBER && r->kind != KIND_PACKET))
		return;
	/* A pointer's bounds are those of base, a number's of base + off. */
	reg_const(&by,
		  (uint64_t)(int64_t)((r->kind == KIND_NUMBER ? r->off : 0) -
				      known->off));
	reg_alu(BPF_ADD, true, false, &value, &by);
	meet(r, &value);
}

/* Writes what is now known of @r, and to all of the same id. */
static void learn(struct state *s, struct reg *r, const struct reg *known)
{
	meet(r, known);
	if (r->id) {
		struct reg copy = *r;

		state_each(s, learn_same, &copy);
	}
}

/* --- pointers ----------------------------------------------------------------
 */

/*
 * a <= b, or a < b where @strict, of things that are measured from the packet's
 * begin: pointers into it, its end, its size, and numbers compared with that.
 */
static void learn_size(struct state *s, const struct reg *a,
		       const struct reg *b, bool strict)
{
	int64_t behind;

	if (a->kind == KIND_PACKET && b->kind == KIND_PACKET_END) {
		if (!a->id && (!tnum_is_const(a->bits) || a->bits.value))
			return;
		state_window(s, a->id, (int64_t)a->off + strict);
		return;
	}
	if (a->kind != KIND_NUMBER || b->kind != KIND_NUMBER || !b->is_size ||
	    a->is_size)
		return;
	behind = strict - (int64_t)b->off;
	if (reg_is_const(a) && a->umin <= WINDOW_MAX)
		state_window(s, 0, (int64_t)a->umin + behind);
	else if (a->id)
		state_window(s, a->id, a->off + behind);
}

/* The comparison that says the same of numbers that are not negative. */
static uint8_t unsigned_of(uint8_t op)
{
	switch (op) {
	case BPF_JSGT:
		return BPF_JGT;
	case BPF_JSGE:
		return BPF_JGE;
	case BPF_JSLT:
		return BPF_JLT;
	case BPF_JSLE:
		return BPF_JLE;
	default:
		return op;
	}
}

/* What a comparison with the packet's size says, in either order. */
static void size_condition(struct state *s, uint8_t op, const struct reg *a,
			   const struct reg *b)
{
	if (a->kind == KIND_NUMBER && a->smin >= 0 && b->smin >= 0)
		op = unsigned_of(op);
	if (op == BPF_JGT || op == BPF_JGE) {
		const struct reg *t = a;

		a = b;
		b = t;
		op = mirror(op);
	}
	if (op == BPF_JLT || op == BPF_JLE)
		learn_size(s, a, b, op == BPF_JLT);
	if (op == BPF_JEQ) {
		learn_size(s, a, b, false);
		learn_size(s, b, a, false);
	}
}

/* Can a pointer into the packet, and its end, be as @op has them? */
static bool size_possible(const struct state *s, uint8_t op,
			  const struct reg *a, const struct reg *b)
{
	int64_t proven;

	if (a->kind == KIND_PACKET_END) {
		const struct reg *t = a;

		a = b;
		b = t;
		op = mirror(op);
	}
	if (a->kind != KIND_PACKET || b->kind != KIND_PACKET_END || a->smin < 0)
		return true;
	/* 0: nothing is. */
	proven = a->range;
	if (!a->id)
		proven = tnum_is_const(a->bits) && !a->bits.value ? s->window
								  : 0;
	switch (op) {
	case BPF_JLE:
	case BPF_JEQ:
		return a->smin + a->off <= WINDOW_MAX;
	case BPF_JLT:
		return a->smin + a->off < WINDOW_MAX;
	case BPF_JGT:
		return !proven || a->off > proven;
	case BPF_JGE:
		return !proven || a->off >= proven;
	default:
		return true;
	}
}

struct resolved {
	uint32_t id;
	bool null;
};

static void resolve(struct reg *r, void *arg)
{
	const struct resolved *x = arg;

	if (r->kind != KIND_VALUE_OR_NULL || r->id != x->id)
		return;
	if (x->null) {
		reg_const(r, 0);
	} else {
		r->kind = KIND_VALUE;
		r->id = 0;
	}
}

static bool is_zero(const struct reg *r)
{
	return reg_is_const(r) && !r->umin;
}

/* At least one of both is a pointer. */
static int pointer_condition(struct verifier *v, struct state *s, uint8_t op,
			     bool wide, struct reg *a, struct reg *b)
{
	bool equality = op == BPF_JEQ || op == BPF_JNE;

	if (!wide)
		return verify_refuse(v, "compares a part of %s",
				     kind_name(reg_is_pointer(a) ? a : b));
	if (equality && (is_zero(a) || is_zero(b))) {
		const struct reg *p = is_zero(a) ? b : a;
		struct resolved x = { p->id, op == BPF_JEQ };

		if (p->kind != KIND_VALUE_OR_NULL)
			return op == BPF_JNE;
		state_each(s, resolve, &x);
		return 1;
	}
	if ((a->kind == KIND_PACKET || a->kind == KIND_PACKET_END) &&
	    (b->kind == KIND_PACKET || b->kind == KIND_PACKET_END)) {
		if (!size_possible(s, op, a, b))
			return 0;
		size_condition(s, op, a, b);
		return 1;
	}
	if (a->kind == b->kind && a->kind != KIND_VALUE_OR_NULL)
		return 1;
	return verify_refuse(v, "compares %s with %s", kind_name(a),
			     kind_name(b));
}

int verify_condition(struct verifier *v, struct state *s,
		     const struct bpf_insn *i, bool taken)
{
	bool wide = BPF_CLASS(i->code) == BPF_JMP;
	bool by_reg = BPF_SRC(i->code) == BPF_X;
	uint8_t op = BPF_OP(i->code);
	struct reg *a = &state_top(s)->reg[i->dst], *b, constant, x, y;

	b = &constant;
	if (by_reg)
		b = &state_top(s)->reg[i->src];
	else
		reg_const(&constant,
			  wide ? (uint64_t)(int64_t)i->imm : (uint32_t)i->imm);
	if (a->kind == KIND_NONE || b->kind == KIND_NONE)
		return verify_refuse(v, "r%u has no value here",
				     a->kind == KIND_NONE ? i->dst : i->src);
	if (reg_is_pointer(a) || reg_is_pointer(b)) {
		if (op == BPF_JSET)
			return verify_refuse(v, "compares bits of %s",
					     kind_name(reg_is_pointer(a) ? a
									 : b));
		return pointer_condition(v, s, taken ? op : inverse(op), wide,
					 a, b);
	}
	x = *a;
	y = *b;
	if (!wide) {
		bool is_signed = op == BPF_JSGT || op == BPF_JSGE ||
				 op == BPF_JSLT || op == BPF_JSLE;

		reg_truncate(&x, 4);
		reg_truncate(&y, 4);
		if (is_signed && (x.umax > INT32_MAX || y.umax > INT32_MAX))
			return 1;
	}
	if (a == b)
		return 1;
	if (!narrow(op, taken, &x, &y))
		return 0;
	if (wide || a->umax <= UINT32_MAX) {
		if (op != BPF_JSET && (wide || b->umax <= UINT32_MAX))
			size_condition(s, taken ? op : inverse(op), a, b);
		learn(s, a, &x);
	}
	if (by_reg && (wide || b->umax <= UINT32_MAX))
		learn(s, b, &y);
	return 1;
}
