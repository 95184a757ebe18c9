/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How large the buffers are, unless the program has said so (SO_SNDBUF,
 * SO_RCVBUF).
 *
 * Receive: what the reader takes in one round trip is what a window's worth of
 * sending brings; four times as much lets a sender in slow start double twice
 * before it is looked at again (Linux's dynamic right-sizing does the same with
 * other factors). Send: twice the congestion window, so that what is
 * acknowledged finds its successor queued.
 *
 * Buffers only grow, so the window's right edge never moves left. They do not
 * grow for a near peer (a buffer that outgrows the cache costs more than it
 * brings: the first size is gigabits at that distance), nor when the arena has
 * been three quarters full.
 */
#include "stack/tcp.h"

#define NEAR_US	     400u
#define RECV_BUFFERS 4u
#define SEND_BUFFERS 2u

uint8_t tcp_wscale(const struct stack *st)
{
	uint32_t max = tcp_rcvbuf_max(st);
	uint8_t scale = 0;

	while (scale < 14 && max >> scale > 65535)
		scale++;
	return scale;
}

static bool memory_is_plenty(const struct stack *st)
{
	const struct arena_depot *d = &st->arena->shared->chunk;
	uint32_t used = atomic_load_explicit(&d->fresh, memory_order_relaxed);

	return used < d->capacity - d->capacity / 4;
}

void tcp_rcvbuf_adjust(struct stack *st, struct conn *c)
{
	uint32_t at = tcp_unread(c), taken = at - c->space_seq;
	uint64_t rtt_ns = c->srtt8_us / 8 * NSEC_PER_USEC, want;

	if (c->min_rtt_us < NEAR_US || (c->locked & BUFFER_RECV))
		return;
	if (st->now_ns - c->space_at_ns < rtt_ns)
		return;
	if (c->space_at_ns && taken > c->space_bytes) {
		c->space_bytes = taken;
		want = min_u64((uint64_t)taken * RECV_BUFFERS,
			       tcp_rcvbuf_max(st));
		if (want > c->rcvbuf && memory_is_plenty(st))
			c->rcvbuf = (uint32_t)want;
	}
	c->space_at_ns = st->now_ns;
	c->space_seq = at;
}

void tcp_sndbuf_grow(struct stack *st, struct conn *c)
{
	uint64_t want =
		min_u64((uint64_t)c->cwnd * SEND_BUFFERS, tcp_sndbuf_max(st));

	if (c->min_rtt_us < NEAR_US || (c->locked & BUFFER_SEND) ||
	    want <= c->sndbuf || !memory_is_plenty(st))
		return;
	store_u32(&c->sndbuf, (uint32_t)want);
}
