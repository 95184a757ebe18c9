/* SPDX-License-Identifier: BSD-2-Clause */
/* toami down */
#include "cli/cli.h"

#include <stdio.h>

static const char help[] =
	"usage: toami down\n"
	"\n"
	"Ends the daemon and its fabric, and returns when they are gone. "
	"Programs that\n"
	"are still on the fabric live on, but nobody keeps time or names for "
	"them: end\n"
	"them.\n";

int cli_down(int argc, char **argv)
{
	static const struct cli_plain plain = { "down", help, 0, 0, NULL };
	struct toami_control *control;
	json_t *result;
	long long programs;
	int err;

	if (!cli_plain_open(&plain, argc, argv, &control, &err))
		return err;
	err = client_request(control, json_pack("{s:s}", "verb", "down"),
			     &result);
	if (err) {
		cli_complain(err, "%s", toami_control_text(control));
	} else {
		toami_control_wait_end(control);
		programs =
			json_integer_value(json_object_get(result, "programs"));
		if (programs)
			cli_complain(0, "%lld program%s lost the network",
				     programs, programs == 1 ? "" : "s");
		json_decref(result);
	}
	toami_control_close(control);
	return err;
}
