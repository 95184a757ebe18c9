/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif show */
#include "cli/cli.h"
#include "cli/text.h"
#include "cli/words.h"
#include "daemon/users.h"

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

static const char *duration(json_int_t ns, char text[32])
{
	struct prop_value v = { .n = { (uint64_t)ns } };
	char word[PROP_TEXT_MAX];

	/* To three digits: nobody reads the rest. */
	for (uint64_t unit = 1; v.n[0] / unit >= 1000; unit *= 10)
		v.n[0] -= v.n[0] % unit;
	snprintf(text, 32, "%.31s",
		 ns ? prop_print(PROP_ID_DELAY, &v, word) : "0");
	return text;
}

/* What was held up on its way, @label: "queue out". */
static void print_queue(const json_t *json, const char *label, const char *way)
{
	const json_t *q = json_object_get(json, way), *n;
	json_int_t packets, bytes, p50, p99, throttled, borrowed;
	char a[32], b[32], c[32];
	const char *reason;

	if (json_unpack((json_t *)(uintptr_t)q,
			"{s:I, s:I, s:I, s:I, s:I, s:I}", "backlog_packets",
			&packets, "backlog_bytes", &bytes, "delay_p50_ns", &p50,
			"delay_p99_ns", &p99, "throttled_ns", &throttled,
			"borrowed_bytes", &borrowed))
		return;
	printf("%-10s %lld packets, %lld bytes wait; half of them less than "
	       "%s, 99 of 100 less than %s\n",
	       label, (long long)packets, (long long)bytes, duration(p50, a),
	       duration(p99, b));
	printf("%-10s throttled for %s, borrowed %lld bytes\n", "",
	       duration(throttled, c), (long long)borrowed);
	json_object_foreach(json_object_get(q, "drops"), reason, n)
	{
		if (json_integer_value(n))
			printf("%-10s %lld dropped: %s\n", "",
			       (long long)json_integer_value(n), reason);
	}
}

/* What filter and program have done, @label: "hooks out". */
static void print_hooks(const json_t *json, const char *label, const char *way)
{
	json_int_t runs, filtered, dropped, over_run, over_time, redirected,
		sampled, instructions;

	if (json_unpack(json_object_get(json, way),
			"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "runs",
			&runs, "filtered", &filtered, "dropped", &dropped,
			"over_run", &over_run, "over_time", &over_time,
			"redirected", &redirected, "sampled", &sampled,
			"instructions", &instructions))
		return;
	printf("%-10s %lld runs, %lld instructions; %lld let go on, %lld "
	       "redirected, %lld sampled\n",
	       label, (long long)runs, (long long)instructions,
	       (long long)(runs - filtered - dropped - over_run),
	       (long long)redirected, (long long)sampled);
	if (filtered + dropped + over_run + over_time)
		printf("%-10s dropped: %lld by the filter, %lld by the "
		       "program, %lld at its budget, %lld out of time\n",
		       "", (long long)filtered, (long long)dropped,
		       (long long)over_run, (long long)over_time);
}

/* What its programs and those below remember. */
static void print_maps(const json_t *json)
{
	json_int_t bytes = json_integer_value(json);
	const struct prop_value v = { .n = { (uint64_t)bytes } };
	char word[PROP_TEXT_MAX];

	if (bytes)
		printf("%-10s hold %s, with those of the VIFs below\n", "maps",
		       prop_print(PROP_ID_LIMIT, &v, word));
}

/* The user in member "uid", by name where there is one. */
static const char *user_of(const json_t *json, char word[PROP_TEXT_MAX])
{
	json_int_t uid = json_integer_value(json_object_get(json, "uid"));

	return users_name((uint64_t)uid, word);
}

static void print_text(const json_t *json)
{
	char user[PROP_TEXT_MAX];
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
	printf("%-10s %s\n", "made by", user_of(json, user));
	json_array_foreach(json_object_get(json, "programs"), i, p)
	{
		const char *name =
			json_string_value(json_object_get(p, "name"));

		printf("%-10s %s (%lld) of %s\n", i ? "" : "programs", name,
		       (long long)json_integer_value(json_object_get(p, "pid")),
		       user_of(p, user));
	}
	words_print(json_object_get(json, "set"), "set        ", "\n", stdout);
	print_way(json, "sent", "tx");
	print_way(json, "received", "rx");
	print_queue(json_object_get(json, "queue"), "queue out", "tx");
	print_queue(json_object_get(json, "queue"), "queue in", "rx");
	print_hooks(json_object_get(json, "hooks"), "hooks out", "tx");
	print_hooks(json_object_get(json, "hooks"), "hooks in", "rx");
	print_maps(json_object_get(json, "map_bytes"));
	if (json_integer_value(json_object_get(json_object_get(json, "tx"),
					       "retransmits")))
		printf("%-10s %lld TCP segments sent again\n", "",
		       (long long)json_integer_value(json_object_get(
			       json_object_get(json, "tx"), "retransmits")));
}

int cli_vif_show(int argc, char **argv)
{
	static const struct cli_plain plain = { "vif show", help, 1, 1,
						"one PATH" };
	json_t *result;
	bool as_json = false;
	int err;

	if (!cli_plain(&plain, argc, argv, &as_json, &err))
		return err;
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
