/* SPDX-License-Identifier: BSD-2-Clause */
/* Where things are: the program that is meant, and the hook. */
#ifndef TOAMI_CLI_FIND_H
#define TOAMI_CLI_FIND_H

#include <limits.h>

/**
 * find_program - what execvp() would execute for @name
 *
 * Returns 0; -ENOENT; -EACCES: found, but not executable.
 */
int find_program(const char *name, char path[PATH_MAX]);

/*
 * find_hook - libtoami-hook.so: $TOAMI_HOOK_FILE, or beside this command in the
 * build tree, or where it is installed. 0 or -ENOENT.
 */
int find_hook(char path[PATH_MAX]);

#endif
