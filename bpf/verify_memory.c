/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads, stores and atomics: whose memory, and is it within. */
#include "bpf/verify_internal.h"

#include <string.h>

#include "toami/bpf.h"

/* Where an access begins, at the least and at the most. */
struct extent {
	int64_t min, max;
};

/* Beyond any memory; with a length added, it does not wrap round. */
#define FAR (INT64_C(1) << 60)

static int64_t moved(int64_t from, int64_t by)
{
	if (from < -FAR)
		from = -FAR;
	return (from > FAR ? FAR : from) + by;
}

static struct extent extent_of(const struct reg *r, int64_t off)
{
	return (struct extent){ moved(moved(r->smin, r->off), off),
				moved(moved(r->smax, r->off), off) };
}

/* --- the program's argument --------------------------------------------------
 */

#define FIELD(name, low, high)                                 \
	{                                                      \
		offsetof(struct toami_packet, name), low, high \
	}

static const struct {
	uint32_t off, min, max;
} field[] = {
	FIELD(length, WINDOW_MIN, 70000),
	FIELD(window, WINDOW_MIN, WINDOW_MAX),
	FIELD(l3_off, 0, 255),
	FIELD(l4_off, 0, 255),
	FIELD(gso_bytes, 0, 65535),
	FIELD(vif, 0, UINT32_MAX),
	FIELD(tx_vif, 0, UINT32_MAX),
	FIELD(rx_vif, 0, UINT32_MAX),
	FIELD(direction, 0, 1),
	FIELD(mark, 0, UINT32_MAX),
};

static int load_context(struct verifier *v, const struct reg *r,
			const struct bpf_insn *i, struct reg *to)
{
	int64_t at = (int64_t)r->off + i->off;
	uint32_t bytes = bpf_size_bytes(i->code);

	if (at == offsetof(struct toami_packet, data) && bytes == 8) {
		reg_const(to, 0);
		to->kind = KIND_PACKET;
		return 0;
	}
	if (at == offsetof(struct toami_packet, data_end) && bytes == 8) {
		reg_const(to, 0);
		to->kind = KIND_PACKET_END;
		return 0;
	}
	for (size_t n = 0; n < ARRAY_SIZE(field); n++) {
		if (at != field[n].off || bytes > 4)
			continue;
		reg_bounds(to, field[n].min, field[n].max);
		if (at == offsetof(struct toami_packet, window)) {
			reg_bounds(to, (uint64_t)v->cur.window, WINDOW_MAX);
			to->is_size = 1;
		}
		reg_truncate(to, bytes);
		return 0;
	}
	return verify_refuse(
		v,
		"reads %u bytes at offset %lld of its argument: no such field",
		bytes, (long long)at);
}

/* --- the stack ---------------------------------------------------------------
 */

/* The byte at offset @off, which is -512 to -1, lies in this slot. */
static uint32_t slot_of(int64_t off)
{
	return (uint32_t)(-off - 1) / 8;
}

static uint32_t byte_of(int64_t off)
{
	return (uint32_t)(off + 8 * (int64_t)(slot_of(off) + 1));
}

static int check_stack(struct verifier *v, struct extent e, uint64_t bytes)
{
	if (e.min < -BPF_STACK_BYTES || e.max + (int64_t)bytes > 0)
		return verify_refuse(
			v,
			"%llu bytes at %lld of the stack: it has %d, below its "
			"end",
			(unsigned long long)bytes,
			(long long)(e.min < -BPF_STACK_BYTES ? e.min : e.max),
			BPF_STACK_BYTES);
	return 0;
}

static void grow(struct frame_state *f, int64_t off)
{
	uint32_t need = slot_of(off) + 1;

	if (need > f->slots) {
		memset(&f->slot[f->slots], 0,
		       (need - f->slots) * sizeof(struct slot));
		f->slots = need;
	}
}

/* A spilled register that is written over in part is a number no more. */
static void break_spill(struct slot *s)
{
	uint8_t left = s->spill.kind == KIND_NUMBER ? BYTE_ANY : BYTE_NONE;

	if (s->byte[0] == BYTE_SPILL)
		memset(s->byte, left, sizeof(s->byte));
}

