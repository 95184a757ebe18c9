/* SPDX-License-Identifier: BSD-2-Clause */
/* toami up */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: toami up [--subnet NET] [--subnet6 NET]\n"
	"\n"
	"Starts the daemon where none runs. Other verbs do so by themselves; "
	"this one\n"
	"can choose the subnets.\n"
	"\n"
	"  -s, --subnet NET   IPv4 addresses to hand out (10.77.0.0/16)\n"
	"      --subnet6 NET  IPv6 addresses, or 'none' "
	"(fd77:746f:616d::/64)\n";

/* A daemon that ran before has the subnets it has. */
static int check_subnet(const json_t *status, const char *key, const char *want)
{
	const char *has = json_string_value(json_object_get(status, key));

	if (!want || (has && !strcmp(has, want)))
		return 0;
	return cli_complain(
		EX_TEMPFAIL,
		"the daemon runs already, with subnet %s: end it with "
		"'toami down' first",
		has ? has : "unknown");
}

int cli_up(int argc, char **argv)
{
	static const struct option options[] = {
		{ "subnet", required_argument, NULL, 's' },
		{ "subnet6", required_argument, NULL, '6' },
		CLI_OPTS_END
	};
	const char *subnet4 = NULL, *subnet6 = NULL;
	json_t *status;
	int c, err;

	while ((c = getopt_long(argc, argv, "s:h", options, NULL)) != -1) {
		if (c == CLI_HELP)
			return cli_help(help);
		if (c == '?')
			return cli_usage("up");
		*(c == 's' ? &subnet4 : &subnet6) = optarg;
	}
	if (optind < argc) {
		cli_complain(EX_USAGE, "up takes no argument '%s'",
			     argv[optind]);
		return cli_usage("up");
	}
	if (subnet4)
		setenv("TOAMI_SUBNET", subnet4, 1);
	if (subnet6)
		setenv("TOAMI_SUBNET6", subnet6, 1);
	err = cli_ask(true, json_pack("{s:s}", "verb", "status"), &status);
	if (err)
		return err;
	err = check_subnet(status, "subnet", subnet4);
	if (!err)
		err = check_subnet(status, "subnet6", subnet6);
	if (!err)
		printf("toamid (%lld) runs in %s\n",
		       (long long)json_integer_value(
			       json_object_get(status, "pid")),
		       json_string_value(json_object_get(status, "dir")));
	json_decref(status);
	return err;
}
