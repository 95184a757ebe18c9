/* SPDX-License-Identifier: BSD-2-Clause */
/* What a leaf function keeps below its stack pointer survives its call. */
#include "check.h"

/* Variables at -8 and -128, from which the answer is made up. */
long leaf(long a);
__asm__(".text\n.globl leaf\nleaf:\n"
	"movq $1000, -8(%rsp); movq $2000, -128(%rsp)\n"
	"mov $500, %eax; nop; syscall\n"
	"add -8(%rsp), %rax; add -128(%rsp), %rax; ret\n");

/* The same with a frame pointer. */
long framed(long a);
__asm__(".globl framed\nframed:\n"
	"push %rbp; mov %rsp, %rbp; movq $1000, -8(%rbp)\n"
	"mov $500, %eax; nop; syscall\n"
	"add -8(%rbp), %rax; pop %rbp; ret\n");

/* The kernel reads it, by a pointer. */
long pointed(int fd);
__asm__(".globl pointed\npointed:\n"
	"movq $77, -8(%rsp); lea -8(%rsp), %rsi; mov $8, %edx\n"
	"mov $1, %eax; nop; syscall; ret\n");

/* On one of two ways. */
long branched(long a, long b);
__asm__(".globl branched\nbranched:\n"
	"movq $5, -8(%rsp); mov $500, %eax; nop; syscall\n"
	"test %rsi, %rsi; jz 1f; ret\n1: mov -8(%rsp), %rax; ret\n");

int main(void)
{
	int fd[2];
	long got;

	CHECK(!pipe(fd));
	for (int i = 0; i < 4; i++) {
		CHECK(leaf(i) == i + 3001);
		CHECK(framed(i) == i + 1001);
		CHECK(branched(i, 0) == 5);
		CHECK(branched(i, 1) == i + 1);
		CHECK(pointed(fd[1]) == 8);
		CHECK(read(fd[0], &got, 8) == 8 && got == 77);
	}
	return 0;
}
