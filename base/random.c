/* SPDX-License-Identifier: BSD-2-Clause */
/* SipHash over whole words; see random.h. */
#include "base/random.h"

static uint64_t rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static inline void sip_rounds(uint64_t v[4], int n)
{
	while (n--)
		sip_round(v);
}

/* @c rounds a word, @d at the end. */
static inline uint64_t sip(const uint64_t key[2], const uint64_t *data,
			   size_t words, int c, int d)
{
	uint64_t v[4] = {
		key[0] ^ UINT64_C(0x736f6d6570736575),
		key[1] ^ UINT64_C(0x646f72616e646f6d),
		key[0] ^ UINT64_C(0x6c7967656e657261),
		key[1] ^ UINT64_C(0x7465646279746573),
	};
	uint64_t length = (uint64_t)words * 8 << 56;

	for (size_t i = 0; i < words; i++) {
		v[3] ^= data[i];
		sip_rounds(v, c);
		v[0] ^= data[i];
	}
	v[3] ^= length;
	sip_rounds(v, c);
	v[0] ^= length;
	v[2] ^= 0xff;
	sip_rounds(v, d);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t siphash(const uint64_t key[2], const uint64_t *data, size_t words)
{
	return sip(key, data, words, 1, 3);
}

uint64_t siphash24(const uint64_t key[2], const uint64_t *data, size_t words)
{
	return sip(key, data, words, 2, 4);
}
