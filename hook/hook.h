/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the hook share. */
#ifndef TOAMI_HOOK_HOOK_H
#define TOAMI_HOOK_HOOK_H

#include <stdnoreturn.h>
#include <ucontext.h>

#include "hook/thread.h"

/* The hook's own text: system calls made in there go to the kernel. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

/* hook_in_place - are we where a filter lets us make calls? (filter.h) */
bool hook_in_place(void);

/* hook_start - attaches, and takes over; ends the process if it cannot */
void hook_start(char **env);

/* Chosen at start (start.c). */
struct hook_config {
	bool dispatch; /* the kernel brings us every call.. */
	bool filter;   /* ..by a seccomp filter */
	bool passive;  /* under a filter, but not on a fabric: all pass */
	bool page0;    /* proven sites become calls of address 0.. */
	bool jump;     /* ..or near jumps */
	bool threads;  /* there has been more than one thread */
};
extern struct hook_config hook_config;

/* Entry points in entry.S. */
void hook_entry(void);
void hook_entry_page0(void);
void hook_int80(void);

/* hook_copy_user - copies, or returns -EFAULT */
int hook_copy_user(void *to, const void *from, size_t n);

/*
 * hook_offer - call @nr, at once if it is the socket layer's
 *
 * Returns what the call does, OFFER_PASS or OFFER_NOT. Anything below 0 is
 * for hook_dispatch_rest(), which knows what follows from it: HOOK_*.
 */
long hook_offer(const long *args, long nr);
int hook_dispatch_rest(struct hook_frame *f, long ret);

/* hook_dispatch - both: a call of the program's; returns HOOK_* */
int hook_dispatch(struct hook_frame *f);

/* hook_dispatch_page0 - the same, or a call of a null pointer */
int hook_dispatch_page0(struct hook_frame *f);

/* hook_dispatch_passive - nothing is the socket layer's: hook_config.passive */
void hook_dispatch_passive(void);

/* hook_dispatch_traced - hook_trace_on() is true from now on */
void hook_dispatch_traced(void);

/* --- catch.c: the kernel's system call user dispatch, or a filter
 * ----------------------------- */

/* hook_catch_arm - from now on this thread's calls come to hook_sigsys(). 0 or
 * -errno. */
int hook_catch_arm(void);

/* hook_catch_disarm - no more of this thread's come; what is rewritten still
 * does */
void hook_catch_disarm(void);
void hook_sigsys(int sig, siginfo_t *info, void *context);

/* --- process.c
 * ------------------------------------------------------------------ */

int hook_clone(struct hook_thread *t, struct hook_frame *f);
int hook_exit(struct hook_thread *t, struct hook_frame *f);
int hook_munmap(struct hook_thread *t, struct hook_frame *f);
struct hook_frame *hook_clone_ready(struct hook_frame *f);
void hook_clone_parent(struct hook_frame *f);
void hook_clone_child(struct hook_frame *f);

/* --- exec.c, names.c
 * --------------------------------------------------------------- */

int hook_exec(struct hook_thread *t, struct hook_frame *f);
int hook_open(struct hook_thread *t, struct hook_frame *f);

/* hook_names_hides - connect() to @addr would ask the host's name service */
bool hook_names_hides(const void *addr, long size);

/* --- site.c: rewriting of proven sites
 * ----------------------------------------- */

/* hook_site_proven - the kernel has delivered a call from @uc's place */
void hook_site_proven(const ucontext_t *uc);

/* hook_site_known - @ret follows a site rewritten to a call */
bool hook_site_known(uint64_t ret);

/* hook_site_missed - @uc's fault is a rewritten call with a number off the
 * sled: mended */
bool hook_site_missed(ucontext_t *uc);

/* hook_site_freeze - no more rewriting: the program has put itself into a
 * sandbox */
void hook_site_freeze(void);

/*
 * hook_site_hold, hook_site_release - no thread is rewriting in between: a
 * fork's child would find a site half done
 */
void hook_site_hold(void);
void hook_site_release(void);
void hook_site_forked(void); /* the latter, in the child */

/* --- text.c
 * ------------------------------------------------------------------------ */

/* hook_say - one line on standard error: "toami: " and up to four pieces, then
 * NULL */
void hook_say(const char *piece, ...) __attribute__((sentinel));

#define HOOK_FD_PATH 32

/* hook_fd_path - "/proc/self/fd/@fd" to @to, HOOK_FD_PATH bytes; returns its
 * end
 */
char *hook_fd_path(char *to, int fd);

/* hook_die - says so and ends the process */
noreturn void hook_die(const char *why);

#endif
