/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tristate numbers: what is known about each bit of a value.
 *
 * A bit of `mask` says that this bit may be either; the others are as in
 * `value`, which is 0 where `mask` is 1. Each operation returns a set that
 * holds every result of members of its operands (Vishwanathan et al., "Sound,
 * Precise, and Fast Abstract Interpretation with Tristate Numbers", CGO 2022).
 */
#ifndef TOAMI_BPF_TNUM_H
#define TOAMI_BPF_TNUM_H

#include "base/types.h"

struct tnum {
	uint64_t value;
	uint64_t mask;
};

static const struct tnum tnum_unknown = { 0, UINT64_MAX };

static inline struct tnum tnum_const(uint64_t v)
{
	return (struct tnum){ v, 0 };
}

static inline bool tnum_is_const(struct tnum a)
{
	return !a.mask;
}

/* tnum_range - what all of min..max have in common */
static inline struct tnum tnum_range(uint64_t min, uint64_t max)
{
	uint64_t differ = min ^ max;
	uint64_t mask;

	if (!differ)
		return tnum_const(min);
	mask = UINT64_MAX >> __builtin_clzll(differ);
	return (struct tnum){ min & ~mask, mask };
}

static inline struct tnum tnum_lsh(struct tnum a, uint32_t n)
{
	return (struct tnum){ a.value << n, a.mask << n };
}

static inline struct tnum tnum_rsh(struct tnum a, uint32_t n)
{
	return (struct tnum){ a.value >> n, a.mask >> n };
}

static inline struct tnum tnum_arsh(struct tnum a, uint32_t n)
{
	return (struct tnum){ (uint64_t)((int64_t)a.value >> n),
			      (uint64_t)((int64_t)a.mask >> n) };
}

static inline struct tnum tnum_add(struct tnum a, struct tnum b)
{
	uint64_t low = a.value + b.value;
	uint64_t high = low + a.mask + b.mask;
	uint64_t mask = (low ^ high) | a.mask | b.mask;

	return (struct tnum){ low & ~mask, mask };
}

static inline struct tnum tnum_sub(struct tnum a, struct tnum b)
{
	uint64_t v = a.value - b.value;
	uint64_t mask = ((v + a.mask) ^ (v - b.mask)) | a.mask | b.mask;

	return (struct tnum){ v & ~mask, mask };
}

static inline struct tnum tnum_and(struct tnum a, struct tnum b)
{
	uint64_t may = (a.value | a.mask) & (b.value | b.mask);
	uint64_t v = a.value & b.value;

	return (struct tnum){ v, may & ~v };
}

static inline struct tnum tnum_or(struct tnum a, struct tnum b)
{
	uint64_t v = a.value | b.value;

	return (struct tnum){ v, (a.mask | b.mask) & ~v };
}

static inline struct tnum tnum_xor(struct tnum a, struct tnum b)
{
	uint64_t mask = a.mask | b.mask;

	return (struct tnum){ (a.value ^ b.value) & ~mask, mask };
}

/* tnum_mul - the certain part exactly, the uncertain bits one after another */
static inline struct tnum tnum_mul(struct tnum a, struct tnum b)
{
	struct tnum certain = tnum_const(a.value * b.value);
	struct tnum rest = tnum_const(0);

	for (; a.value || a.mask; a = tnum_rsh(a, 1), b = tnum_lsh(b, 1)) {
		if (a.value & 1)
			rest = tnum_add(rest, (struct tnum){ 0, b.mask });
		else if (a.mask & 1)
			rest = tnum_add(rest,
					(struct tnum){ 0, b.value | b.mask });
	}
	return tnum_add(certain, rest);
}

/* tnum_cast - the lowest @bytes, the rest zero */
static inline struct tnum tnum_cast(struct tnum a, uint32_t bytes)
{
	uint64_t keep =
		bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;

	return (struct tnum){ a.value & keep, a.mask & keep };
}

/* tnum_meets - false: no number is in both */
static inline bool tnum_meets(struct tnum a, struct tnum b)
{
	return !((a.value ^ b.value) & ~a.mask & ~b.mask);
}

/* tnum_intersect - of two that meet: what is known by either */
static inline struct tnum tnum_intersect(struct tnum a, struct tnum b)
{
	uint64_t mask = a.mask & b.mask;

	return (struct tnum){ (a.value | b.value) & ~mask, mask };
}

/* tnum_within - every member of @a is in @set */
static inline bool tnum_within(struct tnum set, struct tnum a)
{
	return !(a.mask & ~set.mask) && !((a.value ^ set.value) & ~set.mask);
}

#endif
