/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verifier takes and what it refuses, and where: a table. Programs
 * that are taken are run as well, with an eye on what they touch.
 */
#include "bpf/test_world.h"
#include "bpf/cost.h"
#include "bpf/helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define I(c, d, s, o, i)                                                  \
	{                                                                 \
		.code = (uint8_t)(c), .dst = (d), .src = (s), .off = (o), \
		.imm = (i)                                                \
	}
#define MOV(d, v)	  I(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, v)
#define COPY(d, s)	  I(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define ADD(d, v)	  I(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, v)
#define ADDR(d, s)	  I(BPF_ALU64 | BPF_ADD | BPF_X, d, s, 0, 0)
#define SUBR(d, s)	  I(BPF_ALU64 | BPF_SUB | BPF_X, d, s, 0, 0)
#define ARSH(d, v)	  I(BPF_ALU64 | BPF_ARSH | BPF_K, d, 0, 0, v)
#define AND(d, v)	  I(BPF_ALU64 | BPF_AND | BPF_K, d, 0, 0, v)
#define LSH(d, v)	  I(BPF_ALU64 | BPF_LSH | BPF_K, d, 0, 0, v)
#define RSH(d, v)	  I(BPF_ALU64 | BPF_RSH | BPF_K, d, 0, 0, v)
#define LD(z, d, s, o)	  I(BPF_LDX | BPF_MEM | (z), d, s, o, 0)
#define ST(z, d, o, v)	  I(BPF_ST | BPF_MEM | (z), d, 0, o, v)
#define STR(z, d, s, o)	  I(BPF_STX | BPF_MEM | (z), d, s, o, 0)
#define JMP(op, d, v, o)  I(BPF_JMP | (op) | BPF_K, d, 0, o, v)
#define JMPR(op, d, s, o) I(BPF_JMP | (op) | BPF_X, d, s, o, 0)
#define GOTO(o)		  I(BPF_JMP | BPF_JA, 0, 0, o, 0)
#define HELPER(n)	  I(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_HELPER_##n)
#define LOCAL(o)	  I(BPF_JMP | BPF_CALL, 0, BPF_CALL_LOCAL, 0, o)
#define MAP(d, n)	  I(BPF_LD | BPF_DW, d, BPF_MAP, 0, n), I(0, 0, 0, 0, 0)
#define DATA(d, o)	  I(BPF_LD | BPF_DW, d, BPF_MAP_VALUE, 0, 2), I(0, 0, 0, 0, o)
#define EXIT		  I(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define PASS		  MOV(0, 1), EXIT

#define CTX(field) ((int16_t)offsetof(struct toami_packet, field))
#define PACKET(d)  LD(BPF_DW, d, 1, CTX(data))
#define END(d)	   LD(BPF_DW, d, 1, CTX(data_end))
#define WINDOW(d)  LD(BPF_W, d, 1, CTX(window))

struct row {
	const char *what;
	int at; /* the instruction that is refused; -1: taken */
	const char *why;
	struct bpf_insn insn[32];
	uint32_t count;
};

#define TAKEN(text, ...)                                             \
	{                                                            \
		text, -1, NULL, { __VA_ARGS__ },                     \
			sizeof((struct bpf_insn[]){ __VA_ARGS__ }) / \
				sizeof(struct bpf_insn)              \
	}
#define REFUSED(text, pc, reason, ...)                               \
	{                                                            \
		text, pc, reason, { __VA_ARGS__ },                   \
			sizeof((struct bpf_insn[]){ __VA_ARGS__ }) / \
				sizeof(struct bpf_insn)              \
	}

