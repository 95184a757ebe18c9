/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif rm */
#include "cli/cli.h"

static const char help[] =
	"usage: toami vif rm [-r] PATH...\n"
	"\n"
	"Removes VIFs that no program is on. Their addresses are free again.\n"
	"\n"
	"  -r, --recursive  with all VIFs below\n";

static int remove_one(const char *path, int recursive)
{
	json_t *result;
	int err = cli_ask(false,
			  json_pack("{s:s, s:s, s:b}", "verb", "vif.rm", "path",
				    path, "recursive", recursive),
			  &result);

	if (!err)
		json_decref(result);
	return err;
}

int cli_vif_rm(int argc, char **argv)
{
	static const struct option options[] = {
		{ "recursive", no_argument, NULL, 'r' }, CLI_OPTS_END
	};
	int c, err = 0, recursive = 0;

	while ((c = getopt_long(argc, argv, "rh", options, NULL)) != -1) {
		if (c == CLI_HELP)
			return cli_help(help);
		if (c != 'r')
			return cli_usage("vif rm");
		recursive = 1;
	}
	if (optind == argc) {
		cli_complain(EX_USAGE, "vif rm takes at least one PATH");
		return cli_usage("vif rm");
	}
	for (; optind < argc; optind++) {
		int e = remove_one(argv[optind], recursive);

		err = err ? err : e;
	}
	return err;
}
