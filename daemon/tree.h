/* SPDX-License-Identifier: BSD-2-Clause */
/* VIFs by path: finding, making, removing and moving them. */
#ifndef TOAMI_DAEMON_TREE_H
#define TOAMI_DAEMON_TREE_H

#include "daemon/daemon.h"

/**
 * tree_make - the VIF at @path, made with its missing ancestors where needed
 * @address: an address of either family, or one of each with a comma between
 * them; "auto"; "none"; "dhcp"; "slaac"; NULL: "auto" for a VIF
 * directly below the root, else "none"
 * @peer:    who asks; what he may and may have is looked at
 * @top:     gets the lowest VIF of the path that was there before
 *
 * A VIF that exists keeps its address; asking for another is refused. What has
 * been made before a refusal is taken back. Returns the VIF, or 0 and why not.
 */
vif_ix tree_make(struct daemon *d, const char *path, const char *address,
		 const struct peer *peer, vif_ix *top, struct refusal *why);

/* tree_take_back - removes @ix and those above it, up to @top: as if never
 * made
 */
void tree_take_back(struct daemon *d, vif_ix ix, vif_ix top);

/* tree_unknown - there is no VIF @path; returns -1 */
int tree_unknown(const char *path, struct refusal *why);

/* tree_find - the VIF at @path, or 0 and why not */
vif_ix tree_find(struct daemon *d, const char *path, struct refusal *why);

/**
 * tree_remove - takes @ix out of the tree, with its address
 * @below: what is below it, too
 *
 * Returns 0, or -1 and why not: programs are on it, or VIFs below it.
 */
int tree_remove(struct daemon *d, vif_ix ix, bool below, struct refusal *why);

/* tree_removable - what tree_remove() would say: 0, or -1 and why not */
int tree_removable(struct daemon *d, vif_ix ix, bool below,
		   struct refusal *why);

/**
 * tree_move - @ix is at path @to from now on, with all below it
 *
 * Its parent must exist. A lane stays one of the same host, unless no program
 * is on it: connections keep the address that they have. Returns 0, or -1 and
 * why not.
 */
int tree_move(struct daemon *d, vif_ix ix, const char *to,
	      const struct peer *peer, struct refusal *why);

/* tree_put_back - undoes tree_move(): nothing can be in its way */
void tree_put_back(struct daemon *d, vif_ix ix, vif_ix parent,
		   const char *name);

#endif
