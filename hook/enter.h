/* SPDX-License-Identifier: BSD-2-Clause */
/* From the loader into the hook, and from the hook into the program. */
#ifndef TOAMI_HOOK_ENTER_H
#define TOAMI_HOOK_ENTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

/*
 * The words before the program's arguments: a name, the number of its open
 * file, its path, and LOAD_TRAP_HELD or LOAD_TRAP_LEFT. An even number, so that
 * the stack stays aligned without them.
 *
 * A debugger takes the SIGTRAP of its child's exec for the program's start, and
 * sets breakpoints there and then. So exec is made with that signal held back,
 * and it is let go once the program is where it belongs.
 */
#define LOAD_WORDS	4
#define LOAD_WORD_TRAP	3
#define LOAD_TRAP_HELD	"t"
#define LOAD_TRAP_LEFT	"-" /* not held, or by the program itself */
#define EXIT_NOT_LOADED 126

/* The files of an installation, in one directory. */
#ifdef TOAMI_TEST
#define HOOK_PRELOADED_FILE "libtoami-hook-stub.so"
#define HOOK_LOADED_FILE    "libtoami-hook-stub-static.so"
#define HOOK_LOADER_FILE    "toami-load-stub"
#else
#define HOOK_PRELOADED_FILE "libtoami-hook.so"
#define HOOK_LOADED_FILE    "libtoami-hook-static.so"
#define HOOK_LOADER_FILE    "toami-load"
#endif

/**
 * hook_beside - the path of the file @name in the directory of @file
 * @to: @size bytes; may be @file itself
 *
 * Returns false if it is too long; @to is of no use then.
 */
static inline bool hook_beside(char *to, size_t size, const char *file,
			       const char *name)
{
	size_t n, slash = 0;

	for (n = 0; file[n]; n++) {
		if (file[n] == '/')
			slash = n + 1;
	}
	for (n = 0; n < slash && n < size; n++)
		to[n] = file[n];
	for (; n < size; n++) {
		to[n] = name[n - slash];
		if (!to[n])
			return true;
	}
	return false;
}

/**
 * hook_enter - starts the hook and then the program
 * @stack: as the kernel made it for toami-load
 * @loader, @loader_end: toami-load's image, which is unmapped
 */
noreturn void hook_enter(uint64_t *stack, const char *loader,
			 const char *loader_end);

/* The same, as toami-load finds it. */
typedef void hook_enter_fn(uint64_t *stack, const char *loader,
			   const char *loader_end);

#endif
