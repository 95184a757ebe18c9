/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One frame to a host with a listener, an established connection and UDP
 * sockets: Ethernet, ARP, IPv4 and IPv6 with options, extension headers and
 * fragments, ICMP, ND, UDP, TCP and its options; then the same frame to the
 * segmentation of super-frames. HACKING.md has the commands.
 *
 * The first byte says how the frame comes: 1: checksums need no verifying; 2:
 * bears our MAC; 4: bears our IPv4 addresses; 8: cut up at random; 16: once
 * more.
 */
#include "fuzz/world.h"
#include "fuzz/peer.h"
#include "stack/segment.h"
#include "stack/wire.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void segment(const uint8_t *data, uint32_t bytes, uint32_t header,
		    uint8_t how)
{
	static const uint8_t types[] = { FRAME_GSO_TCPV4, FRAME_GSO_TCPV6,
					 FRAME_GSO_UDP, 77 };
	struct arena *a = world_stack.arena;
	frame_ix ix = frame_alloc(a);
	struct frame *f = frame_at(a, ix);
	struct frame_list list = { 0, 0 };

	header = min_u32(min_u32(header, bytes), FRAME_HEADER_ROOM);
	memcpy(f->header, data, header);
	f->header_bytes = (uint8_t)header;
	if (frame_fill(a, ix, data + header, bytes - header) == 0) {
		f->flags |= FRAME_NEEDS_CSUM;
		f->gso_type = types[how & 3];
		f->gso_bytes = how;
		f->l3_off = ETH_BYTES;
		f->l4_off = how & 4 ? ETH_BYTES + IPV4_BYTES
				    : ETH_BYTES + IPV6_BYTES;
		/* It is consumed, unless it cannot be cut. */
		frame_segment(a, ix, true, &list);
		frame_list_free(a, &list);
	} else {
		frame_free(a, ix);
	}
	world_check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct peer peer;
	static uint8_t frame[2048];
	uint32_t bytes, header;
	uint8_t how;

	if (!peer.listener)
		peer_begin(&peer);
	if (size < 2)
		return 0;
	world_restore();
	how = data[0];
	header = how & 8 ? data[1] % 129u : FRAME_HEADER_ROOM;
	bytes = min_u32((uint32_t)size - 2, sizeof(frame));
	memcpy(frame, data + 2, bytes);
	if (how & 2 && bytes >= 12)
		memcpy(frame, world.host.config.mac, 6);
	if (how & 4 && bytes >= 34) {
		put32(frame + 26, 0x0a000002);
		put32(frame + 30, 0x0a000001);
	}
	world_input(frame, bytes, header, how & 1 ? FRAME_CSUM_OK : 0);
	world_check();
	if (how & 16) {
		frame[bytes / 2] ^= 1;
		world_input(frame, bytes, header, FRAME_CSUM_OK);
		world_check();
	}
	world_advance(70 * NSEC_PER_SEC);
	world_check();
	segment(frame, bytes, header, data[1]);
	return 0;
}
