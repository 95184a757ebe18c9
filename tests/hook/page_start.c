/* SPDX-License-Identifier: BSD-2-Clause */
/* A site at the start of a page that was rewritten before, and so is a mapping
 * of its own: as open() is in some C libraries. */
#include "check.h"

#include <stdint.h>

__asm__(".text\n.balign 4096\n.fill 4096, 1, 0x90\n"
	".fill 10, 1, 0x90\nat_start: mov $500, %eax; syscall; ret\n"
	".balign 256\nbehind: mov $500, %eax; syscall; ret\n"
	".balign 4096\n.fill 4096, 1, 0x90\n");
long at_start(long a);
long behind(long a);

int main(void)
{
	const uint8_t *code = (const uint8_t *)at_start;

	for (long i = 0; i < 3; i++)
		CHECK(behind(i) == i + 1);
	for (long i = 0; i < 3; i++)
		CHECK(at_start(i) == i + 1);
	CHECK((code[0] == 0xe9) == is_jumping());
	return 0;
}
