/* SPDX-License-Identifier: BSD-2-Clause */
/* toami load */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: toami load [--diff] FILE\n"
	"\n"
	"Changes the tree as FILE ('-': standard input) says: all of it, or "
	"nothing. A line\n"
	"is one of\n"
	"\n"
	"  vif add [-a ADDR] PATH [NAME=VALUE...]  there, with exactly these "
	"properties\n"
	"  vif set PATH NAME=VALUE...              these as well\n"
	"  vif mv PATH TO\n"
	"  vif rm [-r] PATH                        at the end, whatever its "
	"place\n"
	"  port add tap -n IF [OPTION...] PATH     as 'toami port add'\n"
	"  port rm PATH                            at the end, too\n"
	"\n"
	"'#' begins a comment; a word with blanks is in quotes. VIFs that FILE "
	"does not\n"
	"name stay as they are.\n"
	"\n"
	"  -d, --diff  show what would change, and why it would be refused; "
	"change "
	"nothing\n";

/* The whole of @from, ended by zero; NULL: it cannot be read. */
static char *read_all(FILE *from)
{
	size_t room = 65536, bytes = 0;
	char *text = malloc(room);

	while (text) {
		size_t n = fread(text + bytes, 1, room - bytes - 1, from);

		bytes += n;
		if (!n)
			break;
		if (bytes == room - 1) {
			char *more = realloc(text, room * 2);

			if (!more)
				break;
			text = more;
			room *= 2;
		}
	}
	if (text && !ferror(from) && feof(from)) {
		text[bytes] = 0;
		if (strlen(text) == bytes)
			return text;
		errno = EINVAL;
	}
	free(text);
	return NULL;
}

static int show_diff(struct toami_control *control, const char *text)
{
	char *changes = NULL;
	int err = toami_vif_diff(control, text, &changes);

	/* They are there with a refusal, too. */
	if (changes)
		fputs(changes, stdout);
	free(changes);
	return err;
}

static int load(struct toami_control *control, const char *text)
{
	struct toami_vif_loaded n;
	int err = toami_vif_load(control, text, &n);

	if (err)
		return err;
	printf("%" PRIu64 " made, %" PRIu64 " changed, %" PRIu64
	       " moved, %" PRIu64 " removed, %" PRIu64 " the same",
	       n.made, n.changed, n.moved, n.removed, n.same);
	if (n.attached || n.detached)
		printf("; ports: %" PRIu64 " attached, %" PRIu64 " detached",
		       n.attached, n.detached);
	putchar('\n');
	return 0;
}

int cli_load(int argc, char **argv)
{
	static const struct option options[] = {
		{ "diff", no_argument, NULL, 'd' }, CLI_OPTS_END
	};
	struct toami_control *control;
	bool diff = false;
	char *text;
	FILE *from;
	int c, err;

	while ((c = getopt_long(argc, argv, "dh", options, NULL)) != -1) {
		if (c == CLI_HELP)
			return cli_help(help);
		if (c == '?')
			return cli_usage("load");
		diff = true;
	}
	if (argc - optind != 1) {
		cli_complain(EX_USAGE, "load takes one FILE");
		return cli_usage("load");
	}
	from = strcmp(argv[optind], "-") ? fopen(argv[optind], "re") : stdin;
	text = from ? read_all(from) : NULL;
	if (!text)
		return cli_complain(EX_NOINPUT, "cannot read %s: %s",
				    argv[optind], strerror(errno));
	err = cli_open(true, &control);
	if (!err)
		err = cli_close(control, diff ? show_diff(control, text)
					      : load(control, text));
	free(text);
	return err;
}
