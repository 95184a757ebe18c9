/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Internet checksum (RFC 1071), in memory order: a sum can be stored into a
 * header field as it is. A running sum is 64 bits wide and is folded at the
 * end.
 */
#ifndef TOAMI_STACK_CSUM_H
#define TOAMI_STACK_CSUM_H

#include "base/frame.h"

/* csum_add - @sum and @bytes at @p, whose first byte has an even offset */
uint64_t csum_add(uint64_t sum, const void *p, uint32_t bytes);

/* csum_fold - to 16 bits, not inverted */
static inline uint16_t csum_fold(uint64_t sum)
{
	uint32_t half;

	/* Each half plus the other: the carry of the lower one goes round. */
	sum += sum >> 32 | sum << 32;
	half = (uint32_t)(sum >> 32);
	half += half >> 16 | half << 16;
	return (uint16_t)(half >> 16);
}

/* csum_pseudo - of the pseudo header that both IP versions put before L4 */
static inline uint64_t csum_pseudo(const struct ip_addr *src,
				   const struct ip_addr *dst, uint8_t proto,
				   uint32_t l4_bytes)
{
	uint64_t sum = be16((uint16_t)proto);

	/* The high words of a mapped IPv4 address are not part of it. */
	if (ip_is_v4(src))
		return sum + src->w[3] + dst->w[3] + be16((uint16_t)l4_bytes);
	for (int i = 0; i < 4; i++)
		sum += (uint64_t)src->w[i] + dst->w[i];
	return sum + be32(l4_bytes);
}

/* csum_frame - of header[] from @from on, and of the whole payload */
uint64_t csum_frame(const struct arena *a, const struct frame *f,
		    uint32_t from);

/*
 * csum_field - where the L4 checksum of @proto lies behind l4_off; 0: it has
 * none that may be left open
 */
static inline uint32_t csum_field(uint8_t proto)
{
	return proto == 6 ? 16 : proto == 17 ? 6 : 0;
}

/* csum_close - computes a checksum left open (FRAME_NEEDS_CSUM) */
void csum_close(const struct arena *a, struct frame *f, uint8_t proto);

#endif
