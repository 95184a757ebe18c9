/* SPDX-License-Identifier: BSD-2-Clause */
/* Subnets, and which address comes next. */
#include "daemon/pool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct ip_addr addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(pool_parse(text, &a), 0);
	return a;
}

static void reads_subnets(void **state)
{
	static const struct {
		const char *net4, *net6;
		int expected;
	} cases[] = {
		{ "10.77.0.0/16", "fd77:746f:616d::/64", 0 },
		{ "192.168.5.0/30", "none", 0 },
		{ "10.0.0.0/8", "fd00::/16", 0 },
		{ "10.77.0.0/31", "none", 4 },
		{ "10.77.0.0/7", "none", 4 },
		{ "10.77.0.1/16", "none", 4 },
		{ "10.77.0.0", "none", 4 },
		{ "10.77.0.0/", "none", 4 },
		{ "10.77.0.0/ 16", "none", 4 },
		{ "10.77.0.0/16x", "none", 4 },
		{ "10.77.0/16", "none", 4 },
		{ "224.0.0.0/8", "none", 4 },
		{ "", "none", 4 },
		{ "10.77.0.0/16", "", 6 },
		{ "10.77.0.0/16", "fd77::1/64", 6 },
		{ "10.77.0.0/16", "fd77::/97", 6 },
		{ "10.77.0.0/16", "ff00::/16", 6 },
		{ "10.77.0.0/16", "::/64", 6 },
		{ "10.77.0.0/16", "10.78.0.0/16", 6 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pool p;

		assert_int_equal(pool_init(&p, cases[i].net4, cases[i].net6),
				 cases[i].expected);
	}
}

static void knows_its_own(void **state)
{
	static const struct {
		const char *addr;
		bool has;
	} cases[] = {
		{ "10.77.0.1", true },
		{ "10.77.255.254", true },
		{ "10.77.0.0", false },
		{ "10.77.255.255", false },
		{ "10.78.0.1", false },
		{ "fd77:746f:616d::1", true },
		{ "fd77:746f:616d::", false },
		{ "fd77:746f:616e::1", false },
		{ "fd77:746f:616d:0:ffff::9", true },
		{ "::ffff:10.77.0.9", true },
	};
	struct pool p;

	(void)state;
	assert_int_equal(pool_init(&p, POOL_SUBNET4, POOL_SUBNET6), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ip_addr a = addr(cases[i].addr);

		assert_int_equal(pool_has(&p, &a), cases[i].has);
	}
}

/* Says that everything up to *arg is taken. */
static bool taken_up_to(void *arg, const struct ip_addr *a)
{
	const struct ip_addr *last = arg;

	return memcmp(a, last, sizeof(*a)) <= 0;
}

static void hands_out_the_lowest(void **state)
{
	struct ip_addr last = addr("10.77.0.255"), a4, a6;
	char text[POOL_TEXT];
	struct pool p;

	(void)state;
	assert_int_equal(pool_init(&p, POOL_SUBNET4, POOL_SUBNET6), 0);
	assert_int_equal(pool_choose4(&p, taken_up_to, &last, &a4), 0);
	assert_string_equal(pool_print(&a4, text), "10.77.1.0");
	last = addr("fd77::");
	a6 = pool_choose6(&p, &a4, taken_up_to, &last);
	assert_string_equal(pool_print(&a6, text), "fd77:746f:616d::100");
	last = a6;
	a6 = pool_choose6(&p, &a4, taken_up_to, &last);
	assert_string_equal(pool_print(&a6, text), "fd77:746f:616d::1:0:100");
	last = addr("10.77.255.254");
	assert_int_equal(pool_choose4(&p, taken_up_to, &last, &a4), -ENOSPC);
}

static void works_without_ipv6(void **state)
{
	struct ip_addr a4 = addr("192.168.5.2"), a6 = addr("fd00::1");
	char text[POOL_TEXT];
	struct pool p;

	(void)state;
	assert_int_equal(pool_init(&p, "192.168.5.0/30", "none"), 0);
	assert_false(pool_has(&p, &a6));
	a6 = pool_gateway6(&p);
	assert_true(ip_is_any(&a6));
	a6 = pool_choose6(&p, &a4, taken_up_to, &a6);
	assert_true(ip_is_any(&a6));
	assert_string_equal(pool_print_subnet6(&p, text), "none");
	assert_string_equal(pool_print_subnet4(&p, text), "192.168.5.0/30");
	a4 = pool_gateway4(&p);
	assert_string_equal(pool_print(&a4, text), "192.168.5.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_subnets),
		cmocka_unit_test(knows_its_own),
		cmocka_unit_test(hands_out_the_lowest),
		cmocka_unit_test(works_without_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
