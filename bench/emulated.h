/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One direction of an emulated link: a rate, the queue before it, a delay, a
 * loss. Knows neither the clock nor the frames: the caller says when which
 * frame comes and is told when it arrives, so that the kernel's frames in real
 * time (wire.c) and ours in virtual time (flight.c) meet the very same link.
 *
 * Order is kept. Which frames are lost depends on the seed and on the frame's
 * number alone. The queue is a tail drop of so many bytes.
 */
#ifndef TOAMI_BENCH_EMULATED_H
#define TOAMI_BENCH_EMULATED_H

#include <stdbool.h>
#include <stdint.h>

/* Of Ethernet, beyond what a frame's bytes count: preamble, FCS, gap. */
#define EMULATED_GAP_BYTES   24
#define EMULATED_QUEUE_MIN   (20 * 1514)
#define EMULATED_FRAME_BYTES 1514

struct emulated {
	uint64_t rate_bps;    /* 0: infinite */
	uint64_t delay_ns;    /* one way */
	uint64_t queue_bytes; /* what waits for the rate */
	uint32_t loss;	      /* per million frames */
	uint64_t random;
	uint64_t busy_until_ns;
	uint64_t carried, lost, dropped; /* frames; dropped: queue full */
};

/*
 * emulated_init - a link whose round trip is @rtt_ns, its queue one product of
 * rate and round trip, twenty frames at least; @way: 0 or 1, the direction
 */
static inline void emulated_init(struct emulated *e, uint64_t rate_bps,
				 uint64_t rtt_ns, uint32_t loss, uint64_t seed,
				 uint32_t way)
{
	uint64_t product = rate_bps / 8 * (rtt_ns / 1000) / 1000000;

	*e = (struct emulated){
		.rate_bps = rate_bps,
		.delay_ns = rtt_ns / 2,
		.queue_bytes = product > EMULATED_QUEUE_MIN
				       ? product
				       : EMULATED_QUEUE_MIN,
		.loss = loss,
		.random = (seed * 2 + way + 1) * UINT64_C(0x9e3779b97f4a7c15),
	};
}

/* splitmix64 */
static inline uint64_t emulated_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* emulated_admit - a frame of @bytes comes; *arrives_ns, or false: it is lost
 */
static inline bool emulated_admit(struct emulated *e, uint64_t now_ns,
				  uint32_t bytes, uint64_t *arrives_ns)
{
	uint64_t start = e->busy_until_ns > now_ns ? e->busy_until_ns : now_ns;
	bool lost = emulated_random(&e->random) % 1000000 < e->loss;

	if (e->rate_bps) {
		/* Waiting bytes, without an overflow at any rate. */
		uint64_t waiting =
			(start - now_ns) / 8 * (e->rate_bps / 1000) / 1000000;

		if (waiting + bytes > e->queue_bytes) {
			e->dropped++;
			return false;
		}
		start += (uint64_t)(bytes + EMULATED_GAP_BYTES) * 8 *
			 1000000000 / e->rate_bps;
		e->busy_until_ns = start;
	}
	/* What is lost has taken its time on the link. */
	if (lost) {
		e->lost++;
		return false;
	}
	e->carried++;
	*arrives_ns = start + e->delay_ns;
	return true;
}

#endif
