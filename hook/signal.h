/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals, as a kernel would deliver them.
 *
 * The program's handlers are kept in a table; the kernel gets hook_signal() in
 * their place, with every signal blocked. A thread that is inside the hook puts
 * a signal off: it is remembered, all others are blocked by the context the
 * handler returns to, and on the way out it is queued again and let in with the
 * program's own mask in place. A call that waits is told by
 * thread.socket.signal_due.
 *
 * SIGSYS is how the kernel brings us system calls, so it is never blocked but
 * in our own handlers: it is taken out of every mask on its way to the kernel.
 */
#ifndef TOAMI_HOOK_SIGNAL_H
#define TOAMI_HOOK_SIGNAL_H

#include <ucontext.h>

#include "hook/thread.h"

/* As the kernel has it. */
struct hook_sigaction {
	void (*handler)(int sig, siginfo_t *info, void *context);
	uint64_t flags;
	void (*restorer)(void);
	uint64_t mask;
};

/* hook_signal_start - takes SIGSYS (for @sigsys), SIGSEGV and SIGBUS. Returns 0
 * or -errno. */
int hook_signal_start(void (*sigsys)(int, siginfo_t *, void *));

/* hook_signal_again - the same after clone3 has cleared the child's handlers */
void hook_signal_again(void);

/* hook_signal_hold, hook_signal_release - no thread has the table in between */
void hook_signal_hold(void);
void hook_signal_release(void);

/* hook_signal - the handler of everything but SIGSYS */
void hook_signal(int sig, siginfo_t *info, void *context);

/* hook_signal_sys - a SIGSYS that is no system call: the program's, if it has a
 * handler */
void hook_signal_sys(int sig, siginfo_t *info, ucontext_t *uc);

/* hook_signal_restarts - does the handler of @sig have SA_RESTART? */
bool hook_signal_restarts(int sig);

/* The program's calls: return HOOK_*. */
int hook_sigaction(struct hook_thread *t, struct hook_frame *f);
int hook_sigprocmask(struct hook_thread *t, struct hook_frame *f);
int hook_sigtimedwait(struct hook_thread *t, struct hook_frame *f);
int hook_sigsuspend(struct hook_thread *t, struct hook_frame *f);
int hook_sigreturn(struct hook_thread *t, struct hook_frame *f);

/**
 * hook_mask_strip - @args[@at] points to a mask: makes it point to one without
 * SIGSYS
 *
 * Returns true if it had to.
 */
bool hook_mask_strip(struct hook_thread *t, long *args, int at);

/* hook_mask_block - blocks all signals, returns the mask before */
uint64_t hook_mask_block(void);
void hook_mask_set(uint64_t mask);

/* For entry.S. */
void hook_signal_requeue(struct hook_frame *f);
void hook_signal_undelivered(void);
void hook_alt_done(struct hook_frame *f);

#endif
