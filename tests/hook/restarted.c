/* SPDX-License-Identifier: BSD-2-Clause */
/* A call in the hook goes on after a handler with SA_RESTART, until one
 * without. */
#include "check.h"

#include <signal.h>
#include <time.h>

static volatile int restarts, ends;

static void restart(int sig)
{
	(void)sig;
	restarts++;
}

static void end(int sig)
{
	(void)sig;
	ends++;
}

int main(void)
{
	struct sigaction a = { .sa_handler = restart, .sa_flags = SA_RESTART };
	struct sigaction b = { .sa_handler = end };
	struct timespec ms = { 0, 1000000 };
	pid_t pid, parent = getpid();

	CHECK(!sigaction(SIGUSR1, &a, NULL) && !sigaction(SIGUSR2, &b, NULL));
	pid = fork();
	if (!pid) {
		for (int i = 0; i < 20; i++) {
			kill(parent, SIGUSR1);
			nanosleep(&ms, NULL);
		}
		do { /* until the parent goes on and ends us */
			kill(parent, SIGUSR2);
		} while (!nanosleep(&ms, NULL));
		_exit(0);
	}
	CHECK(raw(NR_WAIT, 0, 0, 0) == -EINTR);
	CHECK(ends >= 1 && restarts >= 1);
	kill(pid, SIGKILL);
	CHECK(status_of(pid) == 1000 + SIGKILL);
	return 0;
}
