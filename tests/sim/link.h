/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Links between the hosts of a testnet, in virtual time: rate, queue, delay,
 * jitter, loss, reordering, duplication, corruption. One link per sending host;
 * the receiver is whoever has the destination MAC. What a host sends to itself
 * does not touch a link.
 */
#ifndef TOAMI_TESTS_SIM_LINK_H
#define TOAMI_TESTS_SIM_LINK_H

#include "stack/testnet.h"
#include "tests/sim/oracle.h"

struct link_config {
	bool wire;	      /* cut to MTU, checksums computed and verified */
	uint64_t rate_Bps;    /* 0: infinite */
	uint32_t queue_bytes; /* what waits for the rate; more is dropped */
	uint64_t delay_ns;
	uint64_t jitter_ns; /* added, uniform; keeps the order */
	/* Per million frames. */
	uint32_t loss, reorder, duplicate, corrupt;
	uint32_t mark; /* with CE, of those that may be (RFC 3168) */
	/* TCP in larger IP packets vanishes without a word; 0: none does. */
	uint32_t hole_bytes;
};

struct flight {
	uint64_t at_ns;
	uint64_t order;
	uint32_t from;
	frame_ix frame;
	bool damaged;
};

#define FLIGHTS_MAX TESTNET_FRAMES
/* On links; the rest is for cutting up super-frames, which must not fail
 * unseen. */
#define FLIGHTS_LINKS (FLIGHTS_MAX / 2)

struct wire_net {
	struct testnet *n;
	uint64_t random;
	struct link_config config[TESTNET_HOSTS];
	uint64_t busy_until[TESTNET_HOSTS];
	uint64_t last_at[TESTNET_HOSTS];
	struct oracle *oracle; /* sees what is sent and heard; may be NULL */
	uint32_t flights;
	uint64_t order;
	uint64_t carried, dropped;
	bool crowded; /* a frame was dropped for FLIGHTS_LINKS */
	struct flight heap[FLIGHTS_MAX];
};

/* wire_net_collect - takes what the hosts have put out and sends it on its way
 */
void wire_net_collect(struct wire_net *w);

/* wire_net_next - when the next frame arrives; UINT64_MAX: none is under way */
uint64_t wire_net_next(const struct wire_net *w);

/* wire_net_deliver - what has arrived by now goes in */
void wire_net_deliver(struct wire_net *w);

/* wire_net_clear - what is under way is lost */
void wire_net_clear(struct wire_net *w);

/* What happens to one in a million times @ppm, by @random. */
bool chance(uint64_t *random, uint32_t ppm);
/* A number in [low, high]. */
uint32_t between(uint64_t *random, uint32_t low, uint32_t high);

#endif
