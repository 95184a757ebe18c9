/* SPDX-License-Identifier: BSD-2-Clause */
/* toami map: what packet programs remember. */
#include "cli/cli.h"

#include <stdio.h>

static const char help_words[] =
	"A map is named VIF:NAME, or :NAME where programs share it. Keys and "
	"values are\n"
	"numbers (80), addresses (10.77.0.2), prefixes (10.77.0.0/16), numbers "
	"with\n"
	"commas (1,2,3) or bytes (hex:0a4d0002).\n";

struct verb {
	const char *name;    /* as typed after "toami" */
	const char *request; /* as the daemon knows it */
	const char *usage;
	int words; /* MAP KEY VALUE: how many of them */
};

static const char *const word_name[] = { "map", "key", "value" };

/* Options and words of one verb, asked for. 0 and *result, or an exit code. */
static int ask(const struct verb *v, int argc, char **argv, bool *as_json,
	       json_t **result)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "ip", no_argument, NULL, 'i' },
		CLI_OPTS_END
	};
	json_t *request;
	bool ip = false;
	int c;

	*result = NULL;
	*as_json = false;
	while ((c = getopt_long(argc, argv, "jih", options, NULL)) != -1) {
		if (c == CLI_HELP) {
			printf("usage: toami %s\n\n%s", v->usage, help_words);
			return 0;
		}
		if (c == '?')
			return cli_usage(v->name);
		*as_json = *as_json || c == 'j';
		ip = ip || c == 'i';
	}
	if (argc - optind != v->words) {
		cli_complain(EX_USAGE, "usage: toami %s", v->usage);
		return cli_usage(v->name);
	}
	request = json_pack("{s:s, s:b}", "verb", v->request, "ip", (int)ip);
	for (int n = 0; n < v->words; n++)
		json_object_set_new(request, word_name[n],
				    json_string(argv[optind + n]));
	return cli_ask(false, request, result);
}

static int map_ls(int argc, char **argv)
{
	static const struct verb v = { "map ls", "map.ls", "map ls [--json]",
				       0 };
	json_t *result, *m;
	bool as_json;
	size_t i;
	int err = ask(&v, argc, argv, &as_json, &result);

	if (!result)
		return err;
	if (as_json)
		cli_print_json(result);
	else
		json_array_foreach(json_object_get(result, "maps"), i, m)
			printf("%-32s %-5s %lld of %lld, keys of %lld, values "
			       "of %lld bytes\n",
			       json_string_value(json_object_get(m, "map")),
			       json_string_value(json_object_get(m, "kind")),
			       (long long)json_integer_value(
				       json_object_get(m, "used")),
			       (long long)json_integer_value(
				       json_object_get(m, "entries")),
			       (long long)json_integer_value(
				       json_object_get(m, "key_bytes")),
			       (long long)json_integer_value(
				       json_object_get(m, "value_bytes")));
	json_decref(result);
	return err;
}

static int map_get(int argc, char **argv)
{
	static const struct verb v = { "map get", "map.get",
				       "map get [--ip] [--json] MAP KEY", 2 };
	json_t *result;
	bool as_json;
	int err = ask(&v, argc, argv, &as_json, &result);

	if (!result)
		return err;
	if (as_json)
		cli_print_json(result);
	else
		puts(json_string_value(json_object_get(result, "value")));
	json_decref(result);
	return err;
}

static int map_set(int argc, char **argv)
{
	static const struct verb v = { "map set", "map.set",
				       "map set MAP KEY VALUE", 3 };
	json_t *result;
	bool as_json;
	int err = ask(&v, argc, argv, &as_json, &result);

	json_decref(result);
	return err;
}

static int map_rm(int argc, char **argv)
{
	static const struct verb v = { "map rm", "map.rm", "map rm MAP KEY",
				       2 };
	json_t *result;
	bool as_json;
	int err = ask(&v, argc, argv, &as_json, &result);

	json_decref(result);
	return err;
}

static int map_dump(int argc, char **argv)
{
	static const struct verb v = { "map dump", "map.dump",
				       "map dump [--ip] [--json] MAP", 1 };
	json_t *result, *e;
	bool as_json;
	size_t i;
	int err = ask(&v, argc, argv, &as_json, &result);

	if (!result)
		return err;
	if (as_json)
		cli_print_json(result);
	else
		json_array_foreach(json_object_get(result, "entries"), i, e)
			printf("%s %s\n",
			       json_string_value(json_object_get(e, "key")),
			       json_string_value(json_object_get(e, "value")));
	json_decref(result);
	return err;
}

int cli_map(int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
		{ "ls", "the maps that there are", map_ls },
		{ "get", "the value of a key", map_get },
		{ "set", "give a key a value", map_set },
		{ "rm", "take a key out", map_rm },
		{ "dump", "all keys and values", map_dump },
		{ 0 },
	};

	return cli_dispatch("toami map", verbs, "", argc, argv);
}
