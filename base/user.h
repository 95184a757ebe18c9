/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program's memory, by addresses that may be bad.
 *
 * A kernel answers a bad pointer with EFAULT. These touch the program's memory
 * at places that whoever handles SIGSEGV knows (hook/signal.c): it goes on at
 * user_copy_fault. Where nobody does (libtoami, tests), a bad pointer faults as
 * in any function.
 */
#ifndef TOAMI_BASE_USER_H
#define TOAMI_BASE_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* user_copy - @n bytes between the program and us, either way; 0 or -EFAULT */
int user_copy(void *to, const void *from, size_t n);

/* user_touch - reads the byte at @at; 0 or -EFAULT */
int user_touch(const void *at);

/* user_touch_write - writes the byte at @at as it is; 0 or -EFAULT. Only where
 * it is about to be overwritten: what another thread stores meanwhile is lost
 */
int user_touch_write(void *at);

#define USER_PAGE 4096

/*
 * user_span - how many of the @n bytes at @at are there: one look at each page,
 * as user_touch_write() does if they are about to be overwritten (@store)
 */
static inline size_t user_span(const void *at, size_t n, bool store)
{
	char *p = (char *)(uintptr_t)at;

	for (size_t off = 0; off < n;
	     off += USER_PAGE - ((uintptr_t)(p + off) & (USER_PAGE - 1)))
		if (store ? user_touch_write(p + off) : user_touch(p + off))
			return off;
	return n;
}

/* Where programs' addresses end: kernels refuse others before they do anything
 * (access_ok(), Documentation/arch/x86/x86_64/mm.rst). */
#define USER_END ((UINT64_C(1) << 47) - USER_PAGE)

/* user_may_be - could the @n bytes at @at be the program's? */
static inline bool user_may_be(const void *at, size_t n)
{
	return n <= USER_END && (uint64_t)(uintptr_t)at <= USER_END - n;
}

/* A fault in [begin, end) is one of the program's addresses. */
extern const char user_copy_begin[], user_copy_end[], user_copy_fault[];

#endif
