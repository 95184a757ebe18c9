/* SPDX-License-Identifier: BSD-2-Clause */
/* posix_spawn says why it failed; what it starts is hooked; handlers stay the
 * parent's. */
#include "check.h"

#include <signal.h>
#include <spawn.h>

static volatile int got;

static void handler(int sig)
{
	got = sig;
}

int main(int argc, char **argv)
{
	char *args[] = { argv[0], (char *)"child", NULL }, *none[] = { NULL };
	posix_spawnattr_t attr;
	sigset_t all;
	pid_t pid;

	if (argc > 1)
		return is_hooked() ? 9 : 1;
	signal(SIGUSR1, handler);
	posix_spawnattr_init(&attr);
	sigfillset(&all);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setsigmask(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETSIGMASK);
	for (int i = 0; i < 10; i++) {
		CHECK(posix_spawn(&pid, "/nowhere", NULL, NULL, args, none) ==
		      ENOENT);
		CHECK(!posix_spawn(&pid, "/proc/self/exe", NULL,
				   i & 1 ? &attr : NULL, args, none));
		CHECK(status_of(pid) == 9);
		CHECK(is_hooked());
		got = 0;
		raise(SIGUSR1);
		CHECK(got == SIGUSR1);
	}
	return 0;
}
