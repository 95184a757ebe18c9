/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers that leave calls by siglongjmp, many times over. */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

static sigjmp_buf out;

static void handler(int sig)
{
	(void)sig;
	siglongjmp(out, 1);
}

int main(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 500 } };
	volatile int jumps = 0;
	int fd[2];
	char c;

	signal(SIGALRM, handler);
	CHECK(!pipe(fd));
	for (volatile int i = 0; i < 1000; i++) {
		if (sigsetjmp(out, 1)) {
			jumps++;
			CHECK(is_hooked());
			continue;
		}
		setitimer(ITIMER_REAL, &it, NULL);
		if (i % 3 == 0)
			raw(NR_WAIT, 0, 0, 0);
		else if (i % 3 == 1)
			CHECK(read(fd[0], &c, 1) == 0);
		else
			for (;;)
				raw(NR_SPIN, 3000, 0, 0);
	}
	CHECK(jumps == 1000);
	return 0;
}
