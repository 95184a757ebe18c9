/* SPDX-License-Identifier: BSD-2-Clause */
/* A program without a C library, which meson.build links where the hook lies in
 * the filter's tier: for refused.sh. */
#include <stdnoreturn.h>
#include <sys/syscall.h>

noreturn void _start(void);

noreturn void _start(void)
{
	for (;;)
		__asm__ volatile("syscall" : : "a"(SYS_exit_group), "D"(3));
}
