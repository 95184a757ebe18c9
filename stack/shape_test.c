/* SPDX-License-Identifier: BSD-2-Clause */
/* shape.h, csum.h and segment.h: bytes stay the same, wherever they lie. */
#include "stack/csum.h"
#include "stack/segment.h"
#include "stack/shape.h"
#include "stack/testnet.h"
#include "stack/wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint8_t pattern[65536];

/* A frame whose bytes are the pattern: @header of them in header[]. */
static frame_ix make(struct arena *a, uint32_t header, uint32_t payload)
{
	frame_ix ix = frame_alloc(a);
	struct frame *f = frame_at(a, ix);

	memcpy(f->header, pattern, header);
	f->header_bytes = (uint8_t)header;
	assert_int_equal(frame_fill(a, ix, pattern + header, payload), 0);
	return ix;
}

static void same(struct arena *a, frame_ix ix, uint32_t header, uint32_t total)
{
	static uint8_t out[65536];
	const struct frame *f = frame_at(a, ix);
	uint32_t sum = 0;

	assert_int_equal(f->header_bytes, header);
	assert_int_equal(f->header_bytes + f->payload, total);
	assert_memory_equal(f->header, pattern, header);
	frame_copy_out(a, f, 0, out, f->payload);
	assert_memory_equal(out, pattern + header, f->payload);
	if (f->flags & FRAME_REFS) {
		for (uint8_t i = 0; i < f->refs; i++)
			sum += f->ref[i].bytes;
		assert_int_equal(sum, f->payload);
	}
}

static void the_border_moves_both_ways(void **state)
{
	static const struct {
		uint32_t header, payload, want;
		int err;
	} cases[] = {
		{ 14, 0, 14, 0 },	{ 14, 20, 34, 0 },
		{ 14, 400, 54, 0 },	{ 128, 0, 14, 0 },
		{ 128, 300, 54, 0 },	{ 128, 320, 20, 0 },
		{ 60, 5000, 128, 0 },	{ 128, 5000, 42, 0 },
		{ 14, 6, 34, -EINVAL }, { 14, 500, 129, -EINVAL },
		{ 0, 0, 1, -EINVAL },	{ 0, 40, 40, 0 },
	};
	struct testnet *n = testnet_new(1, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		frame_ix ix =
			make(&n->arena, cases[i].header, cases[i].payload);

		assert_int_equal(frame_header_set(&n->arena, ix, cases[i].want),
				 cases[i].err);
		same(&n->arena, ix,
		     cases[i].err ? cases[i].header : cases[i].want,
		     cases[i].header + cases[i].payload);
		frame_free(&n->arena, ix);
	}
	assert_true(testnet_free(n));
}

static void tails_are_cut_and_frames_cloned(void **state)
{
	static const uint32_t keep[] = { 0, 1, 319, 4096, 4097, 9000, 10000 };
	struct testnet *n = testnet_new(1, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keep); i++) {
		frame_ix ix = make(&n->arena, 54, 10000);
		frame_ix copy = frame_clone(&n->arena, ix);

		frame_trim(&n->arena, ix, keep[i]);
		same(&n->arena, ix, 54, 54 + keep[i]);
		frame_free(&n->arena, ix);
		same(&n->arena, copy, 54, 10054);
		frame_free(&n->arena, copy);
	}
	assert_true(testnet_free(n));
}

/* The sum of a whole, and of the same in pieces at odd borders. */
static void sums_do_not_depend_on_the_cut(void **state)
{
	struct testnet *n = testnet_new(1, 1);
	uint16_t want;

	(void)state;
	for (uint32_t total = 60; total < 9000; total += 333) {
		want = csum_fold(csum_add(0, pattern + 14, total - 14));
		for (uint32_t header = 14; header < 60; header += 5) {
			frame_ix ix = make(&n->arena, header, total - header);
			frame_ix odd = frame_alloc(&n->arena);
			struct frame *f = frame_at(&n->arena, ix), *g;

			assert_int_equal(
				csum_fold(csum_frame(&n->arena, f, 14)), want);
			g = frame_at(&n->arena, odd);
			memcpy(g->header, f->header, header);
			g->header_bytes = f->header_bytes;
			if (f->flags & FRAME_REFS) {
				uint32_t cut = 7;

				assert_int_equal(frame_refer_from(&n->arena,
								  odd, f, 0,
								  cut),
						 0);
				assert_int_equal(
					frame_refer_from(&n->arena, odd, f, cut,
							 f->payload - cut),
					0);
				assert_int_equal(
					csum_fold(csum_frame(&n->arena, g, 14)),
					want);
			}
			frame_free(&n->arena, odd);
			frame_free(&n->arena, ix);
		}
	}
	assert_true(testnet_free(n));
}

