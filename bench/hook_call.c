/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a call costs under a hook, or without one: for bench/hook.
 *
 * Usage: hook-call NAME. Prints ns a call, the best of some rounds.
 *
 *   returning  read() on a descriptor of the hook's own, which returns at once.
 *              The hook is told by call 505 which one that is, as
 *              tests/hook/socket_stub.c understands it
 *   others     calls that the kernel carries out
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 25
#define NR_OWN 505
#define BLOCK  4096

static int own, file, null, pair[2];
static char block[BLOCK];

static void returning(void)
{
	(void)!read(own, block, 5);
}

static void do_getppid(void)
{
	getppid();
}

static void do_futex(void)
{
	static uint32_t word;

	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void do_write(void)
{
	(void)!write(null, block, 64);
}

static void do_pread(void)
{
	(void)!pread(file, block, sizeof(block), 0);
}

static void do_stat(void)
{
	struct stat st;

	stat("/etc/passwd", &st);
}

static void do_pair(void)
{
	(void)!write(pair[0], block, 64);
	(void)!read(pair[1], block, 64);
}

static void do_open(void)
{
	close(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static const struct {
	const char *name;
	void (*run)(void);
	int calls; /* of the kernel, in each run */
} measures[] = {
	{ "returning", returning, 1 }, { "getppid", do_getppid, 1 },
	{ "futex", do_futex, 1 },      { "write", do_write, 1 },
	{ "pread", do_pread, 1 },      { "stat", do_stat, 1 },
	{ "unix", do_pair, 2 },	       { "open-close", do_open, 2 },
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ns a run; a round takes some milliseconds. */
static double measure(void (*f)(void))
{
	double best = 1e18, start = now_ns(), turns;

	for (int i = 0; i < 1000; i++)
		f();
	turns = 2e6 / ((now_ns() - start) / 1000);
	for (int r = 0; r < ROUNDS; r++) {
		start = now_ns();
		for (long i = 0; i < (long)turns; i++)
			f();
		start = (now_ns() - start) / (double)(long)turns;
		best = start < best ? start : best;
	}
	return best;
}

int main(int argc, char **argv)
{
	own = dup(2);
	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (argc != 2 || own < 0 || file < 0 || null < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return 1;
	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
		if (strcmp(measures[i].name, argv[1]))
			continue;
		if (!i) {
			syscall(NR_OWN, own);
			if (read(own, block, 5) != 6)
				return 2;
		}
		printf("%.2f\n", measure(measures[i].run) / measures[i].calls);
		return 0;
	}
	return 1;
}
