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
 * hook_entry_stub is called, on the hook's stack already, by the stub of a rewritten site
 * (jump.c), and returns there: a call and its return are predicted from the processor's
 * stack of return addresses, whichever site it was, and a jump through a register by
 * what that one jump did before, for all sites.
 *
 * Signals. `inside` is set before the stack is left and cleared after it has been
 * restored; while it is set a signal is put off (signal.c) and noted in `due`.
 * After clearing it each way out looks at `due`, so none is missed. Between the labels
 * *_begin and *_end, and in stubs, the thread is on the program's stack with `inside` clear,
 * and a signal is delivered at once: hook_signal() then makes the context look as though the
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
#define SEGMENT_PREFIX 0x65
	.macro	THREAD reg
	mov	$0, \reg
	.endm
#else
#define SEGMENT %fs
#define SEGMENT_PREFIX 0x64
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

	/* The rest of a struct hook_frame, below `back`. rcx: return address. */
	.macro	SAVE_REST via
	push	$\via
	push	%rax
	/* Cheaper than pushf: SF ZF AF PF CF, OF, and where a string goes (DF). */
	lahf
	seto	%al
	push	%rax
	push	%rcx
	push	%r9
	push	%r8
	push	%r10
	push	%rdx
	push	%rsi
	push	%rdi
	mov	%rsp, %rsi
	lodsb
	cmp	%rsp, %rsi
	.endm

	/* rcx: return address. Leaves the program's stack; rsp = struct hook_frame. */
	.macro	SAVE via, end
	THREAD	%r11
	movb	$1, SEGMENT:T_INSIDE(%r11)
	.ifnb	\end
LABEL \end
	.endif
	mov	SEGMENT:T_TOP(%r11), %r11
	xchg	%rsp, %r11
	push	%r11
	push	$0			/* `back` */
	SAVE_REST \via
	jae	9f
	movb	$1, F_DF(%rsp)
	cld
9:
	.endm

	/* Arguments, flags but DF, %rcx the return address, but %rax and the stack. */
	.macro	RESTORE_REST
	movzwl	F_FLAGS(%rsp), %eax
	add	$0x7f, %al		/* OF: 1 + 0x7f overflows */
	sahf
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%r10
	pop	%r8
	pop	%r9
	pop	%rcx
	.endm

	/* All of it. r11 = thread, T_RET = return address. */
	.macro	RESTORE
	THREAD	%r11
	RESTORE_REST
	mov	%rcx, SEGMENT:T_RET(%r11)
	mov	F_RAX-F_RET-8(%rsp), %rax
	mov	F_RSP-F_RET-8(%rsp), %rsp
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

/*
 * Called by a stub: above the return address lies the program's %rsp. The stub restores
 * that, clears `inside` and looks at `due`.
 */
FUNCTION hook_entry_stub
	.cfi_startproc
	.cfi_undefined rip
	SAVE_REST VIA_STUB
	jb	stub_df
	FRAME_AT_RSP
	mov	%rsp, %rdi
	mov	F_RAX(%rsp), %rsi
	call	hook_offer
	test	%rax, %rax
	js	1f
	mov	%rax, %r11
stub_leave:
	RESTORE_REST
	mov	%r11, %rax
	lea	F_BACK-F_RET-8(%rsp), %rsp
	ret
1:	cmp	$OFFER_PASS, %rax
	je	stub_pass
	mov	%rsp, %rdi
	mov	%rax, %rsi
	call	hook_dispatch_rest
	mov	F_RAX(%rsp), %r11
	test	%eax, %eax
	jz	stub_leave
	cmp	$HOOK_PASS, %eax
	jne	rare
stub_pass:
	RESTORE
LABEL hook_pass_stub_begin
	movzbl	SEGMENT:T_DUE(%r11), %ecx
	jrcxz	1f
	jmp	due_before
1:	syscall
LABEL hook_pass_stub_after
	/* Kernels leave the processor no return addresses to predict from: no `ret`. */
	THREAD	%r11
	mov	SEGMENT:T_RET(%r11), %rcx
	jmp	*%rcx
LABEL hook_pass_stub_end
stub_df:
	movb	$1, F_DF(%rsp)
	cld
	jmp	entered
	.cfi_endproc

FUNCTION hook_entry
	CALL_AT_RSP
	SAVE	VIA_JUMP, hook_entry_end
entered:
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
1:	cmpb	$VIA_PAGE0, F_VIA(%rsp)
	jne	leave_jump
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
1:	cmpb	$VIA_PAGE0, F_VIA(%rsp)
	jne	pass_jump
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
	cmp	$HOOK_AGAIN, %eax
	je	leave
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

/*
 * What a stub does after the instructions that it stands for (stub.c): a pattern, whose
 * labels stand before operands that are filled in there. Fields of the thread's struct
 * are named by their offset, to which that of the struct is added. Flags stay.
 */
	.section .rodata
LABEL hook_stub
	.byte	0x48, 0x8d, 0x0d	/* lea after(%rip), %rcx */
LABEL hook_stub_after1
	.long	0
	.byte	SEGMENT_PREFIX, 0xc6, 0x04, 0x25	/* movb $1, inside */
LABEL hook_stub_in
	.long	T_INSIDE
	.byte	1
	mov	%rsp, %r11
	.byte	SEGMENT_PREFIX, 0x48, 0x8b, 0x24, 0x25	/* mov top, %rsp */
LABEL hook_stub_top
	.long	T_TOP
	push	%r11
	.byte	0xe8			/* call hook_entry_stub */
LABEL hook_stub_entry
	.long	0
	pop	%rsp
	.byte	SEGMENT_PREFIX, 0xc6, 0x04, 0x25	/* movb $0, inside */
LABEL hook_stub_out
	.long	T_INSIDE
	.byte	0
LABEL hook_stub_outside
	.byte	0x4c, 0x8d, 0x1d	/* lea after(%rip), %r11 */
LABEL hook_stub_after2
	.long	0
	.byte	SEGMENT_PREFIX, 0x0f, 0xb6, 0x0c, 0x25	/* movzbl calm, %ecx */
LABEL hook_stub_looks
	.long	T_CALM
	jrcxz	1f
	mov	%r11, %rcx
	.byte	0xe9			/* jmp after */
LABEL hook_stub_after3
	.long	0
1:	.byte	0xe9			/* jmp hook_stub_due */
LABEL hook_stub_leave
	.long	0
LABEL hook_stub_end
	.text

/* From a stub that found `due` set: %r11 is the address after its call. */
FUNCTION hook_stub_due
	THREAD	%rcx
	mov	%r11, SEGMENT:T_RET(%rcx)
	mov	%rcx, %r11
LABEL hook_stub_due_end
	jmp	due

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
