/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the kernel has no system call user dispatch: a seccomp filter that lets
 * pass what the hook's own text calls and makes a SIGSYS of everything else.
 *
 * A filter outlives exec, handlers do not. So what makes the first calls of a
 * process lies where the one filter allows it in all of them: toami-load, which
 * starts every program in this tier, and the hook that it maps. Whoever is
 * started under the filter finds that out and installs no second one.
 *
 * Uses nothing but base/sys.h: for the hook, toami-load and `toami`.
 */
#ifndef TOAMI_HOOK_FILTER_H
#define TOAMI_HOOK_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sys.h"

/*
 * The place: far from programs that choose their own (0x400000..), from where
 * kernels put the others (0x5555.., 0x7fff.. and downward) and from what
 * sanitizers take. meson.build links toami-load at HOOK_PLACE_LOADER.
 */
#define HOOK_PLACE	  UINT64_C(0x6f616d000000)
#define HOOK_PLACE_LOADER UINT64_C(0x6f616dff0000)
#define HOOK_PLACE_END	  UINT64_C(0x6f616e000000)

/* For filters: the place in an address's lower half; the upper one of the few
 * calls that are the kernel's, and pass, too. */
#define HOOK_FILTER_MASK     ((uint32_t) ~(HOOK_PLACE_END - HOOK_PLACE - 1))
#define HOOK_FILTER_VSYSCALL 0xffffffff

/*
 * Questions by calls with an argument that no kernel knows, answered by a
 * number that none gives. To getpid(), as an error: the filter; to prctl(), as
 * the result: the hook.
 */
#define HOOK_QUESTION 0x746f616d
#define HOOK_ANSWER   1953

/* hook_is_here - is this program hooked? */
static inline bool hook_is_here(void)
{
	return sys_call(SYS_prctl, HOOK_QUESTION) == HOOK_ANSWER;
}

/* hook_filter_on - is this process under the filter? */
bool hook_filter_on(void);

/*
 * hook_filter_wanted - is it the filter that has to bring the calls, with
 * TOAMI_HOOK at @word (NULL: not set)? Not for hooked programs to ask.
 */
bool hook_filter_wanted(const char *word);

/*
 * hook_filter_install - for good, for this thread and all that it starts.
 * Without the privilege to do so it gives up those of set-user-ID programs
 * (no_new_privs). 0 or -errno
 */
int hook_filter_install(void);

#endif
