/* SPDX-License-Identifier: BSD-2-Clause */
/* Forks while other threads come to sites for the first time: no child finds
 * half of one. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

#define SITES 4000
#define STEP  13

__asm__(".text\n.balign 64\nfork_first:\n.rept 4000\n"
	"1: mov $500, %eax; syscall; ret; .fill 13-(.-1b), 1, 0x90\n.endr\n");
extern char fork_first[];

static _Atomic long at;

static void call(long i)
{
	long (*f)(long) = (void *)(fork_first + STEP * i);

	CHECK(f(i) == i + 1);
}

static void *walker(void *arg)
{
	long i;

	while ((i = atomic_fetch_add(&at, 1)) < SITES) {
		for (int k = 0; k < 20; k++)
			call(i);
	}
	return arg;
}

int main(void)
{
	pthread_t t[2];
	pid_t pid;
	int forks = 0;

	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, walker, NULL));
	do {
		long now = atomic_load(&at);

		pid = fork();
		if (!pid) {
			for (long i = now - 20; i < now + 20; i++) {
				if (i >= 0 && i < SITES)
					call(i);
			}
			_exit(0);
		}
		CHECK(!status_of(pid));
		forks++;
	} while (atomic_load(&at) < SITES);
	CHECK(forks > 3);
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_join(t[i], NULL));
	return 0;
}
