/* SPDX-License-Identifier: BSD-2-Clause */
/* Code that comes to be after the start is hooked: made in memory, and mapped
 * from a file. */
#include "check.h"

#include <sys/mman.h>

/* mov $500, %eax; syscall; ret */
static const unsigned char code[] = { 0xb8, 0xf4, 1, 0, 0, 0x0f, 5, 0xc3 };

int main(void)
{
	char path[] = "/tmp/toami-hook-XXXXXX";
	long (*f)(long);
	int fd = mkstemp(path);
	void *p;

	CHECK(fd >= 0 && !unlink(path));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	memcpy(p, code, sizeof(code));
	memcpy(&f, &p, sizeof(f));
	for (long i = 0; i < 3; i++)
		CHECK(f(i) == i + 1);
	CHECK(!memcmp(p, code, sizeof(code))); /* a compiler's: left alone */

	CHECK(write(fd, code, sizeof(code)) == sizeof(code));
	CHECK(!ftruncate(fd, 4096));
	p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	memcpy(&f, &p, sizeof(f));
	for (long i = 0; i < 3; i++)
		CHECK(f(i) == i + 1);
	return 0;
}
