/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of a flow share: plan.c begins it, flow.c goes on. */
#ifndef TOAMI_TESTS_SIM_FLOW_INTERNAL_H
#define TOAMI_TESTS_SIM_FLOW_INTERNAL_H

#include "tests/sim/flow.h"

#include <stdio.h>
#include <stdlib.h>

#define CHUNK (1u << 16)

static inline struct stack *stack_of(struct testnet *n, const struct end *e)
{
	n->st[e->host].now_ns = n->now_ns;
	return &n->st[e->host];
}

static inline void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %d\n", what, err);
	abort();
}

/* flow_options - of an end that has a connection now */
void flow_options(struct testnet *n, const struct flow *f, struct end *e,
		  uint64_t *random);

#endif
