/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program as it lies in shared memory, and running it on a frame.
 *
 * The daemon alone writes programs: it has verified what it puts there, bound
 * maps to their numbers, and compiled it. Members run the native code where
 * they could map it, and interpret the same instructions where not. The results
 * are the same.
 *
 * Everything here is built freestanding as well.
 */
#ifndef TOAMI_BPF_PROGRAM_H
#define TOAMI_BPF_PROGRAM_H

#include "base/frame.h"
#include "bpf/helper.h"
#include "bpf/insn.h"
#include "bpf/map.h"

#include "toami/bpf.h"

#define BPF_PROGRAM_NAME 64

struct bpf_program {
	uint32_t slot_link; /* base/slot.h, while free */
	uint32_t refs;	    /* VIFs that have it; the daemon's */
	uint32_t count;	    /* instructions */
	uint32_t entry_cost;
	uint32_t writes; /* to packets: 0 or 1 */
	uint32_t code_bytes;
	uint64_t
		code_off; /* of the native code in the code's memory; 0: none */
	uint64_t hash;	  /* of a filter's text; 0: not one */
	uint32_t map_count;
	uint32_t map[BPF_MAPS_MAX]; /* it refers to; the daemon's */
	char name[BPF_PROGRAM_NAME];

	/* What its runs came to. Anybody adds. */
	_Alignas(CACHE_LINE) _Atomic uint64_t runs;
	_Atomic uint64_t over; /* ended by the budget of a run */

	_Alignas(CACHE_LINE) struct bpf_insn insn[BPF_INSNS_MAX];
	uint32_t charge[BPF_INSNS_MAX]; /* see bpf/cost.h */
};

/* What a thread has at hand to run programs. Borrows everything. */
struct bpf_view {
	const struct arena *arena;
	struct bpf_maps maps;
	const unsigned char *code; /* executable; NULL: interpret */
	uint64_t *random;	   /* state, base/random.h */
};

struct bpf_run;

typedef uint64_t (*bpf_helper_fn)(uint64_t a, uint64_t b, uint64_t c,
				  uint64_t d, uint64_t e, struct bpf_run *run);

/*
 * One run. Native code knows the offsets of the first four: compile.c asserts
 * them.
 */
struct bpf_run {
	const bpf_helper_fn *helper; /* BPF_HELPERS of them, by number */
	int64_t left;		     /* of the budget, in instructions */
	uint64_t stack;		     /* native code's way out */
	unsigned char *map_memory;

	const struct bpf_view *view;
	struct frame *frame;
	uint64_t now_ns;
	uint64_t
		payload_sum; /* of what toami_store() changed behind header[] */
	uint32_t redirect;   /* the VIF that toami_redirect() was told */
	struct toami_packet packet;
};

/* What the caller knows of a frame, and what came of it. */
struct bpf_job {
	frame_ix frame;
	uint32_t vif, tx_vif, rx_vif;
	uint32_t direction;
	uint32_t mark; /* updated */
	uint64_t now_ns;
	uint32_t budget; /* of this run, in instructions */

	uint32_t verdict; /* TOAMI_DROP, PASS, REDIRECT; without flags */
	bool sample;
	bool over;  /* the budget ended it; the verdict is TOAMI_DROP */
	bool moved; /* its destination address has changed */
	uint32_t redirect;
	uint32_t cost; /* instructions charged, not less than were executed */
};

/**
 * bpf_program_run - runs @p on @job's frame, which the caller holds alone
 *
 * Checksums are kept: rewrite.h. A frame whose headers no longer make sense
 * after the program is dropped.
 */
void bpf_program_run(struct bpf_program *p, const struct bpf_view *view,
		     struct bpf_job *job);

/* bpf_interpret - runs instructions; returns r0, or 0 where run->left ran out
 */
uint64_t bpf_interpret(const struct bpf_insn *insn, const uint32_t *charge,
		       struct bpf_run *run);

/* The table that run->helper is. */
extern const bpf_helper_fn bpf_helpers[BPF_HELPERS];

#endif
