/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nanoseconds from the time-stamp counter: 8 ns a reading instead of a system
 * call.
 *
 * The scale is measured once by the process that makes it and shared with the
 * others, so that all agree. It follows CLOCK_MONOTONIC to a few parts per
 * million: dates of timers and rates, never the time of day. Where the counter
 * is not constant, each reading is a system call.
 */
#ifndef TOAMI_BASE_CLOCK_H
#define TOAMI_BASE_CLOCK_H

#include <stdint.h>

struct clock_scale {
	uint64_t tsc0;
	uint64_t ns0;
	uint64_t mult; /* ns = ticks * mult >> 32; 0: no usable counter */
};

static inline uint64_t clock_ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

uint64_t clock_monotonic_ns(void);

/* clock_calibrate - measures the scale; takes about 20 ms */
void clock_calibrate(struct clock_scale *s);

/* clock_ns - now */
static inline uint64_t clock_ns(const struct clock_scale *s)
{
	uint64_t ticks;

	if (!s->mult)
		return clock_monotonic_ns();
	ticks = clock_ticks() - s->tsc0;
	return s->ns0 + (uint64_t)((unsigned __int128)ticks * s->mult >> 32);
}

#endif
