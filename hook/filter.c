/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See filter.h. The filter looks at the address of the instruction alone, not
 * at the architecture: 32-bit calls (int $0x80) of the program's are caught,
 * too, and those that the hook makes for it pass.
 */
#include "hook/filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "base/sys.h"
#include "base/types.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

#define LOAD(field)                        \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
		 (uint32_t)offsetof(struct seccomp_data, field))
#define LOAD_IP_HIGH                                       \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                 \
		 (uint32_t)offsetof(struct seccomp_data,   \
				    instruction_pointer) + \
			 4)
#define IF(value, yes, no) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), yes, no)
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))

static const struct sock_filter filter[] = {
	LOAD_IP_HIGH,
	IF(HOOK_PLACE >> 32, 1, 0),
	IF(HOOK_FILTER_VSYSCALL, 6, 5),
	LOAD(instruction_pointer),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, HOOK_FILTER_MASK),
	IF(HOOK_PLACE, 0, 2),
	LOAD(nr),
	IF(SYS_getpid, 2, 1),
	RETURN(SECCOMP_RET_TRAP),
	RETURN(SECCOMP_RET_ALLOW),
	LOAD(args[0]),
	IF(HOOK_QUESTION, 1, 0),
	RETURN(SECCOMP_RET_ALLOW),
	RETURN(SECCOMP_RET_ERRNO | HOOK_ANSWER),
};

bool hook_filter_on(void)
{
	return sys_call(SYS_getpid, HOOK_QUESTION) == -HOOK_ANSWER;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

bool hook_filter_wanted(const char *word)
{
	if (hook_filter_on() || (word && same(word, "seccomp")))
		return true;
	if (word && *word && !same(word, "auto"))
		return false;
	return sys_call(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0) <
	       0;
}

/* A filter must not make the processor slower than it has to be: what is behind
 * it guards no secrets from the program. Kernels before 4.17 know no such flag.
 */
static long install(const struct sock_fprog *p)
{
	long ret = sys_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_SPEC_ALLOW, p);

	if (ret == -EINVAL)
		ret = sys_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, p);
	return ret;
}

int hook_filter_install(void)
{
	const struct sock_fprog p = { ARRAY_SIZE(filter),
				      (struct sock_filter *)filter };
	long ret = install(&p);

	if (ret == -EACCES &&
	    !sys_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		ret = install(&p);
	return (int)ret;
}
