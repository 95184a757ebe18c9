/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run costs, counted so that straight-line code pays nothing to be
 * counted.
 *
 * Each instruction costs 1, a helper what bpf_helper_cost() says. Entering a
 * program is charged the longest way from there to its end that jumps forward
 * only; a jump backward is charged what it adds to that: about the body of its
 * loop. The sum is never less than what was really executed, and a program
 * whose budget is used up ends at its next jump backward.
 *
 * Why that is so: let credit(pc) >= way(pc) hold, where way(pc) is at least the
 * cost of pc and the way of whatever follows forward. A step forward keeps it.
 * A jump back from p to t is charged way(t) - (way(p) - cost(p)), which makes
 * it hold at t. For a jump back without a way forward of its own, way(p)
 * includes the longest way out of the loop, so that what lies behind a loop is
 * paid once.
 */
#ifndef TOAMI_BPF_COST_H
#define TOAMI_BPF_COST_H

#include "bpf/verify.h"

/* Of one run, unless the owner's quota says less. */
#define BPF_RUN_BUDGET 65536

/*
 * bpf_cost - fills entry_cost and charge[]; of a jump backward, by its index
 *
 * The program's structure has been checked. Returns 0, or -ELOOP: functions
 * that call each other in a circle.
 */
int bpf_cost(const struct bpf_insn *insns, uint32_t count,
	     struct bpf_report *report);

#endif
