/* SPDX-License-Identifier: BSD-2-Clause */
/* Talking to the user without a C library, and the functions compilers call. */
#include <stdarg.h>

#include "base/mem.h"
#include "base/sys.h"
#include "hook/hook.h"

#define EXIT_UNAVAILABLE 69 /* sysexits.h */

void hook_say(const char *piece, ...)
{
	char line[512];
	size_t n = 0;
	va_list ap;

	va_start(ap, piece);
	for (const char *p = "toami: "; p;
	     p = piece, piece = va_arg(ap, char *)) {
		while (*p && n < sizeof(line) - 1)
			line[n++] = *p++;
		if (!piece)
			break;
	}
	va_end(ap);
	line[n++] = '\n';
	sys_call(SYS_write, 2, line, n);
}

void hook_die(const char *why)
{
	hook_say(why, NULL);
	for (;;)
		sys_call(SYS_exit_group, EXIT_UNAVAILABLE);
}

char *hook_fd_path(char *to, int fd)
{
	for (const char *s = "/proc/self/fd/"; *s; s++)
		*to++ = *s;
	for (int unit = 1000000000; unit; unit /= 10) {
		if (fd >= unit || unit == 1)
			*to++ = (char)('0' + fd / unit % 10);
	}
	*to = '\0';
	return to;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	mem_copy(dst, src, n);
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	unsigned char *d = dst;
	const unsigned char *s = src;

	if (d <= s || d >= s + n) {
		for (; n; n--)
			*d++ = *s++;
	} else {
		while (n--)
			d[n] = s[n];
	}
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *p = a, *q = b;

	for (; n; n--, p++, q++) {
		if (*p != *q)
			return *p - *q;
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--)
		a++, b++;
	return n ? (unsigned char)*a - (unsigned char)*b : 0;
}
