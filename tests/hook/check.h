/* SPDX-License-Identifier: BSD-2-Clause */
/* What the hook's tests share: calls that only the hook answers
 * (socket_stub.c). */
#ifndef TOAMI_TESTS_HOOK_CHECK_H
#define TOAMI_TESTS_HOOK_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_PLUS	  500 /* (a): a + 1 */
#define NR_WAIT	  501 /* sleeps for a signal; restarts as SA_RESTART says */
#define NR_WAIT_1 502 /* sleeps for a signal; EINTR always */
#define NR_READ	  503 /* (p): *p */
#define NR_SPIN	  504 /* (n): spins inside, says whether a signal was put off */
#define NR_OWN	  505 /* (fd): fd is ours; read and write give n + 1 */

#define CHECK(condition)                                                  \
	do {                                                              \
		if (!(condition)) {                                       \
			fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", \
				__FILE__, __LINE__, #condition, errno);   \
			_exit(1);                                         \
		}                                                         \
	} while (0)

/* A site of its own wherever it is inlined. */
static inline __attribute__((always_inline)) long raw(long nr, long a, long b,
						      long c)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

/* Is this thread hooked? */
static inline int is_hooked(void)
{
	return raw(NR_PLUS, 41, 0, 0) == 42;
}

/* Is this Toami, and not the kernel alone (kernel.c)? For the few things that
 * are Toami's own. */
static inline int is_toami(void)
{
	return getenv("TOAMI_VIF") != NULL;
}

/* Is it a filter that brings the calls? It answers this one: hook/filter.h. */
static inline int is_filtered(void)
{
	return raw(SYS_getpid, 0x746f616d, 0, 0) == -1953;
}

/* Are sites rewritten to jumps? */
static inline int is_jumping(void)
{
	const char *tier = getenv("TOAMI_HOOK");

	return !tier || !strcmp(tier, "auto") || !strcmp(tier, "jump") ||
	       !strcmp(tier, "seccomp");
}

/* Waits for a child; its exit status, or 1000 + the signal that ended it. */
static inline int status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 1000 + WTERMSIG(status);
}

#endif
