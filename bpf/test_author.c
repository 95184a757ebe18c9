/* SPDX-License-Identifier: BSD-2-Clause */
/* See test_author.h. r6: argument, r7: data, r8: data_end, r9: a number. */
#include "bpf/test_author.h"
#include "base/random.h"
#include "bpf/helper.h"

#include "toami/bpf.h"

struct author {
	uint64_t *random;
	struct bpf_insn *out;
	uint32_t at;
	bool in_function;
};

static uint32_t pick(struct author *a, uint32_t below)
{
	return (uint32_t)(random_next(a->random) % below);
}

/* Mostly @wanted, sometimes one off: where checks are wrong, they are there. */
static int32_t about(struct author *a, int32_t wanted)
{
	switch (pick(a, 12)) {
	case 0:
		return wanted - 1;
	case 1:
		return wanted + 1;
	case 2:
		return wanted + (int32_t)pick(a, 64) - 32;
	default:
		return wanted;
	}
}

static void put(struct author *a, uint32_t code, uint32_t dst, uint32_t src,
		int32_t off, int32_t imm)
{
	if (a->at < AUTHOR_INSNS_MAX - 16)
		a->out[a->at++] = (struct bpf_insn){ .code = (uint8_t)code,
						     .dst = dst & 15,
						     .src = src & 15,
						     .off = (int16_t)off,
						     .imm = imm };
}

