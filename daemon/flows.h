/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lanes that take over some of what the VIF above sends: what their `flow`, a
 * filter, takes, or what that VIF's program has given their `mark`.
 */
#ifndef TOAMI_DAEMON_FLOWS_H
#define TOAMI_DAEMON_FLOWS_H

#include "daemon/daemon.h"

/* flows_takes - does @ix? */
bool flows_takes(struct daemon *d, vif_ix ix);

/* flows_check - may @ix? It shares the address of the VIF above, and there is
 * room. 0, or -1 and why not. */
int flows_check(struct daemon *d, vif_ix ix, struct refusal *why);

/* flows_link - makes the list of those below @parent, in the order in which
 * they were made; not @except, which is about to go, or 0 */
void flows_link(struct daemon *d, vif_ix parent, vif_ix except);

#endif
