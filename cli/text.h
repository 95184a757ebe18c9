/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures and columns for people. */
#ifndef TOAMI_CLI_TEXT_H
#define TOAMI_CLI_TEXT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT_FIGURE 16

/* text_figure - three digits and a unit: 0, 999, 1.25k, 12.5M; returns @text */
const char *text_figure(uint64_t n, char text[TEXT_FIGURE]);

/* text_duration - 12 s, 3 min 10 s, 2 h 5 min, 3 d 4 h; returns @text */
const char *text_duration(uint64_t ms, char text[32]);

/**
 * text_programs - "redis-server, nginx x5, +2 others" for a list of programs
 * @list: as vif_json.c writes it
 * @most: bytes wanted at most; the last part says how many were left out
 */
const char *text_programs(const json_t *list, size_t most, char text[256]);

#define TABLE_COLUMNS 8
#define TABLE_CELL    256

/*
 * A table whose columns are as wide as their widest cell. Rows are kept packed:
 * one of 100,000 rows is no larger than its words.
 */
struct table {
	int columns;
	uint32_t right; /* bit i: column i is figures, aligned to the right */
	size_t rows;
	char *text; /* of the rows but the last: cells, each ended by zero */
	size_t bytes;
	size_t room;
	int width[TABLE_COLUMNS];
	char last[TABLE_COLUMNS][TABLE_CELL]; /* the row being written */
};

/* table_add - a new row; returns its cells, to be written before the next one
 * is added; NULL: no memory */
char (*table_add(struct table *t))[TABLE_CELL];

/* table_print - the first row is the head, in bold where @bold */
void table_print(struct table *t, FILE *to, int bold);

void table_fini(struct table *t);

#endif
