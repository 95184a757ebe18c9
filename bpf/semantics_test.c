/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The meaning of every instruction, as RFC 9669 has it, interpreted and
 * compiled: a table of operands and results, then the same over many operands
 * against C.
 */
#include "bpf/test_world.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define I(c, d, s, o, i)                                                  \
	{                                                                 \
		.code = (uint8_t)(c), .dst = (d), .src = (s), .off = (o), \
		.imm = (i)                                                \
	}
#define WIDE(d, v)                                 \
	I(BPF_LD | BPF_DW, d, 0, 0, (int32_t)(v)), \
		I(0, 0, 0, 0, (int32_t)((uint64_t)(v) >> 32))
#define EXIT I(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static struct world world;

/* Both ways to run must agree; what they agree on is returned. */
static uint64_t run(const struct bpf_insn *insn, uint32_t count)
{
	uint64_t interpreted, native;

	world_load_unverified(&world, insn, count);
	world_reset(&world, 54, 1);
	interpreted = world_run(&world, false, NULL);
	world_reset(&world, 54, 1);
	native = world_run(&world, true, NULL);
	if (interpreted != native)
		print_message("code %02x off %d imm %d: %llx, native %llx\n",
			      insn[count - 2].code, insn[count - 2].off,
			      insn[count - 2].imm,
			      (unsigned long long)interpreted,
			      (unsigned long long)native);
	assert_int_equal(interpreted, native);
	return interpreted;
}

/* r@dst = a; r@src = b; the instruction; r0 = r@dst */
static uint64_t binary(uint8_t code, int16_t off, int32_t imm, uint8_t dst,
		       uint8_t src, uint64_t a, uint64_t b)
{
	struct bpf_insn insn[] = {
		WIDE(dst & 15u, a),
		WIDE(src & 15u, b),
		I(code, dst & 15u, src & 15u, off, imm),
		I(BPF_ALU64 | BPF_MOV | BPF_X, 0, dst & 15u, 0, 0),
		EXIT,
	};

	if (BPF_SRC(code) == BPF_K || BPF_OP(code) == BPF_END)
		insn[4].src = 0;
	return run(insn, ARRAY_SIZE(insn));
}

struct row {
	uint8_t code;
	int16_t off;
	int32_t imm;
	uint64_t a, b, result;
};

#define A64 BPF_ALU64
#define A32 BPF_ALU
#define X   BPF_X
#define K   BPF_K

