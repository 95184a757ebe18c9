/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of properties: what is read, what is refused, and the way back. */
#include "daemon/prop.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	enum prop_id id;
	const char *word;
	uint64_t n[PROP_PARTS];
	const char *back; /* NULL: as @word */
} good[] = {
	{ PROP_ID_RATE, "100mbit", { 100000000 }, NULL },
	{ PROP_ID_RATE, "1.5gbit", { 1500000000 }, NULL },
	{ PROP_ID_RATE, "0.1gbit", { 100000000 }, "100mbit" },
	{ PROP_ID_RATE, "1234567bit", { 1234567 }, "1234.567kbit" },
	{ PROP_ID_RATE, "1234.567kbit", { 1234567 }, NULL },
	{ PROP_ID_RATE, "10TBIT", { 10000000000000 }, "10tbit" },
	{ PROP_ID_RATE, "none", { 0 }, NULL },
	{ PROP_ID_WEIGHT, "10000", { 10000 }, NULL },
	{ PROP_ID_PRIO, "0", { 0 }, "none" },
	{ PROP_ID_PRIO, "7", { 7 }, NULL },
	{ PROP_ID_LIMIT, "64kb", { 64000, 0 }, NULL },
	{ PROP_ID_LIMIT, "64kib", { 65536, 0 }, NULL },
	{ PROP_ID_LIMIT, "20ms", { 0, 20000000 }, NULL },
	{ PROP_ID_LIMIT, "20ms,1.5mb", { 1500000, 20000000 }, "1.5mb,20ms" },
	{ PROP_ID_DELAY, "1.5us", { 1500 }, NULL },
	{ PROP_ID_LOSS, "1%", { 10000 }, NULL },
	{ PROP_ID_LOSS, "0.05%", { 500 }, NULL },
	{ PROP_ID_LOSS, "7ppm", { 7 }, NULL },
	{ PROP_ID_LOSS, "100%", { 1000000 }, NULL },
	{ PROP_ID_OWNER, "0", { 1 }, NULL },
	{ PROP_ID_OWNER, "4000000000", { 4000000001 }, NULL },
	{ PROP_ID_QUOTA, "children:10", { 10 }, NULL },
	{ PROP_ID_QUOTA,
	  "program:5%,queue:1mib,depth:3",
	  { 0, 3, 1 << 20, 50000000 },
	  "depth:3,queue:1mib,program:5%" },
};

static const struct {
	enum prop_id id;
	const char *word;
	const char *pattern;
} bad[] = {
	{ PROP_ID_RATE, "", "* is no rate for VIF /v: write it as 100mbit*" },
	{ PROP_ID_RATE, "100", "*write it as 100mbit*" },
	{ PROP_ID_RATE, "mbit", "*'mbit' is no rate*" },
	{ PROP_ID_RATE, "1.2.3mbit", "*is no rate*" },
	{ PROP_ID_RATE, "-5mbit", "*is no rate*" },
	{ PROP_ID_RATE, "5 mbit", "*is no rate*" },
	{ PROP_ID_RATE, "5mbits", "*is no rate*" },
	{ PROP_ID_RATE, "0.5bit", "*is no rate*" },
	{ PROP_ID_RATE, "0mbit", "*between 1kbit and 10tbit*" },
	{ PROP_ID_RATE, "11tbit", "*between 1kbit and 10tbit*" },
	{ PROP_ID_RATE, "99999999999999999999tbit", "*is no rate*" },
	{ PROP_ID_RATE, "999999999999999999999", "*is no rate*" },
	{ PROP_ID_RATE, "5mbit,6mbit", "*is no rate*" },
	{ PROP_ID_PRIO, "8", "*prio of VIF /v must be between 0 and 7*" },
	{ PROP_ID_WEIGHT, "0", "*between 1 and 10000*" },
	{ PROP_ID_LIMIT, "20ms,30ms", "*is no limit*" },
	{ PROP_ID_LIMIT, "1b", "*between 2kb and 4gb*" },
	{ PROP_ID_LIMIT, "64kb,", "*is no limit*" },
	{ PROP_ID_LOSS, "101%", "*between 1ppm and 100%*" },
	{ PROP_ID_DELAY, "101s", "*between 1ns and 100s*" },
	{ PROP_ID_OWNER, "no such user", "*there is no user*getent*" },
	{ PROP_ID_OWNER, "root", "*there is no user 'root'*" },
	{ PROP_ID_OWNER, "4294967295", "*there is no user*" },
	{ PROP_ID_QUOTA, "10", "*is no quota*" },
	{ PROP_ID_QUOTA, "maps:2gib",
	  "*quota of VIF /v*between*and*maps:1gib*" },
	{ PROP_ID_QUOTA, "children:", "*is no quota*" },
	{ PROP_ID_QUOTA, "children:5,children:6", "*is no quota*" },
	{ PROP_ID_FILTER, "a\nb", "*one line*" },
};

static void reads_and_writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char word[PROP_TEXT_MAX];
		struct prop_value v;
		struct refusal why;

		if (prop_parse(good[i].id, good[i].word, "/v", &v, &why))
			fail_msg("%s: %s", good[i].word, why.text);
		for (int p = 0; p < PROP_PARTS; p++)
			if (v.n[p] != good[i].n[p])
				fail_msg("%s: %llu", good[i].word,
					 (unsigned long long)v.n[p]);
		assert_string_equal(prop_print(good[i].id, &v, word),
				    good[i].back ? good[i].back : good[i].word);
	}
}

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct prop_value v;
		struct refusal why = { 0 };

		if (!prop_parse(bad[i].id, bad[i].word, "/v", &v, &why))
			fail_msg("'%s' is taken", bad[i].word);
		if (fnmatch(bad[i].pattern, why.text, 0))
			fail_msg("'%s': %s", bad[i].word, why.text);
		free(v.text);
	}
}

/* Every number comes back as it was, whatever unit was chosen for it. */
static void loses_nothing(void **state)
{
	static const enum prop_id ids[] = { PROP_ID_RATE, PROP_ID_LIMIT,
					    PROP_ID_DELAY, PROP_ID_LOSS };
	uint64_t x = 88172645463325252;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		enum prop_id id = ids[i % 4];
		const struct prop_part *p = &prop_table[id].part[0];
		struct prop_value v = { 0 }, back;
		char word[PROP_TEXT_MAX];
		struct refusal why;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		v.n[0] = p->min + (x >> (x & 31)) % (p->max - p->min + 1);
		prop_print(id, &v, word);
		if (prop_parse(id, word, "/v", &back, &why) ||
		    back.n[0] != v.n[0])
			fail_msg("%llu is written %s",
				 (unsigned long long)v.n[0], word);
	}
}

static void names_every_property(void **state)
{
	struct refusal why;

	(void)state;
	prop_unknown("rat", "/v", &why);
	for (enum prop_id id = 0; id < PROPS; id++) {
		const char *example = prop_table[id].example;
		struct prop_value v;

		assert_int_equal(prop_find(prop_table[id].name,
					   strlen(prop_table[id].name)),
				 id);
		assert_non_null(strstr(why.text, prop_table[id].name));
		/* What a sentence proposes is right, but for users there are.
		 */
		if (id == PROP_ID_OWNER)
			continue;
		assert_int_equal(prop_parse(id, example, "/v", &v, &why), 0);
		free(v.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(refuses),
		cmocka_unit_test(loses_nothing),
		cmocka_unit_test(names_every_property),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
