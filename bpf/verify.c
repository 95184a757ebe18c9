/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Follows every way through a program.
 *
 * Depth first: at a condition one side waits on a list, the other is followed.
 * Where several ways meet, the state is noted (a *place*); a way that comes by
 * with a state that a noted one covers ends there. Loops are followed round by
 * round until their condition is known to fail, so a loop must be bounded by
 * what its numbers are known to be. A round that leaves everything as it was
 * would go on for ever, and is refused; so is a program that takes more than
 * BPF_STEPS_MAX steps to follow, or more than BPF_WORK_MAX of work: many states
 * that have to be compared, or large ones that have to be copied, cost more
 * than the steps between.
 *
 * A place that ways from it have not all been followed to their end must not
 * end another: that may be one of them, a round later. `ways` counts them.
 */
#include "bpf/verify_internal.h"
#include "bpf/cost.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACES_MAX 60000

/*
 * A round is compared with so many before it, to see whether the loop goes on
 * for ever. One with a longer period is found out by the steps it takes.
 */
#define ROUNDS_MAX 16

/* Beyond so many visits, one state of so many is noted. */
#define VISITS_ALL    64
#define VISITS_ONE_OF 8

int verify_refuse(struct verifier *v, const char *format, ...)
{
	va_list args;

	v->fault->insn = v->pc;
	va_start(args, format);
	vsnprintf(v->fault->why, sizeof(v->fault->why), format, args);
	va_end(args);
	return -EACCES;
}

/* --- places ------------------------------------------------------------------
 */

/* What a step costs, and a copy of a state, as BPF_WORK_MAX counts. */
#define STEP_WORK  50
#define COPY_WORK  60
#define COPY_BYTES 16 /* for a unit */
#define KEEP_BYTES 3  /* in memory that has to be found first */

/* A copy of v->cur, as they go there and back again. */
static void pay_copy(struct verifier *v)
{
	v->report->work += COPY_WORK + state_bytes(&v->cur) / COPY_BYTES;
}

static struct place *place_new(struct verifier *v)
{
	struct place *p = NULL;

	v->report->work += COPY_WORK + state_bytes(&v->cur) / KEEP_BYTES;
	if (v->memory < BPF_MEMORY_MAX)
		p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	if (state_save(&p->state, &v->cur)) {
		free(p);
		return NULL;
	}
	p->pc = v->pc;
	p->parent = v->path;
	v->memory += sizeof(*p) + state_bytes(&p->state);
	return p;
}

static int refuse_place(struct verifier *v)
{
	if (v->memory < BPF_MEMORY_MAX)
		return verify_refuse(v, "out of memory");
	return verify_refuse(v, "too complex: more than %u MiB to remember",
			     BPF_MEMORY_MAX >> 20);
}

static void place_free(struct verifier *v, struct place *p)
{
	v->memory -= sizeof(*p) + state_bytes(&p->state);
	state_fini(&p->state);
	free(p);
}

static void free_list(struct verifier *v, struct place *p)
{
	while (p) {
		struct place *next = p->next;

		place_free(v, p);
		p = next;
	}
}

/* A way from v->path has come to its end. */
static void end_way(struct verifier *v)
{
	for (struct place *p = v->path; p; p = p->parent)
		if (--p->ways)
			break;
	v->path = NULL;
}

/* A place that was compared often and seldom ended a way only costs time. */
static bool is_useless(const struct place *p)
{
	return p->misses > 8 * p->hits + 512 && !p->ways;
}

static void drop_place(struct verifier *v, struct place **link)
{
	struct place *p = *link;

	/* Nobody comes back to it: whatever has it for a parent has ended. */
	*link = p->next;
	place_free(v, p);
	v->places--;
}

/*
 * Notes where the way is. Returns 1: a noted place covers it, the way ends
 * here; 0: go on; -EACCES.
 */
static int note_place(struct verifier *v)
{
	struct place **link = &v->at[v->pc], *p;
	int rounds = 0;

	pay_copy(v);
	state_bury(v, &v->cur, v->pc);
	state_settle(&v->cur);
	while ((p = *link) && rounds < ROUNDS_MAX) {
		rounds += p->ways != 0;
		if (p->ways) {
			if (state_covers(v, &p->state, &v->cur, v->pc, true))
				return verify_refuse(
					v, "a loop that never ends: a round "
					   "leaves everything as it was");
		} else if (state_covers(v, &p->state, &v->cur, v->pc, false)) {
			p->hits++;
			return 1;
		}
		p->misses++;
		if (is_useless(p))
			drop_place(v, link);
		else
			link = &p->next;
	}
	/* Of a long loop, not every round is worth remembering. */
	if (v->visits[v->pc]++ > VISITS_ALL && v->visits[v->pc] % VISITS_ONE_OF)
		return 0;
	if (v->places == PLACES_MAX)
		return verify_refuse(v, "too many ways through the program");
	p = place_new(v);
	if (!p)
		return refuse_place(v);
	v->places++;
	p->ways = 1;
	p->next = v->at[v->pc];
	v->at[v->pc] = p;
	v->path = p;
	return 0;
}

/* --- following ---------------------------------------------------------------
 */

/* The side of a condition that is not followed now waits, as v->cur is. */
static int wait_here(struct verifier *v, uint32_t pc)
{
	struct place *p = place_new(v);

	if (!p)
		return -ENOMEM;
	p->pc = pc;
	if (p->parent)
		p->parent->ways++;
	p->next = v->waiting;
	v->waiting = p;
	return 0;
}

/*
 * The side that says less is followed first: what is found safe there covers
 * much of what the other one leads to. Where things are compared for equality,
 * that is the side on which they differ.
 */
