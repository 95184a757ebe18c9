/* SPDX-License-Identifier: BSD-2-Clause */
/* toami port ls */
#include "cli/cli.h"
#include "cli/text.h"

#include <stdio.h>
#include <unistd.h>

static const char help[] =
	"usage: toami port ls [-j]\n"
	"\n"
	"What is attached to VIFs. IN came from the device into the fabric, "
	"OUT went there.\n"
	"BAD is what was refused: damaged, or in another's name.\n"
	"\n"
	"  -j, --json  in JSON, and exact\n";

static uint64_t count_of(const json_t *port, const char *way, const char *what)
{
	return (uint64_t)json_integer_value(
		json_object_get(json_object_get(port, way), what));
}

static void fill(char (*row)[TABLE_CELL], const json_t *p)
{
	const char *path = json_string_value(json_object_get(p, "path"));
	const char *name = json_string_value(json_object_get(p, "name"));
	const uint64_t of[] = {
		count_of(p, "in", "frames"),
		count_of(p, "in", "bytes"),
		count_of(p, "out", "frames"),
		count_of(p, "out", "bytes"),
		count_of(p, "in", "bad") + count_of(p, "in", "refused"),
	};
	char text[TEXT_FIGURE];

	snprintf(row[0], TABLE_CELL, "%s", path ? path : "");
	snprintf(row[1], TABLE_CELL, "%s", name ? name : "");
	snprintf(row[2], TABLE_CELL, "%s",
		 json_is_true(json_object_get(p, "uplink")) ? "uplink"
							    : "host");
	for (int i = 0; i < 5; i++)
		snprintf(row[3 + i], TABLE_CELL, "%s",
			 text_figure(of[i], text));
}

static int print_table(const json_t *list)
{
	static const char *const head[] = { "PATH",	 "TAP",
					    "ROLE",	 "IN FRAMES",
					    "IN BYTES",	 "OUT FRAMES",
					    "OUT BYTES", "BAD" };
	struct table t = { .columns = 8, .right = 0xf8 };
	char(*row)[TABLE_CELL] = table_add(&t);
	json_t *item;
	size_t i;

	for (i = 0; row && i < 8; i++)
		snprintf(row[i], TABLE_CELL, "%s", head[i]);
	json_array_foreach(list, i, item)
	{
		row = row ? table_add(&t) : NULL;
		if (!row)
			break;
		fill(row, item);
	}
	if (row)
		table_print(&t, stdout, isatty(STDOUT_FILENO));
	table_fini(&t);
	return row ? 0 : cli_complain(EX_OSERR, "out of memory");
}

int cli_port_ls(int argc, char **argv)
{
	static const struct cli_plain plain = { "port ls", help, 0, 0, NULL };
	json_t *result, *list;
	bool json = false;
	int err;

	if (!cli_plain(&plain, argc, argv, &json, &err))
		return err;
	err = cli_ask(false, json_pack("{s:s}", "verb", "port.ls"), &result);
	if (err)
		return err;
	list = json_object_get(result, "ports");
	if (json)
		cli_print_json(list);
	else
		err = print_table(list);
	json_decref(result);
	return err;
}
