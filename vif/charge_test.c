/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is charged: the rule of vif.h as a table, and no count lost among
 * threads. */
#include "vif/vif.h"
#include "vif/test_fabric.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const char *const paths[] = { "/",    "/a", "/a/b", "/a/b/c",
				     "/a/d", "/e", "/e/f" };

static void grow(struct fabric *f)
{
	for (size_t i = 1; i < ARRAY_SIZE(paths); i++) {
		const char *name = strrchr(paths[i], '/') + 1;
		char parent[VIF_PATH_MAX] = "";
		vif_ix ix;

		memcpy(parent, paths[i], (size_t)(name - paths[i]));
		assert_int_equal(vif_add(f, vif_find(f, parent), name,
					 strlen(name), 0, &ix),
				 0);
	}
}

static void charges_whom_the_rule_names(void **state)
{
	/* One letter a path of the list above: t counts as sent, r as received.
	 */
	static const struct {
		const char *tx, *rx, *charged;
	} cases[] = {
		{ "/a", "/e", ".t...r." },
		{ "/a/b", "/a/d", "..t.r.." },
		{ "/a/b/c", "/a/d", "..ttr.." },
		{ "/a/d", "/a/b/c", "..rrt.." },
		{ "/a/b/c", "/e/f", ".ttt.rr" },
		{ "/a/b", "/a/b", "......." },
		{ "/a/b", "/a", "..t...." },
		{ "/a", "/a/b/c", "..rr..." },
		{ "/", "/e/f", ".....rr" },
		{ "/e/f", "/", ".....tt" },
		{ "/", "/", "......." },
		{ "", "/a", "......." },
		{ "/a", "", "......." },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fabric f;
		char seen[ARRAY_SIZE(paths) + 1] = "";

		test_fabric_open(&f, 64);
		grow(&f);
		vif_charge(&f, vif_find(&f, cases[i].tx),
			   vif_find(&f, cases[i].rx), 2, 3000);
		for (size_t p = 0; p < ARRAY_SIZE(paths); p++) {
			struct vif *v = vif_at(&f, vif_find(&f, paths[p]));

			seen[p] = v->tx.packets	  ? 't'
				  : v->rx.packets ? 'r'
						  : '.';
			assert_int_equal(v->tx.packets + v->rx.packets,
					 seen[p] == '.' ? 0 : 2);
			assert_int_equal(v->tx.bytes + v->rx.bytes,
					 seen[p] == '.' ? 0 : 3000);
		}
		assert_string_equal(seen, cases[i].charged);
		test_fabric_close(&f);
	}
}

static void two_steps_count_as_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths) * ARRAY_SIZE(paths); i++) {
		const char *tx = paths[i / ARRAY_SIZE(paths)];
		const char *rx = paths[i % ARRAY_SIZE(paths)];
		struct fabric one, two;

		test_fabric_open(&one, 64);
		test_fabric_open(&two, 64);
		grow(&one);
		grow(&two);
		/* The root's lanes: up to it, and from there to the receiver.
		 */
		vif_charge(&one, vif_find(&one, tx), vif_find(&one, rx), 2, 99);
		vif_charge(&two, vif_find(&two, tx), VIF_ROOT, 2, 99);
		vif_charge_down(&two, vif_find(&two, tx), VIF_ROOT,
				vif_find(&two, rx), 2, 99);
		for (size_t p = 0; p < ARRAY_SIZE(paths); p++) {
			struct vif *a = vif_at(&one, vif_find(&one, paths[p]));
			struct vif *b = vif_at(&two, vif_find(&two, paths[p]));

			assert_int_equal(a->tx.packets, b->tx.packets);
			assert_int_equal(a->rx.packets, b->rx.packets);
			assert_int_equal(a->tx.bytes, b->tx.bytes);
			assert_int_equal(a->rx.bytes, b->rx.bytes);
		}
		test_fabric_close(&one);
		test_fabric_close(&two);
	}
}

static void a_removed_vif_is_harmless(void **state)
{
	struct fabric f;
	vif_ix gone, other;

	(void)state;
	test_fabric_open(&f, 64);
	grow(&f);
	gone = vif_find(&f, "/e/f");
	other = vif_find(&f, "/a/b/c");
	assert_int_equal(vif_remove(&f, gone), 0);
	vif_charge(&f, gone, other, 1, 60);
	vif_charge(&f, other, gone, 1, 60);
	vif_charge(&f, gone, gone, 1, 60);
	assert_int_equal(vif_host(&f, gone), 0);
	test_fabric_close(&f);
}

#define ROUNDS 100000

static struct fabric shared;

static void *charge_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		vif_charge(&shared, 2, 6, 1, 100);
		vif_drop_rx(&shared, 6, 1);
	}
	return NULL;
}

static void loses_no_count_among_threads(void **state)
{
	pthread_t t[4];

	(void)state;
	test_fabric_open(&shared, 64);
	grow(&shared);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_int_equal(
			pthread_create(&t[i], NULL, charge_often, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);
	assert_int_equal(vif_at(&shared, 2)->tx.packets,
			 ROUNDS * ARRAY_SIZE(t));
	assert_int_equal(vif_at(&shared, 6)->rx.bytes,
			 ROUNDS * ARRAY_SIZE(t) * 100);
	assert_int_equal(vif_at(&shared, 6)->rx.drops, ROUNDS * ARRAY_SIZE(t));
	test_fabric_close(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(charges_whom_the_rule_names),
		cmocka_unit_test(two_steps_count_as_one),
		cmocka_unit_test(a_removed_vif_is_harmless),
		cmocka_unit_test(loses_no_count_among_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
