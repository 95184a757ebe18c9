/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See filter.h.
 *
 * Two functions come out. The fast one reads headers directly: data in r2, its
 * end in r3, A in r0, X in r4, and no register that a call would have to keep.
 * What the headers are not long enough for makes it start again in the slow
 * one, which asks toami_load() for each load, payload included. Lengths are
 * looked at as rarely as can be: a load needs no look where every way to it has
 * been through one.
 */
#include "bpf/filter.h"
#include "bpf/helper.h"
#include "bpf/insn.h"

#include <errno.h>
#include <stdlib.h>

#include "toami/bpf.h"

/* The fields of a classic code, as far as they differ from insn.h's. */
#define CLASS(code)  ((code)&0x07)
#define MODE(code)   ((code)&0xe0)
#define SIZE(code)   ((code)&0x18)
#define RVAL(code)   ((code)&0x18)
#define MISCOP(code) ((code)&0xf8)

enum { LD, LDX, ST, STX, ALU, JMP, RET, MISC };
enum {
	MODE_IMM = 0x00,
	MODE_ABS = 0x20,
	MODE_IND = 0x40,
	MODE_MEM = 0x60,
	MODE_LEN = 0x80,
	MODE_MSH = 0xa0
};
enum { RET_K = 0x00, RET_A = 0x10 };
enum { MISC_TAX = 0x00, MISC_TXA = 0x80 };

#define CELLS	 16
#define WINDOW	 128 /* headers are never longer */
#define ETHERNET 14  /* and never shorter */

/* Registers of the functions. */
enum { A = 0, CONTEXT = 1, DATA = 2, END = 3, X = 4, TMP = 5 };
enum { SLOW_A = 6, SLOW_X = 7, SLOW_CONTEXT = 8 };

/* Targets that are no classic instruction. */
enum { TO_SLOW = -1, TO_REJECT = -2, TO_SLOW_FUNCTION = -3 };

struct jump {
	uint32_t at;
	int32_t to; /* a classic instruction, or one of the above */
};

struct translation {
	const struct bpf_classic *from;
	uint32_t count;
	struct bpf_insn *to;
	uint32_t max;
	uint32_t at;
	struct jump *jumps;
	uint32_t jump_count;
	uint32_t *begin;     /* of each classic instruction */
	uint32_t *checked;   /* bytes known to be there before it */
	uint32_t *x_max;     /* what X may be before it */
	uint32_t cells_used; /* as bits */
	bool fast;
};

static void put(struct translation *t, uint8_t code, unsigned int dst,
		unsigned int src, int off, int32_t imm)
{
	if (t->at < t->max)
		t->to[t->at] = (struct bpf_insn){ .code = code,
						  .dst = dst & 15u,
						  .src = src & 15u,
						  .off = (int16_t)off,
						  .imm = imm };
	t->at++;
}

static void put_jump(struct translation *t, uint8_t code, unsigned int dst,
		     unsigned int src, int32_t imm, int32_t to)
{
	t->jumps[t->jump_count++] = (struct jump){ t->at, to };
	put(t, code, dst, src, 0, imm);
}

static unsigned int reg_a(const struct translation *t)
{
	return t->fast ? A : SLOW_A;
}

static unsigned int reg_x(const struct translation *t)
{
	return t->fast ? X : SLOW_X;
}

static int cell_off(uint32_t k)
{
	return -16 - 8 * (int)(k + 1);
}

/* --- what is known before an instruction -------------------------------------
 */

static uint32_t load_bytes(uint16_t code)
{
	switch (SIZE(code)) {
	case BPF_H:
		return 2;
	case BPF_B:
		return 1;
	default:
		return 4;
	}
}

/*
 * A length that is worth a look: those of usual headers, so that one look does
 * for several loads.
 */
static uint32_t worth(uint32_t need)
{
	static const uint8_t usual[] = { 14, 34, 38, 42, 54, 58 };

	for (size_t n = 0; n < ARRAY_SIZE(usual); n++)
		if (need <= usual[n])
			return usual[n];
	return need;
}

