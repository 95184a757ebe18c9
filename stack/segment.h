/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segmentation, coalescing and checksums in software, for whoever cannot take a
 * frame as it is, or has got it in pieces.
 */
#ifndef TOAMI_STACK_SEGMENT_H
#define TOAMI_STACK_SEGMENT_H

#include "base/frame.h"

/**
 * frame_segment - cuts a super-frame into frames that a link can carry
 * @csum: complete the L4 checksums too; otherwise they stay open, as in @ix
 * @list: gets the frames, at its end
 *
 * Consumes @ix. A frame that needs no cutting is passed on, its checksum
 * completed where wished. The frames share the chunks of @ix. Returns the
 * number of frames, or -ENOBUFS, or -EINVAL for headers that do not hold what
 * gso_type says; nothing is added then.
 */
int frame_segment(struct arena *a, frame_ix ix, bool csum,
		  struct frame_list *list);

/**
 * frame_coalesce - TCP segments that follow each other in @list become one
 * frame
 *
 * For frames that came at once from where each is one MSS. The order stays;
 * what has a checksum that nobody has verified stays as it is. A super-frame's
 * gso_bytes is what its segments were, so that acknowledgements are counted as
 * if they had come alone. Never fails.
 */
void frame_coalesce(struct arena *a, struct frame_list *list);

#endif
