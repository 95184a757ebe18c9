/* SPDX-License-Identifier: BSD-2-Clause */
/* wire.h, guard.h, gro.h: what devices say, believed or not. */
#include "port/gro.h"
#include "port/guard.h"
#include "stack/csum.h"
#include "stack/segment.h"
#include "stack/testnet.h"
#include "stack/wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEADERS4 (ETH_BYTES + IPV4_BYTES + TCP_BYTES)
#define HEADERS6 (ETH_BYTES + IPV6_BYTES + TCP_BYTES)

static uint8_t bytes[PORT_FRAME_MAX];

/* A TCP segment of @payload bytes of a pattern, checksums complete. */
static uint32_t segment(bool v4, uint32_t seq, uint8_t flags, uint32_t payload)
{
	uint32_t l3 = v4 ? IPV4_BYTES : IPV6_BYTES, l4 = ETH_BYTES + l3;
	struct tcp_header *t = (struct tcp_header *)(bytes + l4);
	struct ip_addr src, dst;

	memset(bytes, 0, l4 + TCP_BYTES);
	memcpy(bytes, "\2\2\2\2\2\1\2\2\2\2\2\2", 12);
	put16(bytes + 12, v4 ? ETH_IPV4 : ETH_IPV6);
	for (uint32_t i = 0; i < payload; i++)
		bytes[l4 + TCP_BYTES + i] = (uint8_t)((seq + i) * 7);
	if (v4) {
		struct ipv4_header *h =
			(struct ipv4_header *)(bytes + ETH_BYTES);

		*h = (struct ipv4_header){
			.ver_ihl = 0x45,
			.total = be16((uint16_t)(l3 + TCP_BYTES + payload)),
			.frag = be16(IPV4_DF),
			.ttl = 64,
			.proto = IP_TCP,
			.src = be32(0x0a000001),
			.dst = be32(0x0a000002),
		};
		h->csum = (uint16_t)~csum_fold(csum_add(0, h, IPV4_BYTES));
		src = ip_from_v4(h->src);
		dst = ip_from_v4(h->dst);
	} else {
		struct ipv6_header *h =
			(struct ipv6_header *)(bytes + ETH_BYTES);

		*h = (struct ipv6_header){
			.ver_class_flow = be32(0x60000000),
			.payload = be16((uint16_t)(TCP_BYTES + payload)),
			.next = IP_TCP,
			.hops = 64,
			.src = { 0xfd, 1 },
			.dst = { 0xfd, 2 },
		};
		memcpy(&src, h->src, 16);
		memcpy(&dst, h->dst, 16);
	}
	*t = (struct tcp_header){ .sport = be16(1000),
				  .dport = be16(80),
				  .seq = be32(seq),
				  .ack = be32(77),
				  .off = 5 << 4,
				  .flags = flags,
				  .window = be16(500) };
	t->csum = (uint16_t)~csum_fold(
		csum_add(0, t, TCP_BYTES + payload) +
		csum_pseudo(&src, &dst, IP_TCP, TCP_BYTES + payload));
	return l4 + TCP_BYTES + payload;
}

static void *flat(const struct arena *a, struct frame *f,
		  struct virtio_net_hdr *v, uint32_t *n)
{
	static uint8_t out[70000];
	struct iovec iov[PORT_IOV_MAX];
	int parts = port_frame_out(a, f, v, iov);

	assert_true(parts >= 2);
	*n = 0;
	for (int i = 1; i < parts; i++) {
		memcpy(out + *n, iov[i].iov_base, iov[i].iov_len);
		*n += (uint32_t)iov[i].iov_len;
	}
	return out;
}

