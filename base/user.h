/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program's memory, by addresses that may be bad.
 *
 * A kernel answers a bad pointer with EFAULT. These touch the program's memory
 * at places that whoever handles SIGSEGV knows (hook/signal.c): it goes on at
 * user_copy_fault. Where nobody does (libtoami, tests), a bad pointer faults as
 * in any function.
 */
#ifndef TOAMI_BASE_USER_H
#define TOAMI_BASE_USER_H

#include <stddef.h>

/* user_copy - @n bytes between the program and us, either way; 0 or -EFAULT */
int user_copy(void *to, const void *from, size_t n);

/* user_touch - reads the byte at @at; 0 or -EFAULT */
int user_touch(const void *at);

/* A fault in [begin, end) is one of the program's addresses. */
extern const char user_copy_begin[], user_copy_end[], user_copy_fault[];

#endif
