/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in what is saved, and numbers in what is asked. */
#include "daemon/users.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void names_owners_in_scripts(void **state)
{
	/* 4000000000 is nobody's. */
	static const char text[] =
		"vif add -a none /a rate=1mbit owner=0 quota=children:3\n"
		"vif add /b filter=\"port 1 owner=0 \\\" owner=0\" owner=0\n"
		"vif add /c owner=4000000000\n"
		"vif add /d owner=0\n"
		"vif add /e program=/x/owner=0 myowner=0 owner=none";
	static const char named[] =
		"vif add -a none /a rate=1mbit owner=root quota=children:3\n"
		"vif add /b filter=\"port 1 owner=0 \\\" owner=0\" owner=root\n"
		"vif add /c owner=4000000000\n"
		"vif add /d owner=root\n"
		"vif add /e program=/x/owner=0 myowner=0 owner=none";
	char *got = users_named(text);

	(void)state;
	assert_string_equal(got, named);
	free(got);
	got = users_named("");
	assert_string_equal(got, "");
	free(got);
}

static void says_whom_a_script_means(void **state)
{
	json_t *request = json_object(), *users;

	(void)state;
	users_script(request, "vif add /a owner=0\nvif set /b rate=1mbit "
			      "filter='owner=x y'\nvif add /c owner=none\n");
	assert_null(json_object_get(request, "users"));
	users_script(request, "vif add /a 'owner=root'\n# owner=daemon\n"
			      "vif add /b \"owner=no such user\"\n");
	users = json_object_get(request, "users");
	assert_int_equal(json_object_size(users), 1);
	assert_true(json_is_integer(json_object_get(users, "root")));
	json_decref(request);
}

static void says_whom_a_request_means(void **state)
{
	json_t *request = json_pack("{s:{s:s}}", "set", "owner", "root");

	(void)state;
	users_set(request);
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(request, "users"), "root")),
			 0);
	assert_true(json_is_integer(
		json_object_get(json_object_get(request, "users"), "root")));
	json_decref(request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_owners_in_scripts),
		cmocka_unit_test(says_whom_a_script_means),
		cmocka_unit_test(says_whom_a_request_means),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
