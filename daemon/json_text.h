/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON written as text, for lists of 100,000 things: no tree of values in
 * between. A failure to allocate is kept until json_text_take().
 */
#ifndef TOAMI_DAEMON_JSON_TEXT_H
#define TOAMI_DAEMON_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_text {
	char *text;
	size_t bytes;
	size_t room;
	bool failed;
	bool more; /* the next member or element comes after a comma */
};

/* json_text_take - the text, ended by zero, owned by the caller; NULL: there
 * was no memory. @j is empty again. */
char *json_text_take(struct json_text *j);

/* json_text_open, json_text_close - '{' or '[' and its counterpart; @key: NULL
 * in a list */
void json_text_open(struct json_text *j, const char *key, char bracket);
void json_text_close(struct json_text *j, char bracket);

void json_text_number(struct json_text *j, const char *key, uint64_t n);

/* json_text_string - @s of UTF-8, escaped; NULL: null */
void json_text_string(struct json_text *j, const char *key, const char *s);

#endif
