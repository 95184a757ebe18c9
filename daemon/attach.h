/* SPDX-License-Identifier: BSD-2-Clause */
/* The attach socket: how a process becomes a member; fabric/attach.h is the
 * protocol. */
#ifndef TOAMI_DAEMON_ATTACH_H
#define TOAMI_DAEMON_ATTACH_H

#include "daemon/listener.h"

/* attach_new - NULL and why not */
struct listener *attach_new(struct daemon *d, struct refusal *why);
void attach_free(struct listener *l);

#endif
