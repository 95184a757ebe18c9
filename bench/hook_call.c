/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hooked call costs that only returns (tests/hook/socket_stub.c), beside
 * a plain function and a call that the kernel carries out.
 *
 * Run by bench/hook_call.sh, once a tier. Prints ns a call, the best of some
 * rounds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 7

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* As the C library's wrappers are. */
long call_number(long a);
long call_read(long fd, void *p, long n);
long call_kernel(void);
__asm__(".text\n.balign 32\ncall_number: mov $500, %eax; syscall; ret\n"
	".balign 32\ncall_kernel: mov $39, %eax; syscall; ret\n"
	".balign 32\ncall_read: xor %eax, %eax; syscall; ret\n.balign 16, "
	"0xcc\n");

static __attribute__((noinline)) long plain(long a)
{
	__asm__ volatile("");
	return a + 1;
}

static __attribute__((noinline)) long number(long a)
{
	return call_number(a);
}

static __attribute__((noinline)) long library_read(long fd)
{
	return read((int)fd, NULL, 0);
}

static __attribute__((noinline)) long library_write(long fd)
{
	return write((int)fd, NULL, 0);
}

static __attribute__((noinline)) long kernel(long a)
{
	(void)a;
	return call_kernel();
}

static __attribute__((noinline)) long kernel_write(long fd)
{
	return write((int)fd, NULL, 0);
}

static double measure(long (*f)(long), long a, long turns)
{
	double best = 1e18;

	for (int r = 0; r < ROUNDS; r++) {
		double start = now_ns();

		for (long i = 0; i < turns; i++)
			f(a);
		start = (now_ns() - start) / (double)turns;
		best = start < best ? start : best;
	}
	return best;
}

int main(void)
{
	const char *tier = getenv("TOAMI_HOOK");
	int fd[2], sink;

	if (pipe(fd))
		return 1;
	sink = dup(fd[1]);
	printf("%-9s", tier ? tier : "none");
	printf(" function %5.1f", measure(plain, 1, 20000000));
	if (number(41) == 42) {
		syscall(505, fd[1]); /* ours from now on */
		printf("  returning %6.1f", measure(number, 1, 300000));
		printf("  read() %6.1f", measure(library_read, fd[1], 300000));
		printf("  write() %6.1f",
		       measure(library_write, fd[1], 300000));
	} else {
		printf("  returning %6s  read() %6s  write() %6s", "-", "-",
		       "-");
	}
	printf("  kernel getpid %6.1f", measure(kernel, 0, 300000));
	printf("  kernel write() %6.1f\n", measure(kernel_write, sink, 300000));
	return 0;
}
