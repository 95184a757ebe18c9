/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ptrace(PTRACE_TRACEME), put off until it matters.
 *
 * Once a thread is traced, its tracer is told of each signal before the thread
 * gets it: of those, too, by which the kernel brings us calls. But a debugger
 * is in vfork until its child's exec and cannot answer, and the child would
 * wait for ever. Without those signals its exec would pass us by, and the
 * program would come to be without a hook. So the call is noted, and made
 * within the next exec, or the next signal that the thread sends, by which it
 * stops itself for its tracer.
 */
#include "hook/traceme.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ptrace.h>

#include "base/sys.h"
#include "hook/hook.h"

/* Does somebody trace it already? Then the kernel refuses a second one. */
static bool is_traced(void)
{
	static const char key[] = "TracerPid:\t";
	char text[512];
	long fd = sys_call(SYS_openat, AT_FDCWD, "/proc/thread-self/status",
			   O_RDONLY | O_CLOEXEC);
	long n = fd < 0 ? 0 : sys_call(SYS_read, fd, text, sizeof(text));

	if (fd >= 0)
		sys_call(SYS_close, fd);
	for (long i = 0; i + (long)sizeof(key) <= n; i++) {
		if (!memcmp(text + i, key, sizeof(key) - 1))
			return text[i + (long)sizeof(key) - 1] != '0';
	}
	return false;
}

int hook_traceme(struct hook_thread *t, struct hook_frame *f)
{
	if (f->args[0] != PTRACE_TRACEME || !hook_config.dispatch ||
	    is_traced())
		return HOOK_PASS;
	f->rax = t->traceme ? -EPERM : 0;
	t->traceme = true;
	return HOOK_RETURN;
}

void hook_traceme_now(struct hook_thread *t)
{
	if (t->traceme)
		sys_call(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
	t->traceme = false;
}

void hook_traceme_exec(struct hook_thread *t)
{
	if (!t->traceme)
		return;
	hook_traceme_now(t);
	hook_catch_disarm();
}
