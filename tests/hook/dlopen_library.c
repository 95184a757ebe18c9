/* SPDX-License-Identifier: BSD-2-Clause */
/* For dlopen_later.c: makes system calls of its own. */
#include "check.h"

static int at_start;

int library_hooked_at_start(void);
int library_hooked_now(void);

static __attribute__((constructor)) void start(void)
{
	at_start = is_hooked();
}

int library_hooked_at_start(void)
{
	return at_start;
}

int library_hooked_now(void)
{
	return is_hooked();
}
