/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a site is rewritten, and how its text becomes writable for a moment.
 *
 * Only private, read-and-execute mappings of files: what a compiler in the program has
 * made (writable, anonymous) is left to the kernel's dispatch, as are a text's pages that
 * anybody else would see. The page stays executable all the while. Whoever finds another
 * thread at it leaves it for the next time.
 */
#include "hook/site.h"

#include <linux/mman.h>

#include "base/sys.h"
#include "hook/hook.h"
#include "hook/maps.h"

#define PAGE 4096

static _Atomic uint32_t busy;

void hook_site_forked(void)
{
	atomic_store(&busy, 0);
}

void hook_site_write(uint8_t *at, const void *bytes, int n)
{
	uint8_t *line = (uint8_t *)((uint64_t)at & ~UINT64_C(63));
	uint8_t *window = at > line + 56 ? line + 56 : at;
	union {
		uint64_t word;
		uint8_t byte[8];
	} u;

	u.word = *(volatile uint64_t *)window;
	for (int i = 0; i < n; i++)
		u.byte[at - window + i] = ((const uint8_t *)bytes)[i];
	*(volatile uint64_t *)window = u.word;
}

static bool is_text(const uint8_t *first, const uint8_t *last)
{
	struct hook_map m;

	return !hook_map_find((uint64_t)first, &m, NULL, 0) &&
	       (uint64_t)last < m.end && m.read && m.exec && !m.write &&
	       !m.shared && m.file;
}

/* What a rewrite may touch around the instruction. */
#define REACH_BEFORE 16
#define REACH_AFTER  160

static void rewrite(const struct hook_site *s)
{
	bool jump = hook_config.jump && hook_jump_fits(s);
	bool page0 = !jump && hook_config.page0 && hook_page0_fits(s);
	uint64_t first = (uint64_t)s->at - REACH_BEFORE;
	uint64_t last = (uint64_t)s->at + REACH_AFTER;

	if (!jump && !page0)
		return;
	first &= ~(uint64_t)(PAGE - 1);
	last |= PAGE - 1;
	if (!is_text((uint8_t *)first, (uint8_t *)last))
		return;
	if (sys_call(SYS_mprotect, first, last + 1 - first,
		     PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
		return;
	if (jump)
		hook_jump_write(s);
	else
		hook_page0_write(s);
	sys_call(SYS_mprotect, first, last + 1 - first, PROT_READ | PROT_EXEC);
}

void hook_site_proven(const ucontext_t *uc)
{
	const greg_t *g = uc->uc_mcontext.gregs;
	struct hook_site s = {
		.at = (uint8_t *)g[REG_RIP] - 2,
		.g = g,
		.alone = !hook_config.threads,
	};

	if (!hook_config.jump && !hook_config.page0)
		return;
	if (s.at[0] != 0x0f || s.at[1] != 0x05)
		return;
	if (g[REG_RAX] == SYS_rt_sigreturn) /* unwinders look at its bytes */
		return;
	if (atomic_exchange_explicit(&busy, 1, memory_order_acquire))
		return;
	rewrite(&s);
	atomic_store_explicit(&busy, 0, memory_order_release);
}
