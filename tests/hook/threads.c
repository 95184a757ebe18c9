/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads are hooked from their first instruction on, and leave nothing behind.
 */
#include "check.h"

#include <pthread.h>
#include <sys/syscall.h>

static long mapped_kb(void)
{
	char line[256];
	long kb = 0;
	FILE *f = fopen("/proc/self/status", "r");

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmSize: %ld", &kb);
	fclose(f);
	return kb;
}

static void *thread(void *arg)
{
	CHECK(is_hooked());
	if (arg)
		syscall(SYS_exit, 0);
	return NULL;
}

static void many(pthread_attr_t *attr)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], attr, thread, NULL));
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(t[i], NULL));
}

int main(void)
{
	pthread_attr_t attr;
	long before;

	pthread_attr_init(&attr);
	CHECK(!pthread_attr_setstacksize(&attr, 16384)); /* PTHREAD_STACK_MIN */
	many(&attr);
	many(NULL);
	before = mapped_kb();
	for (int i = 0; i < 500; i++)
		many(i & 1 ? &attr : NULL);
	CHECK(mapped_kb() < before + 4096);
	return 0;
}
