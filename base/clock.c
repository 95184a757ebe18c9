/* SPDX-License-Identifier: BSD-2-Clause */
/* See clock.h. */
#include "base/clock.h"
#include "base/sys.h"
#include "base/types.h"

#include <cpuid.h>
#include <time.h>

uint64_t clock_monotonic_ns(void)
{
	struct timespec ts = { 0, 0 };

	sys_call(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* CPUID 8000_0007h, EDX bit 8: the counter runs at one rate in every state. */
static int counter_is_invariant(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8);
}

/* One pair (ticks, ns), the tightest of a few tries. */
static void sample(uint64_t *ticks, uint64_t *ns)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 16; i++) {
		uint64_t t0 = clock_ticks(), n = clock_monotonic_ns();
		uint64_t t1 = clock_ticks();

		if (t1 - t0 < best) {
			best = t1 - t0;
			*ticks = t0 + best / 2;
			*ns = n;
		}
	}
}

void clock_calibrate(struct clock_scale *s)
{
	uint64_t t0 = 0, n0 = 0, t1 = 0, n1 = 0;
	struct timespec pause = { 0, 20 * 1000 * 1000 };

	s->mult = 0;
	if (!counter_is_invariant())
		return;
	sample(&t0, &n0);
	sys_call(SYS_nanosleep, &pause, 0);
	sample(&t1, &n1);
	if (t1 <= t0 || n1 <= n0)
		return;
	s->tsc0 = t1;
	s->ns0 = n1;
	/* 20 ms are 25 bits: the shift does not overflow unless we slept 4 s.
	 */
	if (n1 - n0 < UINT64_C(1) << 32)
		s->mult = ((n1 - n0) << 32) / (t1 - t0);
}
