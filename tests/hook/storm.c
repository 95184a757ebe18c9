/* SPDX-License-Identifier: BSD-2-Clause */
/* Two signals at a high rate while calls of every kind go on: nothing is lost
 * or mixed up. */
#include "check.h"

#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static volatile int alarms, users;

static void on_alarm(int sig)
{
	int saved = errno;

	(void)sig;
	alarms++;
	CHECK(is_hooked());
	CHECK(getppid() > 0);
	errno = saved;
}

static void on_prof(int sig)
{
	(void)sig;
	users++;
	CHECK(is_hooked());
}

int main(void)
{
	struct sigaction a = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct sigaction b = { .sa_handler = on_prof };
	struct itimerval it = { { 0, 150 }, { 0, 150 } };
	struct timespec tick = { 0, 50000 };
	sigset_t block, sys;
	time_t end = time(NULL) + 2;
	char buf[8] = "abcdefg";
	pid_t pid = getpid();
	int fd[2];

	sigaction(SIGALRM, &a, NULL);
	sigaction(SIGPROF, &b, NULL);
	sigemptyset(&block);
	sigaddset(&block, SIGALRM);
	sigfillset(&sys);
	CHECK(!pipe(fd));
	setitimer(ITIMER_REAL, &it, NULL);
	setitimer(ITIMER_PROF, &it, NULL);
	while (time(NULL) < end) {
		for (int i = 0; i < 50; i++) {
			long got = raw(NR_PLUS, i, 0, 0);

			CHECK(got == i + 1);
			CHECK(getpid() == pid);
			got = raw(39, 0, 0, 0);
			CHECK(got == pid);
		}
		nanosleep(&tick, NULL);
		poll(NULL, 0, 1);
		ppoll(NULL, 0, &tick, &sys);
		sigprocmask(SIG_BLOCK, &block, NULL);
		CHECK(raw(NR_PLUS, 7, 0, 0) == 8);
		sigprocmask(SIG_UNBLOCK, &block, NULL);
		sigprocmask(SIG_BLOCK, &sys, &block);
		sigprocmask(SIG_SETMASK, &block, NULL);
		sigemptyset(&block);
		sigaddset(&block, SIGALRM);
		CHECK(write(fd[1], buf, 8) == 8);
		CHECK(read(fd[0], buf, 8) == 8);
		raw(NR_SPIN, 5000, 0, 0);
	}
	CHECK(alarms > 100);
	return 0;
}
