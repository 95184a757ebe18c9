/* SPDX-License-Identifier: BSD-2-Clause */
/* See csum.h. A piece that begins at an odd offset counts with its bytes
 * swapped. */
#include "stack/csum.h"
#include "base/mem.h"

struct word32 {
	uint32_t v;
} __attribute__((packed, may_alias));

uint64_t csum_add(uint64_t sum, const void *p, uint32_t bytes)
{
	const uint8_t *b = p;
	uint32_t tail = 0;

	for (; bytes >= 16; bytes -= 16, b += 16) {
		sum += ((const struct word32 *)b)->v;
		sum += ((const struct word32 *)(b + 4))->v;
		sum += ((const struct word32 *)(b + 8))->v;
		sum += ((const struct word32 *)(b + 12))->v;
	}
	for (; bytes >= 4; bytes -= 4, b += 4)
		sum += ((const struct word32 *)b)->v;
	for (uint32_t i = 0; i < bytes; i++)
		tail |= (uint32_t)b[i] << (8 * i);
	return sum + tail;
}

/* Adds a piece that lies at offset @at of the whole. */
static uint64_t add_at(uint64_t sum, uint32_t at, const void *p, uint32_t bytes)
{
	if (!(at & 1))
		return csum_add(sum, p, bytes);
	return sum + __builtin_bswap16(csum_fold(csum_add(0, p, bytes)));
}

uint64_t csum_frame(const struct arena *a, const struct frame *f, uint32_t from)
{
	uint32_t at = f->header_bytes - from;
	uint64_t sum = csum_add(0, f->header + from, at);

	if (!(f->flags & FRAME_REFS))
		return add_at(sum, at, f->data, f->payload);
	for (uint8_t i = 0; i < f->refs; i++) {
		const struct frame_ref *r = &f->ref[i];

		sum = add_at(sum, at, chunk_bytes(a, r->chunk) + r->off,
			     r->bytes);
		at += r->bytes;
	}
	return sum;
}

void csum_close(const struct arena *a, struct frame *f, uint8_t proto)
{
	uint32_t field = csum_field(proto);
	struct half {
		uint16_t v;
	} __attribute__((packed, may_alias)) * w;
	uint16_t sum;

	if (!(f->flags & FRAME_NEEDS_CSUM))
		return;
	f->flags &= (uint8_t)~FRAME_NEEDS_CSUM;
	if (!field)
		return;
	/* The field holds the pseudo header's part. 0 would mean "none" to UDP.
	 */
	w = (struct half *)(f->header + f->l4_off + field);
	sum = (uint16_t)~csum_fold(csum_frame(a, f, f->l4_off));
	w->v = sum ? sum : 0xffff;
}
