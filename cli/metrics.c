/* SPDX-License-Identifier: BSD-2-Clause */
/* toami metrics */
#include "cli/cli.h"

#include <stdio.h>

static const char help[] =
	"usage: toami metrics\n"
	"\n"
	"Prints the counters of all VIFs as OpenMetrics text: what the daemon "
	"serves over\n"
	"HTTP on the socket 'metrics' in its directory, and on a port of the "
	"host with\n"
	"'toamid --metrics ADDR:PORT'.\n";

int cli_metrics(int argc, char **argv)
{
	static const struct option options[] = { CLI_OPTS_END };
	json_t *result;
	int c, err;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		return c == CLI_HELP ? cli_help(help) : cli_usage("metrics");
	if (optind < argc) {
		cli_complain(EX_USAGE, "metrics takes no argument '%s'",
			     argv[optind]);
		return cli_usage("metrics");
	}
	err = cli_ask(false, json_pack("{s:s}", "verb", "metrics"), &result);
	if (err)
		return err;
	fputs(json_string_value(json_object_get(result, "text")), stdout);
	json_decref(result);
	return 0;
}
