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
#include "daemon/script_line.h"
#include "port/tap.h"

/* ports_new - NULL: no memory, or no wake socket */
struct ports *ports_new(struct daemon *d);
void ports_free(struct ports *ps);

/**
 * ports_add - a TAP that @peer has given becomes a port; @order->name says
 * which, or any
 * @top: as tree_make(): what is taken back if it is undone
 *
 * Returns its VIF, made where it is missing, or 0 and why not: then nothing has
 * changed.
 */
vif_ix ports_add(struct daemon *d, const struct peer *peer,
		 const struct port_order *order, vif_ix *top,
		 struct refusal *why);

/* ports_find - the VIF at @path, whose port @peer may remove; 0, or -1 and why
 * not */
int ports_find(struct daemon *d, const struct peer *peer, const char *path,
	       vif_ix *ix, struct refusal *why);

/* ports_remove - the port on @ix goes, if there is one; the VIF stays */
void ports_remove(struct daemon *d, vif_ix ix);

/* Room for what a port_order points to. */
struct port_order_text {
	char path[VIF_PATH_MAX];
	char gateway[POOL_TEXT], gateway6[POOL_TEXT];
};

/* ports_describe - how one would ask for the port on @ix; false: it has none */
bool ports_describe(struct daemon *d, vif_ix ix, struct port_order *order,
		    struct port_order_text *text);

/* ports_agree - is the port on @ix, which has one, as @order says? 0: yes; 1:
 * but for its gateways; -1 and why: no */
int ports_agree(struct daemon *d, vif_ix ix, const struct port_order *order,
		struct refusal *why);

/* ports_gateway - the gateways behind the uplink are these from now on; they
 * have been looked at by ports_agree() */
void ports_gateway(struct daemon *d, const char *gateway, const char *gateway6);

/* ports_going - the port on @ix will be removed and is in nobody's way; or not
 */
void ports_going(struct daemon *d, vif_ix ix, bool going);

/* ports_tap - the device of the port on @ix, and a process of the namespace
 * that it lives for, or 0; NULL: no port */
const struct tap *ports_tap(struct daemon *d, vif_ix ix, pid_t *pid);

/* ports_next - the VIF of the port that is listed behind that on @ix, or of the
 * first one; 0: none */
vif_ix ports_next(struct daemon *d, vif_ix ix);

/* ports_name - of the port on VIF @ix itself, or NULL: it has none, or none
 * that stays */
const char *ports_name(struct daemon *d, vif_ix ix);

/* ports_settle - ports whose processes have ended by now are gone */
void ports_settle(struct daemon *d);

/*
 * ports_admit - may programs be on @ix? 0, or -1 and why not: it has a port, or
 * shares the address of one that has
 */
int ports_admit(struct daemon *d, vif_ix ix, struct refusal *why);

#endif
