/* SPDX-License-Identifier: BSD-2-Clause */
/* A signal that comes while a thread is inside the hook is delivered on the way out. */
#include "check.h"

#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

static volatile int count;
static volatile unsigned long rip_min = -1ul, rip_max;
extern char __executable_start[], etext[];
static volatile int strange;

static void handler(int sig, siginfo_t *info, void *context)
{
	unsigned long rip = (unsigned long)((ucontext_t *)context)
				    ->uc_mcontext.gregs[REG_RIP];
	sigset_t now;

	(void)info;
	count++;
	if (rip < (unsigned long)__executable_start || rip > (unsigned long)etext)
		strange++;
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
	CHECK(!strange); /* handlers see the program at its own code */
	sigprocmask(SIG_BLOCK, NULL, &now);
	for (int i = 1; i < 32; i++)
		CHECK(!sigismember(&now, i));
	return 0;
}
