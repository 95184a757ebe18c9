/* SPDX-License-Identifier: BSD-2-Clause */
/* Sites at every place of a cache line and across the end of a page work, and
 * go on to. */
#include "check.h"

#define SITES 4200 /* more than a page of each */

/* Blocks of 65 bytes: each next one lies one further in its line. */
__asm__(".text\n.balign 4096\nmov_first:\n"
	".rept 4200\n1: mov $500, %eax; syscall; ret; .fill 65-(.-1b), 1, "
	"0x90\n"
	".endr\n"
	".balign 4096\nplain_first:\n"
	".rept 4200\n1: mov %rsi, %rax; syscall; ret; .fill 65-(.-1b), 1, "
	"0x90\n"
	".endr\n");
extern char mov_first[], plain_first[];

int main(void)
{
	for (int round = 0; round < 3; round++) {
		for (long i = 0; i < SITES; i++) {
			long (*f)(long, long) = (void *)(mov_first + 65 * i);
			long (*g)(long, long) = (void *)(plain_first + 65 * i);

			CHECK(f(i, 0) == i + 1);
			CHECK(g(i, NR_PLUS) == i + 1);
		}
	}
	return 0;
}
