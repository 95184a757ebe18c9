/* SPDX-License-Identifier: BSD-2-Clause */
/* vfork: the parent waits, then returns to where it was, whatever the child did
 * below, and finds what it left in its variables. */
#include "check.h"

static __attribute__((noinline)) void scribble(void)
{
	volatile char deep[4096];

	memset((char *)deep, 0x55, sizeof(deep));
}

int main(int argc, char **argv)
{
	volatile int told = 0, answer;
	pid_t pid;

	if (argc > 1)
		return is_hooked() ? 9 : 1;
	for (volatile int i = 0; i < 20; i++) {
		told = 0;
		pid = vfork();
		if (!pid) {
			scribble();
			execl("/nowhere", argv[0], NULL);
			told = errno; /* as many a shell tells its parent */
			if (i & 1)
				execl("/proc/self/exe", argv[0], "x", NULL);
			_exit(is_hooked() ? 9 : 1);
		}
		CHECK(pid > 0);
		answer = status_of(pid);
		CHECK(answer == 9 && told == ENOENT);
		CHECK(is_hooked());
	}
	return 0;
}
