/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sites: places in the program's text with a system call instruction that the
 * kernel has proven by delivering a call from there.
 *
 * A site is rewritten once, so that its later calls come to hook_entry()
 * without the kernel. jump.c knows how without touching the program's stack;
 * page0.c is for the rest.
 */
#ifndef TOAMI_HOOK_SITE_H
#define TOAMI_HOOK_SITE_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

/* How far around the instruction a rewrite looks and writes. */
#define HOOK_SITE_BEFORE 26
#define HOOK_SITE_AFTER	 128

struct hook_site {
	uint8_t *at;			/* the system call instruction */
	const greg_t *g;		/* the registers there */
	const uint8_t *text, *text_end; /* the mapping it is in */
	bool alone;			/* the process has this thread only */
};

/* hook_site_write - stores @n bytes that hook_site_whole(), at once */
void hook_site_write(uint8_t *at, const void *bytes, int n);

/*
 * hook_site_whole - can @n bytes at @at be changed by one store while others
 * run them? AMD promises it for an aligned quadword (APM volume 2, 7.6.1).
 */
static inline bool hook_site_whole(const uint8_t *at, int n)
{
	return (uint64_t)at % 8 + (uint64_t)n <= 8;
}

/* --- jump.c
 * ------------------------------------------------------------------- */

/* hook_jump_start - makes room for stubs. 0 or -errno. */
int hook_jump_start(void);

/*
 * hook_jump_fits - can a jump take the place of what comes before the
 * instruction? hook_jump_write - does it. The text is writable.
 */
bool hook_jump_fits(const struct hook_site *s);
bool hook_jump_write(const struct hook_site *s);

/* hook_jump_number - the number of a call at @at that was made with none, or -1
 */
long hook_jump_number(const uint8_t *at);

/* --- page0.c
 * ------------------------------------------------------------------- */

int hook_page0_start(void);
bool hook_page0_fits(const struct hook_site *s);
bool hook_page0_write(const struct hook_site *s);

/*
 * hook_page0_canonical - if @g, a signal's, lie on that page, makes them look
 * as though the program were at its system call
 */
void hook_page0_canonical(greg_t *g);

/* --- redzone.c
 * ----------------------------------------------------------------- */

/*
 * hook_redzone_free - do the 8 bytes below the stack pointer mean nothing to
 * the code after the site? False if in doubt.
 */
bool hook_redzone_free(const struct hook_site *s);

#endif
