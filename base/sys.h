/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls as plain instructions: no C library, no errno, no cancellation.
 *
 * The rooms that live inside a hooked program call the kernel only through
 * here, so that the hook can tell its own calls (by the address of the
 * instruction) from the program's. Each returns what the kernel returned: >= 0,
 * or a negative errno.
 */
#ifndef TOAMI_BASE_SYS_H
#define TOAMI_BASE_SYS_H

#include <stdint.h>
#include <sys/syscall.h>

static inline long sys_call6(long nr, long a, long b, long c, long d, long e,
			     long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* sys_call - up to six arguments, missing ones are 0 */
#define sys_call(...)                                                          \
	SYS_PICK(__VA_ARGS__, SYS_6, SYS_5, SYS_4, SYS_3, SYS_2, SYS_1, SYS_0) \
	(__VA_ARGS__)
#define SYS_PICK(n, a, b, c, d, e, f, m, ...) m
#define SYS_0(n)			      sys_call6(n, 0, 0, 0, 0, 0, 0)
#define SYS_1(n, a)			      sys_call6(n, (long)(a), 0, 0, 0, 0, 0)
#define SYS_2(n, a, b)			      sys_call6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS_3(n, a, b, c)		      sys_call6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS_4(n, a, b, c, d) \
	sys_call6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS_5(n, a, b, c, d, e) \
	sys_call6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS_6(n, a, b, c, d, e, f)                                          \
	sys_call6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
		  (long)(f))

/**
 * sys_sleep - a system call that may wait, abandoned if a signal is due
 * @due: the thread's note that a signal waits for delivery (hook/signal.h)
 *
 * The check and the system call are one restartable sequence: a signal handler
 * that sets *due and finds the interrupted address in [sys_sleep_begin,
 * sys_sleep_end) continues at sys_sleep_abort, so that no signal slips between
 * check and wait. Returns what the kernel returned, or -EINTR.
 */
long sys_sleep(const volatile uint8_t *due, long nr, const long args[6]);
extern const char sys_sleep_begin[], sys_sleep_end[], sys_sleep_abort[];

#endif
