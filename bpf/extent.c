/* SPDX-License-Identifier: BSD-2-Clause */
/* See extent.h. */
#include "bpf/extent.h"

#include <stdlib.h>
#include <string.h>

static uint64_t align_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static int grow(struct extent_book *b)
{
	uint32_t room = b->room ? 2 * b->room : 64;
	struct extent_piece *p;

	if (b->count < b->room)
		return 0;
	p = realloc(b->piece, room * sizeof(*p));
	if (!p)
		return -1;
	b->piece = p;
	b->room = room;
	return 0;
}

uint64_t extent_take(struct extent_book *b, uint64_t bytes, uint64_t align)
{
	uint64_t at = align_up(b->begin, align);
	uint32_t n;

	for (n = 0; n < b->count; n++) {
		const struct extent_piece *p = &b->piece[n];

		if (at <= p->at && p->at - at >= bytes)
			break;
		at = align_up(p->at + p->bytes, align);
	}
	if (at > b->end || b->end - at < bytes || grow(b))
		return UINT64_MAX;
	memmove(&b->piece[n + 1], &b->piece[n],
		(b->count - n) * sizeof(*b->piece));
	b->piece[n] = (struct extent_piece){ at, bytes };
	b->count++;
	return at;
}

void extent_give(struct extent_book *b, uint64_t at)
{
	for (uint32_t n = 0; n < b->count; n++) {
		if (b->piece[n].at != at)
			continue;
		b->count--;
		memmove(&b->piece[n], &b->piece[n + 1],
			(b->count - n) * sizeof(*b->piece));
		return;
	}
}

void extent_fini(struct extent_book *b)
{
	free(b->piece);
	memset(b, 0, sizeof(*b));
}
