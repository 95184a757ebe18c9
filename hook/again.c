/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A preloaded hook that finds no system call user dispatch: the program is
 * executed anew by toami-load, which can put it under a filter (filter.h).
 * Nothing of it has run yet, so that it does not notice.
 */
#include <elf.h>
#include <fcntl.h>
#include <linux/mman.h>

#include "base/sys.h"
#include "hook/enter.h"
#include "hook/exec.h"
#include "hook/hook.h"

#define TEXT (4L << 20)	 /* more than most limits let through */
#define ROOM (16 * TEXT) /* and a word for each of its bytes */

/* Reads @file to @to; its end there, or NULL: unreadable, or too long. */
static char *read_all(const char *file, char *to, const char *end)
{
	long fd = sys_call(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
	long n = fd < 0 ? fd : 1;

	while (n > 0 && to < end) {
		n = sys_call(SYS_read, fd, to, end - to);
		to += n > 0 ? n : 0;
	}
	if (fd >= 0)
		sys_call(SYS_close, fd);
	return n ? NULL : to;
}

/* What exec was given, of the program or the script that it runs; ours are
 * gone. */
static const char *own_name(char *text, const char *end)
{
	Elf64_auxv_t *a = (Elf64_auxv_t *)text;
	char *last = read_all("/proc/self/auxv", text, end);

	for (; last && (char *)(a + 1) <= last; a++) {
		if (a->a_type == AT_EXECFN)
			return (const char *)a->a_un.a_val;
	}
	return NULL;
}

void hook_exec_again(char **env)
{
	char *text =
		(char *)sys_call(SYS_mmap, 0, ROOM, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				 -1, 0);
	char *end, *words = text + TEXT, number[HOOK_FD_PATH];
	const char *name, **out;
	long fd;

	fd = sys_call(SYS_openat, AT_FDCWD, "/proc/self/exe", O_RDONLY);
	name = (long)text < 0 || fd < 0 ? NULL : own_name(text, words);
	end = name ? read_all("/proc/self/cmdline", text, words) : NULL;
	if (!end)
		hook_die("this program cannot be put under a filter without "
			 "/proc: start it by toami run");
	out = (const char **)words;
	*out++ = end > text ? text : name;
	hook_fd_path(number, (int)fd);
	*out++ = number + sizeof("/proc/self/fd/") - 1;
	*out++ = name;
	*out++ = LOAD_TRAP_LEFT;
	for (char *p = text; p < end;) {
		*out++ = p;
		while (p < end && *p++)
			;
	}
	*out = NULL;
	sys_call(SYS_execve, hook_exec_loader(), words, env);
	hook_die("toami-load is not beside the hook");
}
