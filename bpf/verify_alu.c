/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetic instructions, on numbers and on pointers. */
#include "bpf/verify_internal.h"

/* Beyond these a pointer's offset is nonsense. */
#define OFFSET_MAX (1 << 29)

const char *kind_name(const struct reg *r)
{
	static const char *const name[] = {
		[KIND_NONE] = "nothing",
		[KIND_NUMBER] = "a number",
		[KIND_CONTEXT] = "the program's argument",
		[KIND_STACK] = "a pointer to the stack",
		[KIND_PACKET] = "a pointer to the packet",
		[KIND_PACKET_END] = "the packet's end",
		[KIND_VALUE] = "a pointer to a map's value",
		[KIND_VALUE_OR_NULL] =
			"the result of toami_map_find(), which may be NULL",
		[KIND_MAP] = "a map",
	};

	return name[r->kind];
}

struct reg *reg_read(struct verifier *v, uint8_t number)
{
	struct reg *r = &state_top(&v->cur)->reg[number];

	if (r->kind == KIND_NONE) {
		verify_refuse(v, "r%u has no value here", number);
		return NULL;
	}
	return r;
}

/* The second operand: a register, or the constant, written to *constant. */
static const struct reg *operand(struct verifier *v, const struct bpf_insn *i,
				 struct reg *constant)
{
	if (BPF_SRC(i->code) == BPF_X)
		return reg_read(v, i->src);
	if (BPF_CLASS(i->code) == BPF_ALU)
		reg_const(constant, (uint32_t)i->imm);
	else
		reg_const(constant, (uint64_t)(int64_t)i->imm);
	return constant;
}

static void need_id(struct verifier *v, struct reg *r)
{
	if (!r->id && !reg_is_const(r) && !r->is_size) {
		r->id = ++v->next_id;
		r->off = 0;
		r->range = 0;
	}
}

/* --- copies ------------------------------------------------------------------
 */

static void sign_extend(struct reg *r, uint32_t bits)
{
	uint64_t half = UINT64_C(1) << (bits - 1);

	if (r->umax < half)
		return;
	if (reg_is_const(r)) {
		uint32_t n = 64 - bits;

		reg_const(r, (uint64_t)((int64_t)(r->umin << n) >> n));
		return;
	}
	reg_unknown(r);
	r->smin = -(int64_t)half;
	r->smax = (int64_t)(half - 1);
	reg_settle(r);
}

static int move(struct verifier *v, const struct bpf_insn *i)
{
	struct reg *dst = &state_top(&v->cur)->reg[i->dst], *src;
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;

	if (BPF_SRC(i->code) == BPF_K) {
		reg_const(dst,
			  wide ? (uint64_t)(int64_t)i->imm : (uint32_t)i->imm);
		return 0;
	}
	src = reg_read(v, i->src);
	if (!src)
		return -1;
	if (reg_is_pointer(src)) {
		if (!wide || i->off)
			return verify_refuse(
				v, "r%u is %s: a part of it is no number",
				i->src, kind_name(src));
		*dst = *src;
		return 0;
	}
	need_id(v, src);
	*dst = *src;
	if (i->off)
		sign_extend(dst, (uint32_t)i->off);
	if (!wide)
		reg_truncate(dst, 4);
	return 0;
}

/* --- numbers -----------------------------------------------------------------
 */

static uint64_t swap(uint64_t v, int bits)
{
	if (bits == 16)
		return __builtin_bswap16((uint16_t)v);
	if (bits == 32)
		return __builtin_bswap32((uint32_t)v);
	return __builtin_bswap64(v);
}

static void byte_order(struct reg *r, const struct bpf_insn *i)
{
	bool keep = BPF_CLASS(i->code) == BPF_ALU && BPF_SRC(i->code) == BPF_K;

	if (keep)
		reg_truncate(r, (uint32_t)i->imm / 8);
	else if (reg_is_const(r))
		reg_const(r, swap(r->umin, i->imm));
	else
		reg_bounds(r, 0,
			   i->imm == 64 ? UINT64_MAX
					: (UINT64_C(1) << i->imm) - 1);
}

/*
 * Adding a constant keeps the relation to others of the same id, as long as
 * nothing overflows.
 */
static bool keeps_relation(const struct reg *r, bool wide, int64_t by)
{
	uint64_t sum;
	int64_t off = r->off + by;

	if ((!r->id && !r->is_size) || by < -OFFSET_MAX || by > OFFSET_MAX ||
	    off < -OFFSET_MAX || off > OFFSET_MAX)
		return false;
	if (!wide && r->umax > UINT32_MAX)
		return false;
	if (by < 0)
		return r->umin >= (uint64_t)-by;
	if (__builtin_add_overflow(r->umax, (uint64_t)by, &sum))
		return false;
	return wide || sum <= UINT32_MAX;
}

