/* SPDX-License-Identifier: BSD-2-Clause */
/* %gs set by a call and by an instruction: a program's to keep where the hook
 * is preloaded; where the hook needs it, in static programs and under a filter,
 * it ends with a sentence and does not crash or go on without a hook. */
#include "check.h"

#include <asm/prctl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define EXIT_UNAVAILABLE 69

static uint64_t words[64] __attribute__((aligned(64))) = { 4711 };

static uint64_t first_word(void)
{
	uint64_t v;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(v));
	return v;
}

static void by_call(uint64_t base)
{
	CHECK(!raw(SYS_arch_prctl, ARCH_SET_GS, (long)base, 0));
}

static void by_instruction(uint64_t base)
{
	__asm__ volatile("wrgsbase %0" : : "r"(base));
}

/* Bit 1 of AT_HWCAP2: the kernel lets programs use the instruction. */
static int has_instruction(void)
{
	return getauxval(AT_HWCAP2) & 2;
}

/* Reached by a signal from the kernel, not by a jump, the first time. */
static void kept(void)
{
	CHECK(first_word() == 4711);
	CHECK(raw(NR_PLUS, 1, 0, 0) == 2);
	CHECK(raw(NR_PLUS, 2, 0, 0) == 3);
	CHECK(getppid() > 0);
	CHECK(first_word() == 4711);
}

static void handler(int sig)
{
	(void)sig;
	kept();
}

/* What becomes of a static program: its exit status; its last words. */
static int end_of(void (*set)(uint64_t), uint64_t base, char text[200])
{
	int p[2];
	ssize_t n;
	pid_t pid;

	CHECK(!pipe(p));
	pid = fork();
	if (!pid) {
		dup2(p[1], 2);
		set(base);
		raw(SYS_getpid, 0, 0, 0);
		_exit(0);
	}
	close(p[1]);
	n = read(p[0], text, 199);
	text[n > 0 ? n : 0] = '\0';
	close(p[0]);
	return status_of(pid);
}

static void refused(void)
{
	void *nowhere =
		mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t bases[] = { 0, (uint64_t)words, (uint64_t)nowhere };
	char text[200];

	words[0] = (uint64_t)words; /* as many have it, the hook among them */
	for (int i = 0; i < 3; i++) {
		CHECK(end_of(by_call, bases[i], text) == EXIT_UNAVAILABLE);
		CHECK(strstr(text, "%gs") && strstr(text, "--stack kernel"));
		if (!has_instruction())
			continue;
		CHECK(end_of(by_instruction, bases[i], text) ==
		      EXIT_UNAVAILABLE);
		CHECK(strstr(text, "%gs") && strstr(text, "--stack kernel"));
	}
}

int main(void)
{
	const char *preload = getenv("LD_PRELOAD");

	CHECK(is_hooked());
	if (is_filtered() || (preload && *preload && !getauxval(AT_BASE))) {
		refused();
		return 0;
	}
	by_call((uint64_t)words);
	kept();
	if (has_instruction()) {
		by_instruction(0);
		by_instruction((uint64_t)words);
	}
	kept();
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	if (!fork()) {
		kept();
		_exit(9);
	}
	CHECK(status_of(-1) == 9);
	kept();
	return 0;
}
