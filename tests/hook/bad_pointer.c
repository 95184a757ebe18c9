/* SPDX-License-Identifier: BSD-2-Clause */
/* A bad pointer in a call: the kernel says EFAULT, the hook faults as a
 * function would. */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static sigjmp_buf out;
static volatile int faults;
static long bad; /* an address where nothing is */

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	CHECK(info->si_addr == (void *)bad);
	CHECK(is_hooked());
	if (faults++ < 3)
		siglongjmp(out, 1);
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = handler,
				.sa_flags = SA_SIGINFO };
	pid_t pid;

	bad = (long)mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad, 0, 8) < 0 &&
	      errno == EFAULT);
	CHECK(syscall(SYS_rt_sigaction, SIGUSR1, bad, 0, 8) < 0 &&
	      errno == EFAULT);
	CHECK(syscall(SYS_execve, bad, bad, bad) < 0 && errno == EFAULT);
	CHECK(syscall(SYS_open, bad, 0) < 0 && errno == EFAULT);
	CHECK(syscall(SYS_open, 1l << 63, 0) < 0 && errno == EFAULT);
	if (!is_toami()) /* the kernel never faults */
		return 0;
	pid = fork();
	if (!pid)
		raw(NR_READ, 1l << 62, 0, 0); /* no address at all */
	CHECK(status_of(pid) == 1000 + SIGSEGV);
	pid = fork();
	if (!pid)
		raw(NR_READ, bad, 0, 0);
	CHECK(status_of(pid) == 1000 + SIGSEGV);
	CHECK(!sigaction(SIGSEGV, &sa, NULL));
	while (faults < 3) {
		if (!sigsetjmp(out, 1))
			CHECK(raw(NR_READ, bad, 0, 0) == 0);
	}
	CHECK(raw(NR_READ, bad, 0, 0) == -EFAULT);
	CHECK(is_hooked());
	return 0;
}