static bool is_direct(const struct bpf_classic *i)
{
	if (CLASS(i->code) == LD && MODE(i->code) == MODE_ABS)
		return i->k <= WINDOW - 4;
	return CLASS(i->code) == LDX && MODE(i->code) == MODE_MSH &&
	       i->k < WINDOW;
}

static uint32_t direct_end(const struct bpf_classic *i)
{
	return i->k + (CLASS(i->code) == LDX ? 1 : load_bytes(i->code));
}

static void reach(struct translation *t, uint32_t pc, uint32_t checked,
		  uint32_t x_max)
{
	t->checked[pc] = min_u32(t->checked[pc], checked);
	t->x_max[pc] = max_u32(t->x_max[pc], x_max);
}

/* All jumps lead forward, so one pass from the front sees every way. */
static int survey(struct translation *t)
{
	for (uint32_t pc = 0; pc < t->count; pc++) {
		t->checked[pc] = UINT32_MAX;
		t->x_max[pc] = 0;
	}
	t->checked[0] = ETHERNET;
	for (uint32_t pc = 0; pc < t->count; pc++) {
		const struct bpf_classic *i = &t->from[pc];
		uint32_t checked = t->checked[pc], x_max = t->x_max[pc];
		uint64_t far = pc + 1;

		if (checked == UINT32_MAX)
			checked = ETHERNET; /* nobody gets here */
		if (is_direct(i) && direct_end(i) > checked)
			checked = worth(direct_end(i));
		if (CLASS(i->code) == LDX)
			x_max = MODE(i->code) == MODE_MSH   ? 60
				: MODE(i->code) == MODE_IMM ? i->k
							    : UINT32_MAX;
		if (CLASS(i->code) == MISC && MISCOP(i->code) == MISC_TAX)
			x_max = UINT32_MAX;
		if ((CLASS(i->code) == ST || CLASS(i->code) == STX) ||
		    (CLASS(i->code) <= LDX && MODE(i->code) == MODE_MEM)) {
			if (i->k >= CELLS)
				return -EINVAL;
			t->cells_used |= 1u << i->k;
		}
		if (CLASS(i->code) == RET)
			continue;
		if (CLASS(i->code) == JMP) {
			if (BPF_OP(i->code) == BPF_JA) {
				far += i->k;
				if (far >= t->count)
					return -EINVAL;
				reach(t, (uint32_t)far, checked, x_max);
				continue;
			}
			if (far + i->jt >= t->count || far + i->jf >= t->count)
				return -EINVAL;
			reach(t, pc + 1 + i->jt, checked, x_max);
			reach(t, pc + 1 + i->jf, checked, x_max);
			continue;
		}
		if (far >= t->count)
			return -EINVAL;
		reach(t, (uint32_t)far, checked, x_max);
	}
	return 0;
}

/* --- loads -------------------------------------------------------------------
 */

static uint8_t load_code(uint16_t code)
{
	return (uint8_t)(BPF_LDX | BPF_MEM | SIZE(code));
}

/* To the byte order of numbers. */
static void put_order(struct translation *t, unsigned int reg, uint16_t code)
{
	uint32_t bytes = load_bytes(code);

	if (bytes > 1)
		put(t, BPF_ALU | BPF_END | BPF_X, reg, 0, 0,
		    (int32_t)(8 * bytes));
}

static void fast_load(struct translation *t, uint32_t pc, unsigned int to)
{
	const struct bpf_classic *i = &t->from[pc];

	if (!is_direct(i)) {
		put_jump(t, BPF_JMP | BPF_JA, 0, 0, 0, TO_SLOW);
		return;
	}
	if (direct_end(i) > t->checked[pc]) {
		put(t, BPF_ALU64 | BPF_MOV | BPF_X, TMP, DATA, 0, 0);
		put(t, BPF_ALU64 | BPF_ADD | BPF_K, TMP, 0, 0,
		    (int32_t)worth(direct_end(i)));
		put_jump(t, BPF_JMP | BPF_JGT | BPF_X, TMP, END, 0, TO_SLOW);
	}
	if (CLASS(i->code) == LDX) {
		put(t, BPF_LDX | BPF_MEM | BPF_B, to, DATA, (int)i->k, 0);
		return;
	}
	put(t, load_code(i->code), to, DATA, (int)i->k, 0);
	put_order(t, to, i->code);
}

