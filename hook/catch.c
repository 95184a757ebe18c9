/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System call user dispatch: the kernel answers each system call outside our
 * own text with SIGSYS, wherever the instruction is and however it came to be
 * there. Where it has none, a seccomp filter does the same (filter.h), for this
 * thread and all that come after it.
 *
 * The handler does next to nothing: it lets the program continue at
 * hook_entry(), with its registers as they were. So a call is carried out in
 * one place, outside any handler, whichever way it came. The selector is
 * absent, which means "block" and can not be overwritten by the program.
 */
#include <errno.h>

#include "base/sys.h"
#include "hook/filter.h"
#include "hook/hook.h"
#include "hook/signal.h"
#include "hook/site.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#define DISPATCH_ON	       1
#define NUMBERS		       512 /* no call has a higher one */
#define SYS_SECCOMP_CODE       1   /* si_code */
#define SYS_USER_DISPATCH_CODE 2
#define ARCH_X86_64	       0xc000003e /* AUDIT_ARCH_X86_64 */

/* Is it a 32-bit call for sockets? They would be the host's. */
static bool is_socket32(long nr)
{
	return nr == 102 /* socketcall */ || (nr >= 359 && nr <= 373);
}

/* A call caught while its site was being rewritten. */
static void true_number(greg_t *g)
{
	long nr = hook_config.jump ? hook_jump_number((uint8_t *)g[REG_RIP] - 2)
				   : -1;

	if (nr >= 0)
		g[REG_RAX] = nr;
}

int hook_catch_arm(void)
{
	if (hook_config.filter)
		return hook_config.dispatch || hook_filter_on()
			       ? 0
			       : hook_filter_install();
	return (int)sys_call(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH,
			     DISPATCH_ON, __ehdr_start, etext - __ehdr_start,
			     0);
}

void hook_catch_disarm(void)
{
	if (hook_config.filter)
		return;
	sys_call(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0);
}

/*
 * Has the kernel brought a call of the program's? Filters of its own may trap,
 * too: they get to know a call when we pass it on, from our text.
 */
static bool is_call(const siginfo_t *info)
{
	const char *at = info->si_call_addr;

	if (info->si_code == SYS_USER_DISPATCH_CODE)
		return true;
	return hook_config.filter && info->si_code == SYS_SECCOMP_CODE &&
	       (at <= __ehdr_start || at > etext);
}

void hook_sigsys(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *g = uc->uc_mcontext.gregs;

	hook_thread_check();
	if (!is_call(info)) {
		hook_signal_sys(sig, info, uc);
		return;
	}
	if (info->si_arch != ARCH_X86_64) {
		if (is_socket32(g[REG_RAX])) {
			g[REG_RAX] = -ENOSYS;
			return;
		}
		hook_self()->ret = (uint64_t)g[REG_RIP];
		g[REG_RIP] = (greg_t)hook_int80;
		return;
	}
	g[REG_RCX] = g[REG_RIP];
	if ((uint64_t)g[REG_RAX] >= NUMBERS)
		true_number(g);
	hook_site_proven(uc);
	g[REG_RIP] = (greg_t)hook_entry;
}
