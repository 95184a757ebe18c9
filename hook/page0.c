/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A call of address 0 in the place of the system call (zpoline's idea):
 * `syscall` and `call *%rax` are two bytes each, and %rax holds the number of
 * the call, so the call lands on the page at address 0, on a sled of jumps:
 *
 *   0..511    eb 64 eb 64 ..  102 bytes on from an even address; from an odd
 * one it reads 64 eb 64, with a prefix that means nothing, and goes on by 103:
 * always to an even address 512..615  eb xx           to 616 616       pop
 * %rcx; movabs $hook_entry_page0, %r11; jmp *%r11
 *
 * The call has written its return address to the program's stack: redzone.c
 * says where that does no harm. It is taken off at once.
 *
 * With a page there, a program's call of a null pointer gets to us as well; it
 * is told by the return address, which follows no site of ours. Reading address
 * 0 is an error still where the processor has protection keys, since the page
 * is for execution only.
 */
#include <errno.h>
#include <linux/mman.h>

#include "base/mem.h"
#include "base/sys.h"
#include "hook/hook.h"
#include "hook/site.h"

#define SLED   512
#define LANDED 616
#define HOP    0x64
#define PAGE   4096

/* Return addresses of rewritten sites: open addressing, never removed. */
#define KNOWN	   4096
#define KNOWN_MAX  3072
#define KNOWN_BITS 12

static _Atomic uint64_t known[KNOWN];
static uint32_t known_count;

static uint32_t slot_of(uint64_t ret)
{
	return (uint32_t)(ret * UINT64_C(0x9e3779b97f4a7c15) >>
			  (64 - KNOWN_BITS));
}

bool hook_site_known(uint64_t ret)
{
	uint64_t v;

	for (uint32_t i = slot_of(ret);; i = (i + 1) % KNOWN) {
		v = atomic_load_explicit(&known[i], memory_order_relaxed);
		if (v == ret)
			return true;
		if (!v)
			return false;
	}
}

static void known_add(uint64_t ret)
{
	uint32_t i = slot_of(ret);

	while (atomic_load_explicit(&known[i], memory_order_relaxed))
		i = (i + 1) % KNOWN;
	atomic_store_explicit(&known[i], ret, memory_order_release);
	known_count++;
}

int hook_page0_start(void)
{
	uint8_t *page = NULL, *p;
	uint64_t entry = (uint64_t)hook_entry_page0;
	long ret;

	/* Hidden from the compiler: to it, nothing can be at address 0. */
	__asm__("" : "+r"(page));
	ret = sys_call(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		       0);
	if (ret < 0)
		return (int)ret;
	if (ret) { /* a kernel that does not know NOREPLACE */
		sys_call(SYS_munmap, ret, PAGE);
		return -EPERM;
	}
	for (int i = 0; i < LANDED; i += 2) {
		page[i] = 0xeb;
		page[i + 1] = i < SLED ? HOP : (uint8_t)(LANDED - i - 2);
	}
	p = page + LANDED;
	*p++ = 0x59; /* pop %rcx */
	*p++ = 0x49; /* movabs $entry, %r11 */
	*p++ = 0xbb;
	mem_copy(p, &entry, 8);
	p += 8;
	*p++ = 0x41; /* jmp *%r11 */
	*p++ = 0xff;
	*p++ = 0xe3;
	for (; p < page + PAGE; p++)
		*p = 0xf4; /* hlt */
	return (int)sys_call(SYS_mprotect, 0, PAGE, PROT_EXEC);
}

bool hook_page0_fits(const struct hook_site *s)
{
	return hook_site_whole(s->at, 2) && (uint64_t)s->g[REG_RAX] < SLED &&
	       known_count < KNOWN_MAX && hook_redzone_free(s);
}

bool hook_page0_write(const struct hook_site *s)
{
	static const uint8_t call_rax[2] = { 0xff, 0xd0 };

	known_add((uint64_t)s->at + 2);
	hook_site_write(s->at, call_rax, 2);
	return true;
}

void hook_page0_canonical(greg_t *g)
{
	uint64_t ret = (uint64_t)g[REG_RCX];

	if (!hook_config.page0 || (uint64_t)g[REG_RIP] >= PAGE)
		return;
	if (g[REG_RIP] <= LANDED) { /* not taken off yet */
		if (hook_copy_user(&ret, (void *)g[REG_RSP], 8) ||
		    !hook_site_known(ret))
			return;
		g[REG_RSP] += 8;
	}
	g[REG_RIP] = (greg_t)ret - 2;
}

bool hook_site_missed(ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	uint64_t ret;

	if (!hook_config.page0 || (uint64_t)g[REG_RAX] < SLED)
		return false;
	if (g[REG_RIP] == g[REG_RAX]) { /* nothing is mapped there */
		if (hook_copy_user(&ret, (void *)g[REG_RSP], 8) ||
		    !hook_site_known(ret))
			return false;
		g[REG_RSP] += 8;
	} else { /* no address at all: the call did not happen */
		ret = (uint64_t)g[REG_RIP] + 2;
		if (!hook_site_known(ret))
			return false;
	}
	g[REG_RCX] = (greg_t)ret;
	g[REG_RIP] = (greg_t)hook_entry;
	return true;
}
