/* SPDX-License-Identifier: BSD-2-Clause */
/* For the tests of this room: a segment in which only the VIF table is of use.
 */
#ifndef TOAMI_VIF_TEST_FABRIC_H
#define TOAMI_VIF_TEST_FABRIC_H

#include "vif/capture.h"
#include "vif/program.h"
#include "vif/sched_core.h"

#include <stdlib.h>
#include <unistd.h>

static inline void test_fabric_open(struct fabric *f, uint32_t vifs)
{
	struct fabric_params p = { .cores = 1 };
	int memfd;

	for (int t = 0; t < FABRIC_TABLES; t++)
		p.table[t] = (struct fabric_table_size){ 2, CACHE_LINE };
	p.table[FABRIC_TABLE_VIF] =
		(struct fabric_table_size){ vifs, sizeof(struct vif) };
	p.table[FABRIC_TABLE_CONTROL] =
		(struct fabric_table_size){ vifs, sizeof(struct vif_control) };
	vif_program_params(&p);
	p.table[FABRIC_TABLE_SCHED] =
		(struct fabric_table_size){ 2, SCHED_BYTES };
	p.table[FABRIC_TABLE_CLASS] =
		(struct fabric_table_size){ 2 * vifs, SCHED_CLASS_BYTES };
	p.table[FABRIC_TABLE_NODE] =
		(struct fabric_table_size){ 8 * vifs, SCHED_NODE_BYTES };
	p.table[FABRIC_TABLE_FLOW] =
		(struct fabric_table_size){ 8 * vifs, SCHED_FLOW_BYTES };
	p.table[FABRIC_TABLE_CAPTURE] =
		(struct fabric_table_size){ CAPTURE_MAX,
					    sizeof(struct capture) };
	memfd = fabric_create(f, &p);
	if (memfd < 0)
		abort();
	close(memfd);
	vif_init(f);
}

static inline void test_fabric_close(struct fabric *f)
{
	fabric_unmap(f);
}

#endif
