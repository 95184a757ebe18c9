/* SPDX-License-Identifier: BSD-2-Clause */
/* VIFs by path, and their addresses: what the verbs do to the tree. */
#ifndef TOAMI_DAEMON_HOSTS_H
#define TOAMI_DAEMON_HOSTS_H

#include "daemon/daemon.h"

/* hosts_gateway - the daemon's own host, on the root. 0, or -1 and why not. */
int hosts_gateway(struct daemon *d, struct refusal *why);

/**
 * hosts_make - the VIF at @path, made with its missing ancestors where needed
 * @address: an address of either family, or one of each with a comma between
 * them; "auto"; "none"; "dhcp"; "slaac"; NULL: "auto" for a VIF
 * directly below the root, else "none"
 * @peer:    who asks; what he may and may have is looked at
 * @top:     gets the lowest VIF of the path that was there before
 *
 * A VIF that exists keeps its address; asking for another is refused. What has
 * been made before a refusal is taken back. Returns the VIF, or 0 and why not.
 */
vif_ix hosts_make(struct daemon *d, const char *path, const char *address,
		  const struct peer *peer, vif_ix *top, struct refusal *why);

/* hosts_take_back - removes @ix and those above it, up to @top: as if never
 * made
 */
void hosts_take_back(struct daemon *d, vif_ix ix, vif_ix top);

/* hosts_bare - a host without addresses on @ix, for a port. 0, or -1 and why */
int hosts_bare(struct daemon *d, vif_ix ix, struct refusal *why);

/* hosts_are_auto - does @host find its addresses by itself? */
bool hosts_are_auto(struct daemon *d, host_ix host);

/* hosts_follow - addresses that such hosts have found are theirs from now on */
void hosts_follow(struct daemon *d);

#define HOSTS_WORD (2 * POOL_TEXT)

/* hosts_word - the address of @ix as one would ask for it: an address, one of
 * each family with a comma between them, "none", "dhcp", "slaac" */
const char *hosts_word(struct daemon *d, vif_ix ix, char text[HOSTS_WORD]);

/* hosts_agree - does @ix have the address that is asked for? 0, or -1 and why
 * not */
int hosts_agree(struct daemon *d, vif_ix ix, const char *address,
		const char *path, struct refusal *why);

/* hosts_unknown - there is no VIF @path; returns -1 */
int hosts_unknown(const char *path, struct refusal *why);

/* hosts_find - the VIF at @path, or 0 and why not */
vif_ix hosts_find(struct daemon *d, const char *path, struct refusal *why);

/**
 * hosts_remove - takes @ix out of the tree, with its address
 * @below: what is below it, too
 *
 * Returns 0, or -1 and why not: programs are on it, or VIFs below it.
 */
int hosts_remove(struct daemon *d, vif_ix ix, bool below, struct refusal *why);

/* hosts_removable - what hosts_remove() would say: 0, or -1 and why not */
int hosts_removable(struct daemon *d, vif_ix ix, bool below,
		    struct refusal *why);

/**
 * hosts_move - @ix is at path @to from now on, with all below it
 *
 * Its parent must exist. A lane stays one of the same host, unless no program
 * is on it: connections keep the address that they have. Returns 0, or -1 and
 * why not.
 */
int hosts_move(struct daemon *d, vif_ix ix, const char *to,
	       const struct peer *peer, struct refusal *why);

/* hosts_put_back - undoes hosts_move(): nothing can be in its way */
void hosts_put_back(struct daemon *d, vif_ix ix, vif_ix parent,
		    const char *name);

/* hosts_down - every host but the gateway's goes, as far as possible */
void hosts_down(struct daemon *d);

#endif