static void mark_bytes(struct frame_state *f, int64_t off, uint64_t bytes,
		       uint8_t kind)
{
	grow(f, off);
	for (uint64_t n = 0; n < bytes; n++) {
		struct slot *s = &f->slot[slot_of(off + (int64_t)n)];

		break_spill(s);
		s->byte[byte_of(off + (int64_t)n)] = kind;
	}
}

/*
 * Bytes somewhere in an extent: each of them may be written or not, so none
 * becomes readable that was not, and none keeps what it was known to be.
 */
static void mark_somewhere(struct frame_state *f, struct extent e,
			   uint64_t bytes)
{
	for (int64_t off = e.min; off < e.max + (int64_t)bytes; off++) {
		struct slot *s;

		if (slot_of(off) >= f->slots)
			continue;
		s = &f->slot[slot_of(off)];
		break_spill(s);
		if (s->byte[byte_of(off)] != BYTE_NONE)
			s->byte[byte_of(off)] = BYTE_ANY;
	}
}

static int check_written(struct verifier *v, const struct frame_state *f,
			 struct extent e, uint64_t bytes, bool *zero)
{
	*zero = true;
	for (int64_t off = e.min; off < e.max + (int64_t)bytes; off++) {
		const struct slot *s = &f->slot[slot_of(off)];
		uint8_t kind = slot_of(off) < f->slots ? s->byte[byte_of(off)]
						       : BYTE_NONE;

		if (kind == BYTE_NONE)
			return verify_refuse(v,
					     "reads the stack at %lld, which "
					     "was never written",
					     (long long)off);
		if (kind == BYTE_SPILL && s->spill.kind != KIND_NUMBER)
			return verify_refuse(v,
					     "reads a saved pointer at %lld of "
					     "the stack as bytes",
					     (long long)off);
		if (kind != BYTE_ZERO)
			*zero = false;
	}
	return 0;
}

static int load_stack(struct verifier *v, const struct reg *r,
		      const struct bpf_insn *i, struct reg *to)
{
	const struct frame_state *f = v->cur.frame[r->frame];
	struct extent e = extent_of(r, i->off);
	uint32_t bytes = bpf_size_bytes(i->code);
	bool zero;
	int err = check_stack(v, e, bytes);

	if (err)
		return err;
	if (e.min == e.max && bytes == 8 && !(e.min & 7) &&
	    slot_of(e.min) < f->slots &&
	    f->slot[slot_of(e.min)].byte[0] == BYTE_SPILL) {
		*to = f->slot[slot_of(e.min)].spill;
		return 0;
	}
	err = check_written(v, f, e, bytes, &zero);
	if (err)
		return err;
	if (zero)
		reg_const(to, 0);
	else
		reg_unknown(to);
	reg_truncate(to, bytes);
	return 0;
}

static int store_stack(struct verifier *v, const struct reg *r,
		       const struct bpf_insn *i, struct reg *value)
{
	struct frame_state *f = v->cur.frame[r->frame];
	struct extent e = extent_of(r, i->off);
	uint32_t bytes = bpf_size_bytes(i->code);
	int err = check_stack(v, e, bytes);

	if (err)
		return err;
	if (e.min == e.max && bytes == 8 && !(e.min & 7)) {
		struct slot *s;

		if (value->kind == KIND_STACK && value->frame > r->frame)
			return verify_refuse(v,
					     "keeps a pointer to a function's "
					     "stack beyond its end");
		grow(f, e.min);
		s = &f->slot[slot_of(e.min)];
		if (reg_is_const(value) && !value->umin) {
			memset(s->byte, BYTE_ZERO, sizeof(s->byte));
			return 0;
		}
		if (value->kind == KIND_NUMBER && !value->id &&
		    !reg_is_const(value) && !value->is_size)
			value->id = ++v->next_id;
		memset(s->byte, BYTE_SPILL, sizeof(s->byte));
		s->spill = *value;
		return 0;
	}
	if (reg_is_pointer(value))
		return verify_refuse(v,
				     "saves %s at %lld of the stack: eight "
				     "bytes at a multiple of eight would do",
				     kind_name(value), (long long)e.min);
	if (e.min == e.max)
		mark_bytes(f, e.min, bytes,
			   reg_is_const(value) && !value->umin ? BYTE_ZERO
							       : BYTE_ANY);
	else
		mark_somewhere(f, e, bytes);
	return 0;
}

