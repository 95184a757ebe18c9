/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums after a program has written to a packet (RFC 1624).
 *
 * What changed is found by comparing with the headers as they were, and the
 * sums are corrected by the difference: one that was wrong before stays wrong,
 * and a payload is never read. What the program itself wrote into a checksum is
 * replaced. Where the sum was left to the far side (FRAME_NEEDS_CSUM), its
 * field holds the pseudo header's part, and only that is corrected.
 */
#ifndef TOAMI_BPF_REWRITE_H
#define TOAMI_BPF_REWRITE_H

#include "base/frame.h"

/**
 * bpf_rewrite_finish - corrects the sums of @f
 * @before:	 header[] as it was
 * @payload_sum: what bpf_rewrite_byte() made of changes behind header[]
 * @moved:	 set when the destination address is another
 *
 * Returns 0, or -EINVAL: the headers no longer make sense.
 */
int bpf_rewrite_finish(struct frame *f, const uint8_t *before,
		       uint64_t payload_sum, bool *moved);

/* bpf_rewrite_byte - the change of one byte, @at behind the L4 header's begin
 */
static inline uint64_t bpf_rewrite_byte(uint32_t at, uint8_t old, uint8_t new)
{
	uint32_t shift = at & 1 ? 8 : 0;

	return (0xffffu - ((uint32_t)old << shift)) + ((uint32_t) new << shift);
}

#endif
