/* SPDX-License-Identifier: BSD-2-Clause */
/* sys_sleep: see sys.h. rdi = due, rsi = nr, rdx = args. */
	.text
	.globl	sys_sleep, sys_sleep_begin, sys_sleep_end, sys_sleep_abort
	.hidden	sys_sleep, sys_sleep_begin, sys_sleep_end, sys_sleep_abort
	.type	sys_sleep, @function
sys_sleep:
	.cfi_startproc
	mov	%rdi, %r11
	mov	%rsi, %rax
	mov	%rdx, %rcx
	mov	0(%rcx), %rdi
	mov	8(%rcx), %rsi
	mov	16(%rcx), %rdx
	mov	24(%rcx), %r10
	mov	32(%rcx), %r8
	mov	40(%rcx), %r9
sys_sleep_begin:
	cmpb	$0, (%r11)
	jne	sys_sleep_abort
	syscall			/* its own address is inside the sequence */
sys_sleep_end:
	ret
sys_sleep_abort:
	mov	$-4, %rax	/* -EINTR */
	ret
	.cfi_endproc
	.size	sys_sleep, . - sys_sleep
	.section .note.GNU-stack, "", @progbits
