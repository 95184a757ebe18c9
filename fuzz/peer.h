/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world's peers, made of bytes: segments for a connection that need not
 * guess its sequence numbers, and the sockets that every input begins with.
 */
#ifndef TOAMI_FUZZ_PEER_H
#define TOAMI_FUZZ_PEER_H

#include "fuzz/world.h"

struct peer {
	conn_ix listener;  /* port 80, backlog 2 */
	conn_ix listener6; /* port 81, IPv6 */
	conn_ix full;	   /* established: timestamps, SACK, window scaling */
	conn_ix plain;	   /* established without options */
	conn_ix udp;	   /* port 53 */
	conn_ix udp6;	   /* port 54, connected over IPv6 */
};

/* A segment; lengths are clipped to what fits. */
struct peer_segment {
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags, tos;
	uint16_t window, urgent;
	uint32_t bytes;
	const uint8_t *opt;
	uint32_t opt_bytes;
	bool v6;
};

/* peer_begin - makes the world, its sockets, and saves it */
void peer_begin(struct peer *p);

void peer_send(const struct peer_segment *s);

/* peer_ip - an IP packet from 10.0.0.2 or fd00::2 */
void peer_ip(bool v6, uint8_t proto, uint8_t tos, uint16_t id, uint16_t frag,
	     const uint8_t *l4, uint32_t bytes);

#endif
