/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between delivery and the scheduler (vif/sched_core.h): what is held up, what
 * comes out again, and whom that lets send more.
 *
 * A visit's frames whose way is controlled are put aside (work.held) and
 * brought to the scheduler together. Its lock is never waited for: who finds
 * it taken leaves the frames on its backlog, and the holder looks at that once
 * more after letting go. Whoever passes with the lock free runs what is due;
 * so do those who spin for an event, and the daemon when nobody comes.
 */
#ifndef TOAMI_SOCKET_HOLD_H
#define TOAMI_SOCKET_HOLD_H

#include "socket/work.h"
#include "vif/sched_core.h"

/* hold_wants - may something on the way of @f to @to hold it up? */
static inline bool hold_wants(const struct work *w, const struct frame *f,
			      vif_ix to)
{
	const struct vif *a = vif_at(w->fabric, f->tx_vif);
	const struct vif *b = vif_at(w->fabric, to);
	uint32_t bits = (atomic_load_explicit(&a->sched, memory_order_relaxed) &
			 VIF_SCHED_TX) |
			(atomic_load_explicit(&b->sched, memory_order_relaxed) &
			 (VIF_SCHED_RX | VIF_SCHED_LANES));

	return bits | f->held;
}

/**
 * hold_take - @ix, which is for @to, waits in the scheduler if it has to
 *
 * No host's lock is held. Returns true: it does, and is not the caller's any
 * more. False: it goes its way; what it held has been given back.
 */
bool hold_take(struct work *w, frame_ix ix, vif_ix to);

/* hold_look - after w->passed, and once the frames that passed have been
 * carried; true: there are frames to deliver now */
bool hold_look(struct work *w);

/* hold_free - @ix is lost before it got anywhere; consumes it */
void hold_free(struct work *w, frame_ix ix);

/* hold_serve - brings what was put aside, runs what is due; true: there are
 * frames to deliver now */
bool hold_serve(struct work *w);

/* hold_is_due - has the scheduler something to do at @now_ns? */
static inline bool hold_is_due(const struct work *w, uint64_t now_ns)
{
	return unlikely(sched_next_ns(w->fabric) <= now_ns);
}

/*
 * hold_visit_ns - when the daemon comes for what is due at @date_ns, if nobody
 * has come by until then
 *
 * Late, but by less than ceilings give credit for: it wakes somebody each time,
 * and at 10 gbit there would be a date every 50 us. What is delayed on purpose
 * is not late.
 */
#define HOLD_LATE_NS (200 * NSEC_PER_USEC)

static inline uint64_t hold_visit_ns(const struct fabric *f, uint64_t date_ns)
{
	if (date_ns > UINT64_MAX - HOLD_LATE_NS ||
	    atomic_load_explicit(&sched_door(f)->impaired,
				 memory_order_relaxed))
		return date_ns;
	return date_ns + HOLD_LATE_NS;
}

/* hold_kicks - sends what the kicked connections of the locked host may */
void hold_kicks(struct work *w);

/* hold_mend - after a death, the world stopped; @lost: under the lock */
void hold_mend(struct work *w, bool lost);

#endif
