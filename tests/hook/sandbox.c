/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that locks itself up: nothing but what it does itself is asked of
 * its filter, and what it may not do it may not do here. */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define ALLOW(nr)                                        \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* What a sandbox may do after it has been entered: call sites known and new. */
static void works(void)
{
	for (int i = 0; i < 3; i++) {
		CHECK(getuid() == raw(SYS_getuid, 0, 0, 0));
		CHECK(is_hooked());
	}
}

/* Nothing of what the hook itself needs is in this filter. */
static void filtered(bool by_prctl)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_write),
		ALLOW(SYS_read),
		ALLOW(SYS_exit_group),
		ALLOW(SYS_getuid),
		/* Where the kernel alone runs this: what others ask for it. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			 is_toami() ? SYS_getuid : NR_PLUS, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };
	int fd[2];
	char c;

	CHECK(!pipe(fd));
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (by_prctl)
		CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
	else
		CHECK(!syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
			       &program));
	works();
	for (int i = 0; i < 3; i++)
		CHECK(write(fd[1], "x", 1) == 1 && read(fd[0], &c, 1) == 1);
	/* The program's own rules hold, wherever its calls pass through. */
	CHECK(raw(SYS_getppid, 0, 0, 0) == -EDOM);
	CHECK(syscall(SYS_getppid) == -1 && errno == EDOM);
}

static void by_filter(void)
{
	filtered(false);
}

static void by_prctl(void)
{
	filtered(true);
}

/* What the program may not, it may not by way of the hook either. */
static void forbidden(void)
{
	filtered(true);
	syscall(SYS_getpid);
}

static void strict(void)
{
	int fd[2];
	char c;

	CHECK(!pipe(fd));
	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	CHECK(raw(SYS_write, fd[1], (long)"x", 1) == 1);
	CHECK(raw(SYS_read, fd[0], (long)&c, 1) == 1);
	CHECK(is_hooked());
	raw(SYS_exit, 0, 0, 0);
}

static void too_long(void)
{
	static struct sock_filter code[BPF_MAXINSNS];
	struct sock_fprog program = { BPF_MAXINSNS, code };

	for (int i = 0; i < BPF_MAXINSNS; i++)
		code[i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						       SECCOMP_RET_ALLOW);
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
	works();
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 1l << 62) < 0 &&
	      errno == EFAULT);
}

static int in_child(void (*run)(void))
{
	pid_t pid = fork();

	if (!pid) {
		run();
		raw(SYS_exit_group, 0, 0, 0);
	}
	return status_of(pid);
}

int main(void)
{
	CHECK(in_child(by_filter) == 0);
	CHECK(in_child(by_prctl) == 0);
	CHECK(in_child(forbidden) == 1000 + SIGSYS);
	if (is_toami()) /* kernel.c has a filter already, beside which it cannot
			   be */
		CHECK(in_child(strict) == 0);
	CHECK(in_child(too_long) == 0);
	return 0;
}
