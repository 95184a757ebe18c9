/* SPDX-License-Identifier: BSD-2-Clause */
/* Controls come with the first setting and go with the VIF. */
#include "vif/test_fabric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void a_vif_gets_one_set_of_controls(void **state)
{
	struct fabric f;
	struct vif_control *c;
	vif_ix web;

	(void)state;
	test_fabric_open(&f, 8);
	assert_int_equal(vif_add(&f, VIF_ROOT, "web", 3, 0, &web), 0);
	assert_null(vif_control_of(&f, web));
	c = vif_control_make(&f, web);
	assert_non_null(c);
	assert_ptr_equal(vif_control_make(&f, web), c);
	assert_ptr_equal(vif_control_of(&f, web), c);
	assert_int_equal(c->vif, web);
	assert_null(vif_control_of(&f, VIF_ROOT));
	test_fabric_close(&f);
}

static void dropped_controls_come_back_empty(void **state)
{
	struct fabric f;
	struct vif_control *c;
	vif_ix web;

	(void)state;
	test_fabric_open(&f, 8);
	assert_int_equal(vif_add(&f, VIF_ROOT, "web", 3, 0, &web), 0);
	atomic_store(&vif_control_make(&f, web)->rate_bps, 1000000);
	vif_control_drop(&f, web);
	assert_null(vif_control_of(&f, web));
	vif_control_drop(&f, web);
	c = vif_control_make(&f, web);
	assert_int_equal(atomic_load(&c->rate_bps), 0);
	test_fabric_close(&f);
}

static void removal_takes_the_controls_along(void **state)
{
	struct fabric f;
	vif_ix web;

	(void)state;
	test_fabric_open(&f, 4);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(vif_add(&f, VIF_ROOT, "web", 3, 0, &web), 0);
		assert_non_null(vif_control_make(&f, web));
		assert_int_equal(vif_remove(&f, web), 0);
	}
	test_fabric_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vif_gets_one_set_of_controls),
		cmocka_unit_test(dropped_controls_come_back_empty),
		cmocka_unit_test(removal_takes_the_controls_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