static void fast_load_indirect(struct translation *t, uint32_t pc)
{
	const struct bpf_classic *i = &t->from[pc];
	int32_t bytes = (int32_t)load_bytes(i->code);

	if (i->k >= WINDOW) {
		put_jump(t, BPF_JMP | BPF_JA, 0, 0, 0, TO_SLOW);
		return;
	}
	if (t->x_max[pc] > WINDOW)
		put_jump(t, BPF_JMP | BPF_JGT | BPF_K, X, 0, WINDOW, TO_SLOW);
	put(t, BPF_ALU64 | BPF_MOV | BPF_X, TMP, DATA, 0, 0);
	put(t, BPF_ALU64 | BPF_ADD | BPF_X, TMP, X, 0, 0);
	put(t, BPF_ALU64 | BPF_ADD | BPF_K, TMP, 0, 0, (int32_t)i->k + bytes);
	put_jump(t, BPF_JMP | BPF_JGT | BPF_X, TMP, END, 0, TO_SLOW);
	put(t, load_code(i->code), A, TMP, -bytes, 0);
	put_order(t, A, i->code);
}

/* A load by the helper, from r2, which the caller has set. */
static void slow_load(struct translation *t, uint16_t code, unsigned int to)
{
	uint16_t size = CLASS(code) == LDX ? BPF_B : SIZE(code);

	put(t, BPF_ALU64 | BPF_MOV | BPF_X, 1, SLOW_CONTEXT, 0, 0);
	put(t, BPF_ALU64 | BPF_MOV | BPF_X, 3, BPF_FP, 0, 0);
	put(t, BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -8);
	put(t, BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0,
	    CLASS(code) == LDX ? 1 : (int32_t)load_bytes(code));
	put(t, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_HELPER_LOAD);
	put_jump(t, BPF_JMP | BPF_JNE | BPF_K, 0, 0, 0, TO_REJECT);
	put(t, (uint8_t)(BPF_LDX | BPF_MEM | size), to, BPF_FP, -8, 0);
	if (CLASS(code) == LD)
		put_order(t, to, code);
}

static void load_packet(struct translation *t, uint32_t pc)
{
	const struct bpf_classic *i = &t->from[pc];
	bool indirect = CLASS(i->code) == LD && MODE(i->code) == MODE_IND;
	unsigned int to = CLASS(i->code) == LD ? reg_a(t) : reg_x(t);

	if (t->fast && indirect) {
		fast_load_indirect(t, pc);
	} else if (t->fast) {
		fast_load(t, pc, to);
	} else {
		put(t, BPF_ALU | BPF_MOV | BPF_K, 2, 0, 0, (int32_t)i->k);
		if (indirect) {
			/* A sum of 33 bits is beyond any packet. */
			put(t, BPF_ALU64 | BPF_ADD | BPF_X, 2, SLOW_X, 0, 0);
			put(t, BPF_ALU64 | BPF_MOV | BPF_X, 3, 2, 0, 0);
			put(t, BPF_ALU64 | BPF_RSH | BPF_K, 3, 0, 0, 31);
			put_jump(t, BPF_JMP | BPF_JNE | BPF_K, 3, 0, 0,
				 TO_REJECT);
		}
		slow_load(t, i->code, to);
	}
	if (CLASS(i->code) == LDX) {
		put(t, BPF_ALU | BPF_AND | BPF_K, to, 0, 0, 15);
		put(t, BPF_ALU | BPF_LSH | BPF_K, to, 0, 0, 2);
	}
}

static int translate_load(struct translation *t, uint32_t pc)
{
	const struct bpf_classic *i = &t->from[pc];
	unsigned int to = CLASS(i->code) == LD ? reg_a(t) : reg_x(t);

	switch (MODE(i->code)) {
	case MODE_IMM:
		put(t, BPF_ALU | BPF_MOV | BPF_K, to, 0, 0, (int32_t)i->k);
		return 0;
	case MODE_MEM:
		put(t, BPF_LDX | BPF_MEM | BPF_DW, to, BPF_FP, cell_off(i->k),
		    0);
		return 0;
	case MODE_LEN:
		put(t, BPF_LDX | BPF_MEM | BPF_W, to,
		    t->fast ? CONTEXT : SLOW_CONTEXT,
		    offsetof(struct toami_packet, length), 0);
		return 0;
	case MODE_ABS:
	case MODE_IND:
		if (CLASS(i->code) != LD || SIZE(i->code) == BPF_DW)
			return -EINVAL;
		load_packet(t, pc);
		return 0;
	case MODE_MSH:
		if (CLASS(i->code) != LDX || SIZE(i->code) != BPF_B)
			return -EINVAL;
		load_packet(t, pc);
		return 0;
	default:
		return -EINVAL;
	}
}

