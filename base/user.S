/* SPDX-License-Identifier: BSD-2-Clause */
/* user_copy, user_touch, user_touch_write: see user.h. Nothing is on the stack: a fault just goes on
 * at user_copy_fault. */
	.text
	.globl	user_copy, user_touch, user_touch_write, user_copy_begin, user_copy_end, user_copy_fault
	.hidden	user_copy, user_touch, user_touch_write, user_copy_begin, user_copy_end, user_copy_fault
	.type	user_copy, @function
	.type	user_touch, @function
	.type	user_touch_write, @function
	.balign	16
user_copy:
	.cfi_startproc
	mov	%rdx, %rcx
	shr	$3, %rcx
	jz	2f
user_copy_begin:
1:	mov	(%rsi), %rax
	mov	%rax, (%rdi)
	add	$8, %rsi
	add	$8, %rdi
	dec	%rcx
	jnz	1b
2:	and	$7, %edx
	jz	4f
3:	mov	(%rsi), %al
	mov	%al, (%rdi)
	inc	%rsi
	inc	%rdi
	dec	%edx
	jnz	3b
4:	xor	%eax, %eax
	ret
	.cfi_endproc
	.size	user_copy, . - user_copy
user_touch:
	.cfi_startproc
	mov	(%rdi), %al
	xor	%eax, %eax
	ret
	.cfi_endproc
	.size	user_touch, . - user_touch
user_touch_write:
	.cfi_startproc
	orb	$0, (%rdi)
user_copy_end:
	xor	%eax, %eax
	ret
user_copy_fault:
	mov	$-14, %eax		/* -EFAULT */
	ret
	.cfi_endproc
	.size	user_touch_write, . - user_touch_write
	.section .note.GNU-stack, "", @progbits
