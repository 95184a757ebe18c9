/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changing the shape of a frame: where its header ends, how long it is, copies
 * of it.
 */
#ifndef TOAMI_STACK_SHAPE_H
#define TOAMI_STACK_SHAPE_H

#include "base/frame.h"

#include <errno.h>

/**
 * frame_header_set - moves bytes between payload and header[]
 *
 * Afterwards header[] holds exactly @bytes. Returns 0; -EINVAL when the frame
 * is shorter or header[] smaller; -ENOBUFS. On failure the frame is unchanged.
 */
int frame_header_set(struct arena *a, frame_ix ix, uint32_t bytes);

/* frame_trim - cuts the payload's tail so that @payload bytes remain */
void frame_trim(struct arena *a, frame_ix ix, uint32_t payload);

/* frame_clone - a second frame with the same bytes, sharing chunks; or 0 */
frame_ix frame_clone(struct arena *a, frame_ix ix);

/* A place in a frame's payload. */
struct frame_place {
	uint32_t ref, off; /* without references: off alone */
};

/*
 * frame_refer_next - @ix gets the @bytes of @from's payload at *@at, which
 * moves on. As frame_refer_from(); here because cutting is made of it.
 */
static inline int frame_refer_next(struct arena *a, frame_ix ix,
				   const struct frame *from,
				   struct frame_place *at, uint32_t bytes)
{
	struct frame *f = frame_at(a, ix);

	if (unlikely(!(from->flags & FRAME_REFS))) {
		at->off += bytes;
		return frame_fill(a, ix, from->data + at->off - bytes, bytes);
	}
	f->flags |= FRAME_REFS;
	while (bytes && at->ref < from->refs) {
		const struct frame_ref *r = &from->ref[at->ref];
		uint32_t n = min_u32(bytes, r->bytes - at->off);

		if (unlikely(f->refs == FRAME_REFS_MAX))
			return -EMSGSIZE;
		chunk_get(a, r->chunk);
		f->ref[f->refs++] = (struct frame_ref){
			r->chunk, (uint16_t)(r->off + at->off), (uint16_t)n
		};
		f->payload += n;
		bytes -= n;
		at->off += n;
		if (at->off == r->bytes) {
			at->ref++;
			at->off = 0;
		}
	}
	return 0;
}

/*
 * frame_refer_from - @ix gets @bytes of @from's payload, from @off on, as its
 * next payload. Returns 0, -EMSGSIZE or -ENOBUFS.
 */
int frame_refer_from(struct arena *a, frame_ix ix, const struct frame *from,
		     uint32_t off, uint32_t bytes);

#endif
