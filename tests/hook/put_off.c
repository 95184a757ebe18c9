/* SPDX-License-Identifier: BSD-2-Clause */
/* A signal that comes while a thread is inside the hook is delivered on the way
 * out. */
#include "check.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

static volatile int count;
static unsigned long places[1 << 16];

static void handler(int sig, siginfo_t *info, void *context)
{
	unsigned long rip = (unsigned long)((ucontext_t *)context)
				    ->uc_mcontext.gregs[REG_RIP];
	sigset_t now;

	(void)info;
	places[count++ & 0xffff] = rip;
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, sig) == 1);
	CHECK(sigismember(&now, SIGUSR2) == 1);
	CHECK(sigismember(&now, SIGHUP) == 0);
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = handler,
				.sa_flags = SA_SIGINFO };
	struct itimerval it = { { 0, 100 }, { 0, 100 } }, off = { 0 };
	long put_off = 0, turns = 0;
	sigset_t now;

	sigaddset(&sa.sa_mask, SIGUSR2);
	CHECK(!sigaction(SIGALRM, &sa, NULL));
	CHECK(!setitimer(ITIMER_REAL, &it, NULL));
	while (put_off < 300 && turns++ < 1000000) {
		int before = count;
		long late = raw(NR_SPIN, 20000, 0, 0);

		CHECK(late == 0 || late == 1);
		if (late)
			CHECK(count > before);
		put_off += late;
	}
	CHECK(!setitimer(ITIMER_REAL, &off, NULL));
	CHECK(put_off == 300);
	/* Handlers see the program at its own code. */
	for (int i = 0; i < count && i < 1 << 16; i++) {
		Dl_info where;

		if (dladdr((void *)places[i], &where))
			CHECK(!strstr(where.dli_fname, "toami-hook"));
	}
	sigprocmask(SIG_BLOCK, NULL, &now);
	for (int i = 1; i < 32; i++)
		CHECK(!sigismember(&now, i));
	return 0;
}
