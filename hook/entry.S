/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In and out of the hook.
 *
 * hook_entry is reached with every register as the program's system call instruction left
 * it, but %rcx, which holds the address after that instruction (as after the instruction
 * itself). It goes back with every register as a kernel would leave it: %rax the result,
 * %rcx that address, %r11 lost, the rest and the flags unchanged. No vector register is
 * touched in here.
 *
 * Signals. `inside` is set before the stack is left and cleared after it has been
 * restored; while it is set a signal is put off (signal.c) and noted in `due`.
 * After clearing it each way out looks at `due`, so none is missed. Between the labels
 * *_begin and *_end the thread is on the program's stack with `inside` clear, and
 * a signal is delivered at once: hook_signal() then makes the context look as though the
 * program were at its own system call, before or after it. Nothing here is ever
 * returned to by such a handler, so a handler may make system calls, leave by longjmp, and
 * have calls restarted.
 *
 * The flags stay intact there: mov, movzx and jrcxz do not touch them.
 */
#include "hook/thread.h"

/* Where a thread's struct is found: see thread.h. Flags stay. */
#ifdef HOOK_OWN_THREADS
#define SEGMENT %gs
	.macro	THREAD reg
	mov	$0, \reg
	.endm
#else
#define SEGMENT %fs
	.macro	THREAD reg
	mov	hook_thread@gottpoff(%rip), \reg
	.endm
#endif

	.text

	/*
	 * For debuggers, from SAVE on: the caller's %rsp and %rip are in the frame at
	 * %rsp, the registers that C keeps are as they were. Another stack follows, as after
	 * a signal.
	 */
	.macro	CALL_AT_RSP
	.cfi_startproc
	.cfi_def_cfa rsp, 0
	.cfi_register rip, rcx
	.endm
	.macro	FRAME_AT_RSP
	.cfi_signal_frame
	.cfi_escape 0x0f, 4, 0x77, (F_RSP & 0x7f) | 0x80, F_RSP >> 7, 0x06
	.cfi_escape 0x10, 16, 2, 0x77, F_RET
	.endm

	/* rcx: return address. Leaves the program's stack; rsp = struct hook_frame. */
	.macro	SAVE via, end
	THREAD	%r11
	movb	$1, SEGMENT:T_INSIDE(%r11)
	.ifnb	\end
LABEL \end
	.endif
	/* One store of %rsp and one load later: nothing waits longer for it. */
	mov	SEGMENT:T_TOP(%r11), %r11
	mov	%rax, F_RAX(%r11)
	mov	%rsp, F_RSP(%r11)
	mov	%r11, %rsp
	/* Cheaper than pushf: SF ZF AF PF CF, OF, and where a string goes (DF). */
	lahf
	seto	%al
	mov	%ax, F_FLAGS(%r11)
	mov	%rdi, F_ARGS(%r11)
	mov	%rsi, F_ARGS+8(%r11)
	mov	%rdx, F_ARGS+16(%r11)
	mov	%r10, F_ARGS+24(%r11)
	mov	%r8, F_ARGS+32(%r11)
	mov	%r9, F_ARGS+40(%r11)
	mov	%rcx, F_RET(%r11)
	movq	$\via, F_VIA(%r11)
	mov	%r11, %rsi
	lodsb
	cmp	%r11, %rsi
	jb	9f
	.subsection 1
9:	movb	$1, F_DF(%rsp)
	cld
	jmp	9f
	.previous
9:
	.endm

	/* Arguments, number or result, flags but DF. r11 = thread, T_RET = return address. */
	.macro	RESTORE
	THREAD	%r11
	mov	F_RET(%rsp), %rcx
	mov	%rcx, SEGMENT:T_RET(%r11)
	movzwl	F_FLAGS(%rsp), %eax
	add	$0x7f, %al		/* OF: 1 + 0x7f overflows */
	sahf
	mov	F_ARGS(%rsp), %rdi
	mov	F_ARGS+8(%rsp), %rsi
	mov	F_ARGS+16(%rsp), %rdx
	mov	F_ARGS+24(%rsp), %r10
	mov	F_ARGS+32(%rsp), %r8
	mov	F_ARGS+40(%rsp), %r9
	mov	F_RAX(%rsp), %rax
	mov	F_RSP(%rsp), %rsp
	movb	$0, SEGMENT:T_INSIDE(%r11)
	.endm

	/* thread.alt into the registers of a system call. r11 = thread. */
	.macro	LOAD_ALT
	mov	SEGMENT:T_ALT(%r11), %rdi
	mov	SEGMENT:T_ALT+8(%r11), %rsi
	mov	SEGMENT:T_ALT+16(%r11), %rdx
	mov	SEGMENT:T_ALT+24(%r11), %r10
	mov	SEGMENT:T_ALT+32(%r11), %r8
	mov	SEGMENT:T_ALT+40(%r11), %r9
	mov	SEGMENT:T_ALT_NR(%r11), %rax
	.endm

	.macro	FUNCTION name
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.balign	64
\name:
	.endm

	.macro	LABEL name
	.globl	\name
	.hidden	\name
