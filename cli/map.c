/* SPDX-License-Identifier: BSD-2-Clause */
/* toami map: what packet programs remember. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const char help_words[] =
	"A map is named VIF:NAME, or :NAME where programs share it. Keys and "
	"values are\n"
	"numbers (80), addresses (10.77.0.2), prefixes (10.77.0.0/16), numbers "
	"with\n"
	"commas (1,2,3) or bytes (hex:0a4d0002); a value may name a VIF "
	"(vif:/web).\n";
static const char help_ip[] =
	"\n  -i, --ip    what has the size of an address is one\n";
static const char help_json[] = "  -j, --json  as JSON\n";

struct verb {
	const char *name;    /* as typed after "toami" */
	const char *request; /* as the daemon knows it */
	const char *usage;
	int words; /* MAP KEY VALUE: how many of them */
	/* What is printed where JSON is not asked for; NULL: nothing. */
	void (*print)(const json_t *result);
};

static const char *const word_name[] = { "map", "key", "value" };

/* The parts of a long answer, one after the other, as one. */
static int ask_all(json_t *request, json_t **result)
{
	struct toami_control *c;
	json_t *part, *cursor;
	int err = cli_open(false, &c);

	*result = NULL;
	if (err) {
		json_decref(request);
		return err;
	}
	for (;;) {
		/* Consumed, and wanted again. */
		err = client_request(c, json_incref(request), &part);
		if (err)
			break;
		cursor = json_incref(json_object_get(part, "cursor"));
		json_object_del(part, "cursor");
		if (!*result) {
			*result = part;
		} else {
			json_array_extend(json_object_get(*result, "entries"),
					  json_object_get(part, "entries"));
			json_decref(part);
		}
		if (!cursor)
			break;
		json_object_set_new(request, "cursor", cursor);
	}
	json_decref(request);
	if (err) {
		json_decref(*result);
		*result = NULL;
	}
	return cli_close(c, err);
}

/* One verb: its options and words, what is asked, what is printed. */
static int run(const struct verb *v, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "ip", no_argument, NULL, 'i' },
		CLI_OPTS_END
	};
	bool ip = false, as_json = false;
	json_t *request, *result;
	int c, err;

	while ((c = getopt_long(argc, argv, "jih", options, NULL)) != -1) {
		if (c == CLI_HELP) {
			printf("usage: toami %s\n\n%s%s%s", v->usage,
			       help_words,
			       strstr(v->usage, "--ip") ? help_ip : "\n",
			       v->print ? help_json : "");
			return 0;
		}
		if (c == '?')
			return cli_usage(v->name);
		as_json = as_json || c == 'j';
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
	err = ask_all(request, &result);
	if (!err && as_json && v->print)
		cli_print_json(result);
	else if (!err && v->print)
		v->print(result);
	json_decref(result);
	return err;
}

static long long number(const json_t *m, const char *key)
{
	return (long long)json_integer_value(json_object_get(m, key));
}

static const char *text(const json_t *m, const char *key)
{
	return json_string_value(json_object_get(m, key));
}

static void print_maps(const json_t *result)
{
	json_t *m;
	size_t i;

	json_array_foreach(json_object_get(result, "maps"), i, m)
		printf("%-32s %-5s %lld of %lld, keys of %lld, values of %lld "
		       "bytes\n",
		       text(m, "map"), text(m, "kind"), number(m, "used"),
		       number(m, "entries"), number(m, "key_bytes"),
		       number(m, "value_bytes"));
}

static void print_value(const json_t *result)
{
	puts(text(result, "value"));
}

static void print_entries(const json_t *result)
{
	json_t *e;
	size_t i;

	json_array_foreach(json_object_get(result, "entries"), i, e)
		printf("%s %s\n", text(e, "key"), text(e, "value"));
}

static int map_ls(int argc, char **argv)
{
	static const struct verb v = { "map ls", "map.ls", "map ls [--json]", 0,
				       print_maps };

	return run(&v, argc, argv);
}

static int map_get(int argc, char **argv)
{
	static const struct verb v = { "map get", "map.get",
				       "map get [--ip] [--json] MAP KEY", 2,
				       print_value };

	return run(&v, argc, argv);
}

static int map_set(int argc, char **argv)
{
	static const struct verb v = { "map set", "map.set",
				       "map set MAP KEY VALUE", 3, NULL };

	return run(&v, argc, argv);
}

static int map_rm(int argc, char **argv)
{
	static const struct verb v = { "map rm", "map.rm", "map rm MAP KEY", 2,
				       NULL };

	return run(&v, argc, argv);
}

static int map_dump(int argc, char **argv)
{
	static const struct verb v = { "map dump", "map.dump",
				       "map dump [--ip] [--json] MAP", 1,
				       print_entries };

	return run(&v, argc, argv);
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