static const struct row table[] = {
	{ A64 | BPF_ADD | X, 0, 0, UINT64_MAX, 2, 1 },
	{ A32 | BPF_ADD | X, 0, 0, 0xffffffff, 2, 1 },
	{ A64 | BPF_ADD | K, 0, -1, 5, 0, 4 },
	{ A32 | BPF_ADD | K, 0, -1, 0x100000000, 0, 0xffffffff },
	{ A64 | BPF_SUB | X, 0, 0, 1, 2, UINT64_MAX },
	{ A32 | BPF_SUB | X, 0, 0, 1, 2, 0xffffffff },
	{ A64 | BPF_MUL | X, 0, 0, 0x100000001, 0x100000001, 0x200000001 },
	{ A64 | BPF_MUL | K, 0, -3, 7, 0, (uint64_t)-21 },
	{ A32 | BPF_MUL | K, 0, -3, 7, 0, 0xffffffeb },
	{ A64 | BPF_DIV | X, 0, 0, 100, 7, 14 },
	{ A64 | BPF_DIV | X, 0, 0, 100, 0, 0 },
	{ A32 | BPF_DIV | X, 0, 0, 0xffffffff00000064, 0, 0 },
	{ A64 | BPF_DIV | K, 0, -1, UINT64_MAX, 0, 1 },
	{ A32 | BPF_DIV | K, 0, -1, UINT64_MAX, 0, 1 },
	{ A64 | BPF_DIV | X, 1, 0, (uint64_t)-100, 7, (uint64_t)-14 },
	{ A64 | BPF_DIV | X, 1, 0, (uint64_t)INT64_MIN, (uint64_t)-1,
	  (uint64_t)INT64_MIN },
	{ A32 | BPF_DIV | X, 1, 0, 0x80000000, 0xffffffff, 0x80000000 },
	{ A32 | BPF_DIV | K, 1, -1, 0x80000000, 0, 0x80000000 },
	{ A64 | BPF_DIV | X, 1, 0, 5, 0, 0 },
	{ A64 | BPF_MOD | X, 0, 0, 100, 7, 2 },
	{ A64 | BPF_MOD | X, 0, 0, 0xffffffff00000064, 0, 0xffffffff00000064 },
	{ A32 | BPF_MOD | X, 0, 0, 0xffffffff00000064, 0, 0x64 },
	{ A64 | BPF_MOD | X, 1, 0, (uint64_t)-13, 3, (uint64_t)-1 },
	{ A64 | BPF_MOD | X, 1, 0, 13, (uint64_t)-3, 1 },
	{ A64 | BPF_MOD | X, 1, 0, (uint64_t)INT64_MIN, (uint64_t)-1, 0 },
	{ A32 | BPF_MOD | X, 1, 0, 0x80000000, 0xffffffff, 0 },
	{ A32 | BPF_MOD | X, 1, 0, 0xfffffff3, 3, 0xffffffff },
	{ A64 | BPF_OR | X, 0, 0, 0xf0, 0x0f, 0xff },
	{ A64 | BPF_OR | K, 0, INT32_MIN, 1, 0, 0xffffffff80000001 },
	{ A32 | BPF_OR | K, 0, INT32_MIN, 1, 0, 0x80000001 },
	{ A64 | BPF_AND | K, 0, -16, UINT64_MAX, 0, 0xfffffffffffffff0 },
	{ A32 | BPF_AND | K, 0, -16, UINT64_MAX, 0, 0xfffffff0 },
	{ A64 | BPF_XOR | X, 0, 0, 0xff, 0x0f, 0xf0 },
	{ A64 | BPF_LSH | X, 0, 0, 1, 63, 0x8000000000000000 },
	{ A64 | BPF_LSH | X, 0, 0, 3, 64, 3 },
	{ A32 | BPF_LSH | X, 0, 0, 0xf00000003, 32, 3 },
	{ A32 | BPF_LSH | X, 0, 0, 0xf00000003, 31, 0x80000000 },
	{ A32 | BPF_LSH | K, 0, 0, 0xf00000003, 0, 3 },
	{ A64 | BPF_RSH | X, 0, 0, 0x8000000000000000, 63, 1 },
	{ A32 | BPF_RSH | X, 0, 0, 0xffffffff80000000, 31, 1 },
	{ A32 | BPF_RSH | K, 0, 0, 0xffffffff80000000, 0, 0x80000000 },
	{ A64 | BPF_ARSH | X, 0, 0, 0x8000000000000000, 63, UINT64_MAX },
	{ A32 | BPF_ARSH | X, 0, 0, 0x80000000, 31, 0xffffffff },
	{ A32 | BPF_ARSH | X, 0, 0, 0x80000000, 32, 0x80000000 },
	{ A64 | BPF_NEG, 0, 0, 1, 0, UINT64_MAX },
	{ A32 | BPF_NEG, 0, 0, 1, 0, 0xffffffff },
	{ A64 | BPF_MOV | X, 0, 0, 1, 0xffffffffffff, 0xffffffffffff },
	{ A32 | BPF_MOV | X, 0, 0, 1, 0xffffffffffff, 0xffffffff },
	{ A64 | BPF_MOV | K, 0, -1, 1, 0, UINT64_MAX },
	{ A32 | BPF_MOV | K, 0, -1, 1, 0, 0xffffffff },
	{ A64 | BPF_MOV | X, 8, 0, 1, 0x180, 0xffffffffffffff80 },
	{ A64 | BPF_MOV | X, 16, 0, 1, 0x18000, 0xffffffffffff8000 },
	{ A64 | BPF_MOV | X, 32, 0, 1, 0x180000000, 0xffffffff80000000 },
	{ A32 | BPF_MOV | X, 8, 0, 1, 0x180, 0xffffff80 },
	{ A32 | BPF_MOV | X, 16, 0, 1, 0x18000, 0xffff8000 },
	{ A32 | BPF_END | K, 0, 16, 0x1122334455667788, 0, 0x7788 },
	{ A32 | BPF_END | K, 0, 32, 0x1122334455667788, 0, 0x55667788 },
	{ A32 | BPF_END | K, 0, 64, 0x1122334455667788, 0, 0x1122334455667788 },
	{ A32 | BPF_END | X, 0, 16, 0x1122334455667788, 0, 0x8877 },
	{ A32 | BPF_END | X, 0, 32, 0x1122334455667788, 0, 0x88776655 },
	{ A32 | BPF_END | X, 0, 64, 0x1122334455667788, 0, 0x8877665544332211 },
	{ A64 | BPF_END | K, 0, 16, 0x1122334455667788, 0, 0x8877 },
	{ A64 | BPF_END | K, 0, 32, 0x1122334455667788, 0, 0x88776655 },
	{ A64 | BPF_END | K, 0, 64, 0x1122334455667788, 0, 0x8877665544332211 },
};

