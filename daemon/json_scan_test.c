/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON read in place: what json_text.c and jansson write comes back, and what
 * is no JSON ends every loop. */
#include "daemon/json_scan.h"
#include "daemon/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Walks the value ahead, whatever it is, as names of what it met. */
static void walk(struct json_scan *s, char *seen, size_t size)
{
	struct json_key key;
	char c = s->at < s->end ? *s->at : 0, text[64];
	size_t at;

	if (c == '{' || c == '[') {
		json_scan_open(s, c);
		strcat(seen, c == '{' ? "{" : "[");
		while (json_scan_next(s, c == '{' ? &key : NULL)) {
			at = strlen(seen);
			if (c == '{')
				snprintf(seen + at, size - at,
					 "%.*s=", (int)key.bytes, key.text);
			walk(s, seen, size);
		}
		strcat(seen, c == '{' ? "}" : "]");
		return;
	}
	at = strlen(seen);
	if (c == '"') {
		json_scan_string(s, text, sizeof(text));
		snprintf(seen + at, size - at, "'%s' ", text);
	} else {
		snprintf(seen + at, size - at, "%llu ",
			 (unsigned long long)json_scan_number(s));
	}
}

static void reads_what_is_written(void **state)
{
	struct json_text j = { 0 };
	char seen[512] = "", *text;
	struct json_scan s;

	(void)state;
	json_text_open(&j, NULL, '{');
	json_text_string(&j, "path", "/a\"b\\c\n\x1f");
	json_text_string(&j, "none", NULL);
	json_text_number(&j, "most", UINT64_MAX);
	json_text_open(&j, "list", '[');
	json_text_close(&j, ']');
	json_text_open(&j, "of", '[');
	json_text_open(&j, NULL, '{');
	json_text_close(&j, '}');
	json_text_number(&j, NULL, 7);
	json_text_close(&j, ']');
	json_text_close(&j, '}');
	text = json_text_take(&j);
	json_scan_init(&s, text, strlen(text));
	walk(&s, seen, sizeof(seen));
	assert_false(s.bad);
	assert_string_equal(seen, "{path='/a\"b\\c\n\x1f' none=0 most="
				  "18446744073709551615 list=[]of=[{}7 ]}");
	free(text);
}

static void reads_values(void **state)
{
	static const struct {
		const char *text;
		const char *seen;
		bool bad;
	} cases[] = {
		{ " { \"a\" : 1 , \"b\" : [ 2 , 3 ] } ", "", false },
		{ "[-1,1.5,1e3,true,18446744073709551616]", "[0 0 0 0 0 ]",
		  false },
		{ "[\"\\u0041\\t\\/\"]", "['A\t/' ]", false },
		{ "[\"\xc3\xa9\"]", "['\xc3\xa9' ]", false },
		{ "[1 2]", "[1 ]", true },
		{ "[1,,2]", "[1 0 ]", true },
		{ "{\"a\"}", "{}", true },
		{ "{1:2}", "{}", true },
		{ "[\"a]", "['' ]", true },
		{ "[\"\\u00e9\"]", "['' ]", true },
		{ "[", "[]", true },
		{ "{\"a\":", "{}", true },
		{ "", "0 ", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char seen[256] = "";
		struct json_scan s;
		const char *text;

		json_scan_init(&s, cases[i].text, strlen(cases[i].text));
		if (*cases[i].seen)
			walk(&s, seen, sizeof(seen));
		else
			json_scan_skip(&s, &text);
		assert_string_equal(seen, cases[i].seen);
		assert_int_equal(s.bad, cases[i].bad);
	}
}

/* Cut off anywhere, it is bad, and nothing is read beyond its end. */
static void ends_where_the_text_ends(void **state)
{
	static const char whole[] = "{\"a\":[{\"b\":\"c\\u0041\",\"d\":12},[]],"
				    "\"e\":{\"f\":null}}";

	(void)state;
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		char *copy = malloc(n + 1), seen[256] = "";
		struct json_scan s;
		const char *text;

		assert_non_null(copy);
		memcpy(copy, whole, n);
		json_scan_init(&s, copy, n);
		walk(&s, seen, sizeof(seen));
		assert_true(s.bad);
		json_scan_init(&s, copy, n);
		assert_int_equal(json_scan_skip(&s, &text), 0);
		assert_true(s.bad);
		free(copy);
	}
}

static void skips_to_a_depth(void **state)
{
	char nest[200];
	struct json_scan s;
	const char *text;

	(void)state;
	memset(nest, '[', 100);
	memset(nest + 100, ']', 100);
	json_scan_init(&s, nest + 40, 120);
	assert_int_equal(json_scan_skip(&s, &text), 120);
	json_scan_init(&s, nest, 200);
	assert_int_equal(json_scan_skip(&s, &text), 0);
	assert_true(s.bad);
	json_scan_init(&s, "[{]}", 4);
	json_scan_skip(&s, &text);
	assert_true(s.bad);
}

static void cuts_strings_off(void **state)
{
	struct json_scan s;
	char text[4];

	(void)state;
	json_scan_init(&s, "\"abcdef\"", 8);
	assert_true(json_scan_string(&s, text, sizeof(text)));
	assert_string_equal(text, "abc");
	json_scan_init(&s, "\"a\\nbcd\"", 8);
	assert_true(json_scan_string(&s, text, sizeof(text)));
	assert_string_equal(text, "a\nb");
	json_scan_init(&s, "12", 2);
	assert_false(json_scan_string(&s, text, sizeof(text)));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_written),
		cmocka_unit_test(reads_values),
		cmocka_unit_test(ends_where_the_text_ends),
		cmocka_unit_test(skips_to_a_depth),
		cmocka_unit_test(cuts_strings_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
