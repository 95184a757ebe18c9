/* SPDX-License-Identifier: BSD-2-Clause */
/* toami run --stack kernel: the program's network is the kernel's own. */
#ifndef TOAMI_CLI_RUN_KERNEL_H
#define TOAMI_CLI_RUN_KERNEL_H

#include "daemon/client_files.h"

/**
 * run_kernel_enter - this process moves to a network namespace whose only way
 * out is a TAP on the VIF
 * @vif:     path, or NULL: named after @program
 * @address: as for run.prepare; NULL: "auto"
 * @set:     the VIF's properties, or NULL
 * @files:   that they name
 *
 * If programs run that way on the VIF already, it joins them. What is started
 * from here on is there, too. Returns 0, or an exit code with the sentence
 * printed.
 */
int run_kernel_enter(const char *vif, const char *address, json_t *set,
		     const struct client_files *files, const char *program);

/*
 * run_kernel_leave_hook - a command that is itself on a fabric starts anew
 * without the hook, so that its system calls are the kernel's. Returns once
 * there is nothing to leave.
 */
void run_kernel_leave_hook(char **argv);

#endif