\name:
	.endm

/* From the sled at address 0 (site.c), which has taken the return address off. */
FUNCTION hook_entry_page0
	CALL_AT_RSP
	SAVE	VIA_PAGE0, hook_entry_page0_end
	FRAME_AT_RSP
	mov	%rsp, %rdi
	call	hook_dispatch_page0
	jmp	dispatched
	.cfi_endproc

FUNCTION hook_entry
	CALL_AT_RSP
	SAVE	VIA_JUMP, hook_entry_end
	FRAME_AT_RSP
	mov	%rsp, %rdi
	call	hook_dispatch
dispatched:
	test	%eax, %eax
	jnz	other
leave:
	cmpw	$VIA_JUMP, F_VIA(%rsp)	/* and no DF */
	jne	leave_other
	.cfi_endproc
leave_jump:
	RESTORE
LABEL hook_leave_begin
	movzbl	SEGMENT:T_DUE(%r11), %ecx
	jrcxz	1f
	jmp	due
1:	mov	SEGMENT:T_RET(%r11), %rcx
	jmp	*%rcx
	.balign	16
leave_other:
	cmpb	$0, F_DF(%rsp)
	je	1f
	std
1:	cmpb	$VIA_JUMP, F_VIA(%rsp)
	je	leave_jump
	RESTORE
LABEL hook_leave_page0_begin
	movzbl	SEGMENT:T_DUE(%r11), %ecx
	jrcxz	1f
	jmp	due
1:	mov	SEGMENT:T_RET(%r11), %rcx
	push	%rcx
LABEL hook_leave_page0_end
	ret
other:
	cmp	$HOOK_PASS, %eax
	jne	rare
	cmpw	$VIA_JUMP, F_VIA(%rsp)
	jne	pass_other
pass_jump:
	RESTORE
LABEL hook_pass_begin
	movzbl	SEGMENT:T_DUE(%r11), %ecx
	jrcxz	1f
	jmp	due_before
1:	syscall
LABEL hook_pass_after
	THREAD	%r11
	mov	SEGMENT:T_RET(%r11), %rcx
	jmp	*%rcx
	.balign	16
pass_other:
	cmpb	$0, F_DF(%rsp)
	je	1f
	std
1:	cmpb	$VIA_JUMP, F_VIA(%rsp)
	je	pass_jump
	RESTORE
LABEL hook_pass_page0_begin
	movzbl	SEGMENT:T_DUE(%r11), %ecx
	jrcxz	1f
	jmp	due_before
1:	syscall
LABEL hook_pass_page0_after
	THREAD	%r11
	mov	SEGMENT:T_RET(%r11), %rcx
	push	%rcx
LABEL hook_pass_page0_end
	ret

/*
 * A signal was put off: queue it again and let it in (signal.c). All signals are still
 * blocked. The registers are the program's.
 */
due_before:
	mov	SEGMENT:T_RET(%r11), %rcx
	lea	-2(%rcx), %rcx		/* the call is made again afterwards */
	jmp	1f
due:
	mov	SEGMENT:T_RET(%r11), %rcx
1:	SAVE	VIA_JUMP
LABEL hook_leave_end
deliver:
	mov	%rsp, %rdi
	call	hook_signal_requeue
	THREAD	%r11
	mov	%rsp, SEGMENT:T_FRAME(%r11)
	mov	F_RSP(%rsp), %rsp
	LOAD_ALT			/* rt_sigprocmask */
	movb	$0, SEGMENT:T_INSIDE(%r11)
LABEL hook_unmask_begin
	syscall
	THREAD	%r11
	movb	$1, SEGMENT:T_INSIDE(%r11)