static void test_arithmetic_table(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(table); n++) {
		const struct row *t = &table[n];

		/* Registers that the compiler has to move out of the way. */
		static const uint8_t pair[][2] = { { 1, 2 }, { 0, 4 }, { 4, 0 },
						   { 3, 4 }, { 4, 3 }, { 0, 3 },
						   { 3, 0 }, { 6, 9 }, { 5, 7 },
						   { 8, 5 } };

		for (size_t p = 0; p < ARRAY_SIZE(pair); p++) {
			uint64_t got =
				binary(t->code, t->off, t->imm, pair[p][0],
				       pair[p][1], t->a, t->b);

			if (got != t->result)
				print_message("row %zu (code %02x): %llx\n", n,
					      t->code, (unsigned long long)got);
			assert_int_equal(got, t->result);
		}
	}
}

/* Operands that coincide: r op r. */
static void test_arithmetic_same_register(void **state)
{
	static const uint8_t op[] = { BPF_ADD, BPF_SUB, BPF_MUL,  BPF_DIV,
				      BPF_MOD, BPF_OR,	BPF_AND,  BPF_XOR,
				      BPF_LSH, BPF_RSH, BPF_ARSH, BPF_MOV };

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(op); n++)
		for (uint8_t r = 0; r < 10; r++)
			for (int wide = 0; wide < 2; wide++)
				binary((uint8_t)((wide ? A64 : A32) | op[n] |
						 X),
				       0, 0, r, r, 0, 0x1234567887654321);
}

/* Random operands: interpreter and native code agree. */
static void test_arithmetic_random(void **state)
{
	uint64_t random = 7;

	(void)state;
	for (int n = 0; n < 20000; n++) {
		uint8_t op = (uint8_t)((random_next(&random) % 13) << 4);
		uint8_t code =
			(uint8_t)((random_next(&random) & 1 ? A64 : A32) | op |
				  (random_next(&random) & 8));
		uint8_t dst = (uint8_t)(random_next(&random) % 10);
		uint8_t src = (uint8_t)(random_next(&random) % 10);
		uint64_t a = random_next(&random), b = random_next(&random);
		int16_t off = 0;

		if (op == BPF_NEG)
			code = (uint8_t)(code & ~X);
		if ((op == BPF_DIV || op == BPF_MOD) &&
		    random_next(&random) & 1)
			off = 1;
		a >>= random_next(&random) % 64;
		b >>= random_next(&random) % 64;
		binary(code, off,
		       BPF_SRC(code) == X || op == BPF_NEG ? 0 : (int32_t)b,
		       dst, src, a, b);
	}
}

