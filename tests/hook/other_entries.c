/* SPDX-License-Identifier: BSD-2-Clause */
/* 32-bit and x32 calls from 64-bit code work as ever, but get no sockets of the
 * host's. */
#include "check.h"

#include <sys/syscall.h>

static long int80(long nr, long b)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(b)
			 : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

int main(void)
{
	for (int i = 0; i < 3; i++) {
		long ret = int80(20, 0); /* getpid */

		CHECK(ret == getpid() || ret == -ENOSYS);
		if (is_toami()) {
			CHECK(int80(102, 1) == -ENOSYS);
			CHECK(int80(359, 2) == -ENOSYS);
			CHECK(raw(0x40000000 + SYS_socket, 2, 1, 0) == -ENOSYS);
		}
		CHECK(raw(-1, 0, 0, 0) == -ENOSYS);
		CHECK(raw(0x123456789abcdefl, 0, 0, 0) == -ENOSYS);
	}
	return 0;
}
