/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toami-load: brings the hook into programs that LD_PRELOAD cannot reach.
 *
 * It is executed in the place of the program, with four words before its
 * arguments: a name, the program's open file, its path, and one in reserve. The
 * hook for such programs lies beside it; it is mapped, relocated, and goes on
 * from there (enter.c), since the kernel lets a process be known by the
 * program's file only when the one that was executed is no longer mapped.
 *
 * Static, without a relocation of its own. It lies, and in the filter's tier
 * the hook does, too, where a filter lets it make calls (filter.h).
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <stdnoreturn.h>

#include "base/sys.h"
#include "hook/elf_map.h"
#include "hook/enter.h"
#include "hook/filter.h"
#include "hook/hook.h"

#define PATH_BYTES 4096

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

/* The kernel starts us with everything on the stack. */
__asm__(".globl _start\n"
	".hidden _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	call toami_load\n"
	"	hlt\n");

noreturn __attribute__((used)) void toami_load(uint64_t *stack);

/* What the environment says last, as the hook takes it. */
static const char *tier_word(const uint64_t *stack)
{
	static const char name[] = "TOAMI_HOOK=";
	char **env = (char **)(stack + 1 + stack[0] + 1);
	const char *word = NULL;

	for (; *env; env++) {
		if (!strncmp(*env, name, sizeof(name) - 1))
			word = *env + sizeof(name) - 1;
	}
	return word;
}

/* What exec was given, an absolute path of ours. */
static const char *own_path(const uint64_t *stack)
{
	const uint64_t *p = stack + 1 + stack[0] + 1;

	while (*p++)
		;
	for (; p[0] != AT_NULL; p += 2) {
		if (p[0] == AT_EXECFN)
			return (const char *)p[1];
	}
	return "";
}

static noreturn void fail(const char *why)
{
	hook_say("cannot load the hook: ", why, NULL);
	for (;;)
		sys_call(SYS_exit_group, EXIT_NOT_LOADED);
}

noreturn void toami_load(uint64_t *stack)
{
	char path[PATH_BYTES];
	struct elf_map hook;
	hook_enter_fn *enter;
	uint64_t at = 0;
	long fd;
	int ret;

	if (stack[0] < LOAD_WORDS)
		fail("toami-load is for toami run and the hook");
	if (!hook_beside(path, sizeof(path), own_path(stack), HOOK_LOADED_FILE))
		fail("the name of its directory is too long");
	fd = sys_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(HOOK_LOADED_FILE " is not beside toami-load");
	if (hook_filter_wanted(tier_word(stack)))
		at = HOOK_PLACE;
	ret = elf_map_file((int)fd, at, &hook);
	if (ret == -EEXIST)
		fail("the one address where a seccomp filter lets it be is "
		     "taken: try --stack kernel");
	if (ret || elf_map_relocate(&hook))
		fail(HOOK_LOADED_FILE " cannot be mapped");
	sys_call(SYS_close, fd);
	enter = (hook_enter_fn *)hook.entry;
	enter(stack, __ehdr_start, _end);
	__builtin_unreachable();
}
