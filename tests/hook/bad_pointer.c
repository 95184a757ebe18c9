/* SPDX-License-Identifier: BSD-2-Clause */
/* A bad pointer in a call: the kernel says EFAULT, the hook faults as a function would. */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>

static sigjmp_buf out;
static volatile int faults;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	CHECK(info->si_addr == (void *)8);
	CHECK(is_hooked());
	if (faults++ < 3)
		siglongjmp(out, 1);
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = handler,
				.sa_flags = SA_SIGINFO };
	pid_t pid;

	CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, 0, 8) < 0 &&
	      errno == EFAULT);
	CHECK(syscall(SYS_rt_sigaction, SIGUSR1, 8, 0, 8) < 0 &&
	      errno == EFAULT);
	CHECK(syscall(SYS_execve, 8, 8, 8) < 0 && errno == EFAULT);
	CHECK(syscall(SYS_open, 8, 0) < 0 && errno == EFAULT);
	if (getenv("TOAMI_HOOK") && !strcmp(getenv("TOAMI_HOOK"), "page0"))
		return 0; /* address 8 can be read there */
	pid = fork();
	if (!pid)
		raw(NR_READ, 8, 0, 0);
	CHECK(status_of(pid) == 1000 + SIGSEGV);
	CHECK(!sigaction(SIGSEGV, &sa, NULL));
	while (faults < 3) {
		if (!sigsetjmp(out, 1))
			CHECK(raw(NR_READ, 8, 0, 0) == 0);
	}
	CHECK(raw(NR_READ, 8, 0, 0) == -EFAULT);
	CHECK(is_hooked());
	return 0;
}
