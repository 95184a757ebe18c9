/* SPDX-License-Identifier: BSD-2-Clause */
/* vfork: the parent waits, then returns to where it was, whatever the child did
 * below. */
#include "check.h"

static __attribute__((noinline)) void scribble(void)
{
	volatile char deep[4096];

	memset((char *)deep, 0x55, sizeof(deep));
}

int main(int argc, char **argv)
{
	pid_t pid;

	if (argc > 1)
		return is_hooked() ? 9 : 1;
	for (volatile int i = 0; i < 20; i++) {
		pid = vfork();
		if (!pid) {
			scribble();
			if (i & 1)
				execl("/proc/self/exe", argv[0], "x", NULL);
			_exit(is_hooked() ? 9 : 1);
		}
		CHECK(pid > 0);
		CHECK(status_of(pid) == 9);
		CHECK(is_hooked());
	}
	return 0;
}
