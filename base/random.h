/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random numbers from a 64-bit state that the caller seeds (SplitMix64, Steele,
 * Lea, Flood 2014): fast, repeatable, not for secrets. For what an outsider
 * must not guess, siphash() under a secret key (Aumasson, Bernstein 2012; here
 * SipHash-1-3).
 */
#ifndef TOAMI_BASE_RANDOM_H
#define TOAMI_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* siphash - of @words 64-bit words */
uint64_t siphash(const uint64_t key[2], const uint64_t *data, size_t words);

/* siphash24 - the slower SipHash-2-4, where others compute the same */
uint64_t siphash24(const uint64_t key[2], const uint64_t *data, size_t words);

#endif