struct jump_row {
	uint8_t op;
	uint64_t a, b;
	bool wide, narrow; /* taken */
};

static const struct jump_row jumps[] = {
	{ BPF_JEQ, 5, 5, true, true },
	{ BPF_JEQ, 0x100000005, 5, false, true },
	{ BPF_JNE, 5, 5, false, false },
	{ BPF_JNE, 0x100000005, 5, true, false },
	{ BPF_JGT, 5, 5, false, false },
	{ BPF_JGT, UINT64_MAX, 5, true, true },
	{ BPF_JGT, 0x100000000, 5, true, false },
	{ BPF_JGE, 5, 5, true, true },
	{ BPF_JGE, 4, 5, false, false },
	{ BPF_JLT, 4, 5, true, true },
	{ BPF_JLT, UINT64_MAX, 5, false, false },
	{ BPF_JLE, 5, 5, true, true },
	{ BPF_JLE, 6, 5, false, false },
	{ BPF_JSET, 6, 2, true, true },
	{ BPF_JSET, 0x100000000, 0x7fffffff, false, false },
	{ BPF_JSGT, UINT64_MAX, 0, false, false },
	{ BPF_JSGT, 1, 0, true, true },
	{ BPF_JSGT, 0xffffffff, 0, true, false },
	{ BPF_JSGE, 0, 0, true, true },
	{ BPF_JSGE, 0x80000000, 0, true, false },
	{ BPF_JSLT, UINT64_MAX, 0, true, true },
	{ BPF_JSLT, 0xffffffff, 0, false, true },
	{ BPF_JSLE, 0, 0, true, true },
	{ BPF_JSLE, 1, 0, false, false },
};

static bool taken(uint8_t code, uint64_t a, uint64_t b)
{
	struct bpf_insn insn[] = {
		WIDE(3, a),
		WIDE(7, b),
		I(BPF_ALU64 | BPF_MOV | K, 0, 0, 0, 1),
		I(code, 3, 7, 1, 0),
		I(BPF_ALU64 | BPF_MOV | K, 0, 0, 0, 0),
		EXIT,
	};

	if (BPF_SRC(code) == K) {
		insn[5].src = 0;
		insn[5].imm = (int32_t)b;
	}
	return run(insn, ARRAY_SIZE(insn));
}

static void test_jumps(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(jumps); n++) {
		const struct jump_row *j = &jumps[n];

		for (int by = 0; by < 2; by++) {
			uint8_t src = by ? X : K;

			assert_int_equal(taken((uint8_t)(BPF_JMP | j->op | src),
					       j->a, j->b),
					 j->wide);
			assert_int_equal(
				taken((uint8_t)(BPF_JMP32 | j->op | src), j->a,
				      j->b),
				j->narrow);
		}
	}
}

/* Loads of every size and sign from the stack, after stores of every size. */
static void test_memory(void **state)
{
	static const struct {
		uint8_t size, mode;
		uint64_t result;
	} loads[] = {
		{ BPF_B, BPF_MEM, 0x88 },
		{ BPF_H, BPF_MEM, 0x8788 },
		{ BPF_W, BPF_MEM, 0x85868788 },
		{ BPF_DW, BPF_MEM, 0x8182838485868788 },
		{ BPF_B, BPF_MEMSX, 0xffffffffffffff88 },
		{ BPF_H, BPF_MEMSX, 0xffffffffffff8788 },
		{ BPF_W, BPF_MEMSX, 0xffffffff85868788 },
	};

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(loads); n++)
		for (unsigned int r = 0; r < 10; r++) {
			struct bpf_insn insn[] = {
				WIDE(1, 0x8182838485868788),
				I(BPF_STX | BPF_MEM | BPF_DW, BPF_FP, 1, -8, 0),
				I(BPF_LDX | loads[n].mode | loads[n].size,
				  r & 15, BPF_FP, -8, 0),
				I(A64 | BPF_MOV | X, 0, r & 15, 0, 0),
				EXIT,
			};

			assert_int_equal(run(insn, ARRAY_SIZE(insn)),
					 loads[n].result);
		}
}

