/* SPDX-License-Identifier: BSD-2-Clause */
/* toami version */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const char help[] = "usage: toami version\n"
			   "\n"
			   "Shows the versions of this command and of the "
			   "daemon that runs, if one does.\n";

int cli_version(int argc, char **argv)
{
	static const struct option options[] = { CLI_OPTS_END };
	struct toami_control *control;
	json_t *result = NULL;
	const char *version;
	int c, err;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		return c == CLI_HELP ? cli_help(help) : cli_usage("version");
	puts("toami " TOAMI_VERSION);
	err = toami_control_open(NULL, false, &control);
	if (!err)
		err = client_request(control,
				     json_pack("{s:s}", "verb", "version"),
				     &result);
	version = json_string_value(json_object_get(result, "version"));
	if (version)
		printf("toamid %s in %s%s\n", version,
		       toami_control_dir(control),
		       strcmp(version, TOAMI_VERSION)
			       ? ": another version than this command's; "
				 "'toami "
				 "down' ends it"
			       : "");
	else
		printf("%s\n", toami_control_text(control));
	json_decref(result);
	toami_control_close(control);
	return 0;
}
