/* SPDX-License-Identifier: BSD-2-Clause */
/* See cost.h for the rule and why it holds. */
#include "bpf/cost.h"
#include "bpf/helper.h"

#include <errno.h>
#include <stdlib.h>

struct costs {
	const struct bpf_insn *insns;
	uint32_t count;
	struct bpf_report *report;
	uint32_t way[BPF_INSNS_MAX + 1];
	uint8_t state[BPF_INSNS_MAX]; /* of a function, by its first insn */
	bool begins[BPF_INSNS_MAX];   /* a function that somebody calls */
};

enum { COST_UNKNOWN, COST_BUSY, COST_KNOWN };

/* Sums stay far below overflow: anything above the budget is refused anyway. */
#define COST_MAX (1u << 24)

/* An instruction in a loop, looked at for ways out, as BPF_WORK_MAX counts. */
#define LOOK_WORK 2

static uint32_t jump_to(const struct costs *c, uint32_t pc)
{
	return (uint32_t)((int64_t)pc + 1 + bpf_insn_jump(&c->insns[pc]));
}

static int cost_function(struct costs *c, uint32_t begin);

/* What @pc costs by itself, a called function included. */
static int cost_of(struct costs *c, uint32_t pc, uint32_t *cost)
{
	const struct bpf_insn *i = &c->insns[pc];
	int err;

	*cost = 1;
	if (bpf_insn_is_helper(i))
		*cost += bpf_prototype(i->imm)->cost;
	if (!bpf_insn_is_local_call(i))
		return 0;
	err = cost_function(c, jump_to(c, pc));
	if (!err)
		*cost += c->way[jump_to(c, pc)];
	return err;
}

/* The longest way that leads from the loop [to, pc] to behind it. */
static uint32_t way_out(struct costs *c, uint32_t to, uint32_t pc)
{
	uint32_t longest = 0;

	c->report->work += LOOK_WORK * (uint64_t)(pc - to);
	for (uint32_t n = to; n < pc; n++) {
		if (bpf_insn_wide(&c->insns[n])) {
			n++;
			continue;
		}
		if (bpf_insn_is_jump(&c->insns[n]) && jump_to(c, n) > pc)
			longest = max_u32(longest, c->way[jump_to(c, n)]);
	}
	return longest;
}

static void find_functions(struct costs *c)
{
	for (uint32_t pc = 0; pc < c->count; pc++) {
		if (bpf_insn_is_local_call(&c->insns[pc]))
			c->begins[jump_to(c, pc)] = true;
		pc += bpf_insn_wide(&c->insns[pc]);
	}
}

/* Where the function that begins at @begin ends: one behind. */
static uint32_t end_of(const struct costs *c, uint32_t begin)
{
	uint32_t end = begin + 1;

	while (end < c->count && !c->begins[end])
		end++;
	return end;
}

static int cost_insn(struct costs *c, uint32_t pc)
{
	const struct bpf_insn *i = &c->insns[pc];
	uint32_t next = pc + 1 + bpf_insn_wide(i), to, own, ahead = 0;
	int err = cost_of(c, pc, &own);

	if (err)
		return err;
	if (!bpf_insn_is_exit(i) && !bpf_insn_is_ja(i))
		ahead = c->way[next];
	if (bpf_insn_is_jump(i)) {
		to = jump_to(c, pc);
		if (to > pc)
			ahead = max_u32(ahead, c->way[to]);
		else if (bpf_insn_is_ja(i))
			ahead = way_out(c, to, pc);
	}
	c->way[pc] = min_u32(own + ahead, COST_MAX);
	return 0;
}

/* The second pass: every way is known, so are the jumps backward. */
static void charge(struct costs *c, uint32_t pc)
{
	uint32_t to, paid;

	if (!bpf_insn_is_jump(&c->insns[pc]))
		return;
	to = jump_to(c, pc);
	if (to > pc)
		return;
	paid = c->way[pc] - 1;
	c->report->charge[pc] =
		max_u32(c->way[to] > paid ? c->way[to] - paid : 0, 1);
}

static int cost_function(struct costs *c, uint32_t begin)
{
	uint32_t end;

	if (c->state[begin] == COST_KNOWN)
		return 0;
	if (c->state[begin] == COST_BUSY)
		return -ELOOP;
	c->state[begin] = COST_BUSY;
	end = end_of(c, begin);
	for (uint32_t pc = end; pc-- > begin;) {
		int err;

		if (pc > begin && bpf_insn_wide(&c->insns[pc - 1]))
			continue;
		err = cost_insn(c, pc);
		if (err)
			return err;
	}
	for (uint32_t pc = begin; pc < end; pc++) {
		charge(c, pc);
		pc += bpf_insn_wide(&c->insns[pc]);
	}
	c->state[begin] = COST_KNOWN;
	return 0;
}

int bpf_cost(const struct bpf_insn *insns, uint32_t count,
	     struct bpf_report *report)
{
	struct costs *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->insns = insns;
	c->count = count;
	c->report = report;
	find_functions(c);
	err = cost_function(c, 0);
	report->entry_cost = c->way[0];
	free(c);
	return err;
}
