/* SPDX-License-Identifier: BSD-2-Clause */
/* A call made by an instruction leaves errno alone, whatever becomes of it: the
 * variable is the C library's. So are its stdio and its thread storage. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

static _Thread_local long own = 4711;

static void calls(void)
{
	for (int i = 0; i < 5; i++) {
		errno = 1234;
		CHECK(raw(NR_PLUS, 1, 0, 0) == 2 && errno == 1234);
		CHECK(raw(SYS_close, -1, 0, 0) == -EBADF && errno == 1234);
		CHECK(raw(SYS_read, 0, -4096, 0) <= 0 && errno == 1234);
		CHECK(raw(SYS_open, -4096, 0, 0) == -EFAULT && errno == 1234);
		CHECK(raw(SYS_socket, -1, 0, 0) < 0 && errno == 1234);
		CHECK(raw(SYS_execve, -4096, 0, 0) == -EFAULT && errno == 1234);
		CHECK(raw(100000, 0, 0, 0) == -ENOSYS && errno == 1234);
		CHECK(own == 4711);
	}
}

static void handler(int sig)
{
	(void)sig;
	CHECK(raw(NR_PLUS, 1, 0, 0) == 2);
	CHECK(raw(SYS_close, -1, 0, 0) == -EBADF);
}

static void *thread(void *arg)
{
	calls();
	return arg;
}

int main(void)
{
	pthread_t t;

	calls();
	CHECK(!pthread_create(&t, NULL, thread, NULL));
	CHECK(!pthread_join(t, NULL));
	signal(SIGUSR1, handler);
	errno = 77;
	raise(SIGUSR1);
	CHECK(errno == 77);
	calls();
	return 0;
}