/* --- packets and values ------------------------------------------------------
 */

static int check_packet(struct verifier *v, const struct reg *r, int64_t off,
			uint64_t bytes)
{
	int64_t first = r->off + off, behind = first + (int64_t)bytes;
	int64_t proven = r->range;
	bool variable = !tnum_is_const(r->bits) || r->bits.value;

	if (!r->id)
		proven = variable ? 0 : v->cur.window;
	if (r->smin < 0 || r->smin + first < 0)
		return verify_refuse(v, "%llu bytes before the packet",
				     (unsigned long long)bytes);
	/* What is so small that it lies within in any case needs no look. */
	if (r->smax <= WINDOW_MAX && r->smax + behind <= v->cur.window)
		return 0;
	/* Not even what lies before an end is, where no end is proven. */
	if (behind > proven || !proven)
		return verify_refuse(v,
				     "%llu bytes at offset %s%lld of the "
				     "packet: only %lld are known to be there; "
				     "compare with data_end or window first",
				     (unsigned long long)bytes,
				     variable ? "n + " : "", (long long)first,
				     (long long)proven);
	return 0;
}

static int check_value(struct verifier *v, const struct reg *r, int64_t off,
		       uint64_t bytes, bool write)
{
	const struct bpf_map_def *m = &v->maps[r->map];
	struct extent e = extent_of(r, off);

	if (write && m->read_only)
		return verify_refuse(v, "writes to %s, which is constant",
				     m->name);
	if (e.min < 0 || e.max + (int64_t)bytes > m->value_bytes)
		return verify_refuse(v,
				     "%llu bytes at offset %lld of a value of "
				     "%s, which has %u",
				     (unsigned long long)bytes,
				     (long long)(e.min < 0 ? e.min : e.max),
				     m->name, m->value_bytes);
	return 0;
}

static int check_object(struct verifier *v, const struct reg *r, int64_t off,
			uint64_t bytes, bool write)
{
	switch (r->kind) {
	case KIND_PACKET:
		v->report->writes |= write;
		return check_packet(v, r, off, bytes);
	case KIND_VALUE:
		return check_value(v, r, off, bytes, write);
	case KIND_VALUE_OR_NULL:
		return verify_refuse(v, "uses %s: compare it with NULL first",
				     kind_name(r));
	default:
		return verify_refuse(v, "%s through %s",
				     write ? "writes" : "reads", kind_name(r));
	}
}

int verify_bytes(struct verifier *v, const struct reg *r, uint64_t bytes,
		 enum access how)
{
	struct extent e = extent_of(r, 0);
	bool zero;
	int err;

	if (r->kind != KIND_STACK)
		return check_object(v, r, 0, bytes, how != ACCESS_READ);
	err = check_stack(v, e, bytes);
	if (err || !bytes)
		return err;
	if (how == ACCESS_READ)
		return check_written(v, v->cur.frame[r->frame], e, bytes,
				     &zero);
	if (e.min == e.max && how == ACCESS_WRITE)
		mark_bytes(v->cur.frame[r->frame], e.min, bytes, BYTE_ANY);
	else
		mark_somewhere(v->cur.frame[r->frame], e, bytes);
	return 0;
}

/* --- instructions ------------------------------------------------------------
 */

int verify_load(struct verifier *v, const struct bpf_insn *i)
{
	struct reg *src = reg_read(v, i->src), to;
	uint32_t bytes = bpf_size_bytes(i->code);
	int err;

	if (!src)
		return -1;
	if (src->kind == KIND_STACK) {
		err = load_stack(v, src, i, &to);
	} else if (src->kind == KIND_CONTEXT) {
		err = load_context(v, src, i, &to);
	} else {
		reg_unknown(&to);
		reg_truncate(&to, bytes);
		err = check_object(v, src, i->off, bytes, false);
	}
	if (err)
		return err;
	if (BPF_MODE(i->code) == BPF_MEMSX) {
		int64_t half = INT64_C(1) << (8 * bytes - 1);

		reg_unknown(&to);
		to.smin = -half;
		to.smax = half - 1;
		reg_settle(&to);
	}
	state_top(&v->cur)->reg[i->dst] = to;
	return 0;
}

