/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One seed: hosts, links, flows and faults chosen from it, run until everything
 * is over, and judged. It passes when every stream arrived byte for byte, no
 * segment broke a rule of the oracle's, every connection has ended, no timer is
 * left, and every frame and chunk has come home.
 */
#ifndef TOAMI_TESTS_SIM_SEED_H
#define TOAMI_TESTS_SIM_SEED_H

#include "tests/sim/oracle.h"

#include <stdbool.h>

enum seed_faults { SEED_SOME_FAULTS, SEED_ALWAYS_FAULTS, SEED_NO_FAULTS };

struct seed_plan {
	bool verbose;
	enum seed_faults faults;
	uint32_t stream_bytes; /* one stream of so many; 0: a mixture */
	const char *how; /* options that repeat it, for who reads a failure */
	struct oracle *oracle;
	/* What has been run so far. */
	uint64_t bytes; /* of streams, read and compared */
	uint64_t virtual_ns;
	uint64_t carried, dropped; /* frames, by the links */
};

/* seed_run - true: passed; else it has printed why not, and how to repeat it */
bool seed_run(struct seed_plan *p, uint64_t seed);

#endif
