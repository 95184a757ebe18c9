/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shaping: the controls of a VIF in effect, on what leaves it and what enters.
 *
 * Each direction of a VIF is a *class*. On its way a frame passes the classes
 * of the VIFs it leaves (tx), from its own to the highest below the lowest
 * common ancestor, then those it enters (rx). Only where one of them has a
 * ceiling or an impairment it is held up here; `vif.sched` says so beforehand,
 * and who finds that word 0 need not come.
 *
 * Among siblings whose parent has more to send than its ceiling lets pass: the
 * lowest `prio` first; in one prio whoever is behind its guarantee `min`; the
 * rest by `weight`. A VIF's own traffic competes with its children as one more
 * child of weight 1. What nobody wants is anybody's: only ceilings leave a link
 * idle.
 *
 * Writers: one lock guards queues, dates and statistics. Nobody waits for it:
 * socket/hold.c.
 */
#ifndef TOAMI_VIF_SCHED_H
#define TOAMI_VIF_SCHED_H

#include "vif/control.h"

/* Why a frame was dropped. */
enum vif_drop {
	VIF_DROP_LIMIT, /* its queue was full: limit_bytes */
	VIF_DROP_LATE,	/* it had waited for limit_ns */
	VIF_DROP_CODEL, /* a standing queue, RFC 8289 */
	VIF_DROP_LOSS,	/* asked for: loss_ppm */
	VIF_DROP_MEMORY,
	VIF_DROP_REASONS,
};

/* Delays by magnitude: four steps an octave, from 1 us on. */
#define VIF_DELAY_BUCKETS 96

/* What a class has done. Counts since the VIF was made. */
struct vif_class_stats {
	/* What waits in the VIF's queue and in those below it. */
	uint64_t backlog_packets;
	uint64_t backlog_bytes;

	uint64_t packets; /* that passed the queue */
	uint64_t bytes;
	uint64_t drops[VIF_DROP_REASONS];
	uint64_t throttled_ns;	 /* something waited for this ceiling */
	uint64_t borrowed_bytes; /* sent beyond min_bps, where that is set */
	uint32_t delay[VIF_DELAY_BUCKETS];
};

/**
 * vif_sched_apply - the controls of @ix, whatever has changed, take effect
 *
 * The daemon, after it has written to struct vif_control, and after it has made
 * or moved a VIF. What is queued stays queued, under the new rates. Returns 0.
 */
int vif_sched_apply(struct fabric *f, vif_ix ix);

/**
 * vif_sched_forget - @ix is about to be removed: what it has queued goes to its
 * parent's queues
 * @self: the daemon's own slot
 *
 * Statistics go with it. Returns 0, or
 * -EBUSY: somebody is at it, try again.
 */
int vif_sched_forget(struct fabric *f, proc_ix self, vif_ix ix);

/**
 * vif_sched_move - vif_move(): what @ix and all below it have queued goes along
 *
 * Statistics stay. Returns as that does, or -EBUSY, as above.
 */
int vif_sched_move(struct fabric *f, proc_ix self, vif_ix ix, vif_ix parent,
		   const char *name, size_t bytes);

/* vif_sched_stats - a copy, single fields of which may be a packet apart */
void vif_sched_stats(const struct fabric *f, vif_ix ix, enum vif_way way,
		     struct vif_class_stats *stats);

/* vif_delay_ns - below this, @permille of the packets have waited; 0: no
 * packets */
uint64_t vif_delay_ns(const struct vif_class_stats *stats, uint32_t permille);

#endif