static void frames_come_back_as_they_were(void **state)
{
	static const struct {
		bool v4;
		uint32_t payload;
		uint8_t gso;
		uint16_t size;
	} cases[] = {
		{ true, 0, 0, 0 },
		{ true, 1, 0, 0 },
		{ true, 320, 0, 0 },
		{ true, 1460, 0, 0 },
		{ false, 1440, 0, 0 },
		{ true, 60000, FRAME_GSO_TCPV4, 1460 },
		{ true, 65495, FRAME_GSO_TCPV4, 1448 },
		{ false, 65475, FRAME_GSO_TCPV6, 1428 },
	};
	struct testnet *net = testnet_new(1, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtio_net_hdr v = { .gso_type = cases[i].gso,
					    .gso_size = cases[i].size },
				      w;
		uint32_t n = segment(cases[i].v4, 9, TCP_ACK, cases[i].payload);
		uint32_t got;
		struct port_headers h;
		frame_ix ix;
		void *out;

		if (cases[i].gso) {
			v.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
			v.csum_start = cases[i].v4 ? HEADERS4 - TCP_BYTES
						   : HEADERS6 - TCP_BYTES;
			v.csum_offset = 16;
		}
		assert_true(port_parse(bytes, n, &h));
		assert_int_equal(
			port_frame_in(&net->arena, &v, bytes, n, &h, &ix), 0);
		out = flat(&net->arena, frame_at(&net->arena, ix), &w, &got);
		assert_int_equal(got, n);
		assert_memory_equal(out, bytes, n);
		assert_int_equal(w.gso_type, v.gso_type);
		assert_int_equal(w.gso_size, v.gso_size);
		assert_int_equal(w.flags, v.flags);
		assert_int_equal(w.csum_start, v.csum_start);
		assert_int_equal(w.csum_offset, v.csum_offset);
		frame_free(&net->arena, ix);
	}
	assert_true(testnet_free(net));
}

static void contradictions_are_refused(void **state)
{
	static const struct {
		struct virtio_net_hdr v;
		uint32_t payload;
	} cases[] = {
		/* Segments without an open checksum, of another protocol or
		 * family, of no size; a checksum outside the frame. */
		{ { 0, 1, 0, 1460, 0, 0 }, 5000 },
		{ { 1, 4, 0, 1460, 34, 16 }, 5000 },
		{ { 1, 5, 0, 1460, 34, 16 }, 5000 },
		{ { 1, 3, 0, 1460, 34, 16 }, 5000 },
		{ { 1, 9, 0, 1460, 34, 16 }, 5000 },
		{ { 1, 1, 0, 0, 34, 16 }, 5000 },
		{ { 1, 1, 0, 7, 34, 16 }, 5000 },
		{ { 1, 1, 0, 1460, 33, 16 }, 5000 },
		{ { 1, 1, 0, 1460, 34, 6 }, 5000 },
		{ { 1, 0, 0, 0, 34, 65535 }, 100 },
		{ { 1, 0, 0, 0, 65535, 16 }, 100 },
		{ { 1, 0, 0, 0, 2, 0 }, 100 },
	};
	struct testnet *net = testnet_new(1, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t n = segment(true, 9, TCP_ACK, cases[i].payload);
		struct port_headers h;
		frame_ix ix = 0;

		assert_true(port_parse(bytes, n, &h));
		assert_int_equal(port_frame_in(&net->arena, &cases[i].v, bytes,
					       n, &h, &ix),
				 -EINVAL);
	}
	/* Headers that claim more than there is. */
	for (uint32_t n = 0; n < HEADERS4 + 10; n++) {
		struct port_headers h;

		segment(true, 9, TCP_ACK, 10);
		assert_int_equal(port_parse(bytes, n, &h), false);
		segment(false, 9, TCP_ACK, 0);
		assert_int_equal(port_parse(bytes, n, &h), false);
	}
	assert_true(testnet_free(net));
}

