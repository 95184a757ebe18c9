/* SPDX-License-Identifier: BSD-2-Clause */
/* Each facility is tried, not guessed from versions: kernels are built in many
 * ways. */
#include "hook/probe.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#define DISPATCH_OFF 0
#define DISPATCH_ON  1

static void probe_dispatch(struct hook_probe *p)
{
	static volatile char allow; /* while it is on, nothing is dispatched */
	int err;

	p->dispatch = !prctl(PR_SET_SYSCALL_USER_DISPATCH, DISPATCH_ON, 0L, 0L,
			     &allow);
	err = errno;
	prctl(PR_SET_SYSCALL_USER_DISPATCH, DISPATCH_OFF, 0L, 0L, 0L);
	if (p->dispatch)
		snprintf(p->dispatch_text, sizeof(p->dispatch_text),
			 "system call user dispatch: every call is seen");
	else
		snprintf(p->dispatch_text, sizeof(p->dispatch_text),
			 "no system call user dispatch (%s): it needs Linux "
			 "5.11 or later, and may be switched off",
			 strerror(err));
}

/* Where filters are allowed, one that cannot be read is found to be so. */
static void probe_filter(struct hook_probe *p)
{
	p->filter = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) &&
		    errno == EFAULT;
}

static void probe_keys(struct hook_probe *p)
{
	long key = syscall(SYS_pkey_alloc, 0UL, 0UL);

	p->keys = key >= 0;
	if (p->keys)
		syscall(SYS_pkey_free, key);
}

static long mmap_min_addr(void)
{
	FILE *f = fopen("/proc/sys/vm/mmap_min_addr", "re");
	long v = -1;

	if (f) {
		if (fscanf(f, "%ld", &v) != 1)
			v = -1;
		fclose(f);
	}
	return v;
}

static void probe_page0(struct hook_probe *p)
{
	/* Not mmap(): its result 0 is no NULL here. */
	long at = syscall(SYS_mmap, 0L, 4096L, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			  -1L, 0L);
	int err = errno;

	p->page0 = !at;
	if (at >= 0)
		syscall(SYS_munmap, at, 4096L);
	if (!p->page0)
		snprintf(p->page0_text, sizeof(p->page0_text),
			 "address 0 cannot be mapped (%s): vm.mmap_min_addr "
			 "is %ld; it needs CAP_SYS_RAWIO or 0 there",
			 strerror(err), mmap_min_addr());
	else if (!p->keys)
		snprintf(p->page0_text, sizeof(p->page0_text),
			 "address 0 can be mapped, but without protection keys "
			 "reading a null pointer would succeed: not used");
	else
		snprintf(p->page0_text, sizeof(p->page0_text),
			 "address 0 can be mapped for execution only");
}

static void probe_membarrier(struct hook_probe *p)
{
	long known = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	p->membarrier = known > 0 &&
			(known & MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE);
}

void hook_probe(struct hook_probe *p)
{
	memset(p, 0, sizeof(*p));
	probe_dispatch(p);
	probe_filter(p);
	probe_keys(p);
	probe_page0(p);
	probe_membarrier(p);
	if (!p->dispatch && !p->filter) {
		snprintf(p->tier_text, sizeof(p->tier_text),
			 "programs cannot be hooked: %s; nor are seccomp "
			 "filters allowed",
			 p->dispatch_text);
	} else if (!p->dispatch) {
		p->tier = "seccomp";
		snprintf(p->tier_text, sizeof(p->tier_text),
			 "a filter brings the calls that are no near jumps "
			 "yet, and makes every call to the kernel dearer");
	} else if (p->page0 && p->keys) {
		p->tier = "page0";
		snprintf(p->tier_text, sizeof(p->tier_text),
			 "proven sites become near jumps or calls of page 0; "
			 "the rest goes through the kernel");
	} else {
		p->tier = "jump";
		snprintf(p->tier_text, sizeof(p->tier_text),
			 "proven sites become near jumps; the rest goes "
			 "through the kernel, some 1 us a call");
	}
}
