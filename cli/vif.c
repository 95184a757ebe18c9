/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif: the list of its verbs. */
#include "cli/cli.h"

static const struct cli_verb verbs[] = {
	{ "ls", "the tree: addresses, programs, traffic", cli_vif_ls },
	{ "show", "all about one VIF", cli_vif_show },
	{ "add", "make a VIF", cli_vif_add },
	{ "set", "change a VIF's properties: rate, weight, delay ...",
	  cli_vif_set },
	{ "rm", "remove a VIF", cli_vif_rm },
	{ 0 },
};

int cli_vif(int argc, char **argv)
{
	return cli_dispatch("toami vif", verbs, "", argc, argv);
}
