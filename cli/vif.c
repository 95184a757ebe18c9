/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif: the list of its verbs. */
#include "cli/cli.h"

static const struct cli_verb verbs[] = {
	{ "ls", "the tree: addresses, programs, traffic", cli_vif_ls },
	{ "show", "all about one VIF", cli_vif_show },
	{ "add", "make a VIF", cli_vif_add },
	{ "set", "change a VIF's properties: rate, weight, delay ...",
	  cli_vif_set },
	{ "mv", "move or rename a VIF, with all below it", cli_vif_mv },
	{ "attach", "move a running program to a VIF", cli_vif_attach },
	{ "detach", "move it to the VIF whose address it has", cli_vif_detach },
	{ "rm", "remove a VIF", cli_vif_rm },
	{ 0 },
};

int cli_vif(int argc, char **argv)
{
	return cli_dispatch("toami vif", verbs, "", argc, argv);
}
