/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stubs: where the jumps go that jump.c puts into the program's text.
 *
 * A stub starts with the instructions that the jump stands for. Then it goes
 * onto the hook's stack, calls hook_entry_stub() and comes back to the address
 * after the site's system call (hook_stub in entry.S is that part's pattern).
 *
 * One thread at a time makes stubs (site.c); any runs them.
 */
#ifndef TOAMI_HOOK_STUB_H
#define TOAMI_HOOK_STUB_H

#include "hook/site.h"

/* At most so many bytes give way at a site. */
#define STUB_STANDS_FOR (HOOK_SITE_BEFORE - 1)

/*
 * stub_make - a stub for @s that has what lies from @from to the system call
 *
 * Returns NULL: no room where a near jump from the site reaches, or the kernel
 * refuses. It stays for ever.
 */
uint8_t *stub_make(const struct hook_site *s, const uint8_t *from);

/* stub_is - may @p be the start of one? */
bool stub_is(const uint8_t *p);

/* stub_jump - writes a near jump of five bytes at @p; returns what follows */
uint8_t *stub_jump(uint8_t *p, const void *to);

/*
 * stub_canonical - if @g, a signal's, lie in a stub where `inside` is clear,
 * makes them look as though the program were at its own system call, or after
 */
void stub_canonical(greg_t *g);

#endif
