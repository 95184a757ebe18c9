/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier's notion of a program's state, and how its files share the work:
 *
 *	verify_shape.c	what can be said without following the program
 *	verify_matter.c	and which registers' numbers matter
 *	verify.c	follows every way, remembers where it has been
 *	verify_state.c	states: copies, comparison
 *	verify_scalar.c	arithmetic on what is known of numbers
 *	verify_alu.c	arithmetic instructions, on pointers too
 *	verify_memory.c	loads, stores, atomics
 *	verify_jump.c	what a condition says about the registers in it
 *	verify_call.c	helpers and functions
 *
 * What is known of a number: bounds, signed and unsigned, and a tristate
 *number. What is known of a pointer: the object, a fixed offset, and the bounds
 *of a variable one.
 *
 * Ids and ranges. A number that was copied shares an id with its copy: what is
 * learned of one is learned of all. Its value is base(id) + off, computed
 * without overflow. The same id names the variable part of a pointer into the
 * packet, whose address is data + base(id) + off. `range` is what has been
 * proven of the packet: base(id) + range <= window. So `if (i + 4 <=
 *p->window)` makes p->data + i good for four bytes.
 */
#ifndef TOAMI_BPF_VERIFY_INTERNAL_H
#define TOAMI_BPF_VERIFY_INTERNAL_H

#include "bpf/helper.h"
#include "bpf/tnum.h"
#include "bpf/verify.h"

/* The window's size is within these: frame.h's header area, Ethernet at least.
 */
#define WINDOW_MIN 14
#define WINDOW_MAX 128

#define SLOTS (BPF_STACK_BYTES / 8)

enum kind {
	KIND_NONE, /* never written, or no longer to be read */
	KIND_NUMBER,
	KIND_CONTEXT,
	KIND_STACK,
	KIND_PACKET,
	KIND_PACKET_END,
	KIND_VALUE, /* of a map */
	KIND_VALUE_OR_NULL,
	KIND_MAP,
};

struct reg {
	uint8_t kind;
	uint8_t frame;	 /* STACK: which function's */
	uint8_t map;	 /* VALUE, MAP: which */
	uint8_t is_size; /* NUMBER: it is window + off, exactly */
	int32_t off;
	uint32_t id;
	int32_t range;
	/*
	 * Code without 32-bit instructions cuts a number to 32 bits by shifting
	 * it left and right again. In between it has no id, but remembers it.
	 */
	struct {
		uint32_t id;
		int32_t off, range;
		uint8_t is_size;
	} shifted;
	uint64_t umin, umax;
	int64_t smin, smax;
	struct tnum bits;
};

enum byte_kind { BYTE_NONE, BYTE_ANY, BYTE_ZERO, BYTE_SPILL };

/* Eight bytes of stack. */
struct slot {
	uint8_t byte[8]; /* enum byte_kind; SPILL in all or none */
	struct reg spill;
};

struct frame_state {
	struct reg reg[BPF_REGS];
	uint32_t return_to; /* instruction behind the call */
	uint32_t slots;	    /* in use, counted from the frame's end */
	struct slot slot[SLOTS];
};

struct state {
	uint32_t frames;
	int32_t window; /* it has been proven to be at least so long */
	struct frame_state *frame[BPF_FRAMES_MAX];
};

/* A state that was seen at an instruction, or that waits to be followed. */
struct place {
	struct place *next;
	struct place *parent; /* the last place before it on its way */
	struct state state;
	uint32_t pc;
	uint32_t ways; /* not yet followed to their end */
	uint32_t misses, hits;
};

struct verifier {
	const struct bpf_insn *insns;
	uint32_t count;
	const struct bpf_map_def *maps;
	uint32_t map_count;
	struct bpf_report *report;
	struct bpf_fault *fault;

	/* From the program's shape. */
	uint16_t live[BPF_INSNS_MAX];	 /* registers read later, as bits */
	uint16_t matters[BPF_INSNS_MAX]; /* those whose number matters */
	uint16_t stack[BPF_INSNS_MAX];	 /* that may point to the stack */
	bool target[BPF_INSNS_MAX];	 /* somebody jumps here */
	bool head[BPF_INSNS_MAX]; /* of a loop: somebody jumps back here */
	uint32_t
		function[BPF_INSNS_MAX]; /* first instruction of the function */

