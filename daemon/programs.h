/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters and programs of VIFs: from what a person wrote to code that members
 * run.
 *
 * A filter is compiled by libpcap and translated (bpf/filter.h), an object is
 * taken apart (bpf/object.h); either is verified, bound to maps of the fabric
 * and compiled to native code, all before anything changes. Then one store a
 * direction puts it into effect.
 *
 * Equal filters share a program. What has been replaced is kept until everybody
 * was outside the fabric once; that is asked for when some has piled up.
 */
#ifndef TOAMI_DAEMON_PROGRAMS_H
#define TOAMI_DAEMON_PROGRAMS_H

#include "daemon/daemon.h"

/* What is written of one VIF; NULL or "": none. */
struct program_texts {
	const char *filter;	/* of what leaves */
	const char *filter_in;	/* of what enters */
	const char *program;	/* an object: "tx" leaves, "rx" enters */
	const char *flow;	/* a filter, of what the VIF above sends */
	const char *program_in; /* an object whose "rx" is used instead */
	bool same, same_in;	/* these two are as they were */
};

/* What is about to be in effect: made by programs_plan(). */
struct program_plan {
	uint32_t filter[2]; /* slots, 0: none */
	uint32_t program[2];
	uint32_t flow;
};

/* programs_new - memory for code and books; NULL and why not */
struct programs *programs_new(struct daemon *d, struct refusal *why);
void programs_free(struct programs *p);

/**
 * programs_plan - makes everything that @t asks for @ix, without effect yet
 *
 * Returns 0, or -1 and why not. A plan is committed or abandoned.
 */
int programs_plan(struct daemon *d, vif_ix ix, const struct program_texts *t,
		  struct program_plan *plan, struct refusal *why);

/* programs_commit - @plan is in effect; what was before is not. The VIF has
 * controls, or the plan is empty. */
void programs_commit(struct daemon *d, vif_ix ix,
		     const struct program_plan *plan);

void programs_abandon(struct daemon *d, const struct program_plan *plan);

/* programs_stale - has a file that @t names changed since it was read? */
bool programs_stale(struct daemon *d, vif_ix ix, const struct program_texts *t);

#endif
