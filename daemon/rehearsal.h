/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a script would be refused for, found out without changing anything: it
 * is obeyed on a copy of the tree, in a fabric that nobody is on.
 *
 * So rights, quotas, guarantees, addresses, filters and programs are looked at
 * by the code that will look at them. Not looked at: interfaces, which would
 * have to be made, and programs on lanes that move.
 */
#ifndef TOAMI_DAEMON_REHEARSAL_H
#define TOAMI_DAEMON_REHEARSAL_H

#include "daemon/daemon.h"

#include <jansson.h>

/**
 * rehearsal_run - obeys @text, for @peer
 * @users: as script_run() takes them
 *
 * Returns 0, or -1 and what would be refused.
 */
int rehearsal_run(struct daemon *d, const struct peer *peer, const char *text,
		  const json_t *users, struct refusal *why);

#endif