/*
 * A number that fits into 32 bits is the same after << 32 and >> 32; one of 31
 * bits, too, where the sign is drawn out on the way back.
 */
static void keep_shifted(struct reg *dst, const struct reg *from, uint8_t op,
			 bool wide, const struct reg *by)
{
	if (!wide || !reg_is_const(by) || by->umin != 32)
		return;
	if (op == BPF_LSH && from->umax <= UINT32_MAX) {
		dst->shifted.id = from->id;
		dst->shifted.off = from->off;
		dst->shifted.range = from->range;
		dst->shifted.is_size = from->is_size;
	} else if (op == BPF_RSH || (op == BPF_ARSH && from->smin >= 0)) {
		dst->id = from->shifted.id;
		dst->off = from->shifted.off;
		dst->range = from->shifted.range;
		dst->is_size = from->shifted.is_size;
	}
}

static void compute(struct reg *dst, const struct bpf_insn *i,
		    const struct reg *src)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	uint8_t op = BPF_OP(i->code);
	struct reg from = *dst;
	int64_t by = 0;
	bool keep = false;

	if (op == BPF_ADD && reg_is_const(dst) && !reg_is_const(src)) {
		from = *src;
		by = (int64_t)dst->umin;
		keep = keeps_relation(&from, wide, by);
	} else if ((op == BPF_ADD || op == BPF_SUB) && reg_is_const(src)) {
		by = wide ? (int64_t)src->umin : (int32_t)src->umin;
		if (op == BPF_SUB)
			by = by == INT64_MIN ? INT64_MAX : -by;
		keep = keeps_relation(&from, wide, by);
	}
	reg_alu(op, wide, i->off == 1, dst, src);
	keep_shifted(dst, &from, op, wide, src);
	if (keep) {
		dst->id = from.id;
		dst->off = (int32_t)(from.off + by);
		dst->range = from.range;
		dst->is_size = from.is_size;
	}
}

/* --- pointers ----------------------------------------------------------------
 */

/* The bounds of base(id): what is left of @n without its offset. */
static void base_of(const struct reg *n, struct reg *base)
{
	struct reg by;

	*base = *n;
	reg_const(&by, (uint64_t)(int64_t)n->off);
	if (n->off > 0 && base->umin < (uint64_t)n->off) {
		base->umin = (uint64_t)n->off;
		reg_settle(base);
	}
	reg_alu(BPF_SUB, true, false, base, &by);
}

static int shift_pointer(struct verifier *v, struct reg *p, int64_t by)
{
	int64_t off = p->off + by;

	if (by < -OFFSET_MAX || by > OFFSET_MAX || off < -OFFSET_MAX ||
	    off > OFFSET_MAX)
		return verify_refuse(v, "moves %s by %lld", kind_name(p),
				     (long long)by);
	p->off = (int32_t)off;
	return 0;
}

static void set_variable(struct reg *p, const struct reg *part)
{
	p->umin = part->umin;
	p->umax = part->umax;
	p->smin = part->smin;
	p->smax = part->smax;
	p->bits = part->bits;
}

static bool has_variable(const struct reg *p)
{
	return !tnum_is_const(p->bits) || p->bits.value;
}

static int add_variable(struct verifier *v, struct reg *p, struct reg *n,
			uint8_t op)
{
	struct reg part = *p, base;

	if (p->kind == KIND_CONTEXT)
		return verify_refuse(v, "moves the program's argument");
	if (n->smin < -OFFSET_MAX || n->smax > OFFSET_MAX)
		return verify_refuse(v,
				     "moves %s by a number that is not "
				     "bounded: compare it first",
				     kind_name(p));
	if (op == BPF_ADD && p->kind == KIND_PACKET && !has_variable(p) &&
	    n->smin >= 0 && !n->is_size) {
		need_id(v, n);
		base_of(n, &base);
		p->id = n->id;
		p->range = n->range;
		set_variable(p, &base);
		return shift_pointer(v, p, n->off);
	}
	part.kind = KIND_NUMBER;
	reg_alu(op, true, false, &part, n);
	if (part.smin < -OFFSET_MAX || part.smax > OFFSET_MAX)
		return verify_refuse(v, "moves %s too far", kind_name(p));
	set_variable(p, &part);
	if (p->kind == KIND_PACKET) {
		p->id = ++v->next_id;
		p->range = 0;
	}
	return 0;
}

