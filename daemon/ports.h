/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports: what is attached to a VIF through a device.
 *
 * A *host's* port: the VIF's addresses and MAC belong to a kernel behind the
 * device. An *uplink*: the device leads to a network; frames for strangers go
 * there, and hosts of the fabric ask there for neighbours. There is one uplink
 * at most. No program can be on a VIF with a port.
 *
 * Frames toward a port wait in its host's backlog; the daemon is woken by
 * WAKE_PORTS only if it sleeps. A port that was made for a command goes when
 * the last process of its network namespace has gone; others stay until they
 * are removed or their interface is.
 */
#ifndef TOAMI_DAEMON_PORTS_H
#define TOAMI_DAEMON_PORTS_H

#include "daemon/daemon.h"

#include <jansson.h>

/* ports_new - NULL: no memory, or no wake socket */
struct ports *ports_new(struct daemon *d);
void ports_free(struct ports *ps);

/**
 * ports_add - verb port.add: the TAP in peer->given becomes a port
 *
 * Returns what the interface has to be configured with, or NULL and why not.
 */
json_t *ports_add(struct daemon *d, const struct peer *peer,
		  const json_t *request, struct refusal *why);

/* ports_remove - verb port.rm; NULL and why not */
json_t *ports_remove(struct daemon *d, const struct peer *peer,
		     const json_t *request, struct refusal *why);

/* ports_list - verb port.ls */
json_t *ports_list(struct daemon *d);

/* ports_name - of the port on VIF @ix itself, or NULL: it has none */
const char *ports_name(struct daemon *d, vif_ix ix);

/* ports_settle - ports whose processes have ended by now are gone */
void ports_settle(struct daemon *d);

/*
 * ports_admit - may programs be on @ix? 0, or -1 and why not: it has a port, or
 * shares the address of one that has
 */
int ports_admit(struct daemon *d, vif_ix ix, struct refusal *why);

#endif
