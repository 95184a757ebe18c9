/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes on the fabric, from joining to reaping.
 *
 * A process joins through the attach socket, or is forked by a member, which
 *fills a slot for it in shared memory. Either way the daemon watches it through
 *a pidfd; when it dies, everything it held is given back, whatever instruction
 *it died at.
 *
 *	FREE -> ALIVE			join
 *	FREE -> FORKING -> ALIVE	fork, by members; found by
 *members_scan() FORKING, ALIVE -> DEAD		its pidfd became readable, or no
 *such process
 *	DEAD -> FREE			socket_reap(), again later while it says
 *-EBUSY
 *
 * A FORKING slot without a process id whose parent has died gets ORPHAN_NS to
 *come alive.
 */
#ifndef TOAMI_DAEMON_MEMBERS_H
#define TOAMI_DAEMON_MEMBERS_H

#include "daemon/daemon.h"

/* members_new - NULL: no memory, or no wake socket */
struct members *members_new(struct daemon *d);
void members_free(struct members *m);

/* members_find - the member that is process @pid, or 0 */
/*
 * members_exec - member @ix comes again after an exec: mends what its threads
 * were at when that ended them
 */
void members_exec(struct members *m, proc_ix ix);

proc_ix members_find(struct members *m, pid_t pid);

/**
 * members_join - process @pid becomes a member on @vif
 * @pidfd: of it; consumed
 *
 * Returns 0 and *ix; -ENOSPC: the table is full; or a negative errno.
 */
int members_join(struct members *m, pid_t pid, int pidfd, uid_t uid, vif_ix vif,
		 const char *name, proc_ix *ix);

/*
 * members_settle - reaps whoever has died by now
 *
 * A program that is started anew after its predecessor was killed and waited
 * for finds the port free, as it would with the kernel.
 */
void members_settle(struct members *m);

/* members_look - whose @ix is now: it may have changed its user */
void members_look(struct members *m, proc_ix ix);

/* members_scan - finds members that others have made */
void members_scan(struct members *m);

/* members_next - the next member after @ix (0: the first) on or below @vif, or
 * 0 */
proc_ix members_next(struct members *m, vif_ix vif, proc_ix ix);

/* members_count - of the whole fabric, without the daemon itself */
uint32_t members_count(struct members *m);

/*
 * members_claim - process @pid is about to join @vif: until it has, or has
 * died, the VIF is not offered to others
 */
void members_claim(struct members *m, pid_t pid, vif_ix vif);

/* members_busy - has @vif a member, or a claim by another than @pid? */
bool members_busy(struct members *m, vif_ix vif, pid_t pid);

/* members_forget - @vif is about to be removed: no claim remains on it */
void members_forget(struct members *m, vif_ix vif);

#endif
