/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segmentation and checksums in software, for whoever cannot take a frame as it
 * is.
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

#endif
