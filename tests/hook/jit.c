/* SPDX-License-Identifier: BSD-2-Clause */
/* A compiler that writes and runs code in one page, over and over in the same
 * place: each call is seen, no byte of its code is changed. */
#include "check.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* A function that returns call @nr's result, with @pad bytes before it. */
static size_t emit(uint8_t *at, uint32_t nr, int pad)
{
	uint8_t *p = at;

	while (pad--)
		*p++ = 0x90;
	*p++ = 0xb8; /* mov $nr, %eax; syscall; ret; padding */
	memcpy(p, &nr, 4);
	p += 4;
	memcpy(p, "\x0f\x05\xc3\xcc\xcc\xcc\xcc\xcc\xcc\xcc", 10);
	return (size_t)(p + 10 - at);
}

static void run(uint8_t *code)
{
	uint8_t copy[128];
	long (*f)(long) = (long (*)(long))(void *)code;
	pid_t pid = getpid();

	for (int i = 0; i < 400; i++) {
		int own = i & 1;
		size_t n = emit(code, own ? NR_PLUS : SYS_getpid, i % 40);

		memcpy(copy, code, n);
		CHECK(f(i) == (own ? i + 1 : pid));
		CHECK(f(i) == (own ? i + 1 : pid));
		CHECK(!memcmp(copy, code, n));
	}
}

int main(void)
{
	uint8_t *code = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("jit", MFD_CLOEXEC);
	uint8_t *writable, *executable;

	CHECK(code != MAP_FAILED && fd >= 0 && !ftruncate(fd, 4096));
	run(code);
	run(code + 4096 - 20); /* across two pages */
	/* As careful ones do: written in one place, executed in another. */
	writable = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	executable = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	CHECK(writable != MAP_FAILED && executable != MAP_FAILED);
	for (int i = 0; i < 100; i++) {
		emit(writable, NR_PLUS, i % 20);
		CHECK(((long (*)(long))(void *)executable)(i) == i + 1);
	}
	return 0;
}