LABEL hook_unmask_end
	mov	SEGMENT:T_FRAME(%r11), %rsp
	call	hook_signal_undelivered
	jmp	leave

rare:
	cmp	$HOOK_ALT, %eax
	jne	rarer
	THREAD	%r11
	mov	%rsp, SEGMENT:T_FRAME(%r11)
	mov	F_RSP(%rsp), %rsp
	LOAD_ALT
	movb	$0, SEGMENT:T_INSIDE(%r11)
LABEL hook_alt_begin
	movzbl	SEGMENT:T_DUE(%r11), %ecx
	jrcxz	1f
	jmp	due_alt
1:	syscall
LABEL hook_alt_after
	THREAD	%r11
	movb	$1, SEGMENT:T_INSIDE(%r11)
LABEL hook_alt_end
	mov	SEGMENT:T_FRAME(%r11), %rsp
	mov	%rax, F_RAX(%rsp)
	mov	%rsp, %rdi
	call	hook_alt_done
	jmp	leave
due_alt:
	movb	$1, SEGMENT:T_INSIDE(%r11)
	mov	SEGMENT:T_FRAME(%r11), %rsp
	subq	$2, F_RET(%rsp)
	jmp	deliver

rarer:
	cmp	$HOOK_CLONE, %eax
	jne	exit
	mov	%rbx, F_CALLEE(%rsp)
	mov	%rbp, F_CALLEE+8(%rsp)
	mov	%r12, F_CALLEE+16(%rsp)
	mov	%r13, F_CALLEE+24(%rsp)
	mov	%r14, F_CALLEE+32(%rsp)
	mov	%r15, F_CALLEE+40(%rsp)
	mov	%rsp, %rdi
	call	hook_clone_ready
	mov	%rax, %rbx		/* the child's frame */
	mov	%rsp, %rbp		/* the parent's */
	THREAD	%r11
	LOAD_ALT
	syscall				/* no stack from here on: it may be shared */
	test	%rax, %rax
	jz	1f
	mov	%rbp, %rsp
	mov	%rax, F_RAX(%rsp)
	mov	%rsp, %rdi
	call	hook_clone_parent
	jmp	2f
1:	mov	%rbx, %rsp
	movq	$0, F_RAX(%rsp)
	mov	%rsp, %rdi
	call	hook_clone_child
2:	mov	F_CALLEE(%rsp), %rbx
	mov	F_CALLEE+8(%rsp), %rbp
	mov	F_CALLEE+16(%rsp), %r12
	mov	F_CALLEE+24(%rsp), %r13
	mov	F_CALLEE+32(%rsp), %r14
	mov	F_CALLEE+40(%rsp), %r15
	jmp	leave

/*
 * The thread's last calls. alt[0..1]: munmap's arguments, if alt[1]; alt[2]: exit code;
 * alt[3]: the word that says our stack is taken. Nothing is on it from there on.
 */
exit:
	THREAD	%r11
	mov	SEGMENT:T_ALT(%r11), %rdi
	mov	SEGMENT:T_ALT+8(%r11), %rsi
	mov	SEGMENT:T_ALT+16(%r11), %rbx
	mov	SEGMENT:T_ALT+24(%r11), %rbp
	test	%rsi, %rsi
	jz	1f
	mov	$11, %eax
	syscall
1:	mov	%rbx, %rdi
	mov	$60, %eax
	movl	$0, (%rbp)
	syscall
	hlt

/* A 32-bit call (int $0x80), left alone. T_RET is set by hook_sigsys(). */
FUNCTION hook_int80
	int	$0x80
LABEL hook_int80_after
	THREAD	%r11			/* lost to such a call on older kernels, too */
	jmp	*SEGMENT:T_RET(%r11)
LABEL hook_int80_end

/* The kernel returns from our handlers here. Unwinders know these very bytes. */
	nop
FUNCTION hook_restorer
	.byte	0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0	/* mov $15, %rax */
	syscall
LABEL hook_restorer_end

/*
 * int hook_copy_user(void *to, const void *from, size_t n): 0, or -EFAULT if a bad
 * pointer of the program's stops it (hook_signal() continues at the fixup).
 */
FUNCTION hook_copy_user
	mov	%rdx, %rcx
LABEL hook_copy_begin
	rep	movsb
LABEL hook_copy_end
	xor	%eax, %eax
	ret
LABEL hook_copy_fault
	mov	$-14, %eax
	ret

	.section .note.GNU-stack, "", @progbits
