/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel takes nothing of a program's stack. Calls from stacks of a few
 * bytes, as Go's goroutines have, with an alternate stack for signals as Go's
 * have. */
#include "check.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* call_at(stack, number, argument): nothing lies below @stack. */
long call_at(char *stack, long nr, long a);
__asm__(".text\n.globl call_at\n.balign 16\ncall_at:\n"
	"push %rbx; mov %rsp, %rbx; mov %rdi, %rsp\n"
	"mov %rsi, %rax; mov %rdx, %rdi\n"
	"syscall\n"
	"mov %rbx, %rsp; pop %rbx; ret\n"
	".balign 16, 0xcc\n");

/* The same with the number at the site. */
long plus_at(char *stack, long unused, long a);
__asm__(".globl plus_at\n.balign 16\nplus_at:\n"
	"push %rbx; mov %rsp, %rbx; mov %rdi, %rsp; mov %rdx, %rdi\n"
	"mov $500, %eax; syscall\n"
	"mov %rbx, %rsp; pop %rbx; ret\n"
	".balign 16, 0xcc\n");

int main(void)
{
	static char alternate[65536];
	stack_t ss = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	const char *tier = getenv("TOAMI_HOOK");
	char *page;

	if (tier && !strcmp(tier, "page0")) {
		puts("skipped: where page0 is forced, a call leaves its "
		     "return address on the stack for a moment");
		return 77;
	}
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED && !mprotect(page, 4096, PROT_NONE));
	page += 4096;
	memset(page, 0x5a, 64);
	CHECK(!sigaltstack(&ss, NULL));
	for (long i = 0; i < 50; i++) {
		/* 0: the very first byte; and where nothing is at all. */
		CHECK(call_at(page + i % 3 * 8, NR_PLUS, i) == i + 1);
		CHECK(plus_at(page, 0, i) == i + 1);
		CHECK(call_at(page, SYS_getpid, 0) == getpid());
		CHECK(call_at(NULL, NR_PLUS, i) == i + 1);
		CHECK(call_at(page, SYS_close, -1) == -EBADF);
	}
	for (int i = 0; i < 64; i++)
		CHECK(page[i] == 0x5a);
	return 0;
}