static void a_foreign_checksum_is_completed(void **state)
{
	struct testnet *net = testnet_new(1, 1);
	struct virtio_net_hdr v = {
		VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, 0, 0, HEADERS4 + 2, 4
	};
	uint32_t n = segment(true, 9, TCP_ACK, 100);
	struct port_headers h;
	struct frame *f;
	frame_ix ix;

	(void)state;
	put16(bytes + HEADERS4 + 6, 0);
	assert_true(port_parse(bytes, n, &h));
	assert_int_equal(port_frame_in(&net->arena, &v, bytes, n, &h, &ix), 0);
	f = frame_at(&net->arena, ix);
	assert_false(f->flags & FRAME_NEEDS_CSUM);
	assert_int_equal(csum_fold(csum_add(0, bytes + HEADERS4 + 2, 98)),
			 0xffff);
	frame_free(&net->arena, ix);
	assert_true(testnet_free(net));
}

/* Feeds one segment, which must be taken or not. */
static void feed(struct testnet *net, struct port_gro *g, bool v4, uint32_t seq,
		 uint8_t flags, uint32_t payload, struct frame_list *out,
		 bool want)
{
	struct virtio_net_hdr v = { 0 };
	uint32_t n = segment(v4, seq, flags, payload);
	struct port_headers h;
	frame_ix ix;

	assert_true(port_parse(bytes, n, &h));
	if (port_gro_add(g, &net->arena, &v, bytes, &h, out)) {
		assert_true(want);
		return;
	}
	assert_false(want);
	assert_int_equal(port_frame_in(&net->arena, &v, bytes, n, &h, &ix), 0);
	frame_list_add(&net->arena, out, ix);
}

/* Every byte of the stream in order, and checksums that are right once cut. */
static void expect_stream(struct testnet *net, struct frame_list *list,
			  uint32_t seq, uint32_t frames, uint32_t total)
{
	struct arena *a = &net->arena;
	uint32_t n = 0;
	frame_ix ix;

	while ((ix = frame_list_pop(a, list))) {
		struct frame_list cut = { 0, 0 };

		n++;
		assert_true(frame_segment(a, ix, true, &cut) > 0);
		while ((ix = frame_list_pop(a, &cut))) {
			struct virtio_net_hdr v;
			struct port_headers h;
			uint32_t got, l4;
			uint8_t *p = flat(a, frame_at(a, ix), &v, &got);
			struct ip_addr src, dst;

			assert_true(port_parse(p, got, &h));
			assert_int_equal(get32(p + h.l4_off + 4), seq);
			for (uint32_t i = h.header_bytes; i < got; i++, seq++)
				assert_int_equal(p[i], (uint8_t)(seq * 7));
			total -= got - h.header_bytes;
			l4 = got - h.l4_off;
			if (h.v4) {
				src = ip_from_v4(
					((struct wire32 *)(p + 26))->v);
				dst = ip_from_v4(
					((struct wire32 *)(p + 30))->v);
				assert_int_equal(
					csum_fold(csum_add(0, p + ETH_BYTES,
							   IPV4_BYTES)),
					0xffff);
			} else {
				memcpy(&src, p + 22, 16);
				memcpy(&dst, p + 38, 16);
			}
			assert_int_equal(
				csum_fold(csum_add(0, p + h.l4_off, l4) +
					  csum_pseudo(&src, &dst, IP_TCP, l4)),
				0xffff);
			frame_free(a, ix);
		}
	}
	assert_int_equal(n, frames);
	assert_int_equal(total, 0);
}

static void segments_become_one(void **state)
{
	struct testnet *net = testnet_new(1, 1);

	(void)state;
	for (int v4 = 0; v4 < 2; v4++) {
		struct frame_list out = { 0, 0 };
		struct port_gro g = { 0 };
		uint32_t seq = 1000;

		/* 44 of 1448 bytes fit into a frame; the rest begins anew. */
		for (int i = 0; i < 60; i++, seq += 1448)
			feed(net, &g, v4, seq, TCP_ACK, 1448, &out, true);
		feed(net, &g, v4, seq, TCP_ACK | TCP_PSH, 100, &out, true);
		port_gro_flush(&g, &net->arena, &out);
		expect_stream(net, &out, 1000, 2, 60 * 1448 + 100);
	}
	assert_true(testnet_free(net));
}

