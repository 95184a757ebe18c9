/* SPDX-License-Identifier: BSD-2-Clause */
/* `toami trace`: the socket calls of a program, a line each. See trace.c. */
#ifndef TOAMI_HOOK_TRACE_H
#define TOAMI_HOOK_TRACE_H

#include "hook/thread.h"

/* hook_trace_on - is there a file to write to? Read at each call. */
extern int hook_trace_fd;
static inline bool hook_trace_on(void)
{
	return unlikely(hook_trace_fd >= 0);
}

/* hook_trace_start - appends to @path from now on. 0 or -errno */
int hook_trace_start(const char *path);

/* hook_trace_call - socket_call(), and one line if the fabric has answered it
 */
long hook_trace_call(struct hook_thread *t, long nr, const long args[6]);

#endif
