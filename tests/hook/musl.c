/* SPDX-License-Identifier: BSD-2-Clause */
/* The other C library: its start, its detached threads, which unmap their own
 * stack. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

static volatile int got;

static void handler(int sig)
{
	got = sig;
	CHECK(is_hooked());
}

static void *thread(void *detach)
{
	CHECK(is_hooked());
	if (detach)
		pthread_detach(pthread_self());
	return NULL;
}

int main(int argc, char **argv)
{
	char line[64];
	pthread_t t;
	FILE *f;
	pid_t pid;

	CHECK(is_hooked());
	if (argc > 1)
		return 7;
	signal(SIGUSR1, handler);
	CHECK(!raise(SIGUSR1) && got == SIGUSR1);
	for (int i = 0; i < 200; i++) {
		CHECK(!pthread_create(&t, NULL, thread, i & 1 ? &t : NULL));
		if (!(i & 1))
			CHECK(!pthread_join(t, NULL));
	}
	pid = fork();
	if (!pid)
		_exit(is_hooked() ? 7 : 1);
	CHECK(status_of(pid) == 7);
	pid = vfork();
	if (!pid) {
		execl("/proc/self/exe", argv[0], "x", NULL);
		_exit(1);
	}
	CHECK(status_of(pid) == 7);
	CHECK(WEXITSTATUS(system("exit 9")) == 9);
	f = fopen("/etc/resolv.conf", "r");
	CHECK(f && fgets(line, sizeof(line), f));
	CHECK(!is_toami() || !strcmp(line, "nameserver 10.77.0.1\n"));
	return 0;
}