/* A super-segment caught on its way, cut, and every piece looked at. */
static void super_segments_are_cut_for_the_wire(void **state)
{
	struct testnet *n = testnet_new(2, 1);
	struct frame_list list = { 0, 0 };
	uint32_t off = 0, pieces = 0, seq = 0;
	conn_ix a, b, l;
	frame_ix ix;
	int made;

	(void)state;
	testnet_pair(n, 0, 1, 80, &a, &b, &l);
	assert_int_equal(tcp_append(&n->st[0], a, pattern, 10000), 10000);
	tcp_push(&n->st[0], a, false);
	tcp_shutdown(&n->st[0], a, 1);
	ix = frame_list_pop(&n->arena, &n->st[0].out);
	assert_int_equal(frame_at(&n->arena, ix)->gso_bytes, 1448);
	assert_int_equal(frame_at(&n->arena, ix)->gso_type, FRAME_GSO_TCPV4);
	made = frame_segment(&n->arena, ix, true, &list);
	assert_int_equal(made, 7);
	while ((ix = frame_list_pop(&n->arena, &list))) {
		struct frame *f = frame_at(&n->arena, ix);
		struct ipv4_header *h =
			(struct ipv4_header *)(f->header + f->l3_off);
		struct tcp_header *t =
			(struct tcp_header *)(f->header + f->l4_off);
		struct ip_addr src = ip_from_v4(h->src);
		struct ip_addr dst = ip_from_v4(h->dst);
		uint32_t l4 = f->header_bytes - f->l4_off + f->payload;
		static uint8_t out[1448];

		assert_int_equal(f->gso_type, 0);
		assert_false(f->flags & FRAME_NEEDS_CSUM);
		assert_int_equal(csum_fold(csum_add(0, h, 20)), 0xffff);
		assert_int_equal(be16(h->total), 20 + l4);
		assert_int_equal(csum_fold(csum_frame(&n->arena, f, f->l4_off) +
					   csum_pseudo(&src, &dst, 6, l4)),
				 0xffff);
		if (!pieces)
			seq = be32(t->seq);
		assert_int_equal(be32(t->seq) - seq, off);
		frame_copy_out(&n->arena, f, 0, out, f->payload);
		assert_memory_equal(out, pattern + off, f->payload);
		off += f->payload;
		pieces++;
		assert_int_equal(!!(t->flags & TCP_PSH), pieces == 7);
		frame_free(&n->arena, ix);
	}
	assert_int_equal(off, 10000);
	conn_abort(&n->st[0], a);
	conn_abort(&n->st[1], b);
	conn_close(&n->st[1], l);
	assert_true(testnet_free(n));
}

