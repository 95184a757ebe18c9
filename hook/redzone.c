/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is the top of the red zone free at a site?
 *
 * A call to address 0 writes 8 bytes below the stack pointer. A function that
 * calls nobody may keep a variable there. So the code after the site is
 * followed along every branch, as far as the function's next `ret`, `call` or
 * `push`, from where on those bytes mean nothing or have been written. On the
 * way no operand may lie below the stack pointer. A register that points there
 * already says that something is kept there.
 *
 * Only the instructions that compilers put behind a system call are known.
 * Anything else, or too long a way, is an answer as well: not free.
 */
#include "base/types.h"
#include "hook/site.h"

#define STEPS		256
#define BRANCHES	24
#define INSTRUCTION_MAX 15
#define RED_ZONE	128
#define FAR_UP		4096 /* the frame is gone: any offset below it is negative */

struct walk {
	const uint8_t *todo[BRANCHES]; /* targets, those before `done` walked */
	int64_t up[BRANCHES];	       /* how far the stack pointer has risen */
	int count, done, steps;
	int64_t rbp; /* relative to the site's stack pointer */
};

enum step { STEP_ON, STEP_END, STEP_UNKNOWN };

/* Opcodes with a ModRM byte: bit per opcode of the two maps. */
#define RANGE(first, last) [(first)...(last)] = 1

static const uint8_t modrm1[256] = {
	RANGE(0x00, 0x03), RANGE(0x08, 0x0b), RANGE(0x10, 0x13),
	RANGE(0x18, 0x1b), RANGE(0x20, 0x23), RANGE(0x28, 0x2b),
	RANGE(0x30, 0x33), RANGE(0x38, 0x3b), [0x63] = 1,
	[0x69] = 1,	   [0x6b] = 1,	      [0x80] = 1,
	[0x81] = 1,	   RANGE(0x83, 0x8b), [0x8d] = 1,
	[0xc0] = 1,	   [0xc1] = 1,	      [0xc6] = 1,
	[0xc7] = 1,	   RANGE(0xd0, 0xd3), [0xf6] = 1,
	[0xf7] = 1,	   [0xfe] = 1,	      [0xff] = 1,
};
static const uint8_t modrm2[256] = {
	RANGE(0x10, 0x17), [0x18] = 1, [0x1e] = 1,	  [0x1f] = 1,
	[0x28] = 1,	   [0x29] = 1, [0x2e] = 1,	  [0x2f] = 1,
	RANGE(0x40, 0x4f), [0x57] = 1, [0x6e] = 1,	  [0x6f] = 1,
	[0x7e] = 1,	   [0x7f] = 1, RANGE(0x90, 0x9f), [0xa3] = 1,
	[0xab] = 1,	   [0xaf] = 1, [0xb0] = 1,	  [0xb1] = 1,
	[0xb6] = 1,	   [0xb7] = 1, [0xba] = 1,	  [0xbe] = 1,
	[0xbf] = 1,	   [0xc0] = 1, [0xc1] = 1,	  [0xd6] = 1,
	[0xef] = 1,
};

/* One instruction, taken apart. */
struct instruction {
	const uint8_t *p; /* what has not been read yet */
	uint8_t op, rex, mod, reg, rm;
	bool two;  /* of the map behind 0x0f */
	bool word; /* prefix 0x66 */
	bool memory;
};

static int32_t immediate(const uint8_t *p, int n)
{
	uint32_t v = 0;

	for (int i = 0; i < n; i++)
		v |= (uint32_t)p[i] << 8 * i;
	return n == 1 ? (int8_t)v : (int32_t)v;
}

/*
 * Reads ModRM, SIB and displacement. Returns false if the operand may lie below
 * the stack pointer.
 */
