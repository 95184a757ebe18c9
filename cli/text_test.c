/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures, durations, lists of programs and columns, as people read them. */
#include "cli/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void figures_have_three_digits(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 999, "999" },
		{ 1000, "1.00k" },
		{ 1009, "1.00k" },
		{ 1010, "1.01k" },
		{ 9999, "9.99k" },
		{ 10000, "10.0k" },
		{ 99999, "99.9k" },
		{ 100000, "100k" },
		{ 999999, "999k" },
		{ 1000000, "1.00M" },
		{ 123456789012, "123G" },
		{ UINT64_MAX, "18.4E" },
	};
	char text[TEXT_FIGURE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(text_figure(cases[i].n, text),
				    cases[i].text);
}

static void durations_have_two_units(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "0 s" },
		{ 59999, "59 s" },
		{ 60000, "1 min 0 s" },
		{ 3599999, "59 min 59 s" },
		{ 3600000, "1 h 0 min" },
		{ 86399999, "23 h 59 min" },
		{ 90000000, "1 d 1 h" },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(text_duration(cases[i].ms, text),
				    cases[i].text);
}

static void programs_are_counted_by_name(void **state)
{
	static const struct {
		const char *json;
		size_t most;
		const char *text;
	} cases[] = {
		{ "[]", 30, "" },
		{ "[{\"name\":\"a\"}]", 30, "a" },
		{ "[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"a\"}]", 30,
		  "a x2, b" },
		{ "[{\"name\":\"aaaa\"},{\"name\":\"bbbb\"},{\"name\":\"c\"}]",
		  8, "aaaa, +2 others" },
		{ "[{\"pid\":1}]", 30, "?" },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *list = json_loads(cases[i].json, 0, NULL);

		assert_string_equal(text_programs(list, cases[i].most, text),
				    cases[i].text);
		json_decref(list);
	}
}

static void columns_align(void **state)
{
	static const char *const cells[3][3] = { { "PATH", "N", "NAME" },
						 { "/a", "100", "" },
						 { "/longer", "7", "x" } };
	struct table t = { .columns = 3, .right = 2 };
	char *text = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&text, &bytes);

	(void)state;
	for (int r = 0; r < 3; r++) {
		char(*row)[TABLE_CELL] = table_add(&t);

		for (int c = 0; c < 3; c++)
			strcpy(row[c], cells[r][c]);
	}
	table_print(&t, to, 0);
	fclose(to);
	assert_string_equal(text, "PATH       N  NAME\n"
				  "/a       100\n"
				  "/longer    7  x\n");
	free(text);
	table_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_have_three_digits),
		cmocka_unit_test(durations_have_two_units),
		cmocka_unit_test(programs_are_counted_by_name),
		cmocka_unit_test(columns_align),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
