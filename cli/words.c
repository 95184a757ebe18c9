/* SPDX-License-Identifier: BSD-2-Clause */
/* See words.h. */
#include "cli/words.h"
#include "cli/cli.h"
#include "daemon/users.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int words_file(char **word)
{
	char *equals = strchr(*word, '='), *path, *whole;

	if (strncmp(*word, "program", 7) != 0 || !equals || !equals[1] ||
	    equals[1] == '/' || !strcmp(equals + 1, "none"))
		return 0;
	path = realpath(equals + 1, NULL);
	if (!path)
		return cli_complain(EX_NOINPUT, "cannot open %s: %s",
				    equals + 1, strerror(errno));
	/* Lives as long as the command, as argv does. */
	if (asprintf(&whole, "%.*s=%s", (int)(equals - *word), *word, path) < 0)
		return cli_complain(EX_OSERR, "out of memory");
	free(path);
	*word = whole;
	return 0;
}

int words_files(char **words)
{
	int err = 0;

	for (; *words && !err; words++)
		err = words_file(words);
	return err;
}

void words_help(FILE *to)
{
	fputs("\nProperties, NAME=VALUE; 'none' takes one away:\n\n", to);
	for (size_t i = 0; i < PROPS; i++)
		fprintf(to, "  %-12s %s; for instance %s=%s\n",
			prop_table[i].name, prop_table[i].doc,
			prop_table[i].name, prop_table[i].example);
}

void words_print(const json_t *set, const char *before, const char *after,
		 FILE *to)
{
	char word[PROP_TEXT_MAX];

	for (enum prop_id id = 0; id < PROPS; id++) {
		struct prop_value v;

		client_value(set, id, &v);
		if (!prop_is_set(&v))
			continue;
		fprintf(to, "%s%s=%s%s", before, prop_table[id].name,
			users_print(id, &v, word), after);
	}
}
