/* SPDX-License-Identifier: BSD-2-Clause */
/* NAME=VALUE words: what is set on a VIF. */
#ifndef TOAMI_CLI_WORDS_H
#define TOAMI_CLI_WORDS_H

#include <jansson.h>
#include <stdio.h>

/* words_help - the table of properties, with examples */
void words_help(FILE *to);

/* words_files - the daemon has a working directory of its own: files in @words,
 * which end with NULL, get whole paths. 0, or an exit code, complained about.
 */
int words_files(char **words);

/* words_file - likewise, one @word; it gets a new one, which is never freed,
 * where that is needed */
int words_file(char **word);

/* words_print - "name=value" of each property in @set, as the daemon sent it,
 * with @before before each and @after behind */
void words_print(const json_t *set, const char *before, const char *after,
		 FILE *to);

#endif
