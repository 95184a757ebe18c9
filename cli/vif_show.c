/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif show */
#include "cli/cli.h"
#include "cli/text.h"
#include "cli/words.h"

#include <stdio.h>

static const char help[] =
	"usage: toami vif show [--json] PATH\n"
	"\n"
	"Shows all about the VIF at PATH, in exact figures.\n"
	"\n"
	"  -j, --json  as JSON\n";

static void print_way(const json_t *vif, const char *label, const char *way)
{
	json_int_t packets, bytes, drops;

	if (!json_unpack(json_object_get(vif, way), "{s:I, s:I, s:I}",
			 "packets", &packets, "bytes", &bytes, "drops", &drops))
		printf("%-10s %lld packets, %lld bytes, %lld dropped\n", label,
		       (long long)packets, (long long)bytes, (long long)drops);
}

static void print_text(const json_t *json)
{
	struct toami_vif v;
	const json_t *p;
	const char *mac = json_string_value(json_object_get(json, "mac"));
	size_t i;

	client_vif(json, &v);
	printf("%-10s %s\n", "path", v.path);
	if (*v.address)
		printf("%-10s %s %s\n%-10s %s\n", "address", v.address,
		       v.address6, "mac", mac ? mac : "");
	else
		printf("%-10s that of %s\n", "address", v.lane_of);
	printf("%-10s %lld\n", "user",
	       (long long)json_integer_value(json_object_get(json, "uid")));
	json_array_foreach(json_object_get(json, "programs"), i, p) printf(
		"%-10s %s (%lld)\n", i ? "" : "programs",
		json_string_value(json_object_get(p, "name")),
		(long long)json_integer_value(json_object_get(p, "pid")));
	words_print(json_object_get(json, "set"), "set        ", "\n", stdout);
	print_way(json, "sent", "tx");
	print_way(json, "received", "rx");
}

int cli_vif_show(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, CLI_OPTS_END
	};
	json_t *result;
	bool as_json = false;
	int c, err;

	while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (c == CLI_HELP)
			return cli_help(help);
		if (c == '?')
			return cli_usage("vif show");
		as_json = true;
	}
	if (argc - optind != 1) {
		cli_complain(EX_USAGE, "vif show takes one PATH");
		return cli_usage("vif show");
	}
	err = cli_ask(false,
		      json_pack("{s:s, s:s}", "verb", "vif.show", "path",
				argv[optind]),
		      &result);
	if (err)
		return err;
	if (as_json)
		cli_print_json(result);
	else
		print_text(result);
	json_decref(result);
	return 0;
}
