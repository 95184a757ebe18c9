/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters and programs of VIFs, run over a frame's path.
 *
 * A frame is judged once, before anything else happens to it on its way: the
 * filter and then the program of each VIF that it leaves (tx), from its own
 * upward, then of each that it enters (rx), downward. What drops it is counted
 * there. A program that redirects the frame or changes its destination changes
 * the rest of the path.
 *
 * `vif.hooks` says for each VIF whether it or one above it has something to
 * run, so that a frame without any costs two loads of lines that are read
 * anyway. The root is never left nor entered on the way between two VIFs, so
 * its own do not count.
 *
 * Time. A run is charged in instructions (bpf/cost.h), counted as half a
 * nanosecond each, to the VIF and to those above it that have a quota. Whoever
 * has used up what he has ahead drops frames, counted, until time has passed:
 * a program that is too slow stops its own traffic, never somebody else's, and
 * a firewall is not opened by flooding it.
 *
 * Marks. What the program of a VIF has given a mark as it left goes on by the
 * lane below that VIF whose `mark` that is: it is charged, and held up, there,
 * too. It is the packet's, not its connection's: nothing else moves.
 *
 * The daemon alone sets programs, by one store of a slot's number each. A
 * replaced slot is used anew only after everybody was outside the fabric once.
 */
#ifndef TOAMI_VIF_PROGRAM_H
#define TOAMI_VIF_PROGRAM_H

#include "bpf/program.h"
#include "vif/control.h"

#define VIF_PROGRAM_MAX	     8192	/* slots */
#define VIF_FLOWS_MAX	     64		/* lanes of one VIF that take flows */
#define VIF_MAP_MAX	     4096	/* slots */
#define VIF_MAP_PAGE	     4096	/* bytes */
#define VIF_MAP_PAGES	     (1u << 18) /* 1 GiB, virtual */
#define VIF_MAP_OWNER_BYTES  (UINT64_C(64) << 20) /* where no quota is set */
#define VIF_PROGRAM_NS	     UINT64_C(250000000)  /* of a core a second */
#define VIF_PROGRAM_BURST_NS (2 * NSEC_PER_MSEC)  /* ahead of its time */

/* Bits of vif.hooks: of the VIF or one above it. */
#define VIF_HOOK_TX   1u
#define VIF_HOOK_RX   2u
#define VIF_HOOK_FLOW 4u /* of the VIF alone: lanes below it take flows */

static_assert(VIF_HOOK_TX == 1u << VIF_TX && VIF_HOOK_RX == 1u << VIF_RX,
	      "bits by direction");

/* vif_program_params - sizes of the tables that this file uses */
void vif_program_params(struct fabric_params *params);

static inline struct bpf_program *vif_program_at(const struct fabric *f,
						 uint32_t slot)
{
	return (struct bpf_program *)slot_at(&f->table[FABRIC_TABLE_PROGRAM],
					     slot);
}

/* vif_program_maps - all maps of the fabric */
static inline struct bpf_maps vif_program_maps(const struct fabric *f)
{
	return (struct bpf_maps){ f->table[FABRIC_TABLE_MAP],
				  f->table[FABRIC_TABLE_MAP_MEMORY].base };
}

/* vif_program_wants - is there something to run between @from and @to? */
static inline bool vif_program_wants(const struct fabric *f, vif_ix from,
				     vif_ix to)
{
	uint32_t up = atomic_load_explicit(&vif_at(f, from)->hooks,
					   memory_order_relaxed);
	uint32_t down = atomic_load_explicit(&vif_at(f, to)->hooks,
					     memory_order_relaxed);

	return (up & (VIF_HOOK_TX | VIF_HOOK_FLOW)) | (down & VIF_HOOK_RX);
}

/**
 * vif_program_judge - runs what lies on @ix's path from its tx_vif to @to
 * @arena:  the caller's, who holds the frame
 * @random: state for toami_random()
 * @to:	    the host it is for; updated with its MAC when programs say so
 * @flow:   gets the lane whose flow it belongs to, or its tx_vif as it was
 *
 * First the frame's tx_vif becomes that lane; then, where a program marks it,
 * the lane of that mark.
 *
 * Returns true: it goes on to @to. False: it is to be dropped, and was counted.
 */
bool vif_program_judge(const struct fabric *f, const struct arena *arena,
		       uint64_t *random, uint64_t now_ns, frame_ix ix,
		       host_ix *to, vif_ix *flow);

/*
 * vif_program_admit - for a frame that has reached its host: may it enter the
 * lane @lane of it? Its headers are read already and its way is over: what
 * programs write to it or where they send it is of no effect.
 */
bool vif_program_admit(const struct fabric *f, const struct arena *arena,
		       uint64_t *random, uint64_t now_ns, frame_ix ix,
		       vif_ix host, vif_ix lane);

/* --- the daemon's part -------------------------------------------------------
 */

/* vif_program_apply - @ix's programs, quota or place in the tree have changed
 */
void vif_program_apply(struct fabric *f, vif_ix ix);

/* vif_program_mend - maps as the dead have left them; nobody else is inside */
void vif_program_mend(struct fabric *f);

#endif
