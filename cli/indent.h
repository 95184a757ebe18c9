/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON for people, from text: as cli_print_json(), for lists of any length. */
#ifndef TOAMI_CLI_INDENT_H
#define TOAMI_CLI_INDENT_H

#include "daemon/json_scan.h"

#include <stdio.h>

/* indent_print - the value ahead, a member a line; s->bad tells what was none
 */
void indent_print(struct json_scan *s, FILE *to);

#endif
