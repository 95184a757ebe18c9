/* SPDX-License-Identifier: BSD-2-Clause */
/* toami nstat */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const char help[] = "usage: toami nstat [-z] [-e] [--json] [PATH]\n"
			   "\n"
			   "What the hosts of the fabric have counted since "
			   "they are there, under the "
			   "names of\n"
			   "/proc/net/snmp and /proc/net/netstat: their sum, "
			   "or that of the hosts at "
			   "PATH and\n"
			   "below it.\n"
			   "\n"
			   "  -e, --each    each host by itself\n"
			   "  -z, --zeros   counters of 0 as well\n"
			   "  -j, --json    as JSON, all of them\n";

static void print_counts(const json_t *counters, bool zeros)
{
	const char *group, *name;
	json_t *members, *v;
	char full[80];

	json_object_foreach((json_t *)counters, group, members)
	{
		json_object_foreach(members, name, v)
		{
			if (!zeros && !json_integer_value(v))
				continue;
			snprintf(full, sizeof(full), "%s%s", group, name);
			printf("%-32s %llu\n", full,
			       (unsigned long long)json_integer_value(v));
		}
	}
}

int cli_nstat(int argc, char **argv)
{
	static const struct option options[] = {
		{ "each", no_argument, NULL, 'e' },
		{ "zeros", no_argument, NULL, 'z' },
		{ "json", no_argument, NULL, 'j' },
		CLI_OPTS_END
	};
	bool each = false, zeros = false, json = false;
	json_t *result, *hosts, *h;
	size_t i;
	int c, err;

	while ((c = getopt_long(argc, argv, "ezjh", options, NULL)) != -1) {
		if (c == CLI_HELP)
			return cli_help(help);
		if (c == '?')
			return cli_usage("nstat");
		each |= c == 'e';
		zeros |= c == 'z';
		json |= c == 'j';
	}
	if (argc - optind > 1) {
		cli_complain(EX_USAGE, "nstat takes at most one PATH");
		return cli_usage("nstat");
	}
	err = cli_ask(false,
		      json_pack("{s:s, s:s?, s:b}", "verb", "nstat", "path",
				argv[optind], "each", each),
		      &result);
	if (err)
		return err;
	hosts = json_object_get(result, "hosts");
	if (json) {
		cli_print_json(each ? hosts
				    : json_object_get(result, "counters"));
	} else if (each) {
		json_array_foreach(hosts, i, h)
		{
			printf("%s%s\n", i ? "\n" : "",
			       json_string_value(json_object_get(h, "vif")));
			print_counts(json_object_get(h, "counters"), zeros);
		}
	} else {
		print_counts(json_object_get(result, "counters"), zeros);
	}
	json_decref(result);
	return 0;
}
