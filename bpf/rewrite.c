/* SPDX-License-Identifier: BSD-2-Clause */
/* See rewrite.h. Sums are in memory order, as in RFC 1071. */
#include "bpf/rewrite.h"

#include <errno.h>

enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58 };

struct half {
	uint16_t v;
} __attribute__((packed, may_alias));

static uint16_t get16(const uint8_t *p)
{
	return ((const struct half *)p)->v;
}

static void put16(uint8_t *p, uint16_t v)
{
	((struct half *)p)->v = v;
}

static uint16_t fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The difference that @bytes from @from on make, the field at @skip left out.
 */
static uint64_t difference(const uint8_t *before, const uint8_t *after,
			   uint32_t from, uint32_t bytes, uint32_t skip)
{
	uint64_t sum = 0;

	for (uint32_t n = 0; n < bytes; n++) {
		uint32_t at = from + n;

		if (before[at] != after[at] && at - skip >= 2)
			sum += bpf_rewrite_byte(n, before[at], after[at]);
	}
	return sum;
}

/* ~(~old + difference): a sum that is stored inverted. */
static uint16_t corrected(uint16_t old, uint64_t sum)
{
	return (uint16_t)~fold((uint16_t)~old + sum);
}

static uint32_t field_of(uint8_t protocol)
{
	switch (protocol) {
	case TCP:
		return 16;
	case UDP:
		return 6;
	case ICMP:
	case ICMP6:
		return 2;
	default:
		return 0;
	}
}

static void finish_l4(struct frame *f, const uint8_t *before, uint8_t protocol,
		      uint64_t pseudo, uint64_t payload_sum)
{
	uint32_t field = field_of(protocol), at = f->l4_off + field;
	uint16_t old;

	if (!field || at + 2 > f->header_bytes)
		return;
	old = get16(before + at);
	if (protocol == ICMP)
		pseudo = 0;
	if (f->flags & FRAME_NEEDS_CSUM) {
		put16(f->header + at, fold(old + pseudo));
		return;
	}
	if (protocol == UDP && !old) {
		put16(f->header + at, 0);
		return;
	}
	old = corrected(old,
			pseudo + payload_sum +
				difference(before, f->header, f->l4_off,
					   f->header_bytes - f->l4_off, at));
	if (protocol == UDP && !old)
		old = 0xffff;
	put16(f->header + at, old);
}

static int finish4(struct frame *f, const uint8_t *before, uint64_t payload_sum,
		   bool *moved)
{
	uint32_t l3 = f->l3_off, sum_at = l3 + 10;
	uint8_t *h = f->header;
	uint64_t pseudo;

	/* Version and length of the header, length of the packet. */
	if (h[l3] != before[l3] || get16(h + l3 + 2) != get16(before + l3 + 2))
		return -EINVAL;
	put16(h + sum_at,
	      corrected(get16(before + sum_at),
			difference(before, h, l3, (h[l3] & 15u) * 4, sum_at)));
	*moved = get16(h + l3 + 16) != get16(before + l3 + 16) ||
		 get16(h + l3 + 18) != get16(before + l3 + 18);
	if (h[l3 + 9] != before[l3 + 9])
		return -EINVAL;
	/* Only a datagram's first fragment has the header above. */
	if (get16(before + l3 + 6) & 0xff1f)
		return 0;
	pseudo = difference(before, h, l3 + 12, 8, 0);
	finish_l4(f, before, before[l3 + 9], pseudo, payload_sum);
	return 0;
}

static int finish6(struct frame *f, const uint8_t *before, uint64_t payload_sum,
		   bool *moved)
{
	uint32_t l3 = f->l3_off;
	uint8_t *h = f->header;

	if ((h[l3] ^ before[l3]) & 0xf0 ||
	    get16(h + l3 + 4) != get16(before + l3 + 4) ||
	    h[l3 + 6] != before[l3 + 6])
		return -EINVAL;
	for (uint32_t n = 24; n < 40; n++)
		*moved |= h[l3 + n] != before[l3 + n];
	/* Behind extension headers the program's author has to know his way. */
	if (f->l4_off == l3 + 40)
		finish_l4(f, before, before[l3 + 6],
			  difference(before, h, l3 + 8, 32, 0), payload_sum);
	return 0;
}

int bpf_rewrite_finish(struct frame *f, const uint8_t *before,
		       uint64_t payload_sum, bool *moved)
{
	uint32_t l3 = f->l3_off;
	uint16_t type;

	*moved = false;
	if (l3 < 14 || get16(f->header + l3 - 2) != get16(before + l3 - 2))
		return -EINVAL;
	type = __builtin_bswap16(get16(before + l3 - 2));
	if (type == 0x0800 && l3 + 20u <= f->header_bytes &&
	    before[l3] >> 4 == 4 &&
	    l3 + (before[l3] & 15u) * 4 <= f->header_bytes)
		return finish4(f, before, payload_sum, moved);
	if (type == 0x86dd && l3 + 40u <= f->header_bytes)
		return finish6(f, before, payload_sum, moved);
	return 0;
}
