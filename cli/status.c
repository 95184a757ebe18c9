/* SPDX-License-Identifier: BSD-2-Clause */
/* toami status */
#include "cli/cli.h"
#include "cli/text.h"

#include <stdio.h>

static const char help[] = "usage: toami status [--json]\n"
			   "\n"
			   "Shows what the daemon holds.\n"
			   "\n"
			   "  -j, --json  as JSON\n";

static long long number(const json_t *json, const char *key)
{
	return (long long)json_integer_value(json_object_get(json, key));
}

static const char *text(const json_t *json, const char *key)
{
	const char *s = json_string_value(json_object_get(json, key));

	return s ? s : "?";
}

static void print_text(const json_t *s)
{
	char uptime[32];

	printf("daemon       toamid %s (%lld) in %s, up %s\n",
	       text(s, "version"), number(s, "pid"), text(s, "dir"),
	       text_duration((uint64_t)number(s, "uptime_ms"), uptime));
	printf("subnet       %s, %s\n", text(s, "subnet"), text(s, "subnet6"));
	printf("gateway      %s, %s%s\n", text(s, "gateway"),
	       text(s, "gateway6"),
	       json_is_true(json_object_get(s, "names"))
		       ? ""
		       : " (answers no names: see the log)");
	printf("programs     %lld\n", number(s, "programs"));
	printf("vifs         %lld of %lld\n", number(s, "vifs"),
	       number(s, "max_vifs"));
	if (!json_is_integer(json_object_get(s, "sockets"))) {
		puts("fabric       not counted: a program is stopped inside "
		     "it");
		return;
	}
	printf("hosts        %lld\n", number(s, "hosts"));
	printf("connections  %lld, %lld sockets\n", number(s, "connections"),
	       number(s, "sockets"));
	printf("frames       %lld queued (%lld ever used), chunks %lld "
	       "(%lld)\n",
	       number(s, "frames"), number(s, "frames_touched"),
	       number(s, "chunks"), number(s, "chunks_touched"));
}

int cli_status(int argc, char **argv)
{
	static const struct cli_plain plain = { "status", help, 0, 0, NULL };
	json_t *result;
	bool as_json = false;
	int err;

	if (!cli_plain(&plain, argc, argv, &as_json, &err))
		return err;
	err = cli_ask(false, json_pack("{s:s}", "verb", "status"), &result);
	if (err)
		return err;
	if (as_json)
		cli_print_json(result);
	else
		print_text(result);
	json_decref(result);
	return 0;
}