static bool operand(struct instruction *in, const struct walk *w, int64_t up)
{
	uint8_t m = *in->p++, base, index = 4;
	int64_t at, disp = 0;

	in->mod = m >> 6;
	in->reg = (m >> 3 & 7) | (in->rex & 4 ? 8 : 0);
	in->rm = base = (m & 7) | (in->rex & 1 ? 8 : 0);
	if (in->mod == 3)
		return true;
	in->memory = true;
	if ((m & 7) == 4) {
		index = (*in->p >> 3 & 7) | (in->rex & 2 ? 8 : 0);
		base = (*in->p & 7) | (in->rex & 1 ? 8 : 0);
		in->p++;
	}
	if (!in->mod && (base & 7) == 5) { /* absolute, or relative to %rip */
		in->p += 4;
		return true;
	}
	if (in->mod) {
		disp = immediate(in->p, in->mod == 1 ? 1 : 4);
		in->p += in->mod == 1 ? 1 : 4;
	}
	if (base != 4 && base != 5)
		return true; /* registers: see hook_redzone_free() */
	at = disp + (base == 4 ? up : w->rbp);
	return at >= 0 && (index == 4 || base != 4);
}

static int immediate_size(const struct instruction *in)
{
	int z = in->word ? 2 : 4;
	uint8_t op = in->op;

	if (in->two)
		return op == 0xba ? 1 : (op & 0xf0) == 0x80 ? 4 : 0;
	if (op < 0x40)
		return (op & 7) == 4 ? 1 : (op & 7) == 5 ? z : 0;
	switch (op) {
	case 0x68:
	case 0x69:
	case 0x81:
	case 0xa9:
	case 0xc7:
		return z;
	case 0xe8:
	case 0xe9:
		return 4;
	case 0x6a:
	case 0x6b:
	case 0x80:
	case 0x83:
	case 0xa8:
	case 0xc0:
	case 0xc1:
	case 0xc6:
	case 0xeb:
		return 1;
	case 0xc2:
		return 2;
	case 0xf6:
		return in->reg & 6 ? 0 : 1;
	case 0xf7:
		return in->reg & 6 ? 0 : z;
	default:
		break;
	}
	if (op >= 0x70 && op <= 0x7f)
		return 1;
	if (op >= 0xb0 && op <= 0xb7)
		return 1;
	if (op >= 0xb8 && op <= 0xbf)
		return in->rex & 8 ? 8 : z;
	return 0;
}

/* Prefixes and opcode. */
static void opcode(struct instruction *in)
{
	for (;; in->p++) {
		if (*in->p == 0x66)
			in->word = true;
		else if (*in->p != 0xf2 && *in->p != 0xf3 && *in->p != 0xf0 &&
			 *in->p != 0x64 && *in->p != 0x2e && *in->p != 0x3e)
			break;
	}
	if ((*in->p & 0xf0) == 0x40)
		in->rex = *in->p++;
	in->op = *in->p++;
	if (in->op == 0x0f) {
		in->two = true;
		in->op = *in->p++;
	}
}

static void branch(struct walk *w, const uint8_t *to, int64_t up)
{
	for (int i = 0; i < w->count; i++) {
		if (w->todo[i] == to && w->up[i] == up)
			return;
	}
	if (w->count == BRANCHES) {
		w->steps = STEPS; /* too long a way */
		return;
	}
	w->todo[w->count] = to;
	w->up[w->count++] = up;
}

