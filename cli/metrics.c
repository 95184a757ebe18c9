/* SPDX-License-Identifier: BSD-2-Clause */
/* toami metrics */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>

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
	static const struct cli_plain plain = { "metrics", help, 0, 0, NULL };
	struct toami_control *control;
	char *text = NULL;
	int err;

	if (!cli_plain_open(&plain, argc, argv, &control, &err))
		return err;
	err = cli_close(control, toami_metrics(control, &text));
	if (!err)
		fputs(text, stdout);
	free(text);
	return err;
}
