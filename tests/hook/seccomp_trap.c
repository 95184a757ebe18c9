/* SPDX-License-Identifier: BSD-2-Clause */
/* A program whose filter makes SIGSYS of some calls, and whose handler answers
 * them, as browsers' sandboxes do: with what the kernel says of the call. */
#include "check.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define DATA 321

static volatile int count;

static void answer(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	CHECK(sig == SIGSYS && info->si_code == 1 /* SYS_SECCOMP */);
	CHECK(info->si_errno == DATA);
	CHECK(info->si_syscall == SYS_getpgid);
	CHECK(info->si_arch == AUDIT_ARCH_X86_64);
	CHECK((greg_t)info->si_call_addr == g[REG_RIP]);
	CHECK(g[REG_RAX] == SYS_getpgid && g[REG_RDI] == 41);
	CHECK(is_hooked() && getppid() > 0);
	count++;
	g[REG_RAX] = 4711;
}

int main(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP | DATA),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };
	struct sigaction sa = { .sa_sigaction = answer,
				.sa_flags = SA_SIGINFO };

	/* A site that is rewritten before the filter comes, and one after it.
	 */
	for (int i = 0; i < 3; i++)
		CHECK(getpgid(0) > 0);
	CHECK(!sigaction(SIGSYS, &sa, NULL));
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
	for (int i = 0; i < 3; i++) {
		CHECK(getpgid(41) == 4711);
		CHECK(raw(SYS_getpgid, 41, 0, 0) == 4711);
		CHECK(is_hooked());
	}
	CHECK(count == 6);
	/* Without a handler it is the end. */
	if (!fork()) {
		signal(SIGSYS, SIG_DFL);
		getpgid(41);
		_exit(0);
	}
	CHECK(status_of(-1) == 1000 + SIGSYS);
	return 0;
}