/* What an instruction of the first map does to the stack and the way. */
static enum step effect(struct walk *w, const struct instruction *in,
			int32_t imm, int64_t *up)
{
	uint8_t op = in->op;
	bool to_rsp = !in->memory && in->rm == 4;

	if (op >= 0x50 && op <= 0x57)
		op = 0x68;
	switch (op) {
	case 0x68:
	case 0x6a: /* push */
		if (!*up)
			return STEP_END; /* written */
		*up -= 8;
		return *up < 0 ? STEP_UNKNOWN : STEP_ON;
	case 0x58 ... 0x5f: /* pop */
		if (in->op == 0x5c && !in->rex)
			return STEP_UNKNOWN;
		if (in->op == 0x5d && !(in->rex & 1))
			w->rbp = FAR_UP; /* the caller's */
		*up += 8;
		return STEP_ON;
	case 0xc2:
	case 0xc3:
	case 0xcc:
	case 0xe8:
	case 0xf4:
		return STEP_END;
	case 0xe9:
	case 0xeb:
		branch(w, in->p + imm, *up);
		return STEP_END;
	case 0x70 ... 0x7f:
		branch(w, in->p + imm, *up);
		return STEP_ON;
	case 0xc9: /* leave */
		*up = FAR_UP;
		w->rbp = FAR_UP;
		return STEP_ON;
	case 0x81:
	case 0x83:
		if (!to_rsp || (in->reg & 7) == 7)
			return STEP_ON;
		*up += imm;
		return (in->reg & 7) == 0 && imm > 0 ? STEP_ON : STEP_UNKNOWN;
	case 0xff:
		if ((in->reg & 7) == 2)
			return STEP_END; /* call */
		return (in->reg & 7) < 2 ? STEP_ON : STEP_UNKNOWN;
	case 0x8b:
	case 0x8d:
	case 0x03:
	case 0x63:
	case 0x89:
		/* To %rsp, or a copy of it. */
		return in->reg == 4 || to_rsp ? STEP_UNKNOWN : STEP_ON;
	default:
		break;
	}
	if (modrm1[op] || op == 0x90 || op == 0x98 || op == 0x99 ||
	    (op >= 0xb0 && op <= 0xbf && op != 0xbc) || op == 0xa8 ||
	    op == 0xa9 || (op < 0x40 && ((op & 7) == 4 || (op & 7) == 5)))
		return STEP_ON;
	return STEP_UNKNOWN;
}

static enum step effect2(struct walk *w, const struct instruction *in,
			 int32_t imm, int64_t up)
{
	if (in->op >= 0x80 && in->op <= 0x8f) {
		branch(w, in->p + imm, up);
		return STEP_ON;
	}
	if (in->op == 0x0b)
		return STEP_END; /* ud2 */
	return modrm2[in->op] || in->op == 0x05 ? STEP_ON : STEP_UNKNOWN;
}

static enum step one(struct walk *w, const uint8_t **at, int64_t *up)
{
	struct instruction in = { .p = *at };
	int32_t imm;
	int n;

	opcode(&in);
	if (in.two ? modrm2[in.op] : modrm1[in.op]) {
		if (!operand(&in, w, *up))
			return STEP_UNKNOWN;
	}
	n = immediate_size(&in);
	imm = immediate(in.p, n > 4 ? 4 : n);
	in.p += n;
	*at = in.p;
	return in.two ? effect2(w, &in, imm, *up) : effect(w, &in, imm, up);
}

bool hook_redzone_free(const struct hook_site *s)
{
	static const uint8_t general[] = {
		REG_RAX, REG_RBX, REG_RDX, REG_RBP, REG_RSI, REG_RDI, REG_R8,
		REG_R9,	 REG_R10, REG_R12, REG_R13, REG_R14, REG_R15,
	};
	uint64_t rsp = (uint64_t)s->g[REG_RSP];
	struct walk w = { .todo = { s->at + 2 }, .count = 1 };
	enum step step;

	for (size_t i = 0; i < sizeof(general); i++) {
		uint64_t v = (uint64_t)s->g[general[i]];

		if (v < rsp && v >= rsp - RED_ZONE)
			return false;
	}
	w.rbp = s->g[REG_RBP] - (int64_t)rsp;
	if (w.rbp < 0)
		w.rbp = FAR_UP; /* no frame pointer */
	while (w.done < w.count) {
		const uint8_t *at = w.todo[w.done];
		int64_t up = w.up[w.done++];

		do {
			if (w.steps++ >= STEPS || at < s->text ||
			    at + INSTRUCTION_MAX > s->text_end)
				return false;
			step = one(&w, &at, &up);
			if (step == STEP_UNKNOWN)
				return false;
		} while (step == STEP_ON);
	}
	return true;
}
