/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a site is rewritten, and how its text becomes writable for a moment.
 *
 * Only private, read-and-execute mappings of files: what a compiler in the
 * program has made (writable, anonymous) is left to the kernel's dispatch, as
 * are a text's pages that anybody else would see. The page stays executable all
 * the while. Whoever finds another thread at it leaves it for the next time.
 */
#include "hook/site.h"

#include <linux/mman.h>

#include "base/sys.h"
#include "hook/hook.h"
#include "hook/maps.h"

#define PAGE 4096

static _Atomic uint32_t busy;
static _Atomic bool frozen;
static _Atomic uint32_t wanted; /* a fork waits: rewriting can wait longer */

void hook_site_hold(void)
{
	atomic_fetch_add(&wanted, 1);
	while (atomic_exchange_explicit(&busy, 1, memory_order_acquire))
		__builtin_ia32_pause();
	atomic_fetch_sub(&wanted, 1);
}

void hook_site_forked(void)
{
	atomic_store(&wanted, 0);
	hook_site_release();
}

void hook_site_release(void)
{
	atomic_store_explicit(&busy, 0, memory_order_release);
}

void hook_site_freeze(void)
{
	atomic_store(&frozen, true);
}

void hook_site_write(uint8_t *at, const void *bytes, int n)
{
	uint8_t *window = (uint8_t *)((uint64_t)at & ~UINT64_C(7));
	union {
		uint64_t word;
		uint8_t byte[8];
	} u;

	u.word = *(volatile uint64_t *)window;
	for (int i = 0; i < n; i++)
		u.byte[at - window + i] = ((const uint8_t *)bytes)[i];
	*(volatile uint64_t *)window = u.word;
}

/* Of the kind that is rewritten? */
static bool is_text(const struct hook_map *m)
{
	return m->read && m->exec && !m->write && !m->shared && m->file;
}

/*
 * The text around a site. A page that has been rewritten is a mapping of its
 * own from then on, so the next one to either side may have to be looked at,
 * too.
 */
static bool find_text(struct hook_site *s, const struct hook_map *m)
{
	struct hook_map next;

	s->text = (const uint8_t *)m->start;
	s->text_end = (const uint8_t *)m->end;
	if (s->at - s->text < HOOK_SITE_BEFORE &&
	    !hook_map_find(m->start - 1, &next, NULL, 0) && is_text(&next))
		s->text = (const uint8_t *)next.start;
	if (s->text_end - s->at < HOOK_SITE_AFTER &&
	    !hook_map_find(m->end, &next, NULL, 0) && is_text(&next))
		s->text_end = (const uint8_t *)next.end;
	return is_text(m);
}

/* All pages that a rewrite may touch. Returns false: the kernel refuses. */
static bool make_writable(const struct hook_site *s, bool on)
{
	uint64_t first = (uint64_t)s->at - HOOK_SITE_BEFORE;
	uint64_t end = (uint64_t)s->at + HOOK_SITE_AFTER;
	int prot = PROT_READ | PROT_EXEC | (on ? PROT_WRITE : 0);

	if (first < (uint64_t)s->text)
		first = (uint64_t)s->text;
	if (end > (uint64_t)s->text_end)
		end = (uint64_t)s->text_end;
	first &= ~(uint64_t)(PAGE - 1);
	return sys_call(SYS_mprotect, first, end - first, prot) >= 0;
}

/* Returns false if there is no use in trying again. */
static bool rewrite(struct hook_site *s)
{
	struct hook_map m;
	bool jump, ret;

	if (hook_map_find((uint64_t)s->at, &m, NULL, 0) < 0)
		return true; /* no descriptor free, perhaps */
	if (!find_text(s, &m))
		return false;
	jump = hook_config.jump && hook_jump_fits(s);
	if (!jump && !(hook_config.page0 && hook_page0_fits(s)))
		return false;
	if (!make_writable(s, true))
		return false;
	ret = jump ? hook_jump_write(s) : hook_page0_write(s);
	make_writable(s, false);
	return ret;
}

/* Sites that could not be rewritten: they are not looked at again, mostly. */
static uint64_t given_up[4096];

static uint64_t *given_up_slot(const uint8_t *at)
{
	return &given_up[((uint64_t)at ^ (uint64_t)at >> 12) %
			 ARRAY_SIZE(given_up)];
}

void hook_site_proven(const ucontext_t *uc)
{
	const greg_t *g = uc->uc_mcontext.gregs;
	struct hook_site s = {
		.at = (uint8_t *)g[REG_RIP] - 2,
		.g = g,
		.alone = !hook_config.threads,
	};

	if (!(hook_config.jump || hook_config.page0) || atomic_load(&frozen))
		return;
	if (*given_up_slot(s.at) == (uint64_t)s.at)
		return;
	if (g[REG_RAX] == SYS_rt_sigreturn) /* unwinders look at its bytes */
		return;
	if (atomic_load(&wanted) ||
	    atomic_exchange_explicit(&busy, 1, memory_order_acquire))
		return;
	/* Another thread may have been faster. */
	if (s.at[0] == 0x0f && s.at[1] == 0x05 && !rewrite(&s))
		*given_up_slot(s.at) = (uint64_t)s.at;
	atomic_store_explicit(&busy, 0, memory_order_release);
}
