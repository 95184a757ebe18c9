/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Without the privilege to tell the kernel which file a process runs, its own
 * questions are answered here: Go's os.Executable(), busybox starting itself
 * anew. Once the file is gone or replaced the name leads nowhere, as it would
 * for the kernel's link with " (deleted)".
 */
#include "hook/exe.h"

#include "base/mem.h"
#include "base/sys.h"
#include "hook/hook.h"

#define LINK "/proc/self/exe"

static char file[4096];

void hook_exe_pretend(int fd)
{
	char link[HOOK_FD_PATH];
	long n;

	hook_fd_path(link, fd);
	n = sys_call(SYS_readlink, link, file, sizeof(file) - 1);
	file[n > 0 ? n : 0] = '\0';
}

const char *hook_exe_means(const char *path)
{
	char text[sizeof(LINK)];

	if (likely(!file[0]) || !path || hook_copy_user(text, path, 8) ||
	    memcmp(text, LINK, 8) || hook_copy_user(text, path, sizeof(text)) ||
	    memcmp(text, LINK, sizeof(text)))
		return path;
	return file;
}

int hook_exe_readlink(struct hook_thread *t, struct hook_frame *f)
{
	int at = f->rax == SYS_readlinkat;
	long size = f->args[at + 2];
	size_t n;

	(void)t;
	if (hook_exe_means((char *)f->args[at]) != file || size <= 0)
		return HOOK_PASS;
	n = strlen(file);
	if ((long)n > size)
		n = (size_t)size;
	f->rax = hook_copy_user((void *)f->args[at + 1], file, n) ? -14
								  : (long)n;
	return HOOK_RETURN;
}
