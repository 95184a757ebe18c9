/* SPDX-License-Identifier: BSD-2-Clause */
/* Can a program be hooked? Asked before it is started, by `toami run` and by
 * the hook. */
#ifndef TOAMI_HOOK_ELF_CHECK_H
#define TOAMI_HOOK_ELF_CHECK_H

#include <stddef.h>

/**
 * hook_exec_check - would the loader bring the hook into @path?
 * @text: gets one sentence that names the program and the reason, if not
 *
 * Uses nothing but base/sys.h. Returns 0: yes, or execve() will fail by itself;
 * -EPERM: no. (ENOEXEC would make a shell read the file as a script, and EACCES
 * would make execvp() go on looking.)
 */
int hook_exec_check(const char *path, char *text, size_t size);

#endif
