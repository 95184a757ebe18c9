/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel has put into the process for calls that are none: the vDSO,
 * and the page of vsyscalls. They work, are not written to, and are not hooked.
 */
#include "check.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define VSYSCALL_TIME 0xffffffffff600400ul

static sigjmp_buf out;

static void fault(int sig)
{
	(void)sig;
	siglongjmp(out, 1);
}

static uint32_t sum(const uint8_t *p, size_t n)
{
	uint32_t s = 1;

	while (n--)
		s = s * 31 + *p++;
	return s;
}

int main(void)
{
	const uint8_t *vdso = (void *)getauxval(AT_SYSINFO_EHDR);
	long (*vtime)(long *) = (void *)VSYSCALL_TIME;
	struct timespec a, b, coarse;
	struct timeval tv;
	uint32_t before = vdso ? sum(vdso, 4096) : 0;

	for (int i = 0; i < 1000; i++) {
		CHECK(!clock_gettime(CLOCK_MONOTONIC, &a));
		CHECK(!raw(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&b, 0));
		CHECK(b.tv_sec > a.tv_sec ||
		      (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
		/* Clocks that the vDSO leaves to the kernel: a call of its own.
		 */
		CHECK(!clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a));
		CHECK(!clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a));
		CHECK(!clock_gettime(CLOCK_REALTIME_COARSE, &coarse));
		CHECK(!gettimeofday(&tv, NULL) && time(NULL) >= coarse.tv_sec);
		CHECK(sched_getcpu() >= 0);
		CHECK(clock_gettime(4711, &a) < 0 && errno == EINVAL);
	}
	CHECK(!vdso || before == sum(vdso, 4096));
	/* Emulated by the kernel, or not there, as it is configured. */
	signal(SIGSEGV, fault);
	if (!sigsetjmp(out, 1)) {
		long now = vtime(NULL);

		CHECK(now >= coarse.tv_sec && now < coarse.tv_sec + 60);
		CHECK(vtime(NULL) >= now);
	}
	CHECK(is_hooked());
	return 0;
}
