/* SPDX-License-Identifier: BSD-2-Clause */
/* See observe.h. */
#include "cli/observe.h"
#include "cli/cli.h"
#include "fabric/attach.h"
#include "socket/socket.h"

#include <errno.h>
#include <string.h>

int observe_map(const char *dir, struct fabric *f)
{
	char text[ATTACH_TEXT_MAX];
	int err = socket_observe(f, dir, "toami", text);

	if (!err)
		return 0;
	if (*text)
		return cli_complain(err == -EACCES ? EX_NOPERM : EX_PROTOCOL,
				    "%s", text);
	return cli_complain(EX_UNAVAILABLE,
			    "the daemon in %s does not answer: %s: see %s/log",
			    dir, strerror(-err), dir);
}
