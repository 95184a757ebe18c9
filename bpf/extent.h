/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of a range: which are in use, and where the next one fits.
 *
 * For the daemon's books of the programs' code and of the maps' memory. First
 * fit from the front; pieces are few and long-lived, so a sorted array does.
 */
#ifndef TOAMI_BPF_EXTENT_H
#define TOAMI_BPF_EXTENT_H

#include <stdint.h>

struct extent_piece {
	uint64_t at, bytes;
};

struct extent_book {
	struct extent_piece *piece; /* sorted by `at` */
	uint32_t count, room;
	uint64_t begin, end; /* of the range */
};

/* extent_take - @bytes at a multiple of @align; UINT64_MAX: no room, or memory
 */
uint64_t extent_take(struct extent_book *b, uint64_t bytes, uint64_t align);

/* extent_give - the piece at @at is free */
void extent_give(struct extent_book *b, uint64_t at);

void extent_fini(struct extent_book *b);

#endif
