/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receive coalescing: TCP segments of one connection that came one by one, in
 * order and alike, become one frame, as if the sender had been of the fabric.
 *
 * Frames are held only within one batch: port_gro_flush() ends it. Within a
 * connection the order of arrival stays; a segment that does not fit sends the
 * held one on first. Checksums are verified before segments become one, for
 * afterwards nobody can.
 */
#ifndef TOAMI_PORT_GRO_H
#define TOAMI_PORT_GRO_H

#include "port/wire.h"

#define PORT_GRO_FLOWS 8

struct port_gro {
	uint32_t held;
	struct port_gro_flow {
		frame_ix ix;
		uint32_t hash;
		uint32_t next_seq;
		uint32_t segments;
		uint32_t segment_bytes; /* of the first; only the last may be
					   smaller */
	} flow[PORT_GRO_FLOWS];
};

/**
 * port_gro_add - a segment that may become part of a frame
 * @out: gets frames that are complete by this, at its end
 *
 * True: taken; false: not of the kind, the caller goes on with it; what is held
 * of the same connection has been sent on.
 */
bool port_gro_add(struct port_gro *g, struct arena *a,
		  const struct virtio_net_hdr *v, const uint8_t *frame,
		  const struct port_headers *h, struct frame_list *out);

/* port_gro_flush - what is held leaves, in the order it began */
void port_gro_flush(struct port_gro *g, struct arena *a,
		    struct frame_list *out);

#endif
