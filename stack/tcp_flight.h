/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight: what has been sent and is not acknowledged, and what is known of
 * each byte of it. When it left, whether it was reported (SACK), whether it is
 * lost and waits to be sent again, whether it has been.
 *
 * A *run* is a stretch of sequence space that shares all of this; it ends where
 * the next begins, the last one at snd_nxt. New segments join the last run
 * while they leave within a 32nd of a round trip: a healthy flight is a few
 * dozen runs, whatever its size, and costs a segment next to nothing. Its date
 * is that of its youngest segment, so nothing is ever judged too early by more
 * than that. Losses split runs; neighbours that were reported become one again.
 *
 * Runs lie in *blocks*, in order. The first block is in the connection itself
 * (c->flight), the others in chunks of the arena. An empty block other than the
 * first is freed; new runs go to the last. When no chunk is to be had, a
 * run is not split: the report is forgotten, or more is sent again than need
 * be.
 *
 * Not the truth: after a death the blocks in chunks are dropped and the whole
 * flight is one run, sent just now, nothing of it reported (flight_forget()).
 *
 * Invariants, while snd_una != snd_nxt and the handshake is over: the first
 * run begins at snd_una; runs ascend; sacked_bytes and lost_bytes are the sums
 * over the runs of that state.
 */
#ifndef TOAMI_STACK_TCP_FLIGHT_H
#define TOAMI_STACK_TCP_FLIGHT_H

#include "stack/conn.h"

/* State of a run; none: in flight, sent once. */
#define RUN_SACKED 1u /* reported by the peer */
#define RUN_LOST   2u /* given up, waits to be sent again */
#define RUN_AGAIN  4u /* has been sent again */

/* What one acknowledgement has told. */
struct tcp_heard {
	bool echoed;	    /* of the cumulative part: */
	uint32_t echo_ms;   /* tcp_ms() when what it answers left */
	uint32_t delivered; /* bytes that it was the first to report */
	uint32_t rtt_us;    /* of the youngest that was sent once; 0: of none */
	bool original; /* something that was given up, but not sent again */
	bool sacked;   /* a block told something new */
	bool dsack;    /* a duplicate was reported */
	bool needless; /* the last of what was sent again, too */
	bool rack;     /* rack_us or rack_end has moved */
};

/* flight_sent - @bytes at snd_nxt, which has not moved yet, are leaving */
void flight_sent(struct stack *st, struct conn *c, uint32_t bytes);

/* flight_acked - all below @ack, which is above snd_una, is there */
void flight_acked(struct stack *st, struct conn *c, uint32_t ack,
		  struct tcp_heard *heard);

/* flight_sacked - [start, end), within the flight, is there */
void flight_sacked(struct stack *st, struct conn *c, uint32_t start,
		   uint32_t end, struct tcp_heard *heard);

/* flight_lose - [start, end), as far as it was not reported, must be sent again
 */
void flight_lose(struct stack *st, struct conn *c, uint32_t start,
		 uint32_t end);

/*
 * flight_overdue - RFC 8985, section 6.2, step 5: what left before the youngest
 * segment delivered, and @allowance_us more than a round trip ago, is lost
 *
 * Returns the microseconds until the next of them is; 0: none is waited for.
 */
uint32_t flight_overdue(struct stack *st, struct conn *c,
			uint32_t allowance_us);

/*
 * flight_lose_old - after a timeout: what left a round trip and @allowance_us
 * ago, and the first run in any case, is lost
 */
void flight_lose_old(struct stack *st, struct conn *c, uint32_t allowance_us);

/*
 * flight_age - brings up dates that are half an hour old, before the clock
 * takes them for the future's; to be called once a timeout
 */
void flight_age(struct stack *st, struct conn *c);

/* flight_lost - the first stretch that waits to be sent again; false: none */
bool flight_lost(struct stack *st, struct conn *c, uint32_t *from,
		 uint32_t *to);

/* flight_resent - [start, end) has left once more */
void flight_resent(struct stack *st, struct conn *c, uint32_t start,
		   uint32_t end);

/* flight_found - nothing was lost after all */
void flight_found(struct stack *st, struct conn *c);

/* flight_disbelieve - what was reported may be gone (reneging) */
void flight_disbelieve(struct stack *st, struct conn *c);

/* flight_head_sacked - the peer reported what it has not acknowledged */
bool flight_head_sacked(const struct stack *st, const struct conn *c);

/* flight_sent_us - when the oldest of the flight left, on flight_us()'s clock
 */
uint32_t flight_sent_us(const struct stack *st, const struct conn *c);

/* flight_forget - one run for all; blocks in chunks are dropped, not freed */
void flight_forget(struct stack *st, struct conn *c);

/* flight_free - the flight is over: blocks go back */
void flight_free(struct stack *st, struct conn *c);

/* flight_whole - do the invariants hold? For tests */
bool flight_whole(const struct stack *st, const struct conn *c);

/* The clock of runs, which wraps after 71 minutes. */
static inline uint32_t flight_us(const struct stack *st)
{
	return (uint32_t)(st->now_ns / NSEC_PER_USEC);
}

#endif
