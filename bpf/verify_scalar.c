/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of a number after arithmetic. Every result must hold all that
 * members of the operands can give: verify_scalar_test.c tries that.
 */
#include "bpf/verify_internal.h"

#include <string.h>

#define SIGN UINT64_C(0x8000000000000000)

void reg_unknown(struct reg *r)
{
	*r = (struct reg){ .kind = KIND_NUMBER,
			   .umax = UINT64_MAX,
			   .smin = INT64_MIN,
			   .smax = INT64_MAX,
			   .bits = tnum_unknown };
}

void reg_const(struct reg *r, uint64_t v)
{
	*r = (struct reg){ .kind = KIND_NUMBER,
			   .umin = v,
			   .umax = v,
			   .smin = (int64_t)v,
			   .smax = (int64_t)v,
			   .bits = tnum_const(v) };
}

void reg_bounds(struct reg *r, uint64_t umin, uint64_t umax)
{
	reg_unknown(r);
	r->umin = umin;
	r->umax = umax;
	reg_settle(r);
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static int64_t max_s64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t min_s64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

bool reg_settle(struct reg *r)
{
	for (int round = 0; round < 2; round++) {
		uint64_t low = r->bits.value, high = low | r->bits.mask;
		struct tnum range;

		r->umin = max_u64(r->umin, low);
		r->umax = min_u64(r->umax, high);
		r->smin = max_s64(r->smin,
				  (int64_t)(low | (r->bits.mask & SIGN)));
		r->smax = min_s64(r->smax,
				  (int64_t)(low | (r->bits.mask & ~SIGN)));
		if ((int64_t)r->umin <= (int64_t)r->umax) {
			r->smin = max_s64(r->smin, (int64_t)r->umin);
			r->smax = min_s64(r->smax, (int64_t)r->umax);
		}
		if (r->smin >= 0 || r->smax < 0) {
			r->umin = max_u64(r->umin, (uint64_t)r->smin);
			r->umax = min_u64(r->umax, (uint64_t)r->smax);
		}
		if (r->umin > r->umax || r->smin > r->smax)
			return false;
		range = tnum_range(r->umin, r->umax);
		if (!tnum_meets(r->bits, range))
			return false;
		r->bits = tnum_intersect(r->bits, range);
	}
	return true;
}

void reg_truncate(struct reg *r, uint32_t bytes)
{
	uint64_t max = bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;
	struct tnum bits;
	uint64_t umin, umax;

	if (r->umax <= max)
		return;
	bits = tnum_cast(r->bits, bytes);
	umin = bits.value;
	umax = bits.value | bits.mask;
	if ((r->umin & ~max) == (r->umax & ~max)) {
		umin = max_u64(umin, r->umin & max);
		umax = min_u64(umax, r->umax & max);
	}
	reg_unknown(r);
	r->bits = bits;
	r->umin = umin;
	r->umax = umax;
	reg_settle(r);
}

static void forget_signed(struct reg *r)
{
	r->smin = INT64_MIN;
	r->smax = INT64_MAX;
}

static void forget_unsigned(struct reg *r)
{
	r->umin = 0;
	r->umax = UINT64_MAX;
}

static void add(struct reg *d, const struct reg *s)
{
	if (__builtin_add_overflow(d->umax, s->umax, &d->umax))
		forget_unsigned(d);
	else
		d->umin += s->umin;
	if (__builtin_add_overflow(d->smin, s->smin, &d->smin) ||
	    __builtin_add_overflow(d->smax, s->smax, &d->smax))
		forget_signed(d);
	d->bits = tnum_add(d->bits, s->bits);
}

static void subtract(struct reg *d, const struct reg *s)
{
	if (d->umin >= s->umax) {
		d->umin -= s->umax;
		d->umax -= s->umin;
	} else {
		forget_unsigned(d);
	}
	if (__builtin_sub_overflow(d->smin, s->smax, &d->smin) ||
	    __builtin_sub_overflow(d->smax, s->smin, &d->smax))
		forget_signed(d);
	d->bits = tnum_sub(d->bits, s->bits);
}

static void multiply(struct reg *d, const struct reg *s)
{
	uint64_t umax;

	if (__builtin_mul_overflow(d->umax, s->umax, &umax)) {
		forget_unsigned(d);
	} else {
		d->umin *= s->umin;
		d->umax = umax;
	}
	forget_signed(d);
	d->bits = tnum_mul(d->bits, s->bits);
}

/* Division by zero gives zero. */
static void divide(struct reg *d, const struct reg *s)
{
	d->umin = s->umin ? d->umin / s->umax : 0;
	d->umax = d->umax / max_u64(s->umin, 1);
	forget_signed(d);
	d->bits = tnum_unknown;
}

/* The rest of a division by zero is the dividend. */
static void rest(struct reg *d, const struct reg *s)
{
	if (s->umin && d->umax < s->umin)
		return;
	d->umin = 0;
	if (s->umin)
		d->umax = min_u64(d->umax, s->umax - 1);
	forget_signed(d);
	d->bits = tnum_unknown;
}

static void shift_left(struct reg *d, uint32_t n)
{
	if (n && d->umax >> (64 - n)) {
		forget_unsigned(d);
	} else {
		d->umin <<= n;
		d->umax <<= n;
	}
	forget_signed(d);
	d->bits = tnum_lsh(d->bits, n);
}

static void shift_right(struct reg *d, uint32_t n)
{
	d->umin >>= n;
	d->umax >>= n;
	forget_signed(d);
	d->bits = tnum_rsh(d->bits, n);
}

static void shift_right_signed(struct reg *d, uint32_t n, bool wide)
{
	if (!wide) {
		if (d->umax <= INT32_MAX)
			shift_right(d, n);
		else
			reg_unknown(d);
		return;
	}
	d->smin >>= n;
	d->smax >>= n;
	forget_unsigned(d);
	d->bits = tnum_arsh(d->bits, n);
}

static void shift(uint8_t op, bool wide, struct reg *d, const struct reg *s)
{
	uint32_t n = (uint32_t)s->umin & (wide ? 63 : 31);

	if (!reg_is_const(s)) {
		uint64_t umax = d->umax;

		reg_unknown(d);
		if (op == BPF_RSH)
			d->umax = umax;
		return;
	}
	if (op == BPF_LSH)
		shift_left(d, n);
	else if (op == BPF_RSH)
		shift_right(d, n);
	else
		shift_right_signed(d, n, wide);
}

void reg_alu(uint8_t op, bool wide, bool is_signed, struct reg *d,
	     const struct reg *src)
{
	struct reg s = *src;

	if (!wide) {
		reg_truncate(d, 4);
		reg_truncate(&s, 4);
	}
	d->id = 0;
	d->off = 0;
	d->range = 0;
	d->is_size = 0;
	memset(&d->shifted, 0, sizeof(d->shifted));
	switch (op) {
	case BPF_ADD:
		add(d, &s);
		break;
	case BPF_SUB:
		subtract(d, &s);
		break;
	case BPF_MUL:
		multiply(d, &s);
		break;
	case BPF_AND:
		d->bits = tnum_and(d->bits, s.bits);
		d->umin = 0;
		d->umax = min_u64(d->umax, s.umax);
		forget_signed(d);
		break;
	case BPF_OR:
		d->bits = tnum_or(d->bits, s.bits);
		d->umin = max_u64(d->umin, s.umin);
		d->umax = UINT64_MAX;
		forget_signed(d);
		break;
	case BPF_XOR:
		d->bits = tnum_xor(d->bits, s.bits);
		forget_unsigned(d);
		forget_signed(d);
		break;
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH:
		shift(op, wide, d, &s);
		break;
	case BPF_DIV:
	case BPF_MOD:
		if (is_signed)
			reg_unknown(d);
		else if (op == BPF_DIV)
			divide(d, &s);
		else
			rest(d, &s);
		break;
	default:
		reg_unknown(d);
	}
	reg_settle(d);
	if (!wide)
		reg_truncate(d, 4);
}
