/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changing the shape of a frame: where its header ends, how long it is, copies
 * of it.
 */
#ifndef TOAMI_STACK_SHAPE_H
#define TOAMI_STACK_SHAPE_H

#include "base/frame.h"

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

/*
 * frame_refer_from - @ix gets @bytes of @from's payload, from @off on, as its
 * next payload. Returns 0, -EMSGSIZE or -ENOBUFS.
 */
int frame_refer_from(struct arena *a, frame_ix ix, const struct frame *from,
		     uint32_t off, uint32_t bytes);

#endif
