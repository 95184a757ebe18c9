/* SPDX-License-Identifier: BSD-2-Clause */
/* SIGSYS blocked, ignored or handled by the program: calls go on, and its own
 * arrive. */
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
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

static volatile int alarms, sent;

static void send_one(int sig)
{
	(void)sig;
	alarms++;
	raise(SIGSYS);
	sent++;
}

static void count_one(int sig)
{
	got++;
	CHECK(sig == SIGSYS && is_hooked());
}

/* A child sends SIGSYS, and a timer's handler does. */
static void storm(void)
{
	struct itimerval it = { { 0, 200 }, { 0, 200 } }, off = { 0 };
	struct timespec us = { 0, 100000 };
	pid_t parent = getpid(), pid;

	signal(SIGALRM, send_one);
	signal(SIGSYS, count_one);
	got = sent = alarms = 0;
	CHECK(!setitimer(ITIMER_REAL, &it, NULL));
	pid = fork();
	if (!pid) {
		while (!kill(parent, SIGSYS))
			nanosleep(&us, NULL);
		_exit(0);
	}
	while (alarms < 300 || got < 400)
		raw(NR_SPIN, 3000, 0, 0);
	CHECK(!kill(pid, SIGKILL) && status_of(pid) == 1000 + SIGKILL);
	CHECK(!setitimer(ITIMER_REAL, &off, NULL));
	CHECK(is_hooked());
	signal(SIGALRM, SIG_DFL);
}

int main(void)
{
	struct sigaction sa = { .sa_handler = handler }, old;
	struct timespec tick = { 0, 1000 };
	sigset_t all, before, now;
	siginfo_t info;
	pthread_t t;
	int sig;

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

	/* Blocked, it waits, for the program to unblock it or to ask for it. */
	CHECK(signal(SIGSYS, handler) == SIG_IGN);
	for (int i = 0; i < 3; i++) {
		got = 0;
		CHECK(!sigprocmask(SIG_SETMASK, &all, &before));
		raise(SIGSYS);
		CHECK(is_hooked() && !got);
		CHECK(!sigprocmask(SIG_SETMASK, &before, NULL));
		CHECK(got == SIGSYS);
		got = 0;
		CHECK(!sigprocmask(SIG_BLOCK, &all, NULL));
		raise(SIGSYS);
		CHECK(!sigwait(&all, &sig) && sig == SIGSYS);
		CHECK(sigtimedwait(&all, &info, &tick) < 0 && errno == EAGAIN);
		CHECK(!sigprocmask(SIG_SETMASK, &before, NULL));
		CHECK(!got && is_hooked());
	}
	/* While calls are on their way, with another one beside it. */
	storm();

	/* In a context that a handler returns to. */
	sa.sa_flags = SA_SIGINFO;
	sa.sa_sigaction = fill;
	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	CHECK(is_hooked());
	CHECK(!sigprocmask(SIG_SETMASK, &before, NULL));

	if (!fork()) {
		signal(SIGSYS, SIG_DFL);
		raise(SIGSYS);
		_exit(0);
	}
	CHECK(status_of(-1) == 1000 + SIGSYS);
	return 0;
}
