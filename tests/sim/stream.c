/* SPDX-License-Identifier: BSD-2-Clause */
/* See stream.h. */
#include "tests/sim/stream.h"
#include "base/random.h"

#include <string.h>

static uint8_t pool[STREAM_PERIOD + STREAM_AHEAD + 8];

static void fill(void)
{
	uint64_t random = 0x5eed;

	for (uint32_t i = 0; i < STREAM_PERIOD; i += 8) {
		uint64_t word = random_next(&random);

		memcpy(pool + i, &word, 8);
	}
	memcpy(pool + STREAM_PERIOD, pool, STREAM_AHEAD);
}

const uint8_t *stream_at(uint32_t salt, uint64_t at)
{
	if (!pool[0])
		fill();
	return pool + (salt % STREAM_PERIOD + at) % STREAM_PERIOD;
}
