/* SPDX-License-Identifier: BSD-2-Clause */
/* toami: the list of verbs. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const struct cli_verb verbs[] = {
	{ "run", "start a program on a virtual interface (VIF)", cli_run },
	{ "trace", "the same, and show its socket calls", cli_trace },
	{ "vif", "show and change the tree of VIFs", cli_vif },
	{ "map", "what packet programs remember", cli_map },
	{ "top", "the tree live, and its rates to change", cli_top },
	{ "capture", "copies of frames, for wireshark", cli_capture },
	{ "watch", "what happens to the tree", cli_watch },
	{ "metrics", "counters for a monitoring system", cli_metrics },
	{ "port", "attach the kernel's interfaces to VIFs", cli_port },
	{ "save", "write the tree as text", cli_save },
	{ "load", "change the tree as such text says, all or nothing",
	  cli_load },
	{ "ss", "list sockets", cli_ss },
	{ "nstat", "what the hosts have counted", cli_nstat },
	{ "status", "what the daemon holds", cli_status },
	{ "up", "start the daemon (other verbs do so by themselves)", cli_up },
	{ "down", "end the daemon and its fabric", cli_down },
	{ "doctor", "what this machine allows, and what to change",
	  cli_doctor },
	{ "version", "versions of command and daemon", cli_version },
	{ 0 },
};

static const char about[] =
	"  toami run -v /db -- redis-server --protected-mode no\n"
	"  toami run -v /cli -- redis-benchmark -h db\n"
	"  toami vif ls\n"
	"\n"
	"'toami VERB --help' says more, and so does toami(1).\n";

int main(int argc, char **argv)
{
	if (argc > 1 &&
	    (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")))
		return puts("toami " TOAMI_VERSION) < 0;
	return cli_dispatch("toami", verbs, about, argc, argv);
}