static void mov(struct author *a, uint32_t dst, uint32_t src)
{
	put(a, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void set(struct author *a, uint32_t dst, int32_t v)
{
	put(a, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, v);
}

static void refresh(struct author *a)
{
	for (uint32_t r = 0; r <= 5; r++)
		if (pick(a, 10))
			set(a, r, (int32_t)pick(a, 200) - 20);
}

static uint32_t size_code(struct author *a, uint32_t *bytes)
{
	static const uint8_t codes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };
	uint32_t n = pick(a, 4);

	*bytes = 1u << n;
	return codes[n];
}

static void some_alu(struct author *a)
{
	static const uint8_t ops[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV,
				       BPF_OR,	BPF_AND, BPF_LSH, BPF_RSH,
				       BPF_MOD, BPF_XOR, BPF_MOV, BPF_ARSH,
				       BPF_NEG, BPF_END };
	uint32_t n = 1 + pick(a, 4);

	while (n--) {
		uint32_t op = ops[pick(a, sizeof(ops))];
		uint32_t class = pick(a, 2) ? BPF_ALU64 : BPF_ALU;
		uint32_t dst = pick(a, 8) ? pick(a, 6) : 9;
		uint32_t src = pick(a, 8) ? pick(a, 6) : 9;
		bool shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
		bool divides = op == BPF_DIV || op == BPF_MOD;
		int32_t imm = shift	   ? (int32_t)pick(a, 64)
			      : pick(a, 3) ? (int32_t)pick(a, 256)
					   : (int32_t)random_next(a->random);

		if (op == BPF_NEG)
			put(a, class | BPF_NEG, dst, 0, 0, 0);
		else if (op == BPF_END)
			put(a, class | BPF_END, dst, 0, 0, 16 << pick(a, 3));
		else if (pick(a, 2))
			put(a, class | op | BPF_K, dst, 0,
			    divides ? (int32_t)pick(a, 2) : 0, imm ? imm : 1);
		else
			put(a, class | op | BPF_X, dst, src,
			    divides ? (int32_t)pick(a, 2) : 0, 0);
	}
}

/* r1 = data; if (r1 + n > end) skip; touch */
static void packet_fixed(struct author *a)
{
	uint32_t bytes, code = size_code(a, &bytes), jump;
	int32_t off = (int32_t)pick(a, 100);

	mov(a, 2, 7);
	put(a, BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0,
	    about(a, off + (int32_t)bytes));
	jump = a->at;
	if (pick(a, 2))
		put(a, BPF_JMP | BPF_JGT | BPF_X, 2, 8, 2, 0);
	else
		put(a, BPF_JMP | BPF_JLT | BPF_X, 8, 2, 2, 0);
	put(a, BPF_LDX | BPF_MEM | code, pick(a, 2) ? 3 : 9, 7, off, 0);
	put(a, BPF_STX | BPF_MEM | code, 7, 9, off, 0);
	(void)jump;
}

/* A variable offset: bounded by a mask, then checked one way or another. */
static void packet_variable(struct author *a)
{
	uint32_t bytes, code = size_code(a, &bytes);
	int32_t extra = (int32_t)pick(a, 20);
	int32_t mask = (int32_t)pick(a, 2) ? 31 : 127;

	if (pick(a, 8))
		put(a, (pick(a, 2) ? BPF_ALU64 : BPF_ALU) | BPF_AND | BPF_K, 9,
		    0, 0, mask);
	mov(a, 3, 9);
	if (pick(a, 2)) {
		/* if (off + extra + n > window) */
		put(a, BPF_LDX | BPF_MEM | BPF_W, 4, 6,
		    offsetof(struct toami_packet, window), 0);
		put(a, (pick(a, 2) ? BPF_ALU64 : BPF_ALU) | BPF_ADD | BPF_K, 3,
		    0, 0, about(a, extra + (int32_t)bytes));
		put(a,
		    (pick(a, 2) ? BPF_JMP : BPF_JMP32) |
			    (pick(a, 8) ? BPF_JGT : BPF_JSGT) | BPF_X,
		    3, 4, 3, 0);
		mov(a, 2, 7);
		put(a, BPF_ALU64 | BPF_ADD | BPF_X, 2, 9, 0, 0);
	} else {
		mov(a, 2, 7);
		put(a, BPF_ALU64 | BPF_ADD | BPF_X, 2, 9, 0, 0);
		mov(a, 3, 2);
		put(a, BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0,
		    about(a, extra + (int32_t)bytes));
		put(a, BPF_JMP | (pick(a, 2) ? BPF_JGT : BPF_JGE) | BPF_X, 3, 8,
		    1, 0);
	}
	put(a, BPF_LDX | BPF_MEM | code, 4, 2, extra, 0);
}

/* The stack, at a constant or a variable place. */
static void stack(struct author *a)
{
	uint32_t bytes, code = size_code(a, &bytes);
	int32_t at = -8 * (int32_t)(1 + pick(a, 8));

	put(a, BPF_ST | BPF_MEM | BPF_DW, BPF_FP, 0, at, 7);
	if (pick(a, 2))
		put(a, BPF_STX | BPF_MEM | BPF_DW, BPF_FP, 6 + pick(a, 4),
		    at - 8, 0);
	put(a, BPF_STX | BPF_MEM | code, BPF_FP, 9, about(a, at), 0);
	put(a, BPF_LDX | BPF_MEM | code, 2, BPF_FP, about(a, at), 0);
	if (pick(a, 3))
		return;
	put(a, BPF_ALU64 | BPF_AND | BPF_K, 9, 0, 0, about(a, 7));
	mov(a, 3, BPF_FP);
	put(a, BPF_ALU64 | BPF_ADD | BPF_X, 3, 9, 0, 0);
	put(a, BPF_LDX | BPF_MEM | BPF_B, 4, 3, about(a, at), 0);
	put(a, BPF_STX | BPF_MEM | BPF_B, 3, 9, about(a, at), 0);
}

static void load_map(struct author *a, uint32_t dst, int32_t map, uint32_t kind,
		     int32_t off)
{
	put(a, BPF_LD | BPF_DW, dst, kind, 0, map);
	put(a, 0, 0, 0, 0, off);
}

static void call(struct author *a, int32_t helper)
{
	put(a, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

static void atomic(struct author *a, uint32_t dst, int32_t off)
{
	static const int32_t ops[] = { BPF_ADD,
				       BPF_OR,
				       BPF_AND,
				       BPF_XOR,
				       BPF_ADD | BPF_FETCH,
				       BPF_OR | BPF_FETCH,
				       BPF_AND | BPF_FETCH,
				       BPF_XOR | BPF_FETCH,
				       BPF_XCHG };

	put(a, BPF_STX | BPF_ATOMIC | (pick(a, 2) ? BPF_DW : BPF_W), dst, 9,
	    off, ops[pick(a, ARRAY_SIZE(ops))]);
}

/* find, if not NULL touch */
static void map_value(struct author *a)
{
	uint32_t bytes, code = size_code(a, &bytes);
	int32_t map = (int32_t)pick(a, 2), value = map ? 24 : 16;
	int32_t off = about(a, (int32_t)pick(a, 3) * 8);
	uint32_t skip;

	(void)value;
	put(a, BPF_STX | BPF_MEM | BPF_DW, BPF_FP, 9, -8, 0);
	if (pick(a, 4))
		put(a, BPF_ST | BPF_MEM | BPF_DW, BPF_FP, 0, -8,
		    (int32_t)pick(a, 5));
	mov(a, 2, BPF_FP);
	put(a, BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8);
	load_map(a, 1, map, BPF_MAP, 0);
	call(a, BPF_HELPER_MAP_FIND);
	skip = a->at;
	if (pick(a, 10))
		put(a, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 4, 0);
	if (pick(a, 2)) {
		put(a, BPF_ALU64 | BPF_AND | BPF_K, 9, 0, 0, about(a, 7));
		put(a, BPF_ALU64 | BPF_ADD | BPF_X, 0, 9, 0, 0);
	} else {
		put(a, BPF_LDX | BPF_MEM | code, 9, 0, off, 0);
		if (pick(a, 2))
			atomic(a, 0, off);
		else
			put(a, BPF_STX | BPF_MEM | code, 0, 9, off, 0);
	}
	put(a, BPF_LDX | BPF_MEM | code, 9, 0, off, 0);
	put(a, BPF_STX | BPF_MEM | code, 0, 9, off, 0);
	(void)skip;
	refresh(a);
}

static void data_value(struct author *a)
{
	uint32_t bytes, code = size_code(a, &bytes);

	load_map(a, 3, 2, BPF_MAP_VALUE, about(a, (int32_t)pick(a, 60)));
	if (pick(a, 2))
		atomic(a, 3, (int32_t)pick(a, 16));
	put(a, BPF_LDX | BPF_MEM | code, 9, 3, (int32_t)pick(a, 8), 0);
	put(a, BPF_STX | BPF_MEM | code, 3, 9, about(a, 0), 0);
}

static void map_change(struct author *a)
{
	uint32_t first = a->at;
	int32_t map = (int32_t)pick(a, 2);

	(void)first;
	for (int32_t n = 1; n <= 4; n++)
		put(a, BPF_ST | BPF_MEM | BPF_DW, BPF_FP, 0, -8 * n,
		    (int32_t)pick(a, 12));
	mov(a, 2, BPF_FP);
	put(a, BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, about(a, -8));
	if (pick(a, 3)) {
		mov(a, 3, BPF_FP);
		put(a, BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, about(a, -32));
		set(a, 4, (int32_t)pick(a, 3));
		load_map(a, 1, map, BPF_MAP, 0);
		call(a, BPF_HELPER_MAP_SET);
	} else {
		load_map(a, 1, map, BPF_MAP, 0);
		call(a, BPF_HELPER_MAP_DELETE);
	}
	refresh(a);
}

static void helper(struct author *a)
{
	int32_t bytes = about(a, 16);

	switch (pick(a, 4)) {
	case 0:
		call(a, BPF_HELPER_NOW);
		mov(a, 9, 0);
		break;
	case 1:
		call(a, BPF_HELPER_RANDOM);
		mov(a, 9, 0);
		break;
	default:
		for (int32_t n = 1; n <= 2; n++)
			put(a, BPF_ST | BPF_MEM | BPF_DW, BPF_FP, 0, -8 * n, 5);
		mov(a, 1, 6);
		mov(a, 2, pick(a, 2) ? 9 : 4);
		mov(a, 3, BPF_FP);
		put(a, BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -16);
		set(a, 4, bytes);
		if (pick(a, 4) == 0) {
			mov(a, 4, 9);
			put(a, BPF_ALU64 | BPF_AND | BPF_K, 4, 0, 0,
			    about(a, 15));
		}
		call(a, pick(a, 2) ? BPF_HELPER_LOAD : BPF_HELPER_STORE);
		put(a, BPF_LDX | BPF_MEM | BPF_DW, 9, BPF_FP, -16, 0);
	}
	refresh(a);
}

/*
 * Numbers of the packet, copied, cut, moved a little, saved and fetched again
 * on ways that part and meet; then one of them is compared, and another, which
 * may be the same or not, leads into the packet or a value.
 */
static void juggle_one(struct author *a)
{
	static const uint8_t conditions[] = { BPF_JEQ, BPF_JGT,	 BPF_JNE,
					      BPF_JLE, BPF_JSGT, BPF_JSLT };
	uint32_t x = pick(a, 6), y = pick(a, 8) ? pick(a, 6) : 9;
	int32_t slot = -8 * (int32_t)(1 + pick(a, 3));
	uint32_t bytes;

	switch (pick(a, 12)) {
	case 0:
		put(a, BPF_LDX | BPF_MEM | size_code(a, &bytes), x, 7,
		    (int32_t)pick(a, 6), 0);
		break;
	case 1:
	case 2:
		put(a, (pick(a, 3) ? BPF_ALU64 : BPF_ALU) | BPF_MOV | BPF_X, x,
		    y, pick(a, 6) ? 0 : 8 << pick(a, 2), 0);
		break;
	case 3:
		put(a, BPF_ALU64 | BPF_LSH | BPF_K, x, 0, 0, 32);
		break;
	case 4:
		put(a, BPF_ALU64 | (pick(a, 3) ? BPF_RSH : BPF_ARSH) | BPF_K, x,
		    0, 0, 32);
		break;
	case 5:
		put(a,
		    (pick(a, 3) ? BPF_ALU64 : BPF_ALU) |
			    (pick(a, 2) ? BPF_ADD : BPF_SUB) | BPF_K,
		    x, 0, 0, (int32_t)pick(a, 20) - 4);
		break;
	case 6:
		put(a, BPF_STX | BPF_MEM | (pick(a, 4) ? BPF_DW : BPF_W),
		    BPF_FP, y, slot, 0);
		break;
	case 7:
		put(a, BPF_LDX | BPF_MEM | (pick(a, 4) ? BPF_DW : BPF_W), x,
		    BPF_FP, slot, 0);
		break;
	case 8:
		put(a, BPF_LDX | BPF_MEM | BPF_W, x, 6,
		    offsetof(struct toami_packet, window), 0);
		break;
	case 9:
		put(a, BPF_ALU64 | BPF_AND | BPF_K, x, 0, 0,
		    (int32_t)(pick(a, 2) ? 127 : 15));
		break;
	default:
		/* Where it leads is settled by juggle(). */
		if (pick(a, 2))
			put(a,
			    (pick(a, 2) ? BPF_JMP : BPF_JMP32) |
				    conditions[pick(a, sizeof(conditions))] |
				    BPF_K,
			    y, 0, 1, (int32_t)pick(a, 130));
		else
			put(a,
			    (pick(a, 2) ? BPF_JMP : BPF_JMP32) |
				    conditions[pick(a, sizeof(conditions))] |
				    BPF_X,
			    x, y, 1, 0);
	}
}

static void juggle(struct author *a)
{
	uint32_t count = 6 + pick(a, 26), first, check, x, y;
	uint32_t bytes, code = size_code(a, &bytes);

	/* Two or three numbers, each of which somebody has a copy of. */
	for (uint32_t n = 0; n < 3; n++)
		put(a, BPF_LDX | BPF_MEM | (pick(a, 3) ? BPF_B : BPF_W), n, 7,
		    (int32_t)pick(a, 8), 0);
	for (int32_t n = 1; n <= 3; n++)
		put(a, BPF_STX | BPF_MEM | BPF_DW, BPF_FP, pick(a, 6), -8 * n,
		    0);
	first = a->at;
	while (count--)
		juggle_one(a);
	check = a->at;
	for (uint32_t n = first; n < check; n++)
		if (bpf_insn_is_jump(&a->out[n]))
			a->out[n].off = (int16_t)pick(a, check - n);
	x = pick(a, 6);
	y = pick(a, 3) ? pick(a, 6) : x;
	if (pick(a, 3)) {
		uint32_t w = (x + 1 + pick(a, 5)) % 6;

		put(a, BPF_LDX | BPF_MEM | BPF_W, w, 6,
		    offsetof(struct toami_packet, window), 0);
		if (pick(a, 2))
			put(a, BPF_ALU64 | BPF_ADD | BPF_K, x, 0, 0,
			    (int32_t)bytes);
		put(a, BPF_JMP | (pick(a, 4) ? BPF_JGT : BPF_JGE) | BPF_X, x, w,
		    3, 0);
		mov(a, w, 7);
		put(a, BPF_ALU64 | BPF_ADD | BPF_X, w, y, 0, 0);
		put(a, BPF_LDX | BPF_MEM | code, 9, w,
		    pick(a, 4) ? 0 : (int32_t)pick(a, 4) - 2, 0);
	} else {
		uint32_t w = (y + 1 + pick(a, 5)) % 6;

		put(a, BPF_JMP | BPF_JGT | BPF_K, x, 0, 4,
		    64 - (int32_t)bytes + about(a, 0));
		load_map(a, w, 2, BPF_MAP_VALUE, 0);
		put(a, BPF_ALU64 | BPF_ADD | BPF_X, w, y, 0, 0);
		put(a, BPF_LDX | BPF_MEM | code, 9, w, 0, 0);
	}
	refresh(a);
}

static void snippet(struct author *a);

/* A loop that counts in r5's stead: on the stack, or in a register. */
static void loop(struct author *a)
{
	uint32_t begin, rounds = 1 + pick(a, 12);
	int32_t back;

	set(a, 5, 0);
	begin = a->at;
	some_alu(a);
	if (pick(a, 3) == 0)
		packet_variable(a);
	put(a, BPF_ALU64 | BPF_ADD | BPF_K, 5, 0, 0,
	    (int32_t)pick(a, 8) ? 1 : 0);
	back = (int32_t)begin - (int32_t)a->at - 1;
	put(a, BPF_JMP | (pick(a, 2) ? BPF_JLT : BPF_JNE) | BPF_K, 5, 0, back,
	    (int32_t)rounds);
}

static void condition(struct author *a)
{
	static const uint8_t ops[] = { BPF_JEQ, BPF_JGT,  BPF_JGE,  BPF_JSET,
				       BPF_JNE, BPF_JSGT, BPF_JSGE, BPF_JLT,
				       BPF_JLE, BPF_JSLT, BPF_JSLE };
	uint32_t op = ops[pick(a, sizeof(ops))], at = a->at;
	uint32_t class = pick(a, 2) ? BPF_JMP : BPF_JMP32;

	if (pick(a, 2))
		put(a, class | op | BPF_K, pick(a, 4) ? 9 : pick(a, 6), 0, 0,
		    (int32_t)pick(a, 64) - 8);
	else
		put(a, class | op | BPF_X, 9, pick(a, 6), 0, 0);
	snippet(a);
	if (a->at > at)
		a->out[at].off = (int16_t)(a->at - at - 1);
}

static void snippet(struct author *a)
{
	switch (pick(a, 16)) {
	case 0:
	case 1:
		some_alu(a);
		break;
	case 2:
		packet_fixed(a);
		break;
	case 3:
	case 4:
		packet_variable(a);
		break;
	case 5:
		stack(a);
		break;
	case 6:
		map_value(a);
		break;
	case 7:
		data_value(a);
		break;
	case 8:
		map_change(a);
		break;
	case 9:
		helper(a);
		break;
	case 10:
		loop(a);
		break;
	case 11:
	case 12:
	case 13:
		juggle(a);
		break;
	default:
		condition(a);
	}
}

static void prologue(struct author *a)
{
	mov(a, 6, 1);
	put(a, BPF_LDX | BPF_MEM | BPF_DW, 7, 6,
	    offsetof(struct toami_packet, data), 0);
	put(a, BPF_LDX | BPF_MEM | BPF_DW, 8, 6,
	    offsetof(struct toami_packet, data_end), 0);
	put(a, BPF_LDX | BPF_MEM | BPF_B, 9, 7, (int32_t)pick(a, 14), 0);
	for (uint32_t r = 0; r <= 5; r++)
		set(a, r, (int32_t)pick(a, 100));
}

static void epilogue(struct author *a)
{
	a->out[a->at++] = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst = 0, .src = 9
	};
	a->out[a->at++] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
}

uint32_t author_write(uint64_t *random, struct bpf_insn out[AUTHOR_INSNS_MAX])
{
	struct author a = { .random = random, .out = out };
	bool calls = !pick(&a, 4);
	uint32_t n = 1 + pick(&a, 6), call_at;

	prologue(&a);
	while (n--)
		snippet(&a);
	call_at = a.at;
	if (calls) {
		mov(&a, 1, 6);
		call_at = a.at;
		put(&a, BPF_JMP | BPF_CALL, 0, BPF_CALL_LOCAL, 0, 0);
		if (pick(&a, 2))
			mov(&a, 9, 0);
	}
	epilogue(&a);
	if (calls) {
		out[call_at].imm = (int32_t)(a.at - call_at - 1);
		prologue(&a);
		snippet(&a);
		epilogue(&a);
	}
	return a.at;
}

void author_mutate(uint64_t *random, struct bpf_insn *insn, uint32_t count)
{
	struct author a = { .random = random };
	uint32_t changes = 1 + pick(&a, 3);

	while (changes--) {
		struct bpf_insn *i = &insn[pick(&a, count)];

		switch (pick(&a, 8)) {
		case 0:
			i->code = (uint8_t)random_next(random);
			break;
		case 1:
			i->dst = random_next(random) & 15;
			break;
		case 2:
			i->src = random_next(random) & 15;
			break;
		case 3:
			i->off = (int16_t)(i->off + (int32_t)pick(&a, 17) - 8);
			break;
		case 4:
			i->imm += (int32_t)pick(&a, 17) - 8;
			break;
		case 5:
			i->imm = (int32_t)random_next(random);
			break;
		case 6:
			*i = insn[pick(&a, count)];
			break;
		default:
			i->code ^= (uint8_t)(1u << pick(&a, 8));
		}
	}
}
