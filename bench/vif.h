/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of bench/vif share. */
#ifndef TOAMI_BENCH_VIF_H
#define TOAMI_BENCH_VIF_H

#include "tests/socket/small_fabric.h"
#include "vif/sched.h"

/* check - a line: met or missed, what, and the figures */
void check(bool ok, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A fabric whose time this process keeps; one at a time. */
struct fabric *world_new(void);
void world_drop(void);
struct small_fabric *world_fabric(void);
vif_ix world_vif(vif_ix parent, const char *name);
/* world_host - with address 10.77.0.@last */
vif_ix world_host(vif_ix parent, const char *name, uint8_t last);
struct vif_control *world_control(vif_ix ix);
void world_rate(vif_ix ix, uint64_t bps, bool in);
void world_keep(uint64_t ns);

/* vif_cost.c */
void cost(double seconds);
void many(void);

#endif
