/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif attach, toami vif detach */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static const char attach_help[] =
	"usage: toami vif attach PATH PID...\n"
	"       toami vif attach --flow FILTER PATH\n"
	"\n"
	"Moves programs that are on the fabric to the VIF at PATH, and what "
	"they "
	"start\n"
	"from then on. Their open sockets move along if that VIF has the same "
	"address;\n"
	"otherwise they stay where they are, and new ones are on PATH.\n"
	"\n"
	"  -f, --flow FILTER  of what the VIF above PATH sends, what FILTER "
	"takes "
	"(an\n"
	"                     expression of pcap-filter(7)) is on PATH, and "
	"its "
	"TCP\n"
	"                     connections are; the rest stays. The same as "
	"flow=FILTER\n";

static const char detach_help[] =
	"usage: toami vif detach PID...\n"
	"       toami vif detach --flow PATH\n"
	"\n"
	"Moves programs to the VIF whose address they have: the nearest one "
	"above them\n"
	"with an address of its own.\n"
	"\n"
	"  -f, --flow  PATH takes no flow of the VIF above any more\n";

/* @path: NULL to detach */
static int move_one(struct toami_control *control, const char *path,
		    const char *word)
{
	struct toami_vif_attached n;
	char *end;
	long pid;
	int err;

	errno = 0;
	pid = strtol(word, &end, 10);
	if (errno || *end || pid < 1 || pid > INT_MAX)
		return cli_complain(EX_USAGE,
				    "'%s' is not the number of a process: "
				    "'toami vif show' has those of a VIF",
				    word);
	err = path ? toami_vif_attach(control, path, (pid_t)pid, &n)
		   : toami_vif_detach(control, (pid_t)pid, &n);
	if (err)
		return cli_complain(err, "%s", toami_control_text(control));
	printf("%s: %llu socket%s moved", word, (unsigned long long)n.moved,
	       n.moved == 1 ? "" : "s");
	if (n.kept)
		printf(", %llu stay%s where they have their address",
		       (unsigned long long)n.kept, n.kept == 1 ? "s" : "");
	putchar('\n');
	return 0;
}

static int set_flow(const char *path, const char *flow)
{
	struct toami_control *control;
	const char *words[] = { NULL, NULL };
	char *word;
	int err = cli_open(false, &control);

	if (err)
		return err;
	if (asprintf(&word, "flow=%s", flow) < 0) {
		toami_control_close(control);
		return cli_complain(EX_OSERR, "out of memory");
	}
	words[0] = word;
	err = cli_close(control, toami_vif_set(control, path, words));
	free(word);
	return err;
}

static int move_all(bool attach, int argc, char **argv)
{
	const struct option options[] = {
		{ "flow", attach ? required_argument : no_argument, NULL, 'f' },
		CLI_OPTS_END
	};
	struct toami_control *control;
	const char *path, *flow = NULL;
	int c, err;

	while ((c = getopt_long(argc, argv, attach ? "f:h" : "fh", options,
				NULL)) != -1) {
		if (c == CLI_HELP)
			return cli_help(attach ? attach_help : detach_help);
		if (c == '?')
			return cli_usage(attach ? "vif attach" : "vif detach");
		flow = attach ? optarg : "none";
	}
	if (flow && argc - optind == 1)
		return set_flow(argv[optind], flow);
	if (argc - optind < 1 + attach) {
		cli_complain(EX_USAGE, attach ? "vif attach takes a PATH and "
						"processes"
					      : "vif detach takes processes");
		return cli_usage(attach ? "vif attach" : "vif detach");
	}
	path = attach ? argv[optind++] : NULL;
	err = cli_open(false, &control);
	if (err)
		return err;
	for (; optind < argc; optind++) {
		int e = move_one(control, path, argv[optind]);

		err = err ? err : e;
	}
	toami_control_close(control);
	return err;
}

int cli_vif_attach(int argc, char **argv)
{
	return move_all(true, argc, argv);
}

int cli_vif_detach(int argc, char **argv)
{
	return move_all(false, argc, argv);
}
