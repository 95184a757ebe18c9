/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fabric of two hosts in virtual time: ours, which runs the stack and the
 * sockets as they are, and the wire, whose lock is held for good, so that every
 * frame for it stays in its backlog, where packetdrill gets it.
 *
 * Time stands still until somebody moves it (world_advance()): then each timer
 * runs at its own date, and what it sends bears that date.
 *
 * Not for several threads: the caller has a lock.
 */
#ifndef TOAMI_TESTS_PACKETDRILL_WORLD_H
#define TOAMI_TESTS_PACKETDRILL_WORLD_H

#include "tests/socket/small_fabric.h"

#include <stddef.h>

struct world_packet {
	struct world_packet *next;
	uint64_t at_ns;
	size_t bytes;
	uint8_t ip[];
};

struct world {
	struct small_fabric sf; /* thread: the daemon's part */
	struct socket_process process;
	struct socket_thread thread; /* the program's */
	struct fabric_inside wire;
	ctx_ix wire_hint;
	host_ix host, peer;
	struct world_packet *first, **last;
};

struct world_config {
	struct ip_addr local4, gateway4, local6, gateway6;
	uint8_t prefix4, prefix6;
	uint16_t mtu;
};

void world_make(struct world *w, const struct world_config *config);
void world_drop(struct world *w);

uint64_t world_now(const struct world *w);

/* world_next - the date of the next timer, UINT64_MAX: none */
uint64_t world_next(const struct world *w);

/* world_step - to the next timer, at most to @until; true: one ran */
bool world_step(struct world *w, uint64_t until);

/* world_be - the host has @addr from now on: scripts choose their own */
void world_be(struct world *w, const struct ip_addr *addr);

/* world_inject - a packet from the wire, from its IP header on; 0 or -errno */
int world_inject(struct world *w, const void *ip, size_t bytes);

/* world_collect - takes what the host has sent into the list */
void world_collect(struct world *w);

/* world_packet - the oldest packet sent, the caller's to free(); or NULL */
struct world_packet *world_packet(struct world *w);

#endif
