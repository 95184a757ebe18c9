/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries as they come, and as an enemy would send them. */
#include "daemon/dns_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* A query for "db.toami", A, IN. */
static const uint8_t plain[] = { 0x12, 0x34, 0x01, 0x00, 0,   1,   0, 0,   0,
				 0,    0,    0,	   2,	 'd', 'B', 5, 't', 'o',
				 'a',  'm',  'i',  0,	 0,   1,   0, 1 };

static void reads_a_query(void **state)
{
	struct dns_query q;

	(void)state;
	assert_int_equal(dns_read_query(plain, sizeof(plain), &q), 0);
	assert_int_equal(q.id, 0x1234);
	assert_true(q.recursion);
	assert_false(q.edns);
	assert_int_equal(q.udp_bytes, DNS_UDP_MIN);
	assert_int_equal(q.type, DNS_A);
	assert_int_equal(q.class, DNS_IN);
	assert_int_equal(q.question_end, sizeof(plain));
	assert_string_equal(q.name, "db.toami");
}

static void reads_what_edns_says(void **state)
{
	static const struct {
		uint16_t says, taken;
	} cases[] = {
		{ 0, 512 },
		{ 511, 512 },
		{ 1232, 1232 },
		{ 65535, 4096 },
	};
	uint8_t msg[sizeof(plain) + 11];
	struct dns_query q;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(msg, 0, sizeof(msg));
		memcpy(msg, plain, sizeof(plain));
		msg[11] = 1;
		msg[sizeof(plain) + 2] = DNS_OPT;
		msg[sizeof(plain) + 3] = (uint8_t)(cases[i].says >> 8);
		msg[sizeof(plain) + 4] = (uint8_t)cases[i].says;
		assert_int_equal(dns_read_query(msg, sizeof(msg), &q), 0);
		assert_true(q.edns);
		assert_int_equal(q.udp_bytes, cases[i].taken);
		/* One byte less, and it is not whole. */
		assert_int_equal(dns_read_query(msg, sizeof(msg) - 1, &q),
				 DNS_FORMERR);
	}
}

/* Every way of being cut short is refused, and no byte beyond the end is read.
 */
static void refuses_every_prefix(void **state)
{
	struct dns_query q;

	(void)state;
	for (size_t n = 0; n < sizeof(plain); n++) {
		uint8_t *exact = test_malloc(n ? n : 1);

		memcpy(exact, plain, n);
		assert_int_equal(dns_read_query(exact, n, &q),
				 n < 12 ? -EBADMSG : DNS_FORMERR);
		test_free(exact);
	}
}

static void refuses_what_is_no_question(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		int expected;
	} cases[] = {
		{ 2, 0x80, -EBADMSG },	   /* an answer */
		{ 2, 0x28, DNS_NOTIMP },   /* an update */
		{ 5, 0, DNS_FORMERR },	   /* no question */
		{ 5, 2, DNS_FORMERR },	   /* two */
		{ 12, 0xc0, DNS_FORMERR }, /* a pointer in the question */
		{ 12, 0x40, DNS_FORMERR }, /* a label of a kind that is not */
		{ 12, 63, DNS_FORMERR },   /* a label beyond the end */
		{ 11, 9, DNS_FORMERR },	   /* records that are not there */
	};
	struct dns_query q;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t msg[sizeof(plain)];

		memcpy(msg, plain, sizeof(msg));
		msg[cases[i].at] = cases[i].value;
		assert_int_equal(dns_read_query(msg, sizeof(msg), &q),
				 cases[i].expected);
	}
}

static void names_end_at_255_bytes(void **state)
{
	uint8_t msg[12 + 300] = { 0, 1, 0, 0, 0, 1 };
	struct dns_query q;
	size_t at = 12;

	(void)state;
	for (int i = 0; i < 3; i++, at += 64) {
		msg[at] = 63;
		memset(msg + at + 1, 'a', 63);
	}
	msg[at] = 61; /* 3 * 64 + 62 + 1 = 255 */
	memset(msg + at + 1, 'b', 61);
	msg[at + 62 + 2] = msg[at + 62 + 4] = 1;
	assert_int_equal(dns_read_query(msg, at + 62 + 5, &q), 0);
	assert_int_equal(strlen(q.name), 253);
	msg[at] = 62;
	msg[at + 62] = 'b';
	msg[at + 63] = 0;
	assert_int_equal(dns_read_query(msg, at + 62 + 6, &q), DNS_FORMERR);
}

static void odd_bytes_are_no_dots(void **state)
{
	uint8_t msg[sizeof(plain)];
	struct dns_query q;

	(void)state;
	memcpy(msg, plain, sizeof(msg));
	msg[13] = '.';
	msg[14] = 0;
	assert_int_equal(dns_read_query(msg, sizeof(msg), &q), 0);
	assert_string_equal(q.name, "??.toami");
}

static void cuts_long_answers(void **state)
{
	uint8_t msg[2000] = { 0 };

	(void)state;
	memcpy(msg, plain, sizeof(plain));
	msg[7] = 9;
	assert_int_equal(dns_truncate(msg, 600, 1232), 600);
	assert_int_equal(msg[7], 9);
	assert_int_equal(dns_truncate(msg, 2000, 512), sizeof(plain));
	assert_int_equal(msg[2] & 2, 2);
	assert_int_equal(msg[7], 0);
	assert_int_equal(msg[5], 1);
	/* A question that cannot be read is left out. */
	memset(msg + 12, 63, sizeof(msg) - 12);
	assert_int_equal(dns_truncate(msg, 2000, 512), 12);
	assert_int_equal(msg[5], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_query),
		cmocka_unit_test(reads_what_edns_says),
		cmocka_unit_test(refuses_every_prefix),
		cmocka_unit_test(refuses_what_is_no_question),
		cmocka_unit_test(names_end_at_255_bytes),
		cmocka_unit_test(odd_bytes_are_no_dots),
		cmocka_unit_test(cuts_long_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
