/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of numbers holds: registers of which bounds and bits are known,
 * numbers that are as these say, every operation of the interpreter on them;
 * the result must be as the verifier then says. Likewise conditions: a number
 * for which one holds must not be excluded where it is followed.
 */
#include "bpf/program.h"
#include "bpf/verify_internal.h"
#include "base/random.h"

#define STEP(run)
#define MEMORY(run, at, bytes, write)
#include "bpf/interpret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS	100000
#define MEMBERS 6

static uint64_t seed;

static uint64_t next(void)
{
	return random_next(&seed);
}

/* Numbers of all lengths, and what lies at the ends of 8, 16, 32 and 64 bits.
 */
static uint64_t number(void)
{
	uint64_t v = next() >> next() % 64;
	uint32_t bits = 8u << next() % 4;

	switch (next() % 6) {
	case 0:
		return next() % 16;
	case 1:
		return 0 - next() % 16;
	case 2:
		return (UINT64_C(1) << (bits - 1)) + next() % 5 - 2;
	case 3:
		return (bits == 64 ? 0 : UINT64_C(1) << bits) + next() % 5 - 2;
	case 4:
		return 0 - v;
	default:
		return v;
	}
}

static bool holds(const struct reg *r, uint64_t v)
{
	return v >= r->umin && v <= r->umax && (int64_t)v >= r->smin &&
	       (int64_t)v <= r->smax && !((v ^ r->bits.value) & ~r->bits.mask);
}

/* A register that may be any of @v, and what else is known of all of them. */
static void around(struct reg *r, const uint64_t v[MEMBERS])
{
	bool of_unsigned = next() % 2, of_signed = next() % 2;
	struct tnum bits = tnum_const(v[0]);

	reg_unknown(r);
	if (of_unsigned)
		r->umin = UINT64_MAX, r->umax = 0;
	if (of_signed)
		r->smin = INT64_MAX, r->smax = INT64_MIN;
	for (int n = 0; n < MEMBERS; n++) {
		int64_t s = (int64_t)v[n];

		if (of_unsigned && v[n] < r->umin)
			r->umin = v[n];
		if (of_unsigned && v[n] > r->umax)
			r->umax = v[n];
		if (of_signed && s < r->smin)
			r->smin = s;
		if (of_signed && s > r->smax)
			r->smax = s;
		bits.mask |= v[n] ^ v[0];
	}
	bits.value &= ~bits.mask;
	if (next() % 2)
		r->bits = bits;
	assert_true(reg_settle(r));
}

static void draw(struct reg *r, uint64_t v[MEMBERS])
{
	uint64_t base = number(), spread = number(), mask = number();

	for (int n = 0; n < MEMBERS; n++)
		switch (spread % 4) {
		case 0:
			v[n] = base;
			break;
		case 1:
			v[n] = base + next() % 64;
			break;
		case 2:
			v[n] = (base & ~mask) | (next() & mask);
			break;
		default:
			v[n] = number();
		}
	around(r, v);
}

static void complain(const char *what, const struct bpf_insn *i, uint64_t a,
		     uint64_t b, uint64_t result)
{
	fail_msg("%s: code %02x off %d imm %d: %llx, %llx: %llx", what, i->code,
		 i->off, i->imm, (unsigned long long)a, (unsigned long long)b,
		 (unsigned long long)result);
}

/* --- arithmetic --------------------------------------------------------------
 */

static struct bpf_insn some_alu(void)
{
	static const uint8_t ops[] = { BPF_ADD,	 BPF_SUB, BPF_MUL, BPF_DIV,
				       BPF_OR,	 BPF_AND, BPF_LSH, BPF_RSH,
				       BPF_NEG,	 BPF_MOD, BPF_XOR, BPF_MOV,
				       BPF_ARSH, BPF_END };
	struct bpf_insn i = { .dst = 1, .src = 2 };
	uint8_t op = ops[next() % sizeof(ops)];
	bool wide = next() % 2;

	i.code = (uint8_t)((wide ? BPF_ALU64 : BPF_ALU) | op);
	if (op == BPF_END) {
		i.src = 0;
		i.imm = 16 << next() % 3;
		i.code |= !wide && next() % 2 ? BPF_X : BPF_K;
	} else if (op == BPF_NEG) {
		i.src = 0;
	} else if (next() % 2) {
		i.code |= BPF_X;
		if (op == BPF_MOV)
			i.off = (int16_t)(next() % 2 ? 8 << next() % 2 : 0);
		if (op == BPF_MOV && wide && next() % 3 == 0)
			i.off = 32;
	} else {
		i.src = 0;
		i.imm = (int32_t)number();
		if ((op == BPF_DIV || op == BPF_MOD) && !i.imm)
			i.imm = 1;
	}
	if (op == BPF_DIV || op == BPF_MOD)
		i.off = next() % 2;
	return i;
}