static const struct row table[] = {
	TAKEN("nothing but a verdict", PASS),
	REFUSED("no verdict", 0, "r0 has no value", EXIT),
	REFUSED("an end that is none", 0, "runs off", MOV(0, 1)),
	REFUSED("an unknown code", 0, "unknown instruction",
		I(0xff, 0, 0, 0, 0), EXIT),
	REFUSED("classic loads", 0, "classic",
		I(BPF_LD | BPF_ABS | BPF_W, 0, 0, 0, 0), EXIT),
	REFUSED("half a constant", 1, "missing", MOV(0, 1),
		I(BPF_LD | BPF_DW, 0, 0, 0, 0)),
	REFUSED("a jump into a constant", 0, "jumps out", GOTO(1),
		I(BPF_LD | BPF_DW, 0, 0, 0, 0), I(0, 0, 0, 0, 0), EXIT),
	REFUSED("a jump to nowhere", 0, "jumps out", GOTO(7), EXIT),
	REFUSED("register 11", 0, "no such register",
		I(BPF_ALU64 | BPF_MOV | BPF_K, 11, 0, 0, 1), EXIT),
	REFUSED("writing r10", 0, "read only", MOV(BPF_FP, 1), EXIT),
	REFUSED("an unknown helper", 0, "no helper",
		I(BPF_JMP | BPF_CALL, 0, 0, 0, 99), EXIT),
	REFUSED("division by nothing", 1, "division by zero", MOV(0, 1),
		I(BPF_ALU64 | BPF_DIV | BPF_K, 0, 0, 0, 0), EXIT),
	REFUSED("a register never written", 0, "no value", COPY(0, 3), EXIT),

	TAKEN("the Ethernet header needs no look", PACKET(2),
	      LD(BPF_H, 0, 2, 12), EXIT),
	REFUSED("one byte behind it does", 1, "only 14 are known", PACKET(2),
		LD(BPF_B, 0, 2, 14), EXIT),
	REFUSED("before the packet", 1, "before the packet", PACKET(2),
		LD(BPF_B, 0, 2, -1), EXIT),
	TAKEN("a look at data_end", PACKET(2), END(3), COPY(4, 2), ADD(4, 34),
	      JMPR(BPF_JGT, 4, 3, 2), LD(BPF_W, 0, 2, 30), EXIT, PASS),
	REFUSED("a look too short", 5, "only 33", PACKET(2), END(3), COPY(4, 2),
		ADD(4, 33), JMPR(BPF_JGT, 4, 3, 2), LD(BPF_W, 0, 2, 30), EXIT,
		PASS),
	REFUSED("the wrong side of the look", 7, "only 14", PACKET(2), END(3),
		COPY(4, 2), ADD(4, 34), JMPR(BPF_JGT, 4, 3, 2), MOV(0, 1), EXIT,
		LD(BPF_W, 0, 2, 30), EXIT),
	TAKEN("a strict look is one byte more", PACKET(2), END(3), COPY(4, 2),
	      ADD(4, 33), JMPR(BPF_JGE, 4, 3, 2), LD(BPF_W, 0, 2, 30), EXIT,
	      PASS),
	TAKEN("the look mirrored", PACKET(2), END(3), COPY(4, 2), ADD(4, 34),
	      JMPR(BPF_JLE, 4, 3, 2), PASS, LD(BPF_W, 0, 2, 30), EXIT),
	TAKEN("a look at the window's size", PACKET(2), WINDOW(3),
	      JMP(BPF_JLT, 3, 34, 2), LD(BPF_W, 0, 2, 30), EXIT, PASS),
	TAKEN("if (off + n <= window)", PACKET(2), WINDOW(3),
	      LD(BPF_B, 4, 2, 13), COPY(5, 4), ADD(5, 4),
	      JMPR(BPF_JGT, 5, 3, 3), ADDR(2, 4), LD(BPF_W, 0, 2, 0), EXIT,
	      PASS),
	TAKEN("a look at the distance, as a number with a sign", PACKET(2),
	      END(3), COPY(4, 3), SUBR(4, 2), JMP(BPF_JSLT, 4, 34, 1),
	      LD(BPF_W, 0, 2, 30), PASS),
	TAKEN("the same of an int", PACKET(2), END(3), COPY(4, 3), SUBR(4, 2),
	      LSH(4, 32), ARSH(4, 32), JMP(BPF_JSLT, 4, 34, 1),
	      LD(BPF_W, 0, 2, 30), PASS),
	REFUSED("an int that may be negative", 12, "only 0", COPY(6, 1),
		HELPER(RANDOM), COPY(1, 6), PACKET(2), WINDOW(3), COPY(5, 0),
		LSH(0, 32), ARSH(0, 32), JMPR(BPF_JSGT, 0, 3, 4),
		JMP(BPF_JGT, 5, 120, 3), COPY(4, 2), ADDR(4, 5),
		LD(BPF_B, 0, 4, 14), PASS),
	TAKEN("a place that is within in any case", PACKET(2), WINDOW(3),
	      LD(BPF_B, 4, 2, 3), AND(4, 31), JMP(BPF_JLT, 3, 54, 2),
	      ADDR(2, 4), LD(BPF_W, 0, 2, 19), PASS),
	REFUSED("a place that may be one beyond", 6, "only 0", PACKET(2),
		WINDOW(3), LD(BPF_B, 4, 2, 3), AND(4, 31),
		JMP(BPF_JLT, 3, 54, 2), ADDR(2, 4), LD(BPF_W, 0, 2, 20), PASS),
	REFUSED("if (off + n <= window), one too many", 8, "only 4", PACKET(2),
		WINDOW(3), LD(BPF_B, 4, 2, 13), COPY(5, 4), ADD(5, 4),
		JMPR(BPF_JGT, 5, 3, 4), ADDR(2, 4), MOV(0, 0),
		LD(BPF_W, 0, 2, 1), EXIT, PASS),
	REFUSED("a sum that may wrap", 11, "not bounded", COPY(6, 1),
		HELPER(RANDOM), COPY(1, 6), PACKET(2), WINDOW(3), COPY(4, 0),
		COPY(5, 4), ADD(5, 4), JMPR(BPF_JGT, 5, 3, 3), MOV(0, 0),
		MOV(0, 0), ADDR(2, 4), LD(BPF_W, 0, 2, 0), EXIT),
	TAKEN("data + off compared with data_end", PACKET(2), END(3),
	      LD(BPF_B, 4, 2, 13), ADDR(2, 4), COPY(5, 2), ADD(5, 4),
	      JMPR(BPF_JGT, 5, 3, 2), LD(BPF_W, 0, 2, 0), EXIT, PASS),
	REFUSED("two offsets are not one", 9, "only 0", PACKET(2), END(3),
		LD(BPF_B, 4, 2, 13), LD(BPF_B, 5, 2, 12), COPY(6, 2),
		ADDR(6, 4), ADD(6, 4), ADDR(2, 5), JMPR(BPF_JGT, 6, 3, 2),
		LD(BPF_W, 0, 2, 0), EXIT, PASS),
	REFUSED("a negative offset, compared with data_end", 8,
		"before the packet", PACKET(2), END(3), LD(BPF_B, 4, 2, 13),
		I(BPF_ALU64 | BPF_NEG, 4, 0, 0, 0), ADDR(2, 4), COPY(5, 2),
		ADD(5, 21), JMPR(BPF_JGT, 5, 3, 2), LD(BPF_H, 0, 2, 19), EXIT,
		PASS),
	/*
	 * A number that is being cut to 32 bits by two shifts: where two ways
	 * meet, it must be a copy of the same number on both.
	 */
	REFUSED("a copy, shifted, of a number that is another here", 21,
		"only 0 are", PACKET(2), WINDOW(3), LD(BPF_B, 4, 2, 0),
		COPY(5, 4), LSH(5, 32), LD(BPF_B, 7, 2, 1),
		JMP(BPF_JEQ, 7, 1, 1), GOTO(7), LD(BPF_B, 4, 2, 2), COPY(0, 4),
		MOV(0, 0), MOV(0, 0), MOV(0, 0), MOV(0, 0), MOV(0, 0),
		RSH(5, 32), MOV(0, 0), ADD(5, 1), JMPR(BPF_JGT, 5, 3, 3),
		COPY(6, 2), ADDR(6, 4), LD(BPF_B, 0, 6, 0), PASS),
	REFUSED("before an end that nobody has compared", 4, "only 0 are",
		PACKET(2), WINDOW(3), ADD(3, 9), ADDR(2, 3),
		LD(BPF_B, 0, 2, -2), PASS),
	REFUSED("a difference, through a loop", 12, "only 0 are", PACKET(2),
		LD(BPF_B, 4, 2, 0), JMP(BPF_JLT, 4, 4, 10), COPY(0, 4),
		ADD(4, -4), MOV(0, 0), MOV(5, 0), ADD(5, 1),
		JMP(BPF_JLT, 5, 3, -2), COPY(6, 2), ADDR(6, 4), MOV(0, 0),
		LD(BPF_W, 0, 6, 0), PASS),
	TAKEN("writing to the packet", PACKET(2), ST(BPF_B, 2, 0, 1), PASS),
	REFUSED("data_end is no place", 1, "the packet's end", END(2),
		LD(BPF_B, 0, 2, 0), EXIT),
	REFUSED("the argument has no such field", 0, "no such field",
		LD(BPF_W, 0, 1, 2), EXIT),
	REFUSED("the argument is read only", 0, "only mark",
		ST(BPF_W, 1, CTX(length), 1), EXIT),
	TAKEN("but for mark", ST(BPF_W, 1, CTX(mark), 1), PASS),

	TAKEN("the stack", ST(BPF_DW, BPF_FP, -8, 1), LD(BPF_W, 0, BPF_FP, -8),
	      EXIT),
	REFUSED("the stack before it is written", 0, "never written",
		LD(BPF_DW, 0, BPF_FP, -8), EXIT),
	REFUSED("above the stack", 0, "of the stack", ST(BPF_W, BPF_FP, -2, 1),
		EXIT),
	REFUSED("below the stack", 0, "of the stack",
		ST(BPF_W, BPF_FP, -516, 1), EXIT),
	TAKEN("a pointer saved and restored", STR(BPF_DW, BPF_FP, 1, -8),
	      MOV(1, 0), LD(BPF_DW, 1, BPF_FP, -8), PACKET(2),
	      LD(BPF_B, 0, 2, 0), EXIT),
	REFUSED("a pointer saved and read as bytes", 1, "saved pointer",
		STR(BPF_DW, BPF_FP, 1, -8), LD(BPF_W, 0, BPF_FP, -8), EXIT),
	REFUSED("a pointer saved and half written over", 3, "through a number",
		STR(BPF_DW, BPF_FP, 1, -8), ST(BPF_DW, BPF_FP, -8, 0),
		LD(BPF_DW, 1, BPF_FP, -8), LD(BPF_B, 0, 1, 0), EXIT),
	TAKEN("a bound learned of a copy on the stack", PACKET(2), WINDOW(3),
	      LD(BPF_B, 4, 2, 13), STR(BPF_DW, BPF_FP, 4, -8), ADD(4, 4),
	      JMPR(BPF_JGT, 4, 3, 4), LD(BPF_DW, 5, BPF_FP, -8), ADDR(2, 5),
	      LD(BPF_W, 0, 2, 0), EXIT, PASS),
	TAKEN("a variable place on the stack", ST(BPF_DW, BPF_FP, -8, 1),
	      PACKET(2), LD(BPF_B, 3, 2, 0), AND(3, 7), COPY(4, BPF_FP),
	      ADDR(4, 3), LD(BPF_B, 0, 4, -8), EXIT),
	REFUSED("a variable place one too far", 6, "of the stack",
		ST(BPF_DW, BPF_FP, -8, 1), PACKET(2), LD(BPF_B, 3, 2, 0),
		AND(3, 15), COPY(4, BPF_FP), ADDR(4, 3), LD(BPF_B, 0, 4, -8),
		EXIT),

	TAKEN("a map's value", ST(BPF_W, BPF_FP, -4, 0), COPY(2, BPF_FP),
	      ADD(2, -4), MAP(1, 0), HELPER(MAP_FIND), JMP(BPF_JEQ, 0, 0, 2),
	      LD(BPF_DW, 0, 0, 8), EXIT, PASS),
	REFUSED("a value that may be NULL", 6, "NULL first",
		ST(BPF_W, BPF_FP, -4, 0), COPY(2, BPF_FP), ADD(2, -4),
		MAP(1, 0), HELPER(MAP_FIND), LD(BPF_DW, 0, 0, 8), EXIT),
	REFUSED("behind a value", 7, "of a value", ST(BPF_W, BPF_FP, -4, 0),
		COPY(2, BPF_FP), ADD(2, -4), MAP(1, 0), HELPER(MAP_FIND),
		JMP(BPF_JEQ, 0, 0, 1), LD(BPF_DW, 0, 0, 9), PASS),
	TAKEN("a variable place in a value", PACKET(2), LD(BPF_B, 3, 2, 0),
	      AND(3, 56), DATA(4, 0), ADDR(4, 3), LD(BPF_DW, 0, 4, 0), EXIT),
	REFUSED("a variable place behind it", 6, "of a value", PACKET(2),
		LD(BPF_B, 3, 2, 0), AND(3, 63), DATA(4, 0), ADDR(4, 3),
		LD(BPF_DW, 0, 4, 0), EXIT),
	/* So far ahead that lengths and offsets would wrap round. */
	REFUSED("any place ahead in a value", 5, "not bounded", PACKET(2),
		LD(BPF_DW, 3, 2, 0), RSH(3, 1), DATA(4, 0), ADDR(4, 3),
		LD(BPF_DW, 0, 4, 0), EXIT),
	REFUSED("any place ahead in the stack", 5, "not bounded", PACKET(2),
		LD(BPF_DW, 3, 2, 0), RSH(3, 1), COPY(4, BPF_FP), ADD(4, -8),
		ADDR(4, 3), ST(BPF_DW, 4, 0, 1), PASS),
	REFUSED("any number as an address", 2, "through", PACKET(2),
		LD(BPF_DW, 3, 2, 0), LD(BPF_DW, 0, 3, -8), EXIT),
	REFUSED("a key that was not written", 4, "never written",
		COPY(2, BPF_FP), ADD(2, -4), MAP(1, 0), HELPER(MAP_FIND), PASS),
	REFUSED("no map", 2, "not a map", MOV(1, 0), COPY(2, BPF_FP),
		HELPER(MAP_FIND), PASS),
	REFUSED("an address where others would read it", 2, "stores",
		DATA(4, 0), STR(BPF_DW, 4, 1, 0), PASS),
	TAKEN("an atomic addition", DATA(4, 0), MOV(2, 1),
	      I(BPF_STX | BPF_ATOMIC | BPF_DW, 4, 2, 0, BPF_ADD), PASS),
	REFUSED("one that is not aligned", 3, "not aligned", DATA(4, 4),
		MOV(2, 1), I(BPF_STX | BPF_ATOMIC | BPF_DW, 4, 2, 0, BPF_ADD),
		PASS),
	REFUSED("an atomic addition to the packet", 2, "only values", PACKET(4),
		MOV(2, 1), I(BPF_STX | BPF_ATOMIC | BPF_W, 4, 2, 0, BPF_ADD),
		PASS),

	REFUSED("a pointer as a number", 0, "as if it were a number",
		I(BPF_ALU64 | BPF_MUL | BPF_K, 1, 0, 0, 3), PASS),
	REFUSED("half a pointer", 0, "no number",
		I(BPF_ALU | BPF_MOV | BPF_X, 0, 1, 0, 0), EXIT),
	REFUSED("returning a pointer", 1, "returns", COPY(0, 1), EXIT),

	TAKEN("a bounded loop", MOV(0, 0), MOV(2, 0), ADDR(0, 2), ADD(2, 1),
	      JMP(BPF_JLT, 2, 100, -3), EXIT),
	TAKEN("a loop bounded by the packet", PACKET(2), END(3), MOV(0, 0),
	      COPY(4, 2), ADD(4, 1), JMPR(BPF_JGT, 4, 3, 4), LD(BPF_B, 5, 2, 0),
	      ADDR(0, 5), ADD(2, 1), GOTO(-7), EXIT),
	REFUSED("a loop that goes on for ever", 0, "never ends", GOTO(-1)),
	REFUSED("one that waits for nothing", 2, "never ends", MOV(2, 0),
		MOV(0, 1), JMP(BPF_JEQ, 2, 0, -1), EXIT),
	REFUSED("one with too many rounds", -2, "too ", MOV(2, 0), ADD(2, 1),
		JMP(BPF_JNE, 2, 1000000, -2), PASS),

	TAKEN("a function", LOCAL(1), EXIT, PASS),
	TAKEN("a function that gets a pointer", PACKET(1), LOCAL(1), EXIT,
	      LD(BPF_B, 0, 1, 3), EXIT),
	TAKEN("a function that writes to its caller's stack", COPY(1, BPF_FP),
	      ADD(1, -8), LOCAL(2), LD(BPF_DW, 0, BPF_FP, -8), EXIT,
	      ST(BPF_DW, 1, 0, 5), EXIT),
	REFUSED("functions in a circle", 0, "circle", LOCAL(-1), EXIT),
	REFUSED("a stack that is gone", 3, "its own stack", LOCAL(1), EXIT,
		COPY(0, BPF_FP), EXIT),
	REFUSED("r1 after a call", 1, "no value", LOCAL(2), COPY(0, 1), EXIT,
		PASS),

	TAKEN("loading bytes of the payload", COPY(3, BPF_FP), ADD(3, -16),
	      MOV(2, 60), MOV(4, 16), HELPER(LOAD), LD(BPF_B, 0, BPF_FP, -16),
	      EXIT),
	REFUSED("more bytes than there is room", 4, "of the stack",
		COPY(3, BPF_FP), ADD(3, -16), MOV(2, 60), MOV(4, 17),
		HELPER(LOAD), PASS),
	REFUSED("bytes that a helper may have written, or not", 12,
		"never written", COPY(6, 1), PACKET(2), LD(BPF_B, 4, 2, 0),
		AND(4, 1), COPY(3, BPF_FP), ADD(3, -8), MOV(2, 0), COPY(1, 6),
		HELPER(LOAD), MOV(0, 0), MOV(0, 0), MOV(0, 0),
		LD(BPF_B, 0, BPF_FP, -8), EXIT),
	REFUSED("a size without a bound", 6, "compare it first", COPY(6, 1),
		HELPER(RANDOM), COPY(4, 0), COPY(1, 6), COPY(3, BPF_FP),
		MOV(2, 0), HELPER(LOAD), PASS),
};