	struct place *at[BPF_INSNS_MAX]; /* seen */
	uint32_t visits[BPF_INSNS_MAX];
	struct place *waiting;
	struct place *path; /* last place on the current way */
	struct state cur;
	struct state before; /* the condition at hand */
	uint32_t pc;
	uint32_t next_id;
	uint32_t places;
	size_t memory; /* of places, bytes */
};

/* verify_refuse - notes why at the current instruction; returns -EACCES */
int verify_refuse(struct verifier *v, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* --- verify_shape.c */
int verify_shape(struct verifier *v);

/* --- verify_matter.c: after the shape, whose files @second is from */
void verify_matter(struct verifier *v, const bool *second);

/* --- verify_state.c */
/* state_save - @to gets copies of its own, no larger than needed; or -ENOMEM */
int state_save(struct state *to, const struct state *from);
void state_fini(struct state *s);
/* state_load - @to has frames of full size and keeps them */
int state_load(struct state *to, const struct state *from);
/* state_push_frame - an empty frame on top; 0 or -ENOMEM. Of v->cur only. */
int state_push_frame(struct state *s, uint32_t return_to);
static inline struct frame_state *state_top(const struct state *s)
{
	return s->frame[s->frames - 1];
}
/* state_covers - whoever is safe from @old is safe from @cur. @exact: equal */
bool state_covers(struct verifier *v, const struct state *old,
		  const struct state *cur, uint32_t pc, bool exact);
/* state_bytes - what a copy takes */
size_t state_bytes(const struct state *s);
/* state_each - calls @fn for every register and every spilled one */
void state_each(struct state *s, void (*fn)(struct reg *r, void *arg),
		void *arg);
/* state_bury - registers that nobody reads any more have no value from here on
 */
void state_bury(const struct verifier *v, struct state *s, uint32_t pc);
/* state_settle - forgets of what ids say what is of no use in another round */
void state_settle(struct state *s);
/* state_window - base(@id) + @range <= window has been proven; id 0: base 0 */
void state_window(struct state *s, uint32_t id, int64_t range);

/* --- verify_scalar.c: bounds of numbers, and of variable offsets */
void reg_unknown(struct reg *r); /* a number, any */
void reg_const(struct reg *r, uint64_t v);
void reg_bounds(struct reg *r, uint64_t umin, uint64_t umax);
/* reg_settle - lets bounds and bits learn from each other; false: empty */
bool reg_settle(struct reg *r);
void reg_truncate(struct reg *r, uint32_t bytes); /* zero above */
void reg_alu(uint8_t op, bool wide, bool is_signed, struct reg *dst,
	     const struct reg *src);
static inline bool reg_is_const(const struct reg *r)
{
	return r->kind == KIND_NUMBER && tnum_is_const(r->bits);
}
static inline bool reg_is_pointer(const struct reg *r)
{
	return r->kind > KIND_NUMBER;
}

const char *kind_name(const struct reg *r);

/* reg_read - NULL and a fault noted: it has no value */
struct reg *reg_read(struct verifier *v, uint8_t number);

/* --- the instructions: 0, or refused */
int verify_alu(struct verifier *v, const struct bpf_insn *i);
int verify_load(struct verifier *v, const struct bpf_insn *i);
int verify_store(struct verifier *v, const struct bpf_insn *i);
int verify_atomic(struct verifier *v, const struct bpf_insn *i);
int verify_constant(struct verifier *v, const struct bpf_insn *i);
int verify_helper(struct verifier *v, const struct bpf_insn *i);
int verify_local_call(struct verifier *v, const struct bpf_insn *i);

/* What a helper does with memory. */
enum access {
	ACCESS_READ,
	ACCESS_WRITE,
	ACCESS_MAY_WRITE, /* does not make it readable */
};

/* verify_bytes - a helper accesses @bytes at @r */
int verify_bytes(struct verifier *v, const struct reg *r, uint64_t bytes,
		 enum access how);

/**
 * verify_condition - narrows v->cur to what holds where the jump is taken or
 * not
 *
 * Returns 1: possible; 0: it never happens; -EACCES: refused.
 */
int verify_condition(struct verifier *v, struct state *s,
		     const struct bpf_insn *i, bool taken);

#endif