/* --- the rest ----------------------------------------------------------------
 */

static int translate_alu(struct translation *t, const struct bpf_classic *i)
{
	uint8_t op = (uint8_t)BPF_OP(i->code);
	bool by_x = BPF_SRC(i->code) == BPF_X;
	bool divides = op == BPF_DIV || op == BPF_MOD;

	if (op > BPF_XOR)
		return -EINVAL;
	if (op == BPF_NEG) {
		put(t, BPF_ALU | BPF_NEG, reg_a(t), 0, 0, 0);
		return 0;
	}
	if (!by_x && divides && !i->k)
		return -EINVAL;
	if (by_x && divides)
		put_jump(t, BPF_JMP32 | BPF_JEQ | BPF_K, reg_x(t), 0, 0,
			 TO_REJECT);
	put(t, (uint8_t)(BPF_ALU | op | (by_x ? BPF_X : BPF_K)), reg_a(t),
	    by_x ? reg_x(t) : 0, 0, by_x ? 0 : (int32_t)i->k);
	return 0;
}

static uint8_t inverse(uint8_t op)
{
	return op == BPF_JEQ ? BPF_JNE : op == BPF_JGT ? BPF_JLE : BPF_JLT;
}

static int translate_jump(struct translation *t, uint32_t pc)
{
	const struct bpf_classic *i = &t->from[pc];
	uint8_t op = (uint8_t)BPF_OP(i->code);
	uint8_t src = (uint8_t)BPF_SRC(i->code);
	int32_t yes = (int32_t)(pc + 1 + i->jt), no = (int32_t)(pc + 1 + i->jf);
	unsigned int x = src == BPF_X ? reg_x(t) : 0;
	int32_t k = src == BPF_X ? 0 : (int32_t)i->k;

	if (op == BPF_JA) {
		put_jump(t, BPF_JMP | BPF_JA, 0, 0, 0,
			 (int32_t)(pc + 1 + i->k));
		return 0;
	}
	if (op > BPF_JSET)
		return -EINVAL;
	if (i->jt == i->jf) {
		if (i->jt)
			put_jump(t, BPF_JMP | BPF_JA, 0, 0, 0, yes);
		return 0;
	}
	if (!i->jt && op != BPF_JSET) {
		put_jump(t, (uint8_t)(BPF_JMP32 | inverse(op) | src), reg_a(t),
			 x, k, no);
		return 0;
	}
	put_jump(t, (uint8_t)(BPF_JMP32 | op | src), reg_a(t), x, k, yes);
	if (i->jf)
		put_jump(t, BPF_JMP | BPF_JA, 0, 0, 0, no);
	return 0;
}

