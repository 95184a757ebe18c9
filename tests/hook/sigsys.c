/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGSYS blocked, ignored or handled by the program: calls go on, and its own
 * arrive. */
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

static volatile int got;

static void handler(int sig)
{
	got = sig;
	CHECK(is_hooked());
}

static void fill(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	sigaddset(&uc->uc_sigmask, SIGSYS);
}

static void *thread(void *arg)
{
	CHECK(is_hooked());
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = handler }, old;
	struct timespec tick = { 0, 1000 };
	sigset_t all, before, now;
	pthread_t t;

	sigfillset(&all);
	CHECK(!sigprocmask(SIG_SETMASK, &all, &before));
	CHECK(!sigismember(&before, SIGSYS));
	CHECK(is_hooked() && getppid() > 0);
	CHECK(!sigprocmask(SIG_BLOCK, NULL, &now));
	CHECK(sigismember(&now, SIGSYS) && sigismember(&now, SIGUSR1));
	CHECK(!pthread_create(&t, NULL, thread, NULL));
	CHECK(!pthread_join(t, NULL));
	CHECK(!sigprocmask(SIG_SETMASK, &before, &now));
	CHECK(sigismember(&now, SIGSYS));
	CHECK(!sigprocmask(SIG_BLOCK, NULL, &now));
	CHECK(!sigismember(&now, SIGSYS) && !sigismember(&now, SIGUSR1));

	CHECK(ppoll(NULL, 0, &tick, &all) == 0);
	CHECK(pselect(0, NULL, NULL, NULL, &tick, &all) == 0);
	CHECK(is_hooked());

	/* A handler of the program's: for what is sent to it. */
	sa.sa_mask = all;
	CHECK(!sigaction(SIGSYS, &sa, NULL));
	CHECK(!sigaction(SIGSYS, NULL, &old) && old.sa_handler == handler);
	CHECK(is_hooked() && !got);
	raise(SIGSYS);
	CHECK(got == SIGSYS);
	CHECK(signal(SIGSYS, SIG_IGN) == handler);
	raise(SIGSYS);
	CHECK(is_hooked());
	for (volatile int i = 0; i < 3; i++)
		CHECK(syscall(NR_PLUS, 1) == 2);

	/* In a context that a handler returns to. */
	sa.sa_flags = SA_SIGINFO;
	sa.sa_sigaction = fill;
	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	CHECK(is_hooked());

	if (!fork()) {
		signal(SIGSYS, SIG_DFL);
		raise(SIGSYS);
		_exit(0);
	}
	CHECK(status_of(-1) == 1000 + SIGSYS);
	return 0;
}