static void try_alu(struct verifier *v)
{
	struct frame_state *f = state_top(&v->cur);
	uint64_t a[MEMBERS], b[MEMBERS];
	struct bpf_insn i = some_alu();

	draw(&f->reg[1], a);
	draw(&f->reg[2], b);
	if (verify_alu(v, &i))
		complain("refused", &i, a[0], b[0], 0);
	for (int n = 0; n < MEMBERS * MEMBERS; n++) {
		uint64_t x = a[n % MEMBERS], y = b[n / MEMBERS];
		uint64_t operand =
			BPF_SRC(i.code) == BPF_X ? y : (uint64_t)(int64_t)i.imm;
		uint64_t r = interpret_alu(&i, x, operand);

		if (!holds(&f->reg[1], r))
			complain("arithmetic", &i, x, operand, r);
	}
}

static void test_alu(void **state)
{
	struct verifier *v = *state;

	for (int n = 0; n < ROUNDS; n++)
		try_alu(v);
}

/* --- conditions --------------------------------------------------------------
 */

static struct bpf_insn some_jump(void)
{
	static const uint8_t ops[] = { BPF_JEQ, BPF_JGT,  BPF_JGE,  BPF_JSET,
				       BPF_JNE, BPF_JSGT, BPF_JSGE, BPF_JLT,
				       BPF_JLE, BPF_JSLT, BPF_JSLE };
	struct bpf_insn i = { .dst = 1, .src = 2 };

	i.code = (uint8_t)((next() % 2 ? BPF_JMP : BPF_JMP32) |
			   ops[next() % sizeof(ops)]);
	if (next() % 2) {
		i.code |= BPF_X;
	} else {
		i.src = 0;
		i.imm = (int32_t)number();
	}
	return i;
}

static void try_jump(struct verifier *v)
{
	struct frame_state *f = state_top(&v->cur);
	struct bpf_insn i = some_jump();
	uint64_t a[MEMBERS], b[MEMBERS];
	struct reg r1, r2;

	draw(&r1, a);
	draw(&r2, b);
	if (next() % 3 == 0) {
		/* Often the two are near each other. */
		for (int n = 0; n < MEMBERS; n++)
			b[n] = a[n] + next() % 3 - 1;
		around(&r2, b);
	}
	for (int taken = 0; taken < 2; taken++) {
		int possible;

		f->reg[1] = r1;
		f->reg[2] = r2;
		possible = verify_condition(v, &v->cur, &i, taken);
		for (int n = 0; n < MEMBERS * MEMBERS; n++) {
			uint64_t x = a[n % MEMBERS], y = b[n / MEMBERS];
			uint64_t operand = BPF_SRC(i.code) == BPF_X
						   ? y
						   : (uint64_t)(int64_t)i.imm;

			if (interpret_holds(&i, x, operand) != taken)
				continue;
			if (possible != 1)
				complain("excluded", &i, x, operand, 0);
			if (!holds(&f->reg[1], x) || !holds(&f->reg[2], y))
				complain("condition", &i, x, operand, 0);
		}
	}
}

static void test_jump(void **state)
{
	struct verifier *v = *state;

	for (int n = 0; n < ROUNDS; n++)
		try_jump(v);
}

/* What a copy of a number, moved by a constant, learns of the original. */
static void test_copies(void **state)
{
	struct verifier *v = *state;
	struct frame_state *f = state_top(&v->cur);

	for (int n = 0; n < ROUNDS; n++) {
		struct bpf_insn copy = { .code = BPF_ALU64 | BPF_MOV | BPF_X,
					 .dst = 2,
					 .src = 1 };
		struct bpf_insn move = {
			.code = (uint8_t)((next() % 2 ? BPF_ALU64 : BPF_ALU) |
					  BPF_ADD | BPF_K),
			.dst = 2,
			.imm = (int32_t)(next() % 64) - 32
		};
		struct bpf_insn i = some_jump();
		uint64_t a[MEMBERS];
		bool taken = next() % 2;
		int possible;

		i.code &= (uint8_t)~BPF_X;
		i.src = 0;
		i.dst = 1 + next() % 2;
		draw(&f->reg[1], a);
		assert_int_equal(verify_alu(v, &copy), 0);
		assert_int_equal(verify_alu(v, &move), 0);
		possible = verify_condition(v, &v->cur, &i, taken);
		for (int k = 0; k < MEMBERS; k++) {
			uint64_t y = interpret_alu(&move, a[k],
						   (uint64_t)(int64_t)move.imm);

			if (interpret_holds(&i, i.dst == 1 ? a[k] : y,
					    (uint64_t)(int64_t)i.imm) != taken)
				continue;
			if (possible != 1)
				complain("a copy, excluded", &i, a[k], y, 0);
			if (!holds(&f->reg[1], a[k]) || !holds(&f->reg[2], y))
				complain("a copy", &i, a[k], y, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_alu),
					    cmocka_unit_test(test_jump),
					    cmocka_unit_test(test_copies) };
	static struct bpf_fault fault;
	struct verifier *v = calloc(1, sizeof(*v));
	struct CMUnitTest with[ARRAY_SIZE(tests)];
	const char *given = getenv("SEED");
	int failed;

	seed = given ? strtoull(given, NULL, 10) : 1;
	if (!v || state_push_frame(&v->cur, 0))
		return 1;
	v->fault = &fault;
	memcpy(with, tests, sizeof(tests));
	for (size_t n = 0; n < ARRAY_SIZE(with); n++)
		with[n].initial_state = v;
	failed = cmocka_run_group_tests(with, NULL, NULL);
	state_fini(&v->cur);
	free(v);
	return failed;
}
