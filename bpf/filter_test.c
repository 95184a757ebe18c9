/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters say what libpcap says: expressions over random packets that nearly
 * fit, with headers of every length, interpreted and compiled.
 */
#include "bpf/filter.h"
#include "bpf/test_pcap.h"
#include "bpf/test_world.h"
#include "base/random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const expressions[] = {
	"tcp port 80 and host 10.77.0.9",
	"tcp port 80",
	"udp",
	"not udp",
	"host 10.77.0.1 or host 10.77.0.9",
	"net 10.77.0.0/16 and not port 12345",
	"ip6",
	"arp",
	"icmp or icmp6",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
	"tcp[((tcp[12]&0xf0)>>2):4] = 0x47455420",
	"ip[8] < 64",
	"greater 100",
	"less 100",
	"len > 70 and len < 110",
	"ether host 02:74:6f:00:00:02",
	"ether broadcast or multicast",
	"vlan 5 or ip proto 6",
	"portrange 79-81",
	"ip[2:2] > 50 and (ip[6:2] & 0x1fff) = 0",
	"ether[100] = 3 or ether[20] = 4",
	"ip[9] * 2 = 12 and ip[0] / 16 = 4 and ip[8] % 3 = 1",
	"ip[ip[8]:2] > 1000",
	"src net 10.77.0.0/24 and dst port 80",
};

static struct world world;

static void load(const char *expression)
{
	static struct bpf_insn insn[BPF_INSNS_MAX];
	struct bpf_classic *classic;
	struct bpf_fault fault;
	int n = test_pcap_compile(expression, &classic);

	n = bpf_filter_translate(classic, (uint32_t)n, insn, BPF_INSNS_MAX);
	free(classic);
	assert_true(n > 0);
	if (world_load(&world, insn, (uint32_t)n, &fault))
		fail_msg("%s: %u: %s", expression, fault.insn, fault.why);
}

/* A field of the packet takes a value that some expression asks for. */
static void change(uint64_t *random, uint8_t *h)
{
	static const struct {
		uint8_t at, bytes, value[4];
	} fields[] = {
		{ 12, 2, { 0x86, 0xdd } }, { 12, 2, { 8, 6 } },
		{ 12, 2, { 0x81, 0 } },	   { 23, 1, { 17 } },
		{ 23, 1, { 1 } },	   { 26, 4, { 10, 77, 0, 1 } },
		{ 34, 2, { 0, 80 } },	   { 36, 2, { 0, 81 } },
		{ 20, 2, { 0, 1 } },	   { 14, 1, { 0x47 } },
		{ 14, 1, { 0x4f } },	   { 0, 4, { 255, 255, 255, 255 } },
		{ 46, 1, { 0x50 } },	   { 46, 1, { 0xf0 } },
		{ 47, 1, { 0x02 } },	   { 22, 1, { 20 } },
		{ 20, 1, { 6 } },	   { 56, 2, { 0, 80 } },
	};
	size_t n = random_next(random) % ARRAY_SIZE(fields);

	memcpy(h + fields[n].at, fields[n].value, fields[n].bytes);
}

static void try(const char *expression, uint64_t seed)
{
	uint64_t random = seed;
	uint32_t window = 14 + (uint32_t)(random_next(&random) % 115);
	uint8_t whole[FRAME_HEADER_ROOM + WORLD_PAYLOAD];
	uint32_t changes = (uint32_t)(random_next(&random) % 4);
	int wanted;

	world_reset(&world, window, seed);
	while (changes--)
		change(&random, world.frame->header);
	memcpy(whole, world.frame->header, window);
	memcpy(whole + window, world.frame->data, WORLD_PAYLOAD);
	wanted = test_pcap_accepts(expression, whole, window + WORLD_PAYLOAD);
	assert_int_equal(world_watch(&world, seed), wanted);
	if (world.escape)
		fail_msg("%s: %s", expression, world.escape);
	if (world_run(&world, true, NULL) != (uint64_t)wanted)
		fail_msg("%s: native, seed %llu", expression,
			 (unsigned long long)seed);
}

static void test_as_libpcap(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(expressions); n++) {
		load(expressions[n]);
		for (uint64_t seed = 1; seed <= 2000; seed++)
			try(expressions[n], seed);
	}
}

/* What is no classic program is refused, not translated. */
static void test_refused(void **state)
{
	static const struct bpf_classic rows[][2] = {
		{ { 0x28, 0, 0, 12 }, { 0x28, 0, 0, 12 } }, /* no end */
		{ { 0x05, 0, 0, 9 }, { 0x06, 0, 0, 1 } },   /* jumps out */
		{ { 0x60, 0, 0, 16 }, { 0x06, 0, 0, 1 } },  /* no such cell */
		{ { 0xff, 0, 0, 0 }, { 0x06, 0, 0, 1 } },   /* unknown */
		{ { 0x34, 0, 0, 0 }, { 0x06, 0, 0, 1 } },   /* divides by 0 */
	};
	struct bpf_insn out[64];

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
		assert_int_equal(bpf_filter_translate(rows[n], 2, out, 64),
				 -EINVAL);
	assert_int_equal(bpf_filter_translate(rows[0], 0, out, 64), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_libpcap),
		cmocka_unit_test(test_refused),
	};
	int failed;

	world_open(&world);
	world_reset(&world, 54, 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	world_close(&world);
	return failed;
}
