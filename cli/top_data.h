/* SPDX-License-Identifier: BSD-2-Clause */
/* What `toami top` shows: the tree, twice looked at, and what changed between.
 */
#ifndef TOAMI_CLI_TOP_DATA_H
#define TOAMI_CLI_TOP_DATA_H

#include "cli/cli.h"

#include <stdint.h>

#define TOP_HISTORY 24
#define TOP_WORD    24

enum top_order { TOP_TREE, TOP_TX, TOP_RX, TOP_DROPS, TOP_ORDERS };

struct top_row {
	char path[TOAMI_VIF_PATH];
	unsigned depth;
	size_t place;		     /* in the tree, depth first */
	uint64_t tx_bytes, rx_bytes; /* counters */
	uint64_t drops, retransmits;
	uint64_t instructions;	 /* of filter and program, both ways */
	uint64_t tx_bps, rx_bps; /* since the last look */
	uint64_t drops_ps, instructions_ps;
	uint32_t programs;
	uint64_t backlog_bytes, delay_ns; /* of the fuller way; p99 */
	char rate[TOP_WORD], rate_in[TOP_WORD];
	uint64_t history[TOP_HISTORY]; /* both ways, bits a second; last: now */
};

struct top_data {
	struct top_row *row;
	size_t rows;
	uint64_t taken_ns; /* CLOCK_MONOTONIC; 0: never */
	uint64_t cost_ns;  /* how long the last look took */
};

/* top_take - looks again at what is at and below @path. 0, or an exit code; the
 * sentence is toami_control_text()'s. */
int top_take(struct top_data *data, struct toami_control *control,
	     const char *path);

/* top_sort - @data's rows in @order; descending but for the tree */
void top_sort(struct top_data *data, enum top_order order);

/**
 * top_spark - the last @columns of the history as a line of bars
 * @utf8: bars of eighths; else of ASCII
 */
const char *top_spark(const struct top_row *row, size_t columns, bool utf8,
		      char text[4 * TOP_HISTORY + 1]);

void top_fini(struct top_data *data);

#endif