/* Seven segments of a super-frame; @spoil makes the third differ. */
static uint32_t joined(uint32_t spoil, bool v6)
{
	struct testnet *n = testnet_new(2, 1);
	struct frame_list list = { 0, 0 }, some = { 0, 0 };
	struct ip_addr to = testnet_ip6(1);
	conn_ix a = 0, b = 0, l = 0;
	uint32_t frames = 0, off = 0, i = 0;
	struct frame was;
	frame_ix ix;

	if (!v6) {
		testnet_pair(n, 0, 1, 80, &a, &b, &l);
	} else {
		conn_open(&n->st[1], STACK_TCP, 1, 2, &l);
		conn_bind(&n->st[1], l, &to, 80, STACK_INET6);
		tcp_listen(&n->st[1], l, 16);
		conn_open(&n->st[0], STACK_TCP, 2, 1, &a);
		conn_connect(&n->st[0], a, &to, 80);
		testnet_run(n);
		b = tcp_accept(&n->st[1], l);
		assert_true(b != 0);
	}
	tcp_append(&n->st[0], a, pattern, 10000);
	tcp_push(&n->st[0], a, false);
	ix = frame_list_pop(&n->arena, &n->st[0].out);
	was = *frame_at(&n->arena, ix);
	frame_segment(&n->arena, ix, spoil % 2, &list);
	while ((ix = frame_list_pop(&n->arena, &list))) {
		struct frame *f = frame_at(&n->arena, ix);
		struct tcp_header *t =
			(struct tcp_header *)(f->header + f->l4_off);

		if (++i == 3) {
			switch (spoil) {
			case 1:
				t->flags |= TCP_PSH;
				break;
			case 2:
				t->window = (uint16_t)~t->window;
				break;
			case 3:
				t->ack++;
				break;
			case 4:
				f->header[f->header_bytes - 1] ^= 1;
				break;
			case 5: /* nobody has verified it */
				f->flags &= (uint8_t) ~(FRAME_CSUM_OK |
							FRAME_NEEDS_CSUM);
				break;
			case 6: /* lost */
				frame_free(&n->arena, ix);
				continue;
			case 7:
				f->header[ETH_BYTES + 1] ^= 3;
				break;
			default:
				break;
			}
		}
		frame_list_add(&n->arena, &some, ix);
	}
	frame_coalesce(&n->arena, &some);
	while ((ix = frame_list_pop(&n->arena, &some))) {
		struct frame *f = frame_at(&n->arena, ix);
		static uint8_t out[10000];

		if (!spoil) {
			assert_memory_equal(f->header, was.header,
					    was.header_bytes);
			assert_int_equal(f->gso_type, was.gso_type);
			assert_int_equal(f->gso_bytes, was.gso_bytes);
			assert_int_equal(f->refs, was.refs);
		}
		frame_copy_out(&n->arena, f, 0, out, f->payload);
		if (spoil != 6)
			assert_memory_equal(out, pattern + off, f->payload);
		off += f->payload;
		frames++;
		frame_free(&n->arena, ix);
	}
	assert_int_equal(off, spoil == 6 ? 10000 - was.gso_bytes : 10000);
	conn_abort(&n->st[0], a);
	conn_abort(&n->st[1], b);
	conn_close(&n->st[1], l);
	assert_true(testnet_free(n));
	return frames;
}

static void what_was_cut_becomes_whole(void **state)
{
	/* By what is spoilt: PSH ends a frame, the lost one leaves two, and
	 * what differs stands alone. */
	static const uint32_t frames[] = { 1, 2, 3, 3, 3, 3, 2, 3 };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(frames); i++) {
		assert_int_equal(joined(i, false), frames[i]);
		assert_int_equal(joined(i, true), frames[i]);
	}
}

static void nonsense_is_not_cut(void **state)
{
	static const struct {
		uint8_t gso, l3, l4, header;
	} cases[] = {
		{ FRAME_GSO_TCPV4, 14, 34, 34 },
		{ FRAME_GSO_TCPV4, 14, 20, 54 },
		{ FRAME_GSO_TCPV4, 14, 34, 128 },
		{ FRAME_GSO_UDP, 14, 34, 54 },
		{ FRAME_GSO_TCPV6, 200, 34, 54 },
		{ FRAME_GSO_TCPV4, 0, 34, 54 },
		{ FRAME_GSO_TCPV4, 14, 250, 54 },
	};
	struct testnet *n = testnet_new(1, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct frame_list list = { 0, 0 };
		frame_ix ix = make(&n->arena, cases[i].header, 5000);
		struct frame *f = frame_at(&n->arena, ix);

		f->gso_type = cases[i].gso;
		f->gso_bytes = 1448;
		f->l3_off = cases[i].l3;
		f->l4_off = cases[i].l4;
		assert_int_equal(frame_segment(&n->arena, ix, true, &list),
				 -EINVAL);
		assert_int_equal(list.first, 0);
	}
	assert_true(testnet_free(n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_border_moves_both_ways),
		cmocka_unit_test(tails_are_cut_and_frames_cloned),
		cmocka_unit_test(sums_do_not_depend_on_the_cut),
		cmocka_unit_test(super_segments_are_cut_for_the_wire),
		cmocka_unit_test(what_was_cut_becomes_whole),
		cmocka_unit_test(nonsense_is_not_cut),
	};

	for (uint32_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 37 + i / 256 * 11);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
