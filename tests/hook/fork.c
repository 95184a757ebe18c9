/* SPDX-License-Identifier: BSD-2-Clause */
/* Children of every kind of fork are hooked, also of a program with threads. */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

static void *loop(void *arg)
{
	for (;;)
		CHECK(is_hooked());
	return arg;
}

static int child(void *arg)
{
	CHECK(is_hooked());
	_exit(*(int *)arg);
}

int main(void)
{
	static char stack[65536];
	int answer = 7;
	pthread_t t;
	pid_t pid;

	for (int i = 0; i < 50; i++) {
		pid = fork();
		if (!pid)
			child(&answer);
		CHECK(status_of(pid) == 7);

		pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		if (!pid)
			child(&answer);
		CHECK(status_of(pid) == 7);

		pid = clone(child, stack + sizeof(stack), SIGCHLD, &answer);
		CHECK(status_of(pid) == 7);

		pid = clone(child, stack + sizeof(stack),
			    CLONE_VM | CLONE_VFORK | SIGCHLD, &answer);
		CHECK(status_of(pid) == 7);
		CHECK(is_hooked());
		if (i == 25)
			CHECK(!pthread_create(&t, NULL, loop, NULL));
	}
	return 0;
}
