/* SPDX-License-Identifier: BSD-2-Clause */
/* A hooked call changes rax, rcx and r11, and nothing else: no flag, no vector.
 */
#include "check.h"

#include <stdint.h>

struct state {
	uint64_t gpr[14]; /* rbx rbp r8-r10 r12-r15 rdi rsi rdx, flags, rax */
	uint64_t xmm[16][2];
};

/* Loads everything from rdi, calls, stores everything to rsi. One site of each
 * form. */
#define ROUND(name, prepare)                                                   \
	void name(const struct state *in, struct state *out);                  \
	__asm__(".text\n.globl " #name "\n" #name ":\n"                        \
		"push %rbx; push %rbp; push %r12; push %r13; push %r14\n"      \
		"push %r15; push %rsi; mov %rdi, %rax\n"                       \
		".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"               \
		"movdqu 112+16*\\i(%rax), %xmm\\i\n.endr\n"                    \
		"push 96(%rax); popfq\n"                                       \
		"mov 0(%rax),%rbx; mov 8(%rax),%rbp; mov 16(%rax),%r8\n"       \
		"mov 24(%rax),%r9; mov 32(%rax),%r10; mov 40(%rax),%r12\n"     \
		"mov 48(%rax),%r13; mov 56(%rax),%r14; mov 64(%rax),%r15\n"    \
		"mov 72(%rax),%rdi; mov 80(%rax),%rsi; mov "                   \
		"88(%rax),%rdx\n" prepare "; syscall\n"                        \
		"pushfq; cld; push %rax; mov 16(%rsp), %rax\n"                 \
		"mov %rbx,0(%rax); mov %rbp,8(%rax); mov %r8,16(%rax)\n"       \
		"mov %r9,24(%rax); mov %r10,32(%rax); mov %r12,40(%rax)\n"     \
		"mov %r13,48(%rax); mov %r14,56(%rax); mov %r15,64(%rax)\n"    \
		"mov %rdi,72(%rax); mov %rsi,80(%rax); mov %rdx,88(%rax)\n"    \
		"pop %rcx; mov %rcx,104(%rax); pop %rcx; mov %rcx,96(%rax)\n"  \
		".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"               \
		"movdqu %xmm\\i, 112+16*\\i(%rax)\n.endr\n"                    \
		"pop %rsi; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp\n" \
		"pop %rbx; ret\n")

ROUND(round_number, "mov $500, %eax");
ROUND(round_other, "movq $500, %rax");
ROUND(round_kernel, "mov $39, %eax");
ROUND(round_unknown, "movq $-1, %rax");

static void check(void (*round)(const struct state *, struct state *),
		  uint64_t flags, long want)
{
	struct state in, out;
	uint8_t *b = (uint8_t *)&in;

	for (size_t i = 0; i < sizeof(in); i++)
		b[i] = (uint8_t)(rand() >> 3);
	in.gpr[9] = 41;
	in.gpr[12] = flags;
	memset(&out, 0, sizeof(out));
	round(&in, &out);
	CHECK((long)out.gpr[13] == want);
	CHECK(out.gpr[12] == flags);
	CHECK(!memcmp(in.gpr, out.gpr, 12 * 8));
	CHECK(!memcmp(in.xmm, out.xmm, sizeof(in.xmm)));
}

int main(void)
{
	/* CF PF AF ZF SF DF OF, beside IF and the bit that is always 1. */
	static const int bits[] = { 0, 2, 4, 6, 7, 10, 11 };

	for (int i = 0; i < 128; i++) {
		uint64_t flags = 0x202;

		for (int k = 0; k < 7; k++)
			flags |= (uint64_t)(i >> k & 1) << bits[k];
		check(round_number, flags, 42);
		check(round_other, flags, 42);
		check(round_kernel, flags, getpid());
		check(round_unknown, flags, -ENOSYS);
	}
	return 0;
}
