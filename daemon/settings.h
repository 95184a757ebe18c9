/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is set on VIFs, as the daemon keeps it: numbers in struct vif_control,
 * where members read them, and beside each VIF a note of the daemon's own:
 * owner, texts, how many VIFs are below, and what has been promised to them.
 *
 * Guarantees. A VIF's *claim* on the one above it is its `min`, or, where it
 * has none, what the VIFs below it claim together. What it can honour is its
 * own `min`, else the lower one of its `rate` and `rate-in`, else anything:
 * those above it are asked. No VIF's children may claim more than it can
 * honour.
 *
 * Quotas bind the owner of the VIF that has them, not the fabric's own user.
 */
#ifndef TOAMI_DAEMON_SETTINGS_H
#define TOAMI_DAEMON_SETTINGS_H

#include "daemon/daemon.h"
#include "daemon/prop.h"

/* settings_new - NULL: no memory */
struct settings *settings_new(struct daemon *d);
void settings_free(struct settings *s);

/* settings_get - all of @ix; texts are borrowed until the next change */
void settings_get(struct daemon *d, vif_ix ix, struct prop_value of[PROPS]);

/* settings_any - may anything be set on @ix? */
bool settings_any(struct daemon *d, vif_ix ix);

/**
 * settings_put - @ix has exactly these from now on; texts are copied
 * @later: the sums are not looked at: settings_check() must be, when all is set
 *
 * Returns 0, or -1 and why not: then nothing has changed.
 */
int settings_put(struct daemon *d, vif_ix ix, const struct prop_value of[PROPS],
		 bool later, struct refusal *why);

/**
 * settings_copy - @ix, of @d, has what @from_ix of @from has, but that programs
 * and filters are words without effect
 *
 * Returns 0, or -1 and why not.
 */
int settings_copy(struct daemon *d, vif_ix ix, struct daemon *from,
		  vif_ix from_ix, struct refusal *why);

/* settings_check - do the guarantees at @ix and above it hold? 0, or -1 and why
 * not */
int settings_check(struct daemon *d, vif_ix ix, struct refusal *why);

/* settings_born, settings_gone - a VIF has been put into the tree below its
 * parent; is about to be taken out of it */
void settings_born(struct daemon *d, vif_ix ix);
void settings_gone(struct daemon *d, vif_ix ix);

/* settings_leave, settings_arrive - a VIF is about to get another parent, with
 * all below it; has got it */
void settings_leave(struct daemon *d, vif_ix ix);
void settings_arrive(struct daemon *d, vif_ix ix);

/* settings_below - the VIFs below @ix, however deep */
uint32_t settings_below(struct daemon *d, vif_ix ix);

/* settings_owner - the user that owns @ix; false: none is set */
bool settings_owner(struct daemon *d, vif_ix ix, uid_t *uid);

/* settings_owns - does @uid own any VIF at all? */
bool settings_owns(struct daemon *d, uid_t uid);

/* --- who may what ------------------------------------------------------------
 */

/* rights_all - @peer is root or the fabric's user: nothing is refused to him */
bool rights_all(struct daemon *d, const struct peer *peer);

/* rights_change - may @peer change @ix itself? 0, or -1 and why not */
int rights_change(struct daemon *d, const struct peer *peer, vif_ix ix,
		  struct refusal *why);

/* rights_use - may @peer put things on @ix, or make VIFs below it? */
int rights_use(struct daemon *d, const struct peer *peer, vif_ix ix,
	       struct refusal *why);

/*
 * rights_quota - do the quotas above and at @parent let @peer have @count more
 * VIFs down to @levels below it?
 * @moved: the top of what comes from elsewhere, its queues with it; 0: new VIFs
 */
int rights_quota(struct daemon *d, const struct peer *peer, vif_ix parent,
		 uint32_t count, uint32_t levels, vif_ix moved,
		 struct refusal *why);

/* rights_queue - may @peer have @bytes as the queue's limit of @ix? */
int rights_queue(struct daemon *d, const struct peer *peer, vif_ix ix,
		 uint64_t bytes, struct refusal *why);

#endif
