/* SPDX-License-Identifier: BSD-2-Clause */
/* placeholder */
#include <errno.h>
#include "hook/hook.h"
#include "hook/site.h"
int hook_page0_start(void) { return -EPERM; }
bool hook_page0_fits(const struct hook_site *s) { (void)s; return false; }
bool hook_page0_write(const struct hook_site *s) { (void)s; return false; }
bool hook_site_known(uint64_t ret) { (void)ret; return false; }
bool hook_site_missed(ucontext_t *uc) { (void)uc; return false; }
