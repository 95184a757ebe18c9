/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that locks itself up: nothing but what it does itself is asked of
 * the kernel. */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define ALLOW(nr)                                        \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

int main(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_write),
		ALLOW(SYS_read),
		ALLOW(SYS_exit_group),
		ALLOW(SYS_rt_sigreturn),
		ALLOW(SYS_getuid),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };
	int fd[2];
	char c;

	CHECK(!pipe(fd));
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
	for (int i = 0; i < 3; i++) {
		CHECK(write(fd[1], "x", 1) == 1 && read(fd[0], &c, 1) == 1);
		CHECK(getuid() == raw(SYS_getuid, 0, 0, 0));
		CHECK(is_hooked());
	}
	return 0;
}
