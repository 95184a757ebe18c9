/* SPDX-License-Identifier: BSD-2-Clause */
/* toami watch */
#include "cli/cli.h"

#include <stdio.h>
#include <time.h>

static const char help[] =
	"usage: toami watch [--json]\n"
	"\n"
	"Shows what happens to the tree while it happens: VIFs made, changed, "
	"moved and\n"
	"removed, programs that come and go. A line each, until it is "
	"interrupted.\n"
	"\n"
	"  -j, --json  each as JSON\n";

static void print_event(const struct toami_event *e)
{
	time_t s = (time_t)(e->time_ns / 1000000000);
	char when[32] = "";
	struct tm tm;

	if (localtime_r(&s, &tm))
		strftime(when, sizeof(when), "%H:%M:%S", &tm);
	if (e->kind == TOAMI_EVENT_LOST)
		printf("%llu events lost\n", (unsigned long long)e->lost);
	else if (e->pid)
		printf("%s.%03u %-10s %s %s (%d)\n", when,
		       (unsigned)(e->time_ns / 1000000 % 1000), e->name,
		       e->path, e->program, (int)e->pid);
	else
		printf("%s.%03u %-10s %s\n", when,
		       (unsigned)(e->time_ns / 1000000 % 1000), e->name,
		       e->path);
}

int cli_watch(int argc, char **argv)
{
	static const struct cli_plain plain = { "watch", help, 0, 0, NULL };
	struct toami_control *control;
	struct toami_event event;
	bool as_json = false;
	int err;

	if (!cli_plain(&plain, argc, argv, &as_json, &err))
		return err;
	err = cli_open(false, &control);
	if (err)
		return err;
	err = toami_watch(control);
	while (!err) {
		json_t *json;

		if (as_json) {
			err = client_event(control, &json);
			if (!err) {
				json_dumpf(json, stdout, JSON_COMPACT);
				putchar('\n');
				json_decref(json);
			}
		} else {
			err = toami_watch_next(control, &event);
			if (!err)
				print_event(&event);
		}
		fflush(stdout);
	}
	return cli_close(control, err);
}