static int follow_condition(struct verifier *v, const struct bpf_insn *i)
{
	bool now = BPF_OP(i->code) == BPF_JNE; /* the jump is taken */
	uint32_t side[2] = { v->pc + 1, 0 };
	int possible, err;

	side[1] = (uint32_t)((int64_t)side[0] + bpf_insn_jump(i));
	pay_copy(v);
	err = state_load(&v->before, &v->cur);
	if (err)
		return verify_refuse(v, "out of memory");
	possible = verify_condition(v, &v->cur, i, !now);
	if (possible < 0)
		return possible;
	if (possible)
		err = wait_here(v, side[!now]);
	pay_copy(v);
	if (!err)
		err = state_load(&v->cur, &v->before);
	if (err)
		return refuse_place(v);
	possible = verify_condition(v, &v->cur, i, now);
	if (possible < 0)
		return possible;
	if (possible) {
		v->pc = side[now];
		return 0;
	}
	end_way(v);
	return 1;
}

static int leave_function(struct verifier *v)
{
	struct frame_state *top = state_top(&v->cur), *to;
	struct reg *r0 = &top->reg[0];

	if (v->cur.frames == 1) {
		r0 = reg_read(v, 0);
		if (!r0)
			return -EACCES;
		if (r0->kind != KIND_NUMBER)
			return verify_refuse(v, "returns %s", kind_name(r0));
		end_way(v);
		return 1;
	}
	if (r0->kind == KIND_STACK && r0->frame == v->cur.frames - 1)
		return verify_refuse(v, "returns a pointer to its own stack");
	to = v->cur.frame[v->cur.frames - 2];
	to->reg[0] = *r0;
	v->pc = top->return_to;
	v->cur.frames--;
	return 0;
}

/* One instruction. Returns 0: go on at v->pc; 1: the way has ended; refused. */
static int step(struct verifier *v)
{
	const struct bpf_insn *i = &v->insns[v->pc];
	int err;

	v->report->seen[v->pc] = true;
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		err = verify_alu(v, i);
		break;
	case BPF_LD:
		v->report->seen[v->pc + 1] = true;
		err = verify_constant(v, i);
		v->pc += !err;
		break;
	case BPF_LDX:
		err = verify_load(v, i);
		break;
	case BPF_ST:
		err = verify_store(v, i);
		break;
	case BPF_STX:
		err = BPF_MODE(i->code) == BPF_ATOMIC ? verify_atomic(v, i)
						      : verify_store(v, i);
		break;
	default:
		if (bpf_insn_is_exit(i))
			return leave_function(v);
		if (bpf_insn_is_local_call(i))
			return verify_local_call(v, i);
		if (bpf_insn_is_ja(i)) {
			v->pc = (uint32_t)((int64_t)v->pc + 1 +
					   bpf_insn_jump(i));
			return 0;
		}
		if (!bpf_insn_is_helper(i))
			return follow_condition(v, i);
		err = verify_helper(v, i);
	}
	if (err)
		return -EACCES;
	v->pc++;
	return 0;
}

/* Follows one way to its end. */
static int follow(struct verifier *v)
{
	int end = 0;

	while (!end) {
		/* Where ways meet. */
		if (v->target[v->pc]) {
			end = note_place(v);
			if (end == 1)
				end_way(v);
			if (end)
				break;
		}
		if (++v->report->steps > BPF_STEPS_MAX)
			return verify_refuse(v,
					     "too complex: more than %d steps "
					     "to follow every way",
					     BPF_STEPS_MAX);
		v->report->work += STEP_WORK;
		if (v->report->work > BPF_WORK_MAX)
			return verify_refuse(v,
					     "too complex: too much has to be "
					     "compared to follow every way");
		end = step(v);
	}
	return end < 0 ? end : 0;
}

static int follow_all(struct verifier *v)
{
	int err = state_push_frame(&v->cur, 0);
	struct reg *r1;

	if (err)
		return verify_refuse(v, "out of memory");
	v->cur.window = WINDOW_MIN;
	r1 = &state_top(&v->cur)->reg[1];
	reg_const(r1, 0);
	r1->kind = KIND_CONTEXT;
	v->pc = 0;
	for (;;) {
		struct place *p;

		err = follow(v);
		p = v->waiting;
		if (err || !p)
			return err;
		v->waiting = p->next;
		v->pc = p->pc;
		v->path = p->parent;
		err = state_load(&v->cur, &p->state);
		pay_copy(v);
		place_free(v, p);
		if (err)
			return verify_refuse(v, "out of memory");
	}
}

int bpf_verify(const struct bpf_insn *insns, uint32_t count,
	       const struct bpf_map_def *maps, uint32_t map_count,
	       struct bpf_report *report, struct bpf_fault *fault)
{
	struct verifier *v = calloc(1, sizeof(*v));
	int err;

	memset(report, 0, sizeof(*report));
	memset(fault, 0, sizeof(*fault));
	if (!v)
		return -ENOMEM;
	v->insns = insns;
	v->count = count;
	v->maps = maps;
	v->map_count = map_count;
	v->report = report;
	v->fault = fault;
	err = verify_shape(v);
	if (!err)
		v->pc = 0;
	if (!err && bpf_cost(insns, count, report))
		err = verify_refuse(v, "functions call each other in a circle");
	if (!err && report->entry_cost > BPF_RUN_BUDGET)
		err = verify_refuse(v,
				    "a run may take %u steps: %u is the limit",
				    report->entry_cost, BPF_RUN_BUDGET);
	if (!err)
		err = follow_all(v);
	for (uint32_t pc = 0; pc < BPF_INSNS_MAX; pc++)
		free_list(v, v->at[pc]);
	free_list(v, v->waiting);
	state_fini(&v->cur);
	state_fini(&v->before);
	free(v);
	return err;
}
