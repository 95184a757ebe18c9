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
#include "hook/decode.h"
#include "hook/site.h"

#define STEPS	 256
#define BRANCHES 24
#define RED_ZONE 128
#define FAR_UP	 4096 /* the frame is gone: any offset below it is negative */
#define RSP	 4
#define RBP	 5

struct walk {
	const uint8_t *todo[BRANCHES]; /* targets, those before `done` walked */
	int64_t up[BRANCHES];	       /* how far the stack pointer has risen */
	int count, done, steps;
	int64_t rbp; /* relative to the site's stack pointer */
};

enum step { STEP_ON, STEP_END, STEP_UNKNOWN };

/* Can the operand in memory lie below the site's stack pointer? */
static bool is_below(const struct instruction *in, const struct walk *w,
		     int64_t up)
{
	if (!in->memory || in->relative)
		return false;
	if (in->base == RSP)
		return in->index != 4 || in->disp + up < 0;
	if (in->base == RBP)
		return in->disp + w->rbp < 0;
	return false; /* registers: see hook_redzone_free() */
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

/* What an instruction does to the stack and the way. */
static enum step effect(struct walk *w, const struct instruction *in,
			int64_t *up)
{
	uint8_t op = in->op;
	bool to_rsp = in->modrm && !in->memory && in->rm == RSP;

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
		if (op == 0x5c && !(in->rex & 1))
			return STEP_UNKNOWN;
		if (op == 0x5d && !(in->rex & 1))
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
		branch(w, in->next + in->imm, *up);
		return STEP_END;
	case 0x70 ... 0x7f:
		branch(w, in->next + in->imm, *up);
		return STEP_ON;
	case 0xc9: /* leave */
		*up = FAR_UP;
		w->rbp = FAR_UP;
		return STEP_ON;
	case 0xbc:
		return in->rex & 1 ? STEP_ON : STEP_UNKNOWN; /* %rsp */
	case 0x81:
	case 0x83:
		if (!to_rsp || (in->reg & 7) == 7)
			return STEP_ON;
		*up += in->imm;
		return (in->reg & 7) == 0 && in->imm > 0 ? STEP_ON
							 : STEP_UNKNOWN;
	case 0xff:
		if ((in->reg & 7) == 2)
			return STEP_END; /* call */
		return (in->reg & 7) < 2 ? STEP_ON : STEP_UNKNOWN;
	default:
		break;
	}
	/* To %rsp, or a copy of it. */
	return in->modrm && (in->reg == RSP || to_rsp) && op >= 0x63 &&
			       op <= 0x8d && op != 0x80
		       ? STEP_UNKNOWN
		       : STEP_ON;
}

static enum step one(struct walk *w, const uint8_t **at, int64_t *up)
{
	struct instruction in;

	if (!hook_decode(*at, &in) || is_below(&in, w, *up))
		return STEP_UNKNOWN;
	*at = in.next;
	if (!in.two)
		return effect(w, &in, up);
	if (in.op >= 0x80 && in.op <= 0x8f)
		branch(w, in.next + in.imm, *up);
	return in.op == 0x0b ? STEP_END : STEP_ON; /* ud2 */
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
