/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket: a line of JSON asks, a line of JSON answers;
 * docs/protocol.md. */
#ifndef TOAMI_DAEMON_CONTROL_H
#define TOAMI_DAEMON_CONTROL_H

#include "daemon/listener.h"

/* control_new - NULL and why not */
struct listener *control_new(struct daemon *d, struct refusal *why);

/* control_publish - an event, one line without its end, for all that watch */
void control_publish(struct listener *l, const char *line);

/* control_deaf - no new connections; those that exist stay until control_free()
 */
void control_deaf(struct listener *l);

/* control_free - closes every connection: a client that asked for the end sees
 * it now */
void control_free(struct listener *l);

#endif