static void test_stores(void **state)
{
	static const struct {
		uint8_t size;
		uint64_t by_reg, by_imm;
	} stores[] = {
		{ BPF_B, 0xffffffffffffff88, 0xfffffffffffffffe },
		{ BPF_H, 0xffffffffffff8788, 0xfffffffffffffffe },
		{ BPF_W, 0xffffffff85868788, 0xfffffffffffffffe },
		{ BPF_DW, 0x8182838485868788, 0xfffffffffffffffe },
	};

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(stores); n++)
		for (unsigned int r = 0; r < 10; r++) {
			struct bpf_insn insn[] = {
				I(BPF_ST | BPF_MEM | BPF_DW, BPF_FP, 0, -16,
				  -1),
				WIDE(r & 15, 0x8182838485868788),
				I(BPF_STX | BPF_MEM | stores[n].size, BPF_FP,
				  r & 15, -16, 0),
				I(BPF_LDX | BPF_MEM | BPF_DW, 0, BPF_FP, -16,
				  0),
				EXIT,
			};

			assert_int_equal(run(insn, ARRAY_SIZE(insn)),
					 stores[n].by_reg);
			insn[3] = (struct bpf_insn)I(BPF_ST | BPF_MEM |
							     stores[n].size,
						     BPF_FP, 0, -16, -2);
			assert_int_equal(run(insn, ARRAY_SIZE(insn)),
					 stores[n].by_imm);
		}
}

/* op on memory with 12 in it, operand 10: memory after, register after. */
static void test_atomics(void **state)
{
	static const struct {
		int32_t op;
		uint64_t memory, reg, r0;
	} rows[] = {
		{ BPF_ADD, 22, 10, 12 },  { BPF_ADD | BPF_FETCH, 22, 12, 12 },
		{ BPF_OR, 14, 10, 12 },	  { BPF_OR | BPF_FETCH, 14, 12, 12 },
		{ BPF_AND, 8, 10, 12 },	  { BPF_AND | BPF_FETCH, 8, 12, 12 },
		{ BPF_XOR, 6, 10, 12 },	  { BPF_XOR | BPF_FETCH, 6, 12, 12 },
		{ BPF_XCHG, 10, 12, 12 }, { BPF_CMPXCHG, 10, 10, 12 },
	};

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
		for (unsigned int r = 1; r < 10; r++)
			for (int wide = 0; wide < 2; wide++) {
				uint8_t size = wide ? BPF_DW : BPF_W;
				struct bpf_insn insn[] = {
					I(BPF_ST | BPF_MEM | BPF_DW, BPF_FP, 0,
					  -8, 12),
					I(A64 | BPF_MOV | K, 0, 0, 0, 12),
					I(A64 | BPF_MOV | K, r & 15, 0, 0, 10),
					I(BPF_STX | BPF_ATOMIC | size, BPF_FP,
					  r & 15, -8, rows[n].op),
					I(A64 | BPF_LSH | K, 0, 0, 0, 8),
					I(A64 | BPF_OR | X, 0, r & 15, 0, 0),
					I(A64 | BPF_LSH | K, 0, 0, 0, 8),
					I(BPF_LDX | BPF_MEM | BPF_DW, r & 15,
					  BPF_FP, -8, 0),
					I(A64 | BPF_OR | X, 0, r & 15, 0, 0),
					EXIT,
				};

				assert_int_equal(run(insn, ARRAY_SIZE(insn)),
						 rows[n].r0 << 16 |
							 rows[n].reg << 8 |
							 rows[n].memory);
			}
}

