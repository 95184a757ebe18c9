/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Death while a host's lock is held: the derived structures are filled with garbage, a
 * connection may be marked as being written and its queues torn; then the host is
 * recovered and the arena rebuilt.
 */
#ifndef TOAMI_TESTS_SIM_FAULT_H
#define TOAMI_TESTS_SIM_FAULT_H

#include "tests/sim/flow.h"

/* fault_strike - one host; the flow of the marked connection is told that it may fail */
void fault_strike(struct testnet *n, struct wire_net *w, struct flow *flow,
		  uint32_t flows, uint64_t *random);

/* fault_rebuild - the arena anew, from hosts, frames under way and nothing else */
void fault_rebuild(struct testnet *n, const struct wire_net *w);

#endif
