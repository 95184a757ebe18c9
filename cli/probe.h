/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine allows, found out by trying; for doctor. Leaves nothing
 * changed. */
#ifndef TOAMI_CLI_PROBE_H
#define TOAMI_CLI_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* probe_kernel - is it at least @major.@minor? @release gets its name */
bool probe_kernel(int major, int minor, char release[65]);

/* probe_memfd, probe_pidfd - 0 or a negative errno */
int probe_memfd(void);
int probe_pidfd(void);

/* probe_tsc - is the time-stamp counter the kernel's clock source? */
bool probe_tsc(void);

/* probe_cores - that this process may run on */
long probe_cores(void);

/* probe_number - what a file of /proc says; -1: nothing */
long probe_number(const char *path);

/* probe_choice - the word in brackets, of a file of /sys */
bool probe_choice(const char *path, char *word, size_t size);

#endif
