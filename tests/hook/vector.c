/* SPDX-License-Identifier: BSD-2-Clause */
/* Vector registers in their whole width, masks, and the control words of both
 * floating-point units come back from every kind of call, signals or not. */
#include "check.h"

#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <sys/time.h>

#define SAVE_BYTES 4096

static uint8_t before[SAVE_BYTES] __attribute__((aligned(64)));
static uint8_t after[SAVE_BYTES] __attribute__((aligned(64)));
static volatile int signals;

/* What a program may use: x87, SSE, AVX, AVX-512. */
#define COMPONENTS 0xe7

static void handler(int sig)
{
	(void)sig;
	/* A handler's own use of them is its own. */
	__asm__ volatile("xorps %%xmm0, %%xmm0; xorps %%xmm7, %%xmm7" ::
				 : "xmm0", "xmm7");
	signals++;
}

static void fill(uint32_t components)
{
	uint32_t mxcsr = 0x1f80 | 0x6000; /* rounds towards zero */
	uint16_t control = 0x0f7f;

	for (int i = 0; i < SAVE_BYTES; i++)
		before[i] = 0;
	__asm__ volatile("xsave %0" : "+m"(before) : "a"(components), "d"(0));
	/* xmm0-15 and all that follows the header but its reserved part. */
	for (int i = 160; i < 416; i++)
		before[i] = (uint8_t)(rand() >> 3);
	for (int i = 576; i < SAVE_BYTES; i++)
		before[i] = (uint8_t)(rand() >> 3);
	memcpy(before + 24, &mxcsr, 4);
	memcpy(before, &control, 2);
	memset(before + 512, 0, 64);
	*(uint64_t *)(before + 512) = components; /* all of them in use */
}

/* Loads everything, makes one call, stores everything: nothing in between. */
static long round_trip(long nr, long a, uint32_t components)
{
	long ret = nr;

	__asm__ volatile("mov %[all], %%eax; xor %%edx, %%edx; xrstor %[in]\n\t"
			 "mov %[nr], %%rax; mov %[a], %%rdi; syscall\n\t"
			 "mov %%rax, %[nr]\n\t"
			 "mov %[all], %%eax; xor %%edx, %%edx; xsave %[out]\n\t"
			 "fninit"
			 : [nr] "+r"(ret), [out] "=m"(after)
			 : [in] "m"(before), [all] "r"(components), [a] "r"(a)
			 : "rax", "rdx", "rdi", "rcx", "r11", "memory");
	return ret;
}

static void check(long nr, long a, uint32_t components, long want)
{
	static const uint32_t usual = 0x1f80;
	long ret;

	fill(components);
	memset(after, 0, sizeof(after));
	ret = round_trip(nr, a, components);
	__asm__ volatile("ldmxcsr %0" : : "m"(usual));
	CHECK(nr == NR_SPIN ? ret == 0 || ret == 1 : ret == want);
	CHECK(!memcmp(before, after, 6));		/* control words */
	CHECK(!memcmp(before + 24, after + 24, 4));	/* MXCSR */
	CHECK(!memcmp(before + 160, after + 160, 256)); /* xmm */
	CHECK(!memcmp(before + 576, after + 576, 256)); /* ymm's upper halves */
	if (!(components & 0xe0))
		return;
	for (int i = 5; i <= 7; i++) { /* k0-7, zmm0-15's upper, zmm16-31 */
		uint32_t size, at, c, d;

		__cpuid_count(13, i, size, at, c, d);
		CHECK(!memcmp(before + at, after + at, size));
	}
}

int main(void)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_RESTART };
	struct itimerval it = { { 0, 300 }, { 0, 300 } };
	uint32_t a, b, c, d, components;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) {
		puts("skipped: this processor has no xsave");
		return 77;
	}
	__asm__ volatile("xgetbv" : "=a"(components), "=d"(d) : "c"(0));
	components &= COMPONENTS;
	if (!(components & 4)) {
		puts("skipped: this processor has no AVX");
		return 77;
	}
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	for (int i = 0; i < 3000; i++) {
		check(NR_PLUS, 41, components, 42);    /* returns */
		check(39, 0, components, getpid());    /* is passed on */
		check(100000, 0, components, -ENOSYS); /* unknown */
		check(NR_SPIN, 50, components, 0);     /* signals wait */
	}
	CHECK(signals > 10);
	return 0;
}
