/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/self/exe of a program that was started by toami-load. */
#ifndef TOAMI_HOOK_EXE_H
#define TOAMI_HOOK_EXE_H

#include <stdbool.h>

#include "hook/thread.h"

/* hook_exe_pretend - the kernel takes toami-load for the program, which is @fd
 */
void hook_exe_pretend(int fd);

/* hook_exe_means - @path of the program's is /proc/self/exe: then the file that
 * is meant, else @path */
const char *hook_exe_means(const char *path);

/* hook_exe_readlink - readlink and readlinkat. Returns HOOK_*. */
int hook_exe_readlink(struct hook_thread *t, struct hook_frame *f);

#endif
