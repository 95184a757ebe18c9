/* SPDX-License-Identifier: BSD-2-Clause */
/* Every way to end a process or a thread ends it with what the kernel would
 * report, from the main thread or another, inside a handler or a call. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static volatile int ended;

static void *thread_exits(void *arg)
{
	(void)arg;
	CHECK(is_hooked());
	exit(11);
}

static void *thread_goes_on(void *arg)
{
	struct timespec ms = { 0, 1000000 };

	nanosleep(&ms, NULL);
	CHECK(is_hooked());
	_exit(*(int *)arg);
}

static void *thread_ends(void *arg)
{
	ended = 1;
	raw(SYS_exit, 5, 0, 0);
	return arg;
}

static void handler_exits(int sig)
{
	_exit(100 + sig);
}

static void at_exit(void)
{
	CHECK(is_hooked());
	_exit(17);
}

static void run(int how)
{
	static int answer = 12;
	struct rlimit none = { 0, 0 };
	pthread_t t;

	setrlimit(RLIMIT_CORE, &none);
	switch (how) {
	case 0:
		exit(10);
	case 1:
		pthread_create(&t, NULL, thread_exits, NULL);
		pthread_join(t, NULL);
		break;
	case 2: /* the main thread ends first */
		pthread_create(&t, NULL, thread_goes_on, &answer);
		pthread_exit(NULL);
	case 3:
		raw(SYS_exit_group, 13, 0, 0);
		break;
	case 4: /* the only thread's end is the process's */
		raw(SYS_exit, 14, 0, 0);
		break;
	case 5:
		signal(SIGUSR1, handler_exits);
		raise(SIGUSR1);
		break;
	case 6: /* while a call is in the hook */
		signal(SIGALRM, handler_exits);
		ualarm(2000, 0);
		for (;;)
			raw(NR_SPIN, 100000, 0, 0);
	case 7: /* while one waits there */
		signal(SIGALRM, handler_exits);
		ualarm(2000, 0);
		raw(NR_WAIT, 0, 0, 0);
		break;
	case 8:
		abort();
	case 9:
		kill(getpid(), SIGKILL);
		for (;;)
			pause();
	case 10:
		raise(SIGTERM);
		break;
	case 11:
		atexit(at_exit);
		exit(0);
	case 12: /* a thread's own end leaves the others be */
		pthread_create(&t, NULL, thread_ends, NULL);
		pthread_join(t, NULL);
		CHECK(ended && is_hooked());
		_exit(18);
	case 13:
		quick_exit(19);
	default:
		__builtin_trap();
	}
	_exit(99);
}

int main(void)
{
	static const int want[] = { 10,
				    11,
				    12,
				    13,
				    14,
				    100 + SIGUSR1,
				    100 + SIGALRM,
				    100 + SIGALRM,
				    1000 + SIGABRT,
				    1000 + SIGKILL,
				    1000 + SIGTERM,
				    17,
				    18,
				    19,
				    1000 + SIGILL };

	for (int i = 0; i < 10; i++) {
		for (int how = 0; how < 15; how++) {
			pid_t pid = fork();
			int got;

			if (!pid)
				run(how);
			got = status_of(pid);
			if (got != want[how])
				fprintf(stderr, "way %d: %d\n", how, got);
			CHECK(got == want[how]);
		}
	}
	return 0;
}