static void put_return(struct translation *t, uint32_t verdict)
{
	put(t, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, (int32_t)verdict);
	put(t, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int translate_insn(struct translation *t, uint32_t pc)
{
	const struct bpf_classic *i = &t->from[pc];
	bool by_x = CLASS(i->code) == STX;

	switch (CLASS(i->code)) {
	case LD:
	case LDX:
		return translate_load(t, pc);
	case ST:
	case STX:
		put(t, BPF_STX | BPF_MEM | BPF_DW, BPF_FP,
		    by_x ? reg_x(t) : reg_a(t), cell_off(i->k), 0);
		return 0;
	case ALU:
		return translate_alu(t, i);
	case JMP:
		return translate_jump(t, pc);
	case RET:
		if (RVAL(i->code) == RET_A) {
			put_jump(t, BPF_JMP32 | BPF_JEQ | BPF_K, reg_a(t), 0, 0,
				 TO_REJECT);
			put_return(t, TOAMI_PASS);
			return 0;
		}
		put_return(t, i->k ? TOAMI_PASS : TOAMI_DROP);
		return RVAL(i->code) == RET_K ? 0 : -EINVAL;
	default:
		if (MISCOP(i->code) == MISC_TAX)
			put(t, BPF_ALU | BPF_MOV | BPF_X, reg_x(t), reg_a(t), 0,
			    0);
		else if (MISCOP(i->code) == MISC_TXA)
			put(t, BPF_ALU | BPF_MOV | BPF_X, reg_a(t), reg_x(t), 0,
			    0);
		else
			return -EINVAL;
		return 0;
	}
}

static int resolve(struct translation *t, uint32_t slow, uint32_t reject,
		   uint32_t slow_function)
{
	for (uint32_t n = 0; n < t->jump_count; n++) {
		const struct jump *j = &t->jumps[n];
		struct bpf_insn *i = &t->to[j->at];
		int64_t to;

		switch (j->to) {
		case TO_SLOW:
			to = slow;
			break;
		case TO_REJECT:
			to = reject;
			break;
		case TO_SLOW_FUNCTION:
			i->imm = (int32_t)(slow_function - j->at - 1);
			continue;
		default:
			to = t->begin[j->to];
		}
		to -= (int64_t)j->at + 1;
		if (to > INT16_MAX)
			return -E2BIG;
		i->off = (int16_t)to;
	}
	t->jump_count = 0;
	return 0;
}

/* One of the two functions. */
static int translate_function(struct translation *t, bool fast)
{
	uint32_t slow = 0, reject;
	int err = 0;

	t->fast = fast;
	if (fast) {
		put(t, BPF_LDX | BPF_MEM | BPF_DW, DATA, CONTEXT,
		    offsetof(struct toami_packet, data), 0);
		put(t, BPF_LDX | BPF_MEM | BPF_DW, END, CONTEXT,
		    offsetof(struct toami_packet, data_end), 0);
	} else {
		put(t, BPF_ALU64 | BPF_MOV | BPF_X, SLOW_CONTEXT, CONTEXT, 0,
		    0);
	}
	put(t, BPF_ALU64 | BPF_MOV | BPF_K, reg_a(t), 0, 0, 0);
	put(t, BPF_ALU64 | BPF_MOV | BPF_K, reg_x(t), 0, 0, 0);
	for (uint32_t n = 0; n < CELLS; n++)
		if (t->cells_used >> n & 1)
			put(t, BPF_ST | BPF_MEM | BPF_DW, BPF_FP, 0,
			    cell_off(n), 0);
	for (uint32_t pc = 0; pc < t->count && !err; pc++) {
		t->begin[pc] = t->at;
		err = translate_insn(t, pc);
	}
	if (err)
		return err;
	if (fast) {
		slow = t->at;
		t->jumps[t->jump_count++] =
			(struct jump){ t->at, TO_SLOW_FUNCTION };
		put(t, BPF_JMP | BPF_CALL, 0, BPF_CALL_LOCAL, 0, 0);
		put(t, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	reject = t->at;
	put_return(t, TOAMI_DROP);
	if (t->at > t->max)
		return -E2BIG;
	return resolve(t, slow, reject, t->at);
}

int bpf_filter_translate(const struct bpf_classic *from, uint32_t count,
			 struct bpf_insn *to, uint32_t max)
{
	struct translation t = {
		.from = from, .count = count, .to = to, .max = max
	};
	int err;

	if (!count || count > BPF_INSNS_MAX)
		return -EINVAL;
	t.begin = calloc(count, sizeof(*t.begin));
	t.checked = calloc(count, sizeof(*t.checked));
	t.x_max = calloc(count, sizeof(*t.x_max));
	t.jumps = calloc(4 * (size_t)count + 4, sizeof(*t.jumps));
	err = -ENOMEM;
	if (t.begin && t.checked && t.x_max && t.jumps) {
		err = survey(&t);
		if (!err)
			err = translate_function(&t, true);
		if (!err)
			err = translate_function(&t, false);
	}
	free(t.begin);
	free(t.checked);
	free(t.x_max);
	free(t.jumps);
	return err ? err : (int)t.at;
}
