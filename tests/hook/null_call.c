/* SPDX-License-Identifier: BSD-2-Clause */
/* A call of a null pointer is still a fault at address 0, with or without a
 * handler. */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

static sigjmp_buf out;
static volatile long rip, addr = -1;

static void caught(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	addr = (long)info->si_addr;
	siglongjmp(out, 1);
}

int main(void)
{
	void (*volatile null)(void) = NULL;
	struct sigaction sa = { .sa_sigaction = caught,
				.sa_flags = SA_SIGINFO };
	const char *tier = getenv("TOAMI_HOOK");
	pid_t pid;

	CHECK(is_hooked() && is_hooked());
	pid = fork();
	if (!pid)
		null();
	CHECK(status_of(pid) == 1000 + SIGSEGV);
	sigaction(SIGSEGV, &sa, NULL);
	for (int i = 0; i < 3; i++) {
		rip = addr = -1;
		if (!sigsetjmp(out, 1))
			null();
		CHECK(rip == 0 && addr == 0);
		CHECK(is_hooked());
	}
	if (!tier || strcmp(tier, "page0")) {
		addr = -1;
		if (!sigsetjmp(out, 1))
			CHECK(*(volatile char *)null == 0 && 0);
		CHECK(addr == 0);
	}
	return 0;
}
