/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif ls */
#include "cli/cli.h"
#include "cli/indent.h"
#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] = "usage: toami vif ls [--json | -q] [PATH]\n"
			   "\n"
			   "Shows the VIF at PATH (default: /) and all below "
			   "it: address, programs, and\n"
			   "what it has sent (TX) and received (RX). A VIF "
			   "without an address of its own\n"
			   "shares the one of the nearest VIF above it that "
			   "has one: it is in brackets.\n"
			   "DROPS are packets lost on their way out or in.\n"
			   "\n"
			   "  -j, --json   as JSON, in exact figures\n"
			   "  -q, --quiet  paths only\n";

#define PROGRAMS_MOST 30

/*
 * The VIFs with addresses on the way to the one at hand, by depth: a listing
 * goes depth first, and a lane shares the address of one of these.
 */
struct way {
	struct {
		char path[TOAMI_VIF_PATH];
		char address[64];
	} at[TOAMI_VIF_PATH / 2 + 1];
};

static size_t depth_of(const char *path)
{
	size_t depth = 0;

	for (; *path; path++)
		depth += *path == '/' && path[1];
	return depth;
}

static const char *address_of(struct way *way, const struct toami_vif *v)
{
	const char *host = *v->address ? v->path : v->lane_of;
	size_t depth = depth_of(host);

	if (*v->address) {
		strcpy(way->at[depth].path, v->path);
		strcpy(way->at[depth].address, v->address);
		return v->address;
	}
	/* Not there: it lies above what is listed. */
	return strcmp(way->at[depth].path, host) ? host
						 : way->at[depth].address;
}

static void figures(char (*row)[TABLE_CELL], const struct toami_vif *v)
{
	const uint64_t of[] = { v->tx.packets, v->tx.bytes, v->rx.packets,
				v->rx.bytes, v->tx.drops + v->rx.drops };
	char text[TEXT_FIGURE];

	for (int i = 0; i < 5; i++)
		snprintf(row[3 + i], TABLE_CELL, "%s",
			 text_figure(of[i], text));
}

static void print_programs(const struct client_vif_more *more, char *cell)
{
	json_t *list;

	if (*more->port) {
		snprintf(cell, TABLE_CELL, "[%s]", more->port);
	} else if (more->programs) {
		list = json_loadb(more->programs, more->programs_bytes, 0,
				  NULL);
		text_programs(list, PROGRAMS_MOST, cell);
		json_decref(list);
	}
}

static int print_table(struct json_scan *list)
{
	static const char *const head[] = { "PATH",	"ADDRESS",  "PROGRAMS",
					    "TX PKTS",	"TX BYTES", "RX PKTS",
					    "RX BYTES", "DROPS" };
	struct table t = { .columns = 8, .right = 0xf8 };
	char(*row)[TABLE_CELL] = table_add(&t);
	struct client_vif_more more;
	static struct way way;
	const char *address;
	struct toami_vif v;

	for (size_t i = 0; row && i < 8; i++)
		snprintf(row[i], TABLE_CELL, "%s", head[i]);
	while (row && json_scan_next(list, NULL)) {
		row = table_add(&t);
		if (!row)
			break;
		client_vif_scan(list, &v, &more);
		strcpy(row[0], v.path);
		address = address_of(&way, &v);
		if (!*address) /* an uplink's */
			strcpy(row[1], "-");
		else
			snprintf(row[1], TABLE_CELL, *v.address ? "%s" : "(%s)",
				 address);
		print_programs(&more, row[2]);
		figures(row, &v);
	}
	if (row && !list->bad)
		table_print(&t, stdout, isatty(STDOUT_FILENO));
	table_fini(&t);
	return row ? 0 : cli_complain(EX_OSERR, "out of memory");
}

static int print_paths(struct json_scan *list)
{
	char path[TOAMI_VIF_PATH];

	while (json_scan_next(list, NULL)) {
		json_scan_string(list, path, sizeof(path));
		puts(path);
	}
	return 0;
}

int cli_vif_ls(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "quiet", no_argument, NULL, 'q' },
		CLI_OPTS_END
	};
	struct toami_control *control;
	struct json_scan list;
	int c, err, form = 0;

	while ((c = getopt_long(argc, argv, "jqh", options, NULL)) != -1) {
		if (c == CLI_HELP)
			return cli_help(help);
		if (c == '?')
			return cli_usage("vif ls");
		form = c;
	}
	if (argc - optind > 1) {
		cli_complain(EX_USAGE, "vif ls takes at most one PATH");
		return cli_usage("vif ls");
	}
	err = cli_open(false, &control);
	if (err)
		return err;
	err = client_list_find(control, argv[optind],
			       form == 'q'   ? CLIENT_LIST_PATHS
			       : form == 'j' ? CLIENT_LIST_WHOLE
					     : CLIENT_LIST_SHORT,
			       &list);
	if (!err && form == 'j')
		indent_print(&list, stdout);
	else if (!err && json_scan_open(&list, '['))
		err = form == 'q' ? print_paths(&list) : print_table(&list);
	if (!err && list.bad)
		err = client_misread(control);
	return cli_close(control, err);
}