static void order_stays_around_what_does_not_fit(void **state)
{
	struct testnet *net = testnet_new(1, 1);
	struct frame_list out = { 0, 0 };
	struct port_gro g = { 0 };

	(void)state;
	feed(net, &g, true, 0, TCP_ACK, 500, &out, true);
	feed(net, &g, true, 500, TCP_ACK, 500, &out, true);
	/* Larger than the first; then FIN; then small ones. */
	feed(net, &g, true, 1000, TCP_ACK, 600, &out, true);
	feed(net, &g, true, 1600, TCP_ACK | TCP_FIN, 10, &out, false);
	feed(net, &g, true, 1610, TCP_ACK | TCP_PSH, 10, &out, false);
	feed(net, &g, true, 1620, TCP_ACK, 10, &out, true);
	feed(net, &g, true, 1630, TCP_ACK, 5, &out, true);
	feed(net, &g, true, 1635, TCP_ACK, 5, &out, true);
	port_gro_flush(&g, &net->arena, &out);
	expect_stream(net, &out, 0, 6, 1640);
	assert_true(testnet_free(net));
}

static void what_is_damaged_stays_alone(void **state)
{
	struct testnet *net = testnet_new(1, 1);
	struct frame_list out = { 0, 0 };
	struct virtio_net_hdr v = { 0 };
	struct port_gro g = { 0 };
	struct port_headers h;
	uint32_t n;

	(void)state;
	feed(net, &g, true, 0, TCP_ACK, 500, &out, true);
	n = segment(true, 500, TCP_ACK, 500);
	bytes[n - 1] ^= 1;
	assert_true(port_parse(bytes, n, &h));
	assert_false(port_gro_add(&g, &net->arena, &v, bytes, &h, &out));
	port_gro_flush(&g, &net->arena, &out);
	expect_stream(net, &out, 0, 1, 500);
	assert_true(testnet_free(net));
}

static void the_guard_knows_names(void **state)
{
	struct port_guard host = { .host = true,
				   .mac = { 2, 2, 2, 2, 2, 2 },
				   .addr4 = ip_from_v4(be32(0x0a000001)) };
	struct port_guard up = { .host = false };
	uint32_t n = segment(true, 1, TCP_ACK, 10);
	struct port_headers h;

	(void)state;
	assert_true(port_parse(bytes, n, &h));
	assert_true(port_guard_passes(&host, bytes, n, &h));
	assert_true(port_guard_passes(&up, bytes, n, &h));
	bytes[29] ^= 1;
	assert_false(port_guard_passes(&host, bytes, n, &h));
	bytes[29] ^= 1;
	bytes[11] ^= 1;
	assert_false(port_guard_passes(&host, bytes, n, &h));
	assert_true(port_guard_passes(&up, bytes, n, &h));
	memcpy(bytes + 6, "\2\x74\x6f\0\0\1", 6);
	assert_false(port_guard_passes(&up, bytes, n, &h));
	bytes[6] = 1;
	assert_false(port_guard_passes(&up, bytes, n, &h));
	/* IPv6: none but link-local ones. */
	n = segment(false, 1, TCP_ACK, 10);
	assert_true(port_parse(bytes, n, &h));
	assert_false(port_guard_passes(&host, bytes, n, &h));
	bytes[22] = 0xfe;
	bytes[23] = 0x80;
	assert_true(port_guard_passes(&host, bytes, n, &h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_back_as_they_were),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(a_foreign_checksum_is_completed),
		cmocka_unit_test(segments_become_one),
		cmocka_unit_test(order_stays_around_what_does_not_fit),
		cmocka_unit_test(what_is_damaged_stays_alone),
		cmocka_unit_test(the_guard_knows_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