static struct world world;

static void test_table(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(table); n++) {
		const struct row *t = &table[n];
		struct bpf_fault fault;
		int err;

		world_reset(&world, 54, n);
		err = world_load(&world, t->insn, t->count, &fault);
		if ((t->at == -1) != !err ||
		    (err && ((t->at >= 0 && fault.insn != (uint32_t)t->at) ||
			     !strstr(fault.why, t->why))))
			fail_msg("%s: %s at %u: %s", t->what,
				 err ? "refused" : "taken", fault.insn,
				 fault.why);
		if (err)
			continue;
		for (uint32_t window = 14; window <= 128; window += 10) {
			world_reset(&world, window, n);
			world_watch(&world, n);
			if (world.escape)
				fail_msg("%s: %s", t->what, world.escape);
		}
	}
}

/* --- what verification itself may cost --------------------------------------
 */

static struct bpf_insn big[BPF_INSNS_MAX];
static uint32_t bigs;

static void put(struct bpf_insn i)
{
	big[bigs++] = i;
}

/* @slots of the stack full of numbers that nobody knows, r7 = 0. */
static void put_stack(uint32_t slots)
{
	put((struct bpf_insn)HELPER(RANDOM));
	for (uint32_t n = 0; n < slots; n++)
		put((struct bpf_insn)STR(BPF_DW, BPF_FP, 0,
					 (int16_t)(-8 * (int)(n + 1))));
	put((struct bpf_insn)MOV(7, 0));
}

