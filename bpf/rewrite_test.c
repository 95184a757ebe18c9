/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums after rewriting: what was right before is right after, what was
 * wrong stays wrong, and what was left open stays open.
 */
#include "bpf/rewrite.h"
#include "base/random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint32_t sum(const uint8_t *p, uint32_t n, uint32_t s)
{
	for (uint32_t k = 0; k < n; k++)
		s += k & 1 ? p[k] : (uint32_t)p[k] << 8;
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static uint32_t pseudo(const struct frame *f, bool v6, uint8_t proto)
{
	const uint8_t *h = f->header + 14;
	uint32_t l4 = f->header_bytes - f->l4_off + f->payload;

	return v6 ? sum(h + 8, 32, proto + l4) : sum(h + 12, 8, proto + l4);
}

static void put(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t field(uint8_t proto)
{
	return proto == 6 ? 16 : proto == 17 ? 6 : 2;
}

/* All sums right; or open, with the pseudo header's part in the field. */
static void make(struct frame *f, bool v6, uint8_t proto, bool open,
		 uint64_t *random)
{
	uint8_t *h = f->header;
	uint32_t at;

	memset(f, 0, sizeof(*f));
	for (size_t n = 0; n < sizeof(f->header); n++)
		h[n] = (uint8_t)random_next(random);
	for (size_t n = 0; n < 64; n++)
		f->data[n] = (uint8_t)random_next(random);
	f->l3_off = 14;
	f->l4_off = v6 ? 54 : 34;
	f->header_bytes = (uint8_t)(f->l4_off + (proto == 6 ? 20 : 8));
	f->payload = 64;
	put(h + 12, v6 ? 0x86dd : 0x0800);
	h[14] = v6 ? 0x60 : 0x45;
	if (v6) {
		h[20] = proto;
	} else {
		h[23] = proto;
		put(h + 20, 0);
		put(h + 24, 0);
		put(h + 24, (uint16_t)~fold(sum(h + 14, 20, 0)));
	}
	at = f->l4_off + field(proto);
	put(h + at, 0);
	if (open) {
		f->flags = FRAME_NEEDS_CSUM;
		put(h + at, fold(pseudo(f, v6, proto)));
		return;
	}
	put(h + at,
	    (uint16_t)~fold(sum(h + f->l4_off, f->header_bytes - f->l4_off,
				sum(f->data, f->payload,
				    proto == 1 ? 0 : pseudo(f, v6, proto)))));
}

static void check(const struct frame *f, bool v6, uint8_t proto, bool open)
{
	const uint8_t *h = f->header;
	uint32_t at = f->l4_off + field(proto);

	if (!v6)
		assert_int_equal(fold(sum(h + 14, 20, 0)), 0xffff);
	if (open)
		assert_int_equal((h[at] << 8 | h[at + 1]) % 0xffff,
				 fold(pseudo(f, v6, proto)) % 0xffff);
	else
		assert_int_equal(
			fold(sum(h + f->l4_off, f->header_bytes - f->l4_off,
				 sum(f->data, f->payload,
				     proto == 1 ? 0 : pseudo(f, v6, proto)))),
			0xffff);
}

static void test_kept(void **state)
{
	static const uint8_t protos[] = { 6, 17, 1, 58 };
	uint64_t random = 3;

	(void)state;
	for (int n = 0; n < 20000; n++) {
		uint8_t proto = protos[n & 3], before[FRAME_HEADER_ROOM];
		bool v6 = proto == 58 || (proto != 1 && n & 4), open = n & 8;
		uint32_t first = v6 ? 22 : 26, changes;
		uint64_t payload = 0;
		struct frame f;
		bool moved;

		if (proto == 1)
			open = false;
		make(&f, v6, proto, open, &random);
		memcpy(before, f.header, sizeof(before));
		changes = (uint32_t)(random_next(&random) % 5);
		while (changes--)
			f.header[first + random_next(&random) %
						 (f.header_bytes - first)] =
				(uint8_t)random_next(&random);
		if (n & 16) {
			uint8_t new = (uint8_t)random_next(&random);
			uint32_t at = (uint32_t)(random_next(&random) % 64);

			payload =
				bpf_rewrite_byte(f.header_bytes + at - f.l4_off,
						 f.data[at], new);
			f.data[at] = new;
		}
		assert_int_equal(
			bpf_rewrite_finish(&f, before, payload, &moved), 0);
		assert_int_equal(moved, memcmp(before + (v6 ? 38 : 30),
					       f.header + (v6 ? 38 : 30),
					       v6 ? 16 : 4) != 0);
		check(&f, v6, proto, open);
	}
}

static void test_no_sense(void **state)
{
	static const uint8_t at[] = { 12, 14, 16, 23 };
	uint64_t random = 3;

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(at); n++) {
		uint8_t before[FRAME_HEADER_ROOM];
		struct frame f;
		bool moved;

		make(&f, false, 6, false, &random);
		memcpy(before, f.header, sizeof(before));
		f.header[at[n]] ^= 1;
		assert_int_equal(bpf_rewrite_finish(&f, before, 0, &moved),
				 -EINVAL);
	}
}

/* Without a sum UDP stays without one. */
static void test_udp_zero(void **state)
{
	uint8_t before[FRAME_HEADER_ROOM];
	uint64_t random = 3;
	struct frame f;
	bool moved;

	(void)state;
	make(&f, false, 17, false, &random);
	put(f.header + 40, 0);
	memcpy(before, f.header, sizeof(before));
	f.header[35] ^= 3;
	assert_int_equal(bpf_rewrite_finish(&f, before, 0, &moved), 0);
	assert_int_equal(f.header[40] | f.header[41], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_no_sense),
		cmocka_unit_test(test_udp_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
