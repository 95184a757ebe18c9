/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many changes of the tree as one: all of them, or none.
 *
 * A change is made at once and its opposite is noted. At the end the sums are
 * looked at and the removals, which have no opposite, are done. What is refused
 * on the way undoes everything, last change first.
 */
#ifndef TOAMI_DAEMON_TRANSACTION_H
#define TOAMI_DAEMON_TRANSACTION_H

#include "daemon/request.h"
#include "daemon/script_line.h"

struct vif_list {
	vif_ix *ix;
	size_t count, room;
};

struct transaction {
	struct daemon *daemon;
	const struct peer *peer;
	struct undo *undo;
	size_t undos, undo_room;
	struct vif_list removed;	     /* to be, with all below them */
	struct vif_list detached;	     /* whose ports are to go */
	struct vif_list attached;	     /* whose ports have been added */
	uint32_t made, changed, moved, same; /* VIFs */
};

void transaction_init(struct transaction *t, struct daemon *d,
		      const struct peer *peer);

/* transaction_add - the VIF at @path is there and has exactly @change */
int transaction_add(struct transaction *t, const char *path,
		    const char *address, struct change *change,
		    struct refusal *why);

/* transaction_set - the VIF at @path, which is there, has @change, too */
int transaction_set(struct transaction *t, const char *path,
		    const struct change *change, struct refusal *why);

/* transaction_move - the VIF at @path is at @to, with all below it */
int transaction_move(struct transaction *t, const char *path, const char *to,
		     struct refusal *why);

/* transaction_remove - the VIF at @path is to go; @below: with others below it
 */
int transaction_remove(struct transaction *t, const char *path, bool below,
		       struct refusal *why);

/* transaction_attach - the VIF at @order->path, made where it is missing, has
 * that port, whose interface @peer has given unless it is there */
int transaction_attach(struct transaction *t, const struct port_order *order,
		       struct refusal *why);

/* transaction_detach - the port on the VIF at @path is to go */
int transaction_detach(struct transaction *t, const char *path,
		       struct refusal *why);

/*
 * transaction_commit - done, for good
 *
 * Returns 0; -1 and why not: then it must be undone; 1 and why: it is done, but
 * some of what was to be removed is still there, because in this moment a
 * program was stopped in the middle of using the fabric.
 */
int transaction_commit(struct transaction *t, struct refusal *why);

/* transaction_undo - everything is as it was before */
void transaction_undo(struct transaction *t);

void transaction_fini(struct transaction *t);

#endif