/* So many times: r7 becomes another number, or not. */
static void put_branches(uint32_t count)
{
	for (uint32_t n = 0; n < count; n++) {
		put((struct bpf_insn)HELPER(RANDOM));
		put((struct bpf_insn)JMP(BPF_JGT, 0, 5, 1));
		put((struct bpf_insn)ADD(7, 1 << n % 20));
	}
}

/* Which number r7 is matters: it is compared. */
static void put_use(void)
{
	put((struct bpf_insn)JMP(BPF_JEQ, 7, 12345, 0));
}

static void put_end(void)
{
	put((struct bpf_insn)MOV(0, 1));
	put((struct bpf_insn)EXIT);
}

static void verify_big(const char *what, bool taken)
{
	static struct bpf_report report;
	struct bpf_fault fault;
	int err = bpf_verify(big, bigs, NULL, 0, &report, &fault);

	if (taken != !err || (err && !strstr(fault.why, "too complex")))
		fail_msg("%s: %d, %s", what, err, fault.why);
	/* The last thing that was done may go beyond. */
	if (report.work > BPF_WORK_MAX + BPF_WORK_MAX / 100)
		fail_msg("%s: %llu of work", what,
			 (unsigned long long)report.work);
	bigs = 0;
	memset(big, 0, sizeof(big));
}

