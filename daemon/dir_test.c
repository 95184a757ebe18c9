/* SPDX-License-Identifier: BSD-2-Clause */
/* Which directory, and whose. */
#include "daemon/dir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static void chooses_in_order(void **state)
{
	char path[DIR_MAX], longest[DIR_MAX + 1], expected[DIR_MAX];

	(void)state;
	setenv("XDG_RUNTIME_DIR", "/xdg", 1);
	setenv("TOAMI_DIR", "/env", 1);
	assert_int_equal(dir_choose("/given/", path), 0);
	assert_string_equal(path, "/given");
	assert_int_equal(dir_choose(NULL, path), 0);
	assert_string_equal(path, "/env");
	unsetenv("TOAMI_DIR");
	assert_int_equal(dir_choose(NULL, path), 0);
	assert_string_equal(path, geteuid() ? "/xdg/toami" : "/run/toami");
	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(dir_choose(NULL, path), 0);
	snprintf(expected, sizeof(expected), "/tmp/toami-%u", geteuid());
	assert_string_equal(path, geteuid() ? expected : "/run/toami");

	assert_int_equal(dir_choose("relative", path), -EINVAL);
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[DIR_MAX] = 0;
	assert_int_equal(dir_choose(longest, path), -ENAMETOOLONG);
	longest[DIR_MAX - 1] = 0;
	assert_int_equal(dir_choose(longest, path), 0);
}

static void trusts_only_its_own(void **state)
{
	char base[] = "/tmp/toami-test-XXXXXX", path[DIR_MAX], link[DIR_MAX];
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/d", base);
	assert_int_equal(dir_check(path), -ENOENT);
	assert_int_equal(dir_make(path), 0);
	assert_int_equal(dir_make(path), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0711);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(dir_make(path), -EPERM);
	assert_int_equal(chmod(path, 0711), 0);
	snprintf(link, sizeof(link), "%s/l", base);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(dir_make(link), -ENOTDIR);
	unlink(link);
	rmdir(path);
	rmdir(base);
}

static void locks_once(void **state)
{
	char base[] = "/tmp/toami-test-XXXXXX", path[DIR_MAX];
	int a, b;

	(void)state;
	assert_non_null(mkdtemp(base));
	a = dir_lock(base, "lock", 0);
	assert_true(a >= 0);
	assert_int_equal(dir_lock(base, "lock", 0), -EWOULDBLOCK);
	close(a);
	b = dir_lock(base, "lock", 0);
	assert_true(b >= 0);
	close(b);
	dir_file(base, "lock", path, sizeof(path));
	unlink(path);
	rmdir(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chooses_in_order),
		cmocka_unit_test(trusts_only_its_own),
		cmocka_unit_test(locks_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
