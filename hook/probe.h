/* SPDX-License-Identifier: BSD-2-Clause */
/* What this machine lets the hook do. For `toami doctor`; uses the C library.
 */
#ifndef TOAMI_HOOK_PROBE_H
#define TOAMI_HOOK_PROBE_H

#include <stdbool.h>

struct hook_probe {
	bool dispatch; /* system call user dispatch: nothing is missed */
	bool filter;   /* seccomp filters, which do as well, but for a price */
	bool page0;    /* address 0 can be mapped */
	bool keys;     /* protection keys: ..for execution only */
	bool membarrier; /* sites can be rewritten under running threads */
	/* The tier that is chosen by itself, as in TOAMI_HOOK, NULL: none. */
	const char *tier;
	/* A sentence on each: what it is good for, or why it is not there. */
	char dispatch_text[160], page0_text[160], tier_text[240];
};

/* hook_probe - tries everything out and puts it back */
void hook_probe(struct hook_probe *p);

#endif
