/* SPDX-License-Identifier: BSD-2-Clause */
/* Who answers to which name, as a table of questions. */
#include "daemon/names.h"
#include "daemon/test_tree.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* Writes a query; returns its length. */
static size_t ask(uint8_t *msg, const char *name, uint16_t type)
{
	size_t at = 12;

	memset(msg, 0, 12);
	msg[1] = 7;
	msg[2] = 1;
	msg[5] = 1;
	while (*name) {
		size_t n = strcspn(name, ".");

		msg[at++] = (uint8_t)n;
		memcpy(msg + at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	msg[at++] = 0;
	msg[at++] = (uint8_t)(type >> 8);
	msg[at++] = (uint8_t)type;
	msg[at++] = 0;
	msg[at++] = DNS_IN;
	return at;
}

/* A name that starts at @at, which may go on elsewhere. */
static void read_name(const uint8_t *msg, size_t at, char *text)
{
	size_t n = 0;

	while (msg[at]) {
		if (msg[at] >= 0xc0) {
			at = (size_t)(msg[at] & 0x3f) << 8 | msg[at + 1];
			continue;
		}
		if (n)
			text[n++] = '.';
		memcpy(text + n, msg + at + 1, msg[at]);
		n += msg[at];
		at += 1u + msg[at];
	}
	text[n] = 0;
}

/* The answer in words: rcode, then each record of the answer section. */
static void describe(const uint8_t *msg, size_t bytes, size_t question_end,
		     char *text, size_t size)
{
	static const char *const rcodes[] = {
		"ok", "formerr", "servfail", "nxdomain", "notimp", "refused"
	};
	size_t at = question_end;
	int n = snprintf(text, size, "%s", rcodes[msg[3] & 15]);

	for (int i = 0; i < msg[7]; i++) {
		uint8_t type = msg[at + 3], len = msg[at + 11];
		char value[DNS_NAME_MAX] = "";

		if (type == DNS_A)
			inet_ntop(AF_INET, msg + at + 12, value, sizeof(value));
		else if (type == DNS_AAAA)
			inet_ntop(AF_INET6, msg + at + 12, value,
				  sizeof(value));
		else
			read_name(msg, at + 12, value);
		n += snprintf(text + n, size - (size_t)n, " %s", value);
		at += 12u + len;
	}
	assert_true(at <= bytes);
	if (msg[9])
		snprintf(text + n, size - (size_t)n, " soa");
}

static const struct {
	const char *name;
	uint16_t type;
	const char *expected; /* NULL: forwarded */
} cases[] = {
	{ "db", DNS_A, "ok 10.77.0.2" },
	{ "DB.Toami", DNS_A, "ok 10.77.0.2" },
	{ "db.toami", DNS_AAAA, "ok fd77:746f:616d::2" },
	{ "db", DNS_ANY, "ok 10.77.0.2 fd77:746f:616d::2" },
	{ "db", 15, "ok" }, /* MX: there is the name, but no such record */
	{ "db.toami", 15, "ok soa" },
	{ "web", DNS_A, "ok 10.77.0.3" },
	{ "api.web", DNS_A,
	  "ok 10.77.0.3" }, /* a lane: the address it shares */
	{ "api.web.toami", DNS_A, "ok 10.77.0.3" },
	{ "img.web", DNS_A, "ok 10.77.0.9" },
	{ "gateway", DNS_A, "ok 10.77.0.1" },
	{ "toami", DNS_A, "ok 10.77.0.1" },
	{ "gateway.toami", DNS_AAAA, "ok fd77:746f:616d::1" },
	{ "toami.toami", DNS_A, "nxdomain soa" },
	{ "nosuch", DNS_A, "nxdomain" },
	{ "nosuch.toami", DNS_A, "nxdomain soa" },
	{ "img", DNS_A, "nxdomain" },
	{ "web.img", DNS_A, NULL },
	{ "db.web.toami", DNS_A, "nxdomain soa" },
	{ "example.org", DNS_A, NULL },
	{ "notoami", DNS_A, "nxdomain" },
	{ "x.notoami", DNS_A, NULL },
	{ "", 2, NULL }, /* NS of the root */
	{ "localhost", DNS_A, "ok 127.0.0.1" },
	{ "localhost", DNS_AAAA, "ok ::1" },
	{ "2.0.77.10.in-addr.arpa", DNS_PTR, "ok db.toami" },
	{ "1.0.77.10.in-addr.arpa", DNS_PTR, "ok gateway.toami" },
	{ "9.0.77.10.in-addr.arpa", DNS_PTR, "ok img.Web.toami" },
	{ "9.0.77.10.in-addr.arpa", DNS_A, "ok" },
	{ "8.0.77.10.in-addr.arpa", DNS_PTR, "nxdomain" },
	{ "8.0.78.10.in-addr.arpa", DNS_PTR, NULL },
	{ "0.77.10.in-addr.arpa", DNS_PTR, NULL },
	{ "999.0.77.10.in-addr.arpa", DNS_PTR, NULL },
	{ "1.2.0.77.10.in-addr.arpa", DNS_PTR, NULL },
	{ "3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.6.1.6.f.6.4.7.7.7.d.f."
	  "ip6.arpa",
	  DNS_PTR, "ok Web.toami" },
	{ "4.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.6.1.6.f.6.4.7.7.7.d.f."
	  "ip6.arpa",
	  DNS_PTR, "nxdomain" },
	{ "3.0.0.ip6.arpa", DNS_PTR, NULL },
	{ "db", DNS_AXFR, "refused" },
};

static void answers_what_the_tree_knows(void **state)
{
	struct fabric f;
	struct pool pool;

	(void)state;
	test_tree_open(&f, &pool);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t msg[512], reply[NAMES_REPLY_MAX];
		size_t bytes = ask(msg, cases[i].name, cases[i].type), n = 0;
		struct dns_query q;
		char text[1024];
		enum names_outcome outcome =
			names_answer(&f, &pool, msg, bytes, &q, reply, &n);

		if (!cases[i].expected) {
			assert_int_equal(outcome, NAMES_FORWARD);
			continue;
		}
		assert_int_equal(outcome, NAMES_ANSWERED);
		assert_int_equal(reply[1], 7);
		describe(reply, n, q.question_end, text, sizeof(text));
		assert_string_equal(text, cases[i].expected);
	}
	test_fabric_close(&f);
}

static void follows_the_tree(void **state)
{
	struct fabric f;
	struct pool pool;
	char name[DNS_NAME_MAX];
	vif_ix ix;

	(void)state;
	test_tree_open(&f, &pool);
	assert_int_equal(names_find(&f, "late", 4), 0);
	ix = test_tree_add(&f, VIF_ROOT, "late", 0);
	assert_int_equal(names_find(&f, "late", 4), ix);
	assert_true(names_of(&f, ix, name));
	assert_string_equal(name, "late.toami");
	assert_int_equal(vif_remove(&f, ix), 0);
	assert_int_equal(names_find(&f, "late", 4), 0);
	assert_int_equal(names_find(&f, ".late", 5), 0);
	assert_int_equal(names_find(&f, "late.", 5), 0);
	assert_int_equal(names_find(&f, "a..b", 4), 0);
	test_fabric_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_what_the_tree_knows),
		cmocka_unit_test(follows_the_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
