/* SPDX-License-Identifier: BSD-2-Clause */
/* See words.h. What is right is the daemon's to say: here words only travel. */
#include "cli/words.h"
#include "cli/cli.h"
#include "daemon/prop.h"

#include <string.h>

int words_add(json_t **set, const char *word)
{
	const char *equals = strchr(word, '=');
	char name[64];

	if (!equals || equals == word ||
	    (size_t)(equals - word) >= sizeof(name))
		return cli_complain(EX_USAGE,
				    "'%s' is no property: write NAME=VALUE, "
				    "for instance rate=100mbit",
				    word);
	memcpy(name, word, (size_t)(equals - word));
	name[equals - word] = 0;
	if (!*set)
		*set = json_object();
	if (json_object_set_new(*set, name, json_string(equals + 1)))
		return cli_complain(EX_USAGE, "'%s' is not UTF-8", word);
	return 0;
}

void words_help(FILE *to)
{
	fputs("\nProperties, NAME=VALUE; 'none' takes one away:\n\n", to);
	for (size_t i = 0; i < PROPS; i++)
		fprintf(to, "  %-12s %s; for instance %s=%s\n",
			prop_table[i].name, prop_table[i].doc,
			prop_table[i].name, prop_table[i].example);
}

static void read_value(enum prop_id id, const json_t *json,
		       struct prop_value *v)
{
	const struct prop *p = &prop_table[id];

	if (json_is_string(json)) {
		v->text = (char *)(uintptr_t)json_string_value(json);
		return;
	}
	for (size_t i = 0; i < p->parts; i++) {
		const json_t *n = json;

		if (p->parts > 1)
			n = json_object_get(json, prop_part_name(id, i));
		v->n[i] = (uint64_t)json_integer_value(n);
		if (p->part[i].kind == PROP_USER)
			v->n[i]++;
	}
}

void words_print(const json_t *set, const char *before, const char *after,
		 FILE *to)
{
	char word[PROP_TEXT_MAX];

	for (enum prop_id id = 0; id < PROPS; id++) {
		const json_t *json = json_object_get(set, prop_table[id].name);
		struct prop_value v = { 0 };

		if (!json)
			continue;
		read_value(id, json, &v);
		fprintf(to, "%s%s=%s%s", before, prop_table[id].name,
			prop_print(id, &v, word), after);
	}
}
