/* SPDX-License-Identifier: BSD-2-Clause */
/* clone and clone3 as they are, without a C library in between: on the parent's
 * stack, on one of its own, with and without shared memory. */
#include "check.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define STACK 65536

static volatile int seen;

/* In the child of a call that has no stack of its own, nothing may be pushed
 * before it exits: its answer is its exit code. */
static long clone_and_exit(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "movl $1, %[seen]\n\t"
			 "mov $500, %%eax; mov $41, %%edi; syscall\n\t"
			 "mov %%rax, %%rdi; mov $60, %%eax; syscall\n"
			 "1:"
			 : "=a"(ret), [seen] "+m"(seen)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

static void expect(long pid, int shared)
{
	CHECK(pid > 0);
	CHECK(status_of((pid_t)pid) == 42); /* it was hooked */
	CHECK(seen == shared);
	CHECK(is_hooked());
	seen = 0;
}

int main(void)
{
	struct clone_args a = { .flags = 0, .exit_signal = SIGCHLD };
	uint64_t top;
	char *stack;
	pid_t tid = 0;

	stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(stack != MAP_FAILED);
	top = (uint64_t)stack + STACK - 64;
	for (int i = 0; i < 50; i++) {
		expect(clone_and_exit(SYS_clone, SIGCHLD, 0, 0), 0);
		expect(clone_and_exit(SYS_clone,
				      CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0),
		       1);
		expect(clone_and_exit(SYS_clone,
				      CLONE_VM | CLONE_VFORK | SIGCHLD,
				      (long)top, 0),
		       1);
		expect(clone_and_exit(SYS_clone, SIGCHLD, (long)top, 0), 0);
		expect(clone_and_exit(SYS_vfork, 0, 0, 0), 1);

		a.flags = 0;
		a.stack = a.stack_size = 0;
		expect(clone_and_exit(SYS_clone3, (long)&a, sizeof(a), 0), 0);
		a.flags = CLONE_VM | CLONE_VFORK;
		expect(clone_and_exit(SYS_clone3, (long)&a, sizeof(a), 0), 1);
		a.stack = (uint64_t)stack;
		a.stack_size = STACK;
		expect(clone_and_exit(SYS_clone3, (long)&a, sizeof(a), 0), 1);
		a.flags = CLONE_PARENT_SETTID;
		a.parent_tid = (uint64_t)&tid;
		expect(clone_and_exit(SYS_clone3, (long)&a, sizeof(a), 0), 0);
		CHECK(tid > 0);
	}
	/* What is wrong is the kernel's to say. */
	CHECK(raw(SYS_clone3, -4096, sizeof(a), 0) == -EFAULT);
	CHECK(raw(SYS_clone3, (long)&a, 8, 0) == -EINVAL);
	a.flags = CLONE_THREAD;
	CHECK(raw(SYS_clone3, (long)&a, sizeof(a), 0) == -EINVAL);
	return 0;
}
