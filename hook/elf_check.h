/* SPDX-License-Identifier: BSD-2-Clause */
/* How a program is hooked. Asked before it is started, by `toami run` and by
 * the hook. */
#ifndef TOAMI_HOOK_ELF_CHECK_H
#define TOAMI_HOOK_ELF_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#define HOOK_SCRIPTS  5	  /* scripts that name scripts as interpreters */
#define HOOK_LINE_MAX 256 /* BINPRM_BUF_SIZE: as much as the kernel reads */

struct hook_plan {
	bool filter; /* everything is to be loaded: filter.h */
	bool load;   /* by toami-load; else the hook comes by LD_PRELOAD */
	bool lost;   /* its loader is missing: the kernel will say ENOENT */
	int fd;	     /* the file to load, not closed on exec. -1: none */
	char fd_text[12];
	int scripts; /* how many name the next as their interpreter */
	struct {
		const char *interpreter, *argument; /* NULL: none */
		char text[HOOK_LINE_MAX + 1];
	} script[HOOK_SCRIPTS];
};

/**
 * hook_exec_check - how would the hook come into @path?
 * @filter: the tier of the seccomp filter: all that can be is loaded
 * @p:    gets the answer. If it says load, the caller closes fd, unless exec
 *        takes place
 * @text: gets one sentence that names the program and the reason, if not at all
 *
 * Uses nothing but base/sys.h. Returns 0, also if execve() will fail by itself;
 * -EPERM: it cannot. (ENOEXEC would make a shell read the file as a script, and
 * EACCES would make execvp() go on looking.)
 */
int hook_exec_check(const char *path, bool filter, struct hook_plan *p,
		    char *text, size_t size);

/* How many words hook_exec_words() writes more than a program's arguments are.
 */
#define HOOK_WORDS_MAX (6 + 2 * HOOK_SCRIPTS)

/**
 * hook_exec_words - the arguments of toami-load, for a plan to load
 * @argc, @argv: the program's, which is @path
 * @out:	 room for @argc + HOOK_WORDS_MAX
 */
void hook_exec_words(struct hook_plan *p, const char *path, long argc,
		     char *const *argv, const char **out);

#endif
