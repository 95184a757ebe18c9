/* SPDX-License-Identifier: BSD-2-Clause */
/* toami vif ls */
#include "cli/cli.h"
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

/* The host that the last lane belonged to: the next lane's, mostly. */
struct lane_host {
	const char *path;
	const char *address;
};

/* The address of the VIF at @path in @list; NULL: it is not in there. */
static const char *address_of(const json_t *list, const char *path,
			      struct lane_host *last)
{
	size_t i;
	json_t *v;

	if (last->path && !strcmp(last->path, path))
		return last->address;
	json_array_foreach(list, i, v)
	{
		const char *p = json_string_value(json_object_get(v, "path"));

		if (!p || strcmp(p, path))
			continue;
		last->path = p;
		last->address =
			json_string_value(json_object_get(v, "address"));
		return last->address;
	}
	return NULL;
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

static int print_table(const json_t *list)
{
	static const char *const head[] = { "PATH",	"ADDRESS",  "PROGRAMS",
					    "TX PKTS",	"TX BYTES", "RX PKTS",
					    "RX BYTES", "DROPS" };
	struct table t = { .columns = 8, .right = 0xf8 };
	char(*row)[TABLE_CELL] = table_add(&t);
	struct lane_host last = { 0 };
	const char *address, *port;
	struct toami_vif v;
	size_t i;
	json_t *item;

	for (i = 0; row && i < 8; i++)
		snprintf(row[i], TABLE_CELL, "%s", head[i]);
	json_array_foreach(list, i, item)
	{
		row = row ? table_add(&t) : NULL;
		if (!row)
			break;
		client_vif(item, &v);
		snprintf(row[0], TABLE_CELL, "%s", v.path);
		address = *v.address ? v.address
				     : address_of(list, v.lane_of, &last);
		if (!*v.address && !*v.lane_of) /* an uplink's */
			strcpy(row[1], "-");
		else
			snprintf(row[1], TABLE_CELL, *v.address ? "%s" : "(%s)",
				 address ? address : v.lane_of);
		text_programs(json_object_get(item, "programs"), PROGRAMS_MOST,
			      row[2]);
		port = json_string_value(json_object_get(item, "port"));
		if (port)
			snprintf(row[2], TABLE_CELL, "[%s]", port);
		figures(row, &v);
	}
	if (row)
		table_print(&t, stdout, isatty(STDOUT_FILENO));
	table_fini(&t);
	return row ? 0 : cli_complain(EX_OSERR, "out of memory");
}

static int print_paths(const json_t *list)
{
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v) puts(json_string_value(v));
	return 0;
}

int cli_vif_ls(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "quiet", no_argument, NULL, 'q' },
		CLI_OPTS_END
	};
	json_t *result, *list;
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
	err = cli_ask(false,
		      json_pack("{s:s, s:s?, s:b, s:b}", "verb", "vif.ls",
				"path", argv[optind], "brief", form == 'q',
				"short", !form),
		      &result);
	if (err)
		return err;
	list = json_object_get(result, form == 'q' ? "paths" : "vifs");
	if (form == 'j')
		cli_print_json(list);
	else
		err = form == 'q' ? print_paths(list) : print_table(list);
	json_decref(result);
	return err;
}
