/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree keeps its names, its order and its slots. */
#include "vif/vif.h"
#include "vif/test_fabric.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static int add(struct fabric *f, vif_ix parent, const char *name, vif_ix *ix)
{
	return vif_add(f, parent, name, strlen(name), 0, ix);
}

static vif_ix must_add(struct fabric *f, vif_ix parent, const char *name)
{
	vif_ix ix;

	assert_int_equal(add(f, parent, name, &ix), 0);
	return ix;
}

static void finds_what_was_added(void **state)
{
	struct fabric f;
	vif_ix web, images;
	char path[VIF_PATH_MAX];

	(void)state;
	test_fabric_open(&f, 64);
	web = must_add(&f, VIF_ROOT, "web");
	images = must_add(&f, web, "images");
	must_add(&f, images, "web");
	assert_int_equal(vif_find(&f, "/"), VIF_ROOT);
	assert_int_equal(vif_find(&f, "/web"), web);
	assert_int_equal(vif_find(&f, "/web/"), web);
	assert_int_equal(vif_find(&f, "/web/images"), images);
	assert_int_equal(vif_find(&f, "/WEB/Images"), images);
	assert_int_equal(vif_find(&f, "/we"), 0);
	assert_int_equal(vif_find(&f, "/webs"), 0);
	assert_int_equal(vif_find(&f, "//web"), 0);
	assert_int_equal(vif_find(&f, "web"), 0);
	assert_int_equal(vif_find(&f, ""), 0);
	assert_int_equal(vif_path(&f, images, path), strlen("/web/images"));
	assert_string_equal(path, "/web/images");
	assert_int_equal(vif_path(&f, VIF_ROOT, path), 1);
	assert_string_equal(path, "/");
	assert_true(vif_below(&f, images, web));
	assert_true(vif_below(&f, web, web));
	assert_false(vif_below(&f, web, images));
	test_fabric_close(&f);
}

static void refuses_what_is_no_name(void **state)
{
	static const struct {
		const char *name;
		int err;
	} cases[] = {
		{ "", -EINVAL },
		{ "-a", -EINVAL },
		{ "a.b", -EINVAL },
		{ "a b", -EINVAL },
		{ "a/b", -EINVAL },
		{ "\xc3\xa4", -EINVAL },
		{ "a-b_C9", 0 },
		{ "_", 0 },
		{ "12345678901234567890123456789012345678901234567", 0 },
		{ "123456789012345678901234567890123456789012345678",
		  -ENAMETOOLONG },
	};
	struct fabric f;
	vif_ix ix;

	(void)state;
	test_fabric_open(&f, 64);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(add(&f, VIF_ROOT, cases[i].name, &ix),
				 cases[i].err);
	test_fabric_close(&f);
}

static void a_name_is_taken_once(void **state)
{
	struct fabric f;
	vif_ix db, ix;

	(void)state;
	test_fabric_open(&f, 64);
	db = must_add(&f, VIF_ROOT, "db");
	assert_int_equal(add(&f, VIF_ROOT, "DB", &ix), -EEXIST);
	assert_int_equal(ix, db);
	must_add(&f, db, "db");
	test_fabric_close(&f);
}

static void ends_at_its_capacity_and_recovers(void **state)
{
	struct fabric f;
	vif_ix ix;
	char name[16];

	(void)state;
	test_fabric_open(&f, 20);
	for (int i = 2; i < 20; i++) {
		snprintf(name, sizeof(name), "v%d", i);
		must_add(&f, VIF_ROOT, name);
	}
	assert_int_equal(add(&f, VIF_ROOT, "more", &ix), -ENOSPC);
	assert_int_equal(ix, 0);
	assert_int_equal(vif_remove(&f, vif_find(&f, "/v7")), 0);
	assert_int_equal(vif_find(&f, "/v7"), 0);
	ix = must_add(&f, VIF_ROOT, "more");
	assert_int_equal(vif_find(&f, "/more"), ix);
	for (int i = 2; i < 20; i++) {
		snprintf(name, sizeof(name), "/v%d", i);
		assert_int_equal(!vif_find(&f, name), i == 7);
	}
	test_fabric_close(&f);
}

