/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is set on a VIF: ceilings, shares, impairments, programs.
 *
 * A slot of FABRIC_TABLE_CONTROL belongs to the one VIF whose `control` names
 * it; a VIF without one is uncontrolled, and a frame whose path has no such
 * slot is not looked at again. Zero in a field means: not set.
 *
 * Writer: the daemon alone. Members read single fields with relaxed loads at
 * any time; whoever needs several that agree takes them under the scheduler's
 * lock, where the daemon writes them too.
 */
#ifndef TOAMI_VIF_CONTROL_H
#define TOAMI_VIF_CONTROL_H

#include "vif/vif.h"

enum vif_way { VIF_TX, VIF_RX }; /* leaving, entering the VIF */

#define VIF_PRIO_MAX   7	/* 0 goes first */
#define VIF_WEIGHT_MAX 10000	/* 1 where not set */
#define VIF_PPM	       1000000u /* of probabilities: always */

/* What filter and program of one direction came to: packets, but for the last.
 */
struct vif_program_count {
	_Alignas(CACHE_LINE) _Atomic uint64_t runs; /* of either */
	_Atomic uint64_t filtered;		    /* dropped by the filter */
	_Atomic uint64_t dropped;		    /* by the program */
	_Atomic uint64_t redirected;
	_Atomic uint64_t sampled;
	_Atomic uint64_t over_run;  /* ended by the budget of a run: dropped */
	_Atomic uint64_t over_rate; /* the owner's time is used up: dropped */
	_Atomic uint64_t cost;	    /* instructions that were charged */
};

static_assert(sizeof(struct vif_program_count) == CACHE_LINE,
	      "a line a direction");

struct vif_control {
	uint32_t slot_link; /* base/slot.h, while free */
	vif_ix vif;	    /* whose; 0: free */

	/* Ceilings and guarantee, bits per second with the Ethernet header. */
	_Atomic uint64_t rate_bps;    /* out */
	_Atomic uint64_t rate_in_bps; /* in */
	_Atomic uint64_t min_bps;     /* of what the parent has, each way */
	_Atomic uint32_t weight;      /* share of the excess among siblings */
	_Atomic uint32_t prio;	      /* among siblings: lower goes first */

	/* The queue of what has to wait. */
	_Atomic uint64_t limit_bytes;
	_Atomic uint64_t limit_ns;

	/* Link emulation, of what leaves. */
	_Atomic uint64_t delay_ns;
	_Atomic uint64_t jitter_ns; /* +- around delay_ns */
	_Atomic uint32_t loss_ppm;
	_Atomic uint32_t reorder_ppm;
	_Atomic uint32_t duplicate_ppm;

	_Atomic uint32_t sample; /* one frame of so many is reported */

	/* Programs, by slot of the table of programs; [enum vif_way]. */
	_Atomic uint32_t filter[2];
	_Atomic uint32_t program[2];
	/*
	 * Flows. A lane with `flow`, a filter's slot, takes over what the VIF
	 * above it sends and the filter takes; one with `mark` what that VIF's
	 * program has given that mark. That VIF has the first such lane in
	 * flow_first, a lane the next one in flow_next.
	 */
	_Atomic uint32_t flow;
	_Atomic uint32_t mark;
	_Atomic vif_ix flow_first;
	_Atomic vif_ix flow_next;
	_Atomic uint32_t program_payer; /* controls above that pay as well */
	_Atomic uint64_t
		program_scale; /* ns that an instruction costs, << 16 */

	/* What the owner may make below; checked by the daemon. */
	uint32_t quota_children;
	uint32_t quota_depth;
	uint64_t quota_queue_bytes;
	uint64_t quota_program_ns; /* of a core, each second */
	uint64_t quota_map_bytes;

	/* Until when the programs' time is used up, by clock_ns. */
	_Alignas(CACHE_LINE) _Atomic uint64_t program_paid_ns;
	struct vif_program_count programs[2]; /* [enum vif_way] */
};

/*
 * vif_control_make - the controls of @ix, made if it has none (the daemon)
 *
 * Returns NULL when the table is full.
 */
struct vif_control *vif_control_make(struct fabric *f, vif_ix ix);

/* vif_control_drop - @ix is uncontrolled from now on (the daemon) */
void vif_control_drop(struct fabric *f, vif_ix ix);

static inline struct vif_control *vif_control_at(const struct fabric *f,
						 uint32_t ix)
{
	return (struct vif_control *)slot_at(&f->table[FABRIC_TABLE_CONTROL],
					     ix);
}

/* vif_control_of - the controls of @ix, or NULL */
static inline struct vif_control *vif_control_of(const struct fabric *f,
						 vif_ix ix)
{
	uint32_t c = atomic_load_explicit(&vif_at(f, ix)->control,
					  memory_order_acquire);

	return c ? vif_control_at(f, c) : NULL;
}

#endif
