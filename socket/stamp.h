/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SO_TIMESTAMPING of what is sent: when it came to the scheduler (TX_SCHED),
 * when it left the sender for good (TX_SOFTWARE), and when the peer
 * acknowledged it (TX_ACK, streams), told on the error queue; see Linux's
 * networking/timestamping.
 *
 * A frame that somebody waits for says so (FRAME_STAMP) and names the sock. Who
 * carries it out of the sender's host leaves a note of the time, a frame as
 * well, on the backlog of that host, whose lock's holder queues it for the
 * program. A stream has a list of the bytes that are waited for: its frames are
 * looked at while there are any (ops->sending, ops->acked).
 *
 * Both lists, sock.stamps and sock.awaited, are the sock's and belong to its
 * host's lock. Their last frames are found by walking after a death.
 */
#ifndef TOAMI_SOCKET_STAMP_H
#define TOAMI_SOCKET_STAMP_H

#include "socket/work.h"

struct cursor;
struct io_note;

/* What one send asks for, from its control messages. */
struct stamp_how {
	int32_t what; /* SOF_TIMESTAMPING_TX_*; -1: as the socket does */
	bool named;
	uint32_t id; /* SCM_TS_OPT_ID */
};

/* stamp_set - setsockopt(SO_TIMESTAMPING); the sock's host is locked. 0 or
 * -EINVAL */
int stamp_set(struct work *w, struct sock *s, uint32_t flags);

/* stamp_wanted - SOF_TIMESTAMPING_TX_* for a send; 0 for most */
uint32_t stamp_asked(const struct sock *s, const struct stamp_how *how);

static inline uint32_t stamp_wanted(const struct sock *s,
				    const struct stamp_how *how)
{
	return likely(!s->stamping && !how) ? 0 : stamp_asked(s, how);
}

/*
 * stamp_datagram, stamp_sent - around the sending of @ix: the second after it
 * has succeeded. The host is locked.
 */
void stamp_datagram(struct work *w, const struct sock *s, frame_ix ix,
		    uint32_t what, const struct stamp_how *how);
void stamp_sent(struct work *w, struct sock *s, frame_ix ix, uint32_t what,
		const struct stamp_how *how);

/* stamp_stream - the last byte queued so far is waited for; before it is sent.
 * The host is locked. */
void stamp_stream(struct work *w, struct sock *s, uint32_t what);

/* stamp_sending, stamp_acked - the stack's operations of these names */
void stamp_sending(struct stack *st, conn_ix c, frame_ix ix, uint32_t end);
void stamp_acked(struct stack *st, conn_ix c, uint32_t ack);

/* stamp_left - @f, which has FRAME_STAMP, leaves now; takes that from it */
void stamp_left(struct work *w, frame_ix ix);

/* stamp_take - a note from the backlog of the host that is locked; consumes it
 */
void stamp_take(struct work *w, frame_ix ix);

/* stamp_drop - the sock ends */
void stamp_drop(struct work *w, struct sock *s);

/* stamp_visit - after a death: @mark each frame that @s holds, and find the
 * ends of its lists. @mark is false for one that has been met before. */
void stamp_visit(const struct fabric *f, struct sock *s,
		 bool (*mark)(void *arg, frame_ix ix), void *arg);

static inline bool stamp_ready(const struct sock *s)
{
	return s->stamps.first != 0;
}

/* stamp_date - when the oldest note was made; there is one */
uint64_t stamp_date(const struct work *w, const struct sock *s);

/**
 * stamp_recv - recvmsg(MSG_ERRQUEUE) of the oldest note; the host is locked,
 * and the work ended on return
 *
 * Returns the bytes of the packet told, or -EFAULT.
 */
long stamp_recv(struct work *w, struct sock *s, struct cursor *c, bool peek,
		struct io_note *io);

#endif