static void is_not_deeper_than_it_may(void **state)
{
	struct fabric f;
	vif_ix at = VIF_ROOT, ix;
	char name[VIF_NAME_MAX] = "";
	char path[VIF_PATH_MAX];

	(void)state;
	test_fabric_open(&f, 256);
	for (int i = 0; i < VIF_DEPTH_MAX; i++)
		at = must_add(&f, at, "d");
	assert_int_equal(add(&f, at, "d", &ix), -ELOOP);

	memset(name, 'x', VIF_NAME_MAX - 1);
	at = VIF_ROOT;
	for (int i = 0; i < 5; i++)
		at = must_add(&f, at, name);
	assert_int_equal(add(&f, at, name, &ix), -ENAMETOOLONG);
	assert_int_equal(vif_path(&f, at, path), 5 * VIF_NAME_MAX);
	name[15] = 0; /* 5 * 48 + 1 + 15 = 256 with the zero: one too long */
	assert_int_equal(add(&f, at, name, &ix), -ENAMETOOLONG);
	name[14] = 0;
	at = must_add(&f, at, name);
	assert_int_equal(vif_path(&f, at, path), VIF_PATH_MAX - 1);
	assert_int_equal(vif_find(&f, path), at);
	test_fabric_close(&f);
}

static void only_idle_leaves_go(void **state)
{
	struct fabric f;
	vif_ix a, b;

	(void)state;
	test_fabric_open(&f, 64);
	a = must_add(&f, VIF_ROOT, "a");
	b = must_add(&f, a, "b");
	assert_int_equal(vif_remove(&f, VIF_ROOT), -EPERM);
	assert_int_equal(vif_remove(&f, a), -EBUSY);
	atomic_store(&vif_at(&f, b)->host, 3);
	assert_int_equal(vif_remove(&f, b), -EBUSY);
	atomic_store(&vif_at(&f, b)->host, 0);
	assert_int_equal(vif_remove(&f, b), 0);
	assert_int_equal(vif_remove(&f, a), 0);
	assert_int_equal(vif_next(&f, VIF_ROOT, VIF_ROOT), 0);
	test_fabric_close(&f);
}

static void walks_in_order(void **state)
{
	static const char *const order[] = { "/a", "/a/x", "/a/y", "/a/y/z",
					     "/a/w" };
	struct fabric f;
	vif_ix a, y, ix = 0;
	char path[VIF_PATH_MAX];

	(void)state;
	test_fabric_open(&f, 64);
	a = must_add(&f, VIF_ROOT, "a");
	must_add(&f, VIF_ROOT, "b");
	must_add(&f, a, "x");
	must_add(&f, a, "gone");
	y = must_add(&f, a, "y");
	must_add(&f, a, "w");
	must_add(&f, y, "z");
	assert_int_equal(vif_remove(&f, vif_find(&f, "/a/gone")), 0);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		ix = vif_next(&f, a, ix);
		vif_path(&f, ix, path);
		assert_string_equal(path, order[i]);
	}
	assert_int_equal(vif_next(&f, a, ix), 0);
	test_fabric_close(&f);
}

static void lanes_share_their_ancestors_host(void **state)
{
	struct fabric f;
	vif_ix web, images;

	(void)state;
	test_fabric_open(&f, 64);
	web = must_add(&f, VIF_ROOT, "web");
	images = must_add(&f, web, "images");
	assert_int_equal(vif_host(&f, images), 0);
	atomic_store(&vif_at(&f, VIF_ROOT)->host, 1);
	assert_int_equal(vif_host(&f, images), 1);
	atomic_store(&vif_at(&f, web)->host, 2);
	assert_int_equal(vif_host(&f, images), 2);
	assert_int_equal(vif_host(&f, web), 2);
	assert_int_equal(vif_host(&f, 0), 0);
	test_fabric_close(&f);
}

/* 100,000 leaves below one VIF: neither adding nor finding slows down with
 * their number. */
static void holds_a_hundred_thousand(void **state)
{
	struct fabric f;
	char name[16] = "/";

	(void)state;
	test_fabric_open(&f, VIF_CAPACITY);
	for (int i = 0; i < 100000; i++) {
		snprintf(name + 1, sizeof(name) - 1, "leaf%d", i);
		must_add(&f, VIF_ROOT, name + 1);
	}
	assert_true(vif_find(&f, "/leaf99999") > 99999);
	assert_int_equal(vif_find(&f, "/leaf100000"), 0);
	test_fabric_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_added),
		cmocka_unit_test(refuses_what_is_no_name),
		cmocka_unit_test(a_name_is_taken_once),
		cmocka_unit_test(ends_at_its_capacity_and_recovers),
		cmocka_unit_test(is_not_deeper_than_it_may),
		cmocka_unit_test(only_idle_leaves_go),
		cmocka_unit_test(walks_in_order),
		cmocka_unit_test(lanes_share_their_ancestors_host),
		cmocka_unit_test(holds_a_hundred_thousand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
