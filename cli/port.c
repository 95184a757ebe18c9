/* SPDX-License-Identifier: BSD-2-Clause */
/* toami port: the list of its verbs. */
#include "cli/cli.h"

static const struct cli_verb verbs[] = {
	{ "ls", "what is attached, and what has passed", cli_port_ls },
	{ "add", "attach an interface of the kernel's to a VIF", cli_port_add },
	{ "rm", "detach it", cli_port_rm },
	{ 0 },
};

int cli_port(int argc, char **argv)
{
	return cli_dispatch("toami port", verbs, "", argc, argv);
}
