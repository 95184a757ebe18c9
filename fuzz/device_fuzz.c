/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a device hands over: a struct virtio_net_hdr and a frame. Read, guarded,
 * made a frame of the fabric, given back to a device: the same bytes must come
 * out, but for what the header asked to be done. What is of TCP goes through
 * coalescing as well, beside a segment that it may join. HACKING.md has the
 * commands.
 *
 * The first byte says how, then the header, then the frame. Of the frames of
 * one input the second is the first again, as its stream would go on.
 */
#include "port/gro.h"
#include "port/guard.h"
#include "fuzz/world.h"
#include "stack/csum.h"
#include "stack/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct port_guard guards[] = {
	{ .host = true,
	  .mac = { 2, 0, 0, 0, 0, 2 },
	  .addr4 = { { .b = { [10] = 0xff, 0xff, 10, 0, 0, 2 } } },
	  .addr6 = { { .b = { 0xfd, [15] = 2 } } } },
	{ .host = false },
};

static void require(bool what, const char *text)
{
	if (what)
		return;
	fprintf(stderr, "%s\n", text);
	abort();
}

static void census(const struct arena *a, const char *text)
{
	uint32_t freed = world.cache.frames;
	uint32_t chunks = world.cache.chunks;

	for (uint32_t b = (uint32_t)world.shared.frame.batches; b;
	     b = frame_at(a, b)->batch)
		for (uint32_t i = b; i; i = frame_at(a, i)->next)
			freed++;
	for (uint32_t b = (uint32_t)world.shared.chunk.batches; b;
	     b = world.chunks[b].batch)
		for (uint32_t i = b; i; i = world.chunks[i].next)
			chunks++;
	require(freed == arena_frames_end(a) - 1, text);
	require(chunks == arena_chunks_end(a) - 1, text);
}

/* Into the fabric and out again. */
static void there_and_back(struct arena *a, const struct virtio_net_hdr *v,
			   uint8_t *bytes, uint32_t n,
			   const struct port_headers *h)
{
	struct virtio_net_hdr back;
	struct iovec iov[PORT_IOV_MAX];
	uint32_t at = 0, keep = h->ip_bytes ? ETH_BYTES + h->ip_bytes : n;
	frame_ix ix;
	struct frame *f;
	uint8_t gso = v->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	int entries;

	if (port_frame_in(a, v, bytes, n, h, &ix))
		return;
	f = frame_at(a, ix);
	require(f->header_bytes + f->payload == keep, "a length has changed");
	entries = port_frame_out(a, f, &back, iov);
	require(entries > 0, "what came in cannot go out");
	require(entries <= (int)PORT_IOV_MAX, "too many pieces");
	for (int i = 1; i < entries; i++) {
		require(at + iov[i].iov_len <= keep, "more than came in");
		require(!memcmp(iov[i].iov_base, bytes + at, iov[i].iov_len),
			"other bytes than came in");
		at += (uint32_t)iov[i].iov_len;
	}
	require(at == keep, "less than came in");
	/* Where all fits into one segment there is nothing to cut. */
	gso &= keep - f->header_bytes > v->gso_size ? 0xff : 0;
	require((back.gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN) == gso &&
			(!gso || back.gso_size == v->gso_size),
		"an offload has changed");
	frame_free(a, ix);
}

/* The segment, and the one that would follow it. */
static void coalesce(struct arena *a, const struct virtio_net_hdr *v,
		     uint8_t *bytes, uint32_t n, const struct port_headers *h,
		     uint8_t how)
{
	struct port_gro g = { 0 };
	struct frame_list out = { 0, 0 };
	struct port_headers next = *h;
	uint32_t in = 0, sum = 0, l4 = h->l4_off;
	frame_ix ix;

	if (h->v4 && (how & 16)) {
		put16(bytes + 24, 0);
		put16(bytes + 24, (uint16_t)~be16(csum_fold(csum_add(
					  0, bytes + 14, IPV4_BYTES))));
	}
	for (int i = 0; i < 1 + (how & 3); i++) {
		uint32_t end = ETH_BYTES + next.ip_bytes;

		if (!port_gro_add(&g, a, v, bytes, &next, &out))
			break;
		in += end - next.header_bytes;
		/* Its sum stays right: RFC 1624. */
		if (l4 + TCP_BYTES > n || how & 8)
			continue;
		put32(bytes + l4 + 4,
		      get32(bytes + l4 + 4) + end - next.header_bytes);
		put16(bytes + l4 + 16, 0);
		if (how & 4)
			next.ip_bytes--;
		if (!port_parse(bytes, n, &next))
			break;
	}
	port_gro_flush(&g, a, &out);
	require(!g.held, "a segment is still held");
	while ((ix = frame_list_pop(a, &out))) {
		sum += frame_at(a, ix)->payload;
		frame_free(a, ix);
	}
	require(sum == in, "coalescing has lost or made bytes");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[BYTES_MAX];
	static bool begun;
	struct virtio_net_hdr v;
	struct port_headers h;
	struct arena *a;
	uint32_t n;
	uint8_t how;

	if (!begun) {
		world_begin();
		world_save();
		begun = true;
	}
	if (size < 1 + sizeof(v))
		return 0;
	world_restore();
	a = world_stack.arena;
	how = data[0];
	memcpy(&v, data + 1, sizeof(v));
	n = min_u32((uint32_t)(size - 1 - sizeof(v)), sizeof(bytes));
	memcpy(bytes, data + 1 + sizeof(v), n);
	if (!port_parse(bytes, n, &h))
		return 0;
	require(h.header_bytes <= n && h.header_bytes <= FRAME_HEADER_ROOM,
		"headers beyond the frame");
	require(!h.l4_off || h.l4_off <= n, "a transport beyond the frame");
	for (size_t i = 0; i < ARRAY_SIZE(guards); i++)
		port_guard_passes(&guards[i], bytes, n, &h);
	there_and_back(a, &v, bytes, n, &h);
	census(a, "a frame or chunk is not home");
	memcpy(bytes, data + 1 + sizeof(v), n);
	coalesce(a, &v, bytes, n, &h, how);
	census(a, "coalescing keeps a frame or chunk");
	return 0;
}