/* Many ways, states that are large, late to differ, or in many frames. */
static void test_work(void **state)
{
	(void)state;
	put_stack(0);
	put_branches(8);
	put_end();
	verify_big("a few branches", true);
	for (uint32_t slots = 0; slots <= 64; slots += 32) {
		put_stack(slots);
		put_branches(200);
		put_end();
		verify_big("many branches for nothing", true);
		put_stack(slots);
		put_branches(200);
		put_use();
		put_end();
		verify_big("many branches", false);
		put_stack(slots);
		put((struct bpf_insn)ADD(7, 1));
		put((struct bpf_insn)JMP(BPF_JLT, 7, 100000, -2));
		put_end();
		verify_big("a long loop", false);
	}
	/* As long as a run may be. */
	put_stack(0);
	put((struct bpf_insn)ADD(7, 1));
	put((struct bpf_insn)JMP(BPF_JLT, 7, BPF_RUN_BUDGET / 2, -2));
	put_end();
	verify_big("a loop that fits", true);
	for (int n = 0; n < BPF_FRAMES_MAX - 1; n++) {
		put_stack(64);
		put((struct bpf_insn)LOCAL(1));
		put((struct bpf_insn)EXIT);
	}
	put_stack(64);
	put_branches(200);
	put_use();
	put_end();
	verify_big("large frames", false);
}

