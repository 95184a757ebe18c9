/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that come to a site for the first time at the same time. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 4
#define SITES	3000
#define STEP	23

__asm__(".text\n.balign 64\nrace_first:\n.rept 3000\n"
	"1: mov $500, %eax; syscall; ret; .fill 13-(.-1b), 1, 0x90\n"
	"2: mov %rsi, %rax; syscall; ret; .fill 10-(.-2b), 1, 0x90\n"
	".endr\n");
extern char race_first[];

static _Atomic int go[SITES];

static void *racer(void *arg)
{
	(void)arg;
	for (long i = 0; i < SITES; i++) {
		long (*f)(long, long) = (void *)(race_first + STEP * i);
		long (*g)(long, long) = (void *)(race_first + STEP * i + 13);

		atomic_fetch_add(&go[i], 1);
		while (i % 64 == 0 && atomic_load(&go[i]) < THREADS)
			;
		for (long k = 0; k < 8; k++) {
			CHECK(f(k, 0) == k + 1);
			CHECK(g(k, NR_PLUS) == k + 1);
		}
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&t[i], NULL, racer, NULL));
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_join(t[i], NULL));
	return 0;
}