static int move_pointer(struct verifier *v, struct reg *p, struct reg *n,
			uint8_t op)
{
	switch (p->kind) {
	case KIND_CONTEXT:
	case KIND_STACK:
	case KIND_PACKET:
	case KIND_VALUE:
		break;
	case KIND_VALUE_OR_NULL:
		return verify_refuse(v, "moves %s: compare it with NULL first",
				     kind_name(p));
	default:
		return verify_refuse(v, "moves %s", kind_name(p));
	}
	if (reg_is_const(n)) {
		int64_t by = (int64_t)n->umin;

		if (by < -OFFSET_MAX || by > OFFSET_MAX)
			return verify_refuse(v, "moves %s by %lld",
					     kind_name(p), (long long)by);
		return shift_pointer(v, p, op == BPF_ADD ? by : -by);
	}
	return add_variable(v, p, n, op);
}

/* The distance between two pointers; what is useful of it is kept. */
static int distance(struct verifier *v, struct reg *dst, const struct reg *src)
{
	struct reg d;
	int64_t off = (int64_t)dst->off - src->off;

	reg_unknown(&d);
	if (dst->kind == KIND_PACKET_END && src->kind == KIND_PACKET) {
		if (!src->id && !has_variable(src) && src->off >= 0 &&
		    src->off <= v->cur.window) {
			reg_bounds(&d, (uint64_t)(v->cur.window - src->off),
				   (uint64_t)(WINDOW_MAX - src->off));
			d.is_size = 1;
			d.off = -src->off;
		}
	} else if (dst->kind == KIND_PACKET && src->kind == KIND_PACKET) {
		if (dst->id == src->id && (dst->id || !has_variable(src))) {
			reg_const(&d, (uint64_t)off);
		} else if (!has_variable(src) && dst->smin >= 0 && off >= 0) {
			struct reg by;

			d = *dst;
			d.kind = KIND_NUMBER;
			reg_const(&by, (uint64_t)off);
			reg_alu(BPF_ADD, true, false, &d, &by);
			d.id = dst->id;
			d.off = (int32_t)off;
			d.range = dst->range;
		}
	} else if (dst->kind != src->kind ||
		   (dst->kind != KIND_VALUE && dst->kind != KIND_STACK)) {
		return verify_refuse(v, "subtracts %s from %s", kind_name(src),
				     kind_name(dst));
	}
	*dst = d;
	return 0;
}

static int pointer_alu(struct verifier *v, const struct bpf_insn *i,
		       struct reg *dst, struct reg *src)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	uint8_t op = BPF_OP(i->code);
	struct reg copy;

	if (!wide || (op != BPF_ADD && op != BPF_SUB))
		return verify_refuse(
			v, "computes with %s as if it were a number",
			kind_name(reg_is_pointer(dst) ? dst : src));
	if (reg_is_pointer(dst) && reg_is_pointer(src)) {
		if (op == BPF_ADD)
			return verify_refuse(v, "adds two pointers");
		return distance(v, dst, src);
	}
	if (reg_is_pointer(dst))
		return move_pointer(v, dst, src, op);
	if (op == BPF_SUB)
		return verify_refuse(v, "subtracts %s from a number",
				     kind_name(src));
	/* A number plus a pointer: the result is in the number's place. */
	copy = *src;
	{
		struct reg number = *dst;
		int err = move_pointer(v, &copy, &number, op);

		*dst = copy;
		return err;
	}
}

int verify_alu(struct verifier *v, const struct bpf_insn *i)
{
	uint8_t op = BPF_OP(i->code);
	struct reg *dst, constant;
	const struct reg *src;

	if (op == BPF_MOV)
		return move(v, i);
	dst = reg_read(v, i->dst);
	if (!dst)
		return -1;
	if (op == BPF_NEG || op == BPF_END) {
		if (reg_is_pointer(dst))
			return verify_refuse(
				v, "computes with %s as if it were a number",
				kind_name(dst));
		if (op == BPF_END) {
			byte_order(dst, i);
			return 0;
		}
		constant = *dst;
		reg_const(dst, 0);
		reg_alu(BPF_SUB, BPF_CLASS(i->code) == BPF_ALU64, false, dst,
			&constant);
		return 0;
	}
	src = operand(v, i, &constant);
	if (!src)
		return -1;
	if (reg_is_pointer(dst) || reg_is_pointer(src))
		return pointer_alu(v, i, dst, (struct reg *)(uintptr_t)src);
	compute(dst, i, src);
	return 0;
}
