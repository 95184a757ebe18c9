/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Death while a host's lock is held, in two ways.
 *
 * fault_strike: the derived structures are filled with garbage, a
 * connection may be marked as being written and its queues torn; then the host
 * is recovered and the arena rebuilt.
 *
 * fault_arm: some later call into a stack is single-stepped and ends after a
 * given number of instructions, wherever that is. x86-64 only.
 */
#ifndef TOAMI_TESTS_SIM_FAULT_H
#define TOAMI_TESTS_SIM_FAULT_H

#include "tests/sim/flow.h"

/* fault_strike - one host; the flow of the marked connection is told that it
 * may fail */
void fault_strike(struct testnet *n, struct wire_net *w, struct flow *flow,
		  uint32_t flows, uint64_t *random);

/*
 * fault_arm - one of the next calls dies; or, again and again, somebody who
 * delivers a segment or runs a timer, which no connection may notice
 */
void fault_arm(struct testnet *n, struct wire_net *w, struct flow *flow,
	       uint32_t flows, uint64_t *random);

/* fault_disarm - nobody dies any more; returns whether somebody has */
bool fault_disarm(struct testnet *n);

/* fault_rebuild - the arena anew, from hosts, frames under way and nothing else
 */
void fault_rebuild(struct testnet *n, const struct wire_net *w);

#endif
