/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See shape.h. The sum of ref[].bytes always equals `payload`: arena_rebuild()
 * takes a frame for damaged otherwise.
 */
#include "stack/shape.h"
#include "base/mem.h"

#include <errno.h>

/* Drops the payload's first @bytes, which lie in header[] by now. */
static void drop_front(struct arena *a, struct frame *f, uint32_t bytes)
{
	uint8_t gone = 0;

	f->payload -= bytes;
	if (!(f->flags & FRAME_REFS)) {
		memmove(f->data, f->data + bytes, f->payload);
		return;
	}
	while (gone < f->refs && bytes >= f->ref[gone].bytes) {
		bytes -= f->ref[gone].bytes;
		chunk_put(a, f->ref[gone].chunk);
		gone++;
	}
	f->refs = (uint8_t)(f->refs - gone);
	for (uint8_t i = 0; i < f->refs; i++)
		f->ref[i] = f->ref[i + gone];
	if (f->refs) {
		f->ref[0].off = (uint16_t)(f->ref[0].off + bytes);
		f->ref[0].bytes = (uint16_t)(f->ref[0].bytes - bytes);
	} else {
		f->flags &= (uint8_t)~FRAME_REFS;
	}
}

/* Puts @bytes before the payload. */
static int add_front(struct arena *a, struct frame *f, const uint8_t *src,
		     uint32_t bytes)
{
	chunk_ix k;

	if (!(f->flags & FRAME_REFS) &&
	    f->payload + bytes <= FRAME_INLINE_MAX) {
		memmove(f->data + bytes, f->data, f->payload);
		memcpy(f->data, src, bytes);
		f->payload += bytes;
		return 0;
	}
	if ((f->flags & FRAME_REFS) && f->refs == FRAME_REFS_MAX)
		return -ENOBUFS;
	k = chunk_alloc(a);
	if (!k)
		return -ENOBUFS;
	memcpy(chunk_bytes(a, k), src, bytes);
	if (f->flags & FRAME_REFS) {
		for (uint8_t i = f->refs; i > 0; i--)
			f->ref[i] = f->ref[i - 1];
	} else {
		/* The inline payload follows in the same chunk. */
		memcpy(chunk_bytes(a, k) + bytes, f->data, f->payload);
		bytes += f->payload;
		f->payload = 0;
		f->refs = 0;
		f->flags |= FRAME_REFS;
	}
	f->ref[0] = (struct frame_ref){ k, 0, (uint16_t)bytes };
	f->refs++;
	f->payload += bytes;
	return 0;
}

int frame_header_set(struct arena *a, frame_ix ix, uint32_t bytes)
{
	struct frame *f = frame_at(a, ix);
	uint32_t have = f->header_bytes;
	int err;

	if (likely(have == bytes))
		return 0;
	if (bytes > FRAME_HEADER_ROOM || have > FRAME_HEADER_ROOM ||
	    bytes > have + f->payload)
		return -EINVAL;
	if (bytes > have) {
		frame_copy_out(a, f, 0, f->header + have, bytes - have);
		drop_front(a, f, bytes - have);
	} else {
		err = add_front(a, f, f->header + bytes, have - bytes);
		if (err)
			return err;
	}
	f->header_bytes = (uint8_t)bytes;
	return 0;
}

void frame_trim(struct arena *a, frame_ix ix, uint32_t payload)
{
	struct frame *f = frame_at(a, ix);
	uint32_t sum = 0;
	uint8_t i = 0;

	if (f->payload <= payload)
		return;
	f->payload = payload;
	if (!(f->flags & FRAME_REFS))
		return;
	for (; i < f->refs && sum < payload; i++) {
		if (sum + f->ref[i].bytes > payload)
			f->ref[i].bytes = (uint16_t)(payload - sum);
		sum += f->ref[i].bytes;
	}
	for (uint8_t j = i; j < f->refs; j++)
		chunk_put(a, f->ref[j].chunk);
	f->refs = i;
	if (!i)
		f->flags &= (uint8_t)~FRAME_REFS;
}

frame_ix frame_clone(struct arena *a, frame_ix ix)
{
	struct frame *from = frame_at(a, ix), *f;
	frame_ix copy = frame_alloc(a);

	if (!copy)
		return 0;
	f = frame_at(a, copy);
	memcpy(f, from, offsetof(struct frame, data));
	f->next = 0;
	f->batch = 0;
	if (from->flags & FRAME_REFS) {
		for (uint8_t i = 0; i < from->refs; i++) {
			chunk_get(a, from->ref[i].chunk);
			f->ref[i] = from->ref[i];
		}
	} else {
		mem_copy(f->data, from->data, from->payload);
	}
	return copy;
}

int frame_refer_from(struct arena *a, frame_ix ix, const struct frame *from,
		     uint32_t off, uint32_t bytes)
{
	struct frame_place at = { 0, off };

	if (from->flags & FRAME_REFS)
		while (at.ref < from->refs && at.off >= from->ref[at.ref].bytes)
			at.off -= from->ref[at.ref++].bytes;
	return frame_refer_next(a, ix, from, &at, bytes);
}