/* A compare-and-swap that fails leaves memory and tells its contents. */
static void test_cmpxchg_fails(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		struct bpf_insn insn[] = {
			WIDE(1, 0x1111111122222222),
			I(BPF_STX | BPF_MEM | BPF_DW, BPF_FP, 1, -8, 0),
			WIDE(0, 0xffffffff00000005),
			I(A64 | BPF_MOV | K, 2, 0, 0, 10),
			I(BPF_STX | BPF_ATOMIC | (wide ? BPF_DW : BPF_W),
			  BPF_FP, 2, -8, BPF_CMPXCHG),
			EXIT,
		};

		assert_int_equal(run(insn, ARRAY_SIZE(insn)),
				 wide ? 0x1111111122222222 : 0x22222222);
	}
}

/* A function keeps r6 to r9 of its caller, and has a stack of its own. */
static void test_local_call(void **state)
{
	static const struct bpf_insn insn[] = {
		I(A64 | BPF_MOV | K, 6, 0, 0, 3),
		I(BPF_ST | BPF_MEM | BPF_DW, BPF_FP, 0, -8, 40),
		I(A64 | BPF_MOV | K, 1, 0, 0, 5),
		I(BPF_JMP | BPF_CALL, 0, BPF_CALL_LOCAL, 0, 4),
		I(BPF_LDX | BPF_MEM | BPF_DW, 1, BPF_FP, -8, 0),
		I(A64 | BPF_ADD | X, 0, 1, 0, 0),
		I(A64 | BPF_ADD | X, 0, 6, 0, 0),
		EXIT,
		I(A64 | BPF_MOV | X, 6, 1, 0, 0),
		I(BPF_ST | BPF_MEM | BPF_DW, BPF_FP, 0, -8, 1000),
		I(A64 | BPF_MOV | X, 0, 6, 0, 0),
		I(A64 | BPF_MUL | K, 0, 0, 0, 100),
		EXIT,
	};

	(void)state;
	assert_int_equal(run(insn, ARRAY_SIZE(insn)), 543);
}

/* The far jump, and a loop that sums up. */
static void test_loop_and_far_jump(void **state)
{
	static const struct bpf_insn insn[] = {
		I(A64 | BPF_MOV | K, 0, 0, 0, 0),
		I(A64 | BPF_MOV | K, 1, 0, 0, 100),
		I(BPF_JMP32 | BPF_JA, 0, 0, 0, 1),
		I(A64 | BPF_MOV | K, 0, 0, 0, 77777),
		I(A64 | BPF_ADD | X, 0, 1, 0, 0),
		I(A64 | BPF_SUB | K, 1, 0, 0, 1),
		I(BPF_JMP | BPF_JNE | K, 1, 0, -3, 0),
		EXIT,
	};

	(void)state;
	assert_int_equal(run(insn, ARRAY_SIZE(insn)), 5050);
}

/* A loop without end stops where its budget does, with result 0. */
static void test_budget(void **state)
{
	static const struct bpf_insn insn[] = {
		I(A64 | BPF_MOV | K, 0, 0, 0, 9),
		I(BPF_JMP | BPF_CALL, 0, BPF_CALL_LOCAL, 0, 1),
		EXIT,
		I(A64 | BPF_ADD | K, 0, 0, 0, 1),
		I(BPF_JMP | BPF_JA, 0, 0, -2, 0),
	};
	int64_t left;

	(void)state;
	world_load_unverified(&world, insn, ARRAY_SIZE(insn));
	for (int native = 0; native < 2; native++) {
		world_reset(&world, 54, 1);
		assert_int_equal(world_run(&world, native, &left), 0);
		assert_true(left < 0);
	}
	world_watch(&world, 1);
	assert_true(world.executed <= 65536);
	assert_true(world.executed > 60000);
}

static int setup(void **state)
{
	(void)state;
	world_open(&world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic_table),
		cmocka_unit_test(test_arithmetic_same_register),
		cmocka_unit_test(test_arithmetic_random),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_stores),
		cmocka_unit_test(test_atomics),
		cmocka_unit_test(test_cmpxchg_fails),
		cmocka_unit_test(test_local_call),
		cmocka_unit_test(test_loop_and_far_jump),
		cmocka_unit_test(test_budget),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
