/* SPDX-License-Identifier: BSD-2-Clause */
/* Sites where the number comes from somewhere else, as in Go's and musl's
 * functions for any call: a short jump takes the instruction's place. */
#include "check.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>

/* (number, argument). The third has no padding near, the fourth one that is
 * code. */
long any_int3(long nr, long a);
long any_nop(long nr, long a);
long any_alone(long nr, long a);
long any_false(long nr, long a);
extern const uint8_t site_int3[], site_nop[], site_alone[], site_false[];

#define SITE(name, after)                                            \
	".balign 16\nany_" name ": mov %rdi, %rax; mov %rsi, %rdi\n" \
	".globl site_" name "\nsite_" name ": syscall; " after "\n"

__asm__(".text\n" SITE("int3", "ret\n.balign 16, 0xcc") SITE(
	"nop",
	"ret\n.balign 16") SITE("alone",
				"ret\n.fill 160, 1, 0x90\n.balign 16, 0x90")
		SITE("false",
		     "jmp 1f\n.balign 16, 0xcc\n1: ret\n.fill 160, 1, 0x90\n"));

static const struct {
	long (*call)(long nr, long a);
	const uint8_t *site;
	int rewritten;
} sites[] = {
	{ any_int3, site_int3, 1 },
	{ any_nop, site_nop, 1 },
	{ any_alone, site_alone, 0 },
	{ any_false, site_false, 0 },
};

static void *work(void *arg)
{
	pid_t pid = getpid();

	(void)arg;
	for (int i = 0; i < 200; i++) {
		for (unsigned s = 0; s < sizeof(sites) / sizeof(sites[0]);
		     s++) {
			CHECK(sites[s].call(NR_PLUS, i) == i + 1);
			if (i % 64 == 0)
				CHECK(sites[s].call(SYS_getpid, 0) == pid);
		}
	}
	return NULL;
}

int main(void)
{
	const char *tier = getenv("TOAMI_HOOK");
	int jumps = is_jumping();
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, work, NULL));
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(t[i], NULL));
	for (unsigned s = 0; s < sizeof(sites) / sizeof(sites[0]); s++) {
		int jumped;

		/* A thread that is being made holds rewriting up; on a busy
		 * machine, for all that the others had to do. */
		CHECK(sites[s].call(NR_PLUS, 1) == 2);
		jumped = sites[s].site[0] == 0xeb;
		CHECK(jumped == (jumps && sites[s].rewritten));
		/* As it was, or, with protection keys, a call of page 0. */
		CHECK(jumped || sites[s].site[0] == 0x0f ||
		      (sites[s].site[0] == 0xff && strcmp(tier, "dispatch") &&
		       strcmp(tier, "jump")));
	}
	return 0;
}