int verify_store(struct verifier *v, const struct bpf_insn *i)
{
	struct reg *dst = reg_read(v, i->dst), *value, constant;
	uint32_t bytes = bpf_size_bytes(i->code);

	if (!dst)
		return -1;
	if (BPF_CLASS(i->code) == BPF_ST) {
		reg_const(&constant, (uint64_t)(int64_t)i->imm);
		value = &constant;
	} else {
		value = reg_read(v, i->src);
		if (!value)
			return -1;
	}
	if (dst->kind == KIND_STACK)
		return store_stack(v, dst, i, value);
	if (reg_is_pointer(value))
		return verify_refuse(v, "stores %s where others would read it",
				     kind_name(value));
	if (dst->kind == KIND_CONTEXT) {
		if (dst->off + i->off != offsetof(struct toami_packet, mark) ||
		    bytes != 4)
			return verify_refuse(v, "writes to its argument: only "
						"mark may be written");
		return 0;
	}
	return check_object(v, dst, i->off, bytes, true);
}

static bool is_aligned(const struct reg *r, int64_t off, uint32_t bytes)
{
	uint64_t fixed = (uint64_t)(r->off + off) + r->bits.value;

	return !(r->bits.mask & (bytes - 1)) && !(fixed & (bytes - 1));
}

int verify_atomic(struct verifier *v, const struct bpf_insn *i)
{
	struct frame_state *top = state_top(&v->cur);
	struct reg *dst = reg_read(v, i->dst), *src = reg_read(v, i->src);
	uint32_t bytes = bpf_size_bytes(i->code);
	int err;

	if (!dst || !src)
		return -1;
	if (src->kind != KIND_NUMBER)
		return verify_refuse(v, "atomic operation with %s",
				     kind_name(src));
	if (i->imm == BPF_CMPXCHG) {
		struct reg *r0 = reg_read(v, 0);

		if (!r0)
			return -1;
		if (r0->kind != KIND_NUMBER)
			return verify_refuse(v, "atomic operation with %s",
					     kind_name(r0));
	}
	if (dst->kind != KIND_STACK && dst->kind != KIND_VALUE)
		return verify_refuse(v,
				     "atomic operation through %s: only values "
				     "of maps and the stack have them",
				     kind_name(dst));
	if (!is_aligned(dst, i->off, bytes))
		return verify_refuse(
			v, "atomic operation on %u bytes not aligned", bytes);
	if (dst->kind == KIND_STACK) {
		struct extent e = extent_of(dst, i->off);
		struct frame_state *f = v->cur.frame[dst->frame];
		bool zero;

		err = check_stack(v, e, bytes);
		if (!err)
			err = check_written(v, f, e, bytes, &zero);
		if (!err)
			mark_somewhere(f, e, bytes);
	} else {
		err = check_value(v, dst, i->off, bytes, true);
	}
	if (err)
		return err;
	if (i->imm & BPF_FETCH) {
		uint8_t to = i->imm == BPF_CMPXCHG ? 0 : i->src;

		reg_unknown(&top->reg[to]);
		reg_truncate(&top->reg[to], bytes);
	}
	return 0;
}

int verify_constant(struct verifier *v, const struct bpf_insn *i)
{
	struct reg *dst = &state_top(&v->cur)->reg[i->dst];
	uint32_t high = (uint32_t)i[1].imm;

	switch (i->src) {
	case BPF_MAP:
		reg_const(dst, 0);
		dst->kind = KIND_MAP;
		dst->map = (uint8_t)i->imm;
		return 0;
	case BPF_MAP_VALUE:
		if (v->maps[i->imm].type != TOAMI_ARRAY ||
		    v->maps[i->imm].entries != 1 ||
		    high >= v->maps[i->imm].value_bytes)
			return verify_refuse(v, "%s has no value at %u",
					     v->maps[i->imm].name, high);
		reg_const(dst, 0);
		dst->kind = KIND_VALUE;
		dst->map = (uint8_t)i->imm;
		dst->off = (int32_t)high;
		return 0;
	default:
		reg_const(dst, (uint64_t)high << 32 | (uint32_t)i->imm);
		return 0;
	}
}
