/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hook knows of a thread, and the frame that a hooked call leaves.
 *
 * The first half of both structs is known to entry.S by number; thread.c checks
 * the numbers. Two builds find a thread's struct without a call:
 *
 *   preloaded  it lives in the thread's static thread-local storage, at %fs.
 * Its `magic` is initialised data, so storage that was not made by the
 *              program's loader is told from ours before it is written to
 *   loaded     (HOOK_OWN_THREADS) for programs without such a loader: it lies
 * at the top of the hook's own stack, and %gs, which programs on Linux leave
 * alone, points to it
 *
 * Each thread has a stack of its own for the hook: a program's stack may be as
 * small as it likes, since a kernel uses none of it.
 */
#ifndef TOAMI_HOOK_THREAD_H
#define TOAMI_HOOK_THREAD_H

/* struct hook_frame */
#define F_ARGS	 0 /* rdi rsi rdx r10 r8 r9 */
#define F_RET	 48
#define F_FLAGS	 56 /* OF, then SF ZF AF PF CF as lahf has them */
#define F_RAX	 64
#define F_VIA	 72
#define F_DF	 73 /* a flag, too */
#define F_BACK	 80
#define F_RSP	 88
#define F_SAVED	 96 /* as much is pushed from `top` down */
#define F_CALLEE 96 /* rbx rbp r12 r13 r14 r15 */
#define F_SIZE	 192

/* struct hook_thread */
#define T_TOP	 8
#define T_RET	 16
#define T_FRAME	 24
#define T_ALT_NR 32
#define T_ALT	 40
#define T_INSIDE 88
#define T_CALM	 89
#define T_DUE	 112

/* What hook_offer() says beside a call's result. */
#define OFFER_PASS -5000 /* SOCKET_PASS */
#define OFFER_NOT  -5001 /* it has not looked at it */

/* What hook_dispatch() tells entry.S to do. */
#define HOOK_RETURN 0 /* frame.rax is the result */
#define HOOK_PASS   1 /* the program's call, as it is, to the kernel */
#define HOOK_ALT    2 /* the call in thread.alt; the program's registers stay */
#define HOOK_CLONE  3 /* the call in thread.alt makes a thread or process */
#define HOOK_EXIT   4 /* the calls in thread.alt end this thread */
#define HOOK_AGAIN  5 /* HOOK_RETURN, but to a frame.ret that has changed */

/* How a call came here, and so how it goes back. */
#define VIA_JUMP 0 /* by a signal or a jump: nothing on the stack */
#define VIA_PAGE0 \
	1 /* by a `call`: return with `ret`, for the predictor's sake */
#define VIA_STUB 2 /* by a stub: return to it, or as if by a jump */

#ifndef __ASSEMBLER__

#include <signal.h>
#include <stddef.h>

#include "base/types.h"
#include "socket/socket.h"

#define HOOK_THREAD_MAGIC UINT64_C(0x746f616d692d7468)

/* Kernel's signal masks: bit n-1 for signal n. */
#define SIGBIT(n)   (UINT64_C(1) << ((n)-1))
#define SIGMASK_SYS SIGBIT(SIGSYS)
/* Signals that an instruction raises: blocked, they would kill. */
#define SIGMASK_FAULTS                                                        \
	(SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGFPE) | SIGBIT(SIGILL) | \
	 SIGBIT(SIGTRAP) | SIGMASK_SYS)

enum hook_clone_kind {
	CLONE_KIND_THREAD, /* own thread-local storage, memory shared */
	CLONE_KIND_VFORK,  /* parent waits, everything shared */
	CLONE_KIND_FORK,   /* own memory */
};

/* A call on its way: the program's registers. At the top of the hook's stack.
 */
struct hook_frame {
	long args[6];
	uint64_t ret; /* the address after the system call instruction */
	uint8_t flag_of, flag_rest, flags_end[6];
	long rax; /* number, then result */
	uint8_t via, flag_df, via_end[6];
	uint64_t back; /* VIA_STUB: where in the stub */
	uint64_t rsp;
	/* From here on only valid for HOOK_CLONE. */
	uint64_t callee[6];
	uint32_t clone_kind;  /* enum hook_clone_kind */
	proc_ix clone_slot;   /* of the child, unless a thread */
	uint64_t clone_mask;  /* of signals, before all were blocked */
	uint64_t clone_stack; /* the child's, 0: as it is */
	struct hook_thread *clone_thread; /* of a new thread */
	proc_ix clone_self; /* the parent's socket.self and vfork_depth */
	uint32_t clone_depth;
	uint64_t end; /* keeps the size a multiple of 16 */
};