/* Jumps all through the program, each to its neighbour. */
static void put_chain(int way)
{
	put((struct bpf_insn){ .code = BPF_JMP32 | BPF_JA,
			       .imm = way < 0 ? BPF_INSNS_MAX - 2 : 2 });
	put((struct bpf_insn)LD(BPF_W, 0, 1, CTX(mark)));
	put((struct bpf_insn)EXIT);
	while (bigs < BPF_INSNS_MAX)
		put((struct bpf_insn)GOTO(way < 0 ? -2 : 0));
	if (way < 0)
		big[3].off = -3;
	else
		big[BPF_INSNS_MAX - 1].off = -(BPF_INSNS_MAX - 1);
}

/* In microseconds of this thread, the least of some. */
static uint64_t time_chain(int way)
{
	static struct bpf_report report;
	uint64_t least = UINT64_MAX;
	struct bpf_fault fault;

	put_chain(way);
	for (int n = 0; n < 5; n++) {
		struct timespec a, b;
		uint64_t us;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
		if (bpf_verify(big, bigs, NULL, 0, &report, &fault))
			fail_msg("a chain: %u: %s", fault.insn, fault.why);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
		us = (uint64_t)((b.tv_sec - a.tv_sec) * 1000000 +
				(b.tv_nsec - a.tv_nsec) / 1000);
		least = us < least ? us : least;
	}
	bigs = 0;
	memset(big, 0, sizeof(big));
	return least;
}

/* What is done before any way is followed takes no longer for jumps back. */
static void test_chain(void **state)
{
	uint64_t forward = time_chain(1), backward = time_chain(-1);

	(void)state;
	if (backward > 8 * forward + 1000)
		fail_msg("forward %llu us, backward %llu",
			 (unsigned long long)forward,
			 (unsigned long long)backward);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_table),
					    cmocka_unit_test(test_work),
					    cmocka_unit_test(test_chain) };
	int failed;

	world_open(&world);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	world_close(&world);
	return failed;
}
