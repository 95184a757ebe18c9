/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and writing address 0 is a fault of the program's; for the kernel a
 * null pointer is a bad one. */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>

static sigjmp_buf out;
static volatile long addr;

static void caught(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	addr = (long)info->si_addr;
	siglongjmp(out, 1);
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = caught,
				.sa_flags = SA_SIGINFO };
	const char *tier = getenv("TOAMI_HOOK");
	volatile char *volatile null = NULL;
	int p[2];
	pid_t pid;

	CHECK(is_hooked() && !pipe(p));
	if (tier && !strcmp(tier, "page0")) {
		puts("skipped: with page0 forced and no protection keys it "
		     "succeeds, as hook/README.md says");
		return 77;
	}
	pid = fork();
	if (!pid)
		_exit(null[5]);
	CHECK(status_of(pid) == 1000 + SIGSEGV);
	sigaction(SIGSEGV, &sa, NULL);
	for (long i = 0; i < 600; i += 50) {
		addr = -1;
		if (!sigsetjmp(out, 1))
			CHECK(null[i] && 0);
		CHECK(addr == i);
		addr = -1;
		if (!sigsetjmp(out, 1))
			null[i] = 1;
		CHECK(addr == i);
		CHECK(is_hooked());
	}
	CHECK(raw(SYS_write, p[1], 0, 4) == -EFAULT);
	CHECK(raw(SYS_pipe, 0, 0, 0) == -EFAULT);
	CHECK(raw(SYS_execve, 0, 0, 0) == -EFAULT);
	return 0;
}
