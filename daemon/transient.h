/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VIFs that were made for one command and go when it has gone: when no program
 * is on them or about to be, nothing is below them, and what was sent has been
 * received.
 */
#ifndef TOAMI_DAEMON_TRANSIENT_H
#define TOAMI_DAEMON_TRANSIENT_H

#include "daemon/daemon.h"

/* transient_new - NULL: no memory */
struct transient *transient_new(struct daemon *d);
void transient_free(struct transient *t);

/* transient_add - @ix goes with its last program. Returns 0 or -1: no memory.
 */
int transient_add(struct daemon *d, vif_ix ix);

/* transient_sweep - a program has ended: soon, whatever is unused goes */
void transient_sweep(struct daemon *d);

/* transient_forget - @ix is about to be removed */
void transient_forget(struct daemon *d, vif_ix ix);

/* transient_is - does @ix go with its last program? */
bool transient_is(struct daemon *d, vif_ix ix);

#endif
