/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copying without vector registers.
 *
 * The hook runs in place of a system call, which leaves the vector registers as
 * they were. Saving them costs 40-68 ns a call; code built with
 * -mgeneral-regs-only and these copies needs no saving. `rep movsb` moves as
 * fast as vector code from a few hundred bytes on, on every x86-64 with ERMS;
 * below that, words are faster.
 */
#ifndef TOAMI_BASE_MEM_H
#define TOAMI_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct mem_word {
	uint64_t v;
} __attribute__((packed, may_alias));

/* From this size on, `rep movsb` wins over a loop of words. */
#define MEM_REP_MIN 192

/* Sizes that the compiler knows to be whole words go as words. */
static inline __attribute__((always_inline)) void
mem_copy_string(void *restrict dst, const void *restrict src, size_t n)
{
	if (__builtin_constant_p(n) && n % 8 == 0) {
		n /= 8;
		__asm__ volatile("rep movsq"
				 : "+D"(dst), "+S"(src), "+c"(n)
				 :
				 : "memory");
		return;
	}
	__asm__ volatile("rep movsb"
			 : "+D"(dst), "+S"(src), "+c"(n)
			 :
			 : "memory");
}

/* mem_copy - copy @n bytes between places that do not overlap */
static inline void mem_copy(void *restrict dst, const void *restrict src,
			    size_t n)
{
	unsigned char *d = dst;
	const unsigned char *s = src;

	if (n >= MEM_REP_MIN) {
		mem_copy_string(d, s, n);
		return;
	}
	if (n >= 8) {
		/* The last word overlaps the one before: no tail loop. */
		uint64_t last = ((const struct mem_word *)(s + n - 8))->v;
		unsigned char *end = d + n - 8;

		for (; n > 8; n -= 8, d += 8, s += 8)
			((struct mem_word *)d)->v =
				((const struct mem_word *)s)->v;
		((struct mem_word *)end)->v = last;
		return;
	}
	for (; n; n--)
		*d++ = *s++;
}

/* mem_zero - clear @n bytes */
static inline void mem_zero(void *dst, size_t n)
{
	/* A string instruction takes longer to begin than a few words take. */
	if (__builtin_constant_p(n) && n <= 128 && n % 8 == 0) {
		struct mem_word *w = dst;

		for (size_t i = 0; i < n / 8; i++)
			w[i].v = 0;
		return;
	}
	__asm__ volatile("rep stosb" : "+D"(dst), "+c"(n) : "a"(0) : "memory");
}

#endif
