/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif rm */
#include "cli/cli.h"

static const char help[] =
	"usage: toami vif rm [-r] PATH...\n"
	"\n"
	"Removes VIFs that no program is on. Their addresses are free again.\n"
	"\n"
	"  -r, --recursive  with all VIFs below\n";

int cli_vif_rm(int argc, char **argv)
{
	static const struct option options[] = {
		{ "recursive", no_argument, NULL, 'r' }, CLI_OPTS_END
	};
	struct toami_control *control;
	int c, err, recursive = 0;

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
	err = cli_open(false, &control);
	if (err)
		return err;
	for (; optind < argc; optind++) {
		int e = toami_vif_remove(control, argv[optind], recursive);

		if (e)
			cli_complain(e, "%s", toami_control_text(control));
		err = err ? err : e;
	}
	toami_control_close(control);
	return err;
}
