/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that is about to be traced by its parent. */
#ifndef TOAMI_HOOK_TRACEME_H
#define TOAMI_HOOK_TRACEME_H

#include "hook/thread.h"

/* hook_traceme - ptrace(PTRACE_TRACEME): put off, as a rule. HOOK_*. */
int hook_traceme(struct hook_thread *t, struct hook_frame *f);

/* hook_traceme_now - makes good what was put off, before a call by which the
 * tracer expects to hear from the thread */
void hook_traceme_now(struct hook_thread *t);

/* hook_traceme_exec - the same before an exec; no call of the thread's is
 * brought to us from then on */
void hook_traceme_exec(struct hook_thread *t);

#endif
