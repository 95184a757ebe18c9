/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread can be cancelled while it waits in the kernel: unwinding goes
 * through us. */
#include "check.h"

#include <pthread.h>

static volatile int cleaned, reading;

static void clean(void *arg)
{
	(void)arg;
	CHECK(is_hooked());
	cleaned++;
}

static void *thread(void *arg)
{
	char c;

	pthread_cleanup_push(clean, NULL);
	reading = 1;
	CHECK(read(*(int *)arg, &c, 1) == -2);
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	int fd[2];
	pthread_t t;
	void *ret;

	CHECK(!pipe(fd));
	for (int i = 1; i <= 20; i++) {
		reading = 0;
		CHECK(!pthread_create(&t, NULL, thread, fd));
		while (i & 1 && !reading)
			;
		CHECK(!pthread_cancel(t));
		CHECK(!pthread_join(t, &ret));
		CHECK(ret == PTHREAD_CANCELED && cleaned <= i);
	}
	CHECK(cleaned > 0);
	return 0;
}