/* A hook's stack; this is at its lowest address, above a guard page. */
struct hook_stack {
	struct hook_stack *next; /* all stacks ever made, never unlinked */
	_Atomic uint32_t busy;
};

#define HOOK_STACK_SIZE (128 * 1024)

struct hook_thread {
	union {
		uint64_t magic;
		struct hook_thread *self; /* HOOK_OWN_THREADS */
	};
	uint64_t top;		  /* the next frame is pushed from here down */
	uint64_t ret;		  /* while a frame is being left */
	struct hook_frame *frame; /* of a HOOK_ALT call */
	long alt_nr;
	long alt[6];
	uint8_t inside; /* on the hook's stack: signals are put off */
	uint8_t calm;	/* !socket.signal_due, for an instruction's sake */
	struct socket_thread socket;

	/* A signal put off: what it was, and the mask to go back to. */
	uint64_t due_mask;
	siginfo_t due_info;

	struct hook_stack *stack;
	uint32_t vfork_depth; /* borrowed by that many children, one in another
			       */
	uint32_t sys_blocked; /* the program believes SIGSYS is blocked */
	bool sys_pending;     /* one was sent meanwhile: */
	siginfo_t sys_info;
	uint64_t mask_copy; /* a mask of the program's without SIGSYS */
	long pair_copy[2];  /* pselect6: its address and size */
	long *alt_oldset;  /* where HOOK_ALT wrote a mask that lacks it, or NULL
			    */
	char *exec_memory; /* environment of the last exec */
	size_t exec_size;
	int exec_fd;	/* 0, or a file that it left open if it failed */
	bool exec_trap; /* SIGTRAP is held back until it is done */
	bool traceme;	/* it wants to be traced: traceme.h */
};

extern struct socket_process hook_process;

#ifdef HOOK_OWN_THREADS
#define HOOK_SEGMENT "gs"

/* This thread's. */
static inline struct hook_thread *hook_self(void)
{
	struct hook_thread *t;

	__asm__("mov %%gs:0, %0" : "=r"(t));
	return t;
}
#else
#define HOOK_SEGMENT "fs"

extern _Thread_local struct hook_thread hook_thread;

static inline struct hook_thread *hook_self(void)
{
	return &hook_thread;
}
#endif

/* hook_due_set - a signal was put off, or no longer is */
static inline void hook_due_set(struct hook_thread *t, bool due)
{
	t->socket.signal_due = due;
	t->calm = !due;
}

/* hook_thread_frame - that of the call that @t is in */
static inline struct hook_frame *hook_thread_frame(const struct hook_thread *t)
{
	return (struct hook_frame *)(t->top - F_SAVED);
}

/* hook_frame_top - the `top` of a thread whose next frame is to be @f */
static inline uint64_t hook_frame_top(const struct hook_frame *f)
{
	return (uint64_t)f + F_SAVED;
}

/*
 * hook_thread_offset - where a thread's struct lies, from where its segment
 * register points: the same for all threads, and fits an instruction
 */
static inline int32_t hook_thread_offset(void)
{
	char *here;

	__asm__("mov %%" HOOK_SEGMENT ":0, %0" : "=r"(here));
	return (int32_t)((char *)hook_self() - here);
}

/* hook_thread_start - the program's first thread. 0 or -errno. */
int hook_thread_start(void);

/**
 * hook_thread_new - for a thread to come, whose %fs will be @tls
 *
 * Returns NULL: no memory, or its storage is not the program's loader's.
 */
struct hook_thread *hook_thread_new(uint64_t tls);

/* hook_thread_enter - the new thread @t itself, before anything else of ours */
void hook_thread_enter(struct hook_thread *t);

/* hook_thread_leaves - %fs set to @fs takes the thread away from its storage */
bool hook_thread_leaves(uint64_t fs);

/*
 * hook_thread_check - ends the process with a sentence if the program has taken
 * what leads to the thread's struct (%gs, by an instruction): in the handlers,
 * before anything of it is looked at
 */
#ifdef HOOK_OWN_THREADS
void hook_thread_check(void);
#else
static inline void hook_thread_check(void)
{
}
#endif

/* hook_thread_fini - gives the stack back of a thread that never ran */
void hook_thread_fini(struct hook_thread *t);

/* hook_thread_forked - in a fork's child: the other threads' stacks are free */
void hook_thread_forked(struct hook_thread *t);

#endif
#endif
