/* SPDX-License-Identifier: BSD-2-Clause */
/* One end of ours in real time, on a network device: for bench-wire. */
#ifndef TOAMI_BENCH_LIVE_H
#define TOAMI_BENCH_LIVE_H

#include <stdbool.h>
#include <stdint.h>

/* live_open - a packet socket on the namespace's tap0; negative: errno is set
 */
int live_open(void);

/*
 * live_run - sends (@me 1) or receives (@me 2) until @end_ns of CLOCK_MONOTONIC
 * through the packet socket @fd; returns the bytes read
 */
uint64_t live_run(uint32_t me, int fd, bool reno, uint64_t end_ns);

#endif
