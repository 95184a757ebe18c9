/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals during calls that wait, in the hook and in the kernel: EINTR without
 * SA_RESTART, and going on with it; none is lost between looking and waiting.
 */
#include "check.h"

#include <signal.h>
#include <sys/time.h>

static volatile int count, write_to = -1;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	CHECK(sig == SIGALRM);
	CHECK(is_hooked());
	if (++count == 3 && write_to >= 0)
		CHECK(write(write_to, "x", 1) == 1);
}

static void every(long us)
{
	struct itimerval it = { { 0, us }, { 0, us } };

	CHECK(!setitimer(ITIMER_REAL, &it, NULL));
}

static void with(int flags)
{
	struct sigaction sa = { .sa_sigaction = handler,
				.sa_flags = SA_SIGINFO | flags };

	CHECK(!sigaction(SIGALRM, &sa, NULL));
	count = 0;
}

int main(void)
{
	struct sigaction old;
	int fd[2];
	char c;

	CHECK(!pipe(fd));
	with(0);
	CHECK(!sigaction(SIGALRM, NULL, &old) && old.sa_sigaction == handler);
	every(2000);
	for (int i = 0; i < 200; i++) {
		count = 0;
		CHECK(raw(NR_WAIT, 0, 0, 0) == -EINTR && count);
		count = 0;
		CHECK(raw(NR_WAIT_1, 0, 0, 0) == -EINTR && count);
		count = 0;
		CHECK(read(fd[0], &c, 1) < 0 && errno == EINTR && count);
	}
	/* With SA_RESTART: the handler's third time ends the wait. */
	with(SA_RESTART);
	write_to = fd[1];
	for (int i = 0; i < 50; i++) {
		count = 0;
		CHECK(read(fd[0], &c, 1) == 1 && c == 'x' && count >= 3);
	}
	every(0);
	return 0;
}
