/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to the tree, told to whoever watches: VIFs made, changed, moved
 * and removed, programs that come and go.
 *
 * An event is a line of JSON on the connection of a client that has asked for
 * them with the verb "watch". A watcher that does not keep up loses events, and
 * is told how many.
 */
#ifndef TOAMI_DAEMON_EVENTS_H
#define TOAMI_DAEMON_EVENTS_H

#include "daemon/daemon.h"

enum event {
	EVENT_VIF_ADD,
	EVENT_VIF_SET,
	EVENT_VIF_MOVE,
	EVENT_VIF_REMOVE,
	EVENT_JOIN,
	EVENT_LEAVE,
};

/* events_vif - something has happened to @ix, which is still there */
void events_vif(struct daemon *d, enum event event, vif_ix ix);

/* events_program - process @pid, @name, has joined or left @ix */
void events_program(struct daemon *d, enum event event, vif_ix ix, int pid,
		    const char *name);

#endif
