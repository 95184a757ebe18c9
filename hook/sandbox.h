/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that install a seccomp filter: see sandbox.c. */
#ifndef TOAMI_HOOK_SANDBOX_H
#define TOAMI_HOOK_SANDBOX_H

#include "hook/thread.h"

/* hook_sandbox - prctl(PR_SET_SECCOMP) and seccomp(); returns HOOK_* */
int hook_sandbox(struct hook_frame *f);

#endif
