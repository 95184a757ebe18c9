/* SPDX-License-Identifier: BSD-2-Clause */
/* See json_text.h. */
#include "daemon/json_text.h"

#include <stdlib.h>
#include <string.h>

/* Room for @bytes more; NULL: there is none. */
static char *grow(struct json_text *j, size_t bytes)
{
	if (j->room - j->bytes < bytes) {
		size_t room = j->room ? j->room * 2 : 4096;
		char *more;

		while (room - j->bytes < bytes)
			room *= 2;
		more = j->failed ? NULL : realloc(j->text, room);
		if (!more) {
			j->failed = true;
			return NULL;
		}
		j->text = more;
		j->room = room;
	}
	return j->text + j->bytes;
}

static void put(struct json_text *j, const char *s, size_t bytes)
{
	char *to = grow(j, bytes);

	if (!to)
		return;
	memcpy(to, s, bytes);
	j->bytes += bytes;
}

static void put_escaped(struct json_text *j, const char *s)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = strlen(s), at = 0;
	char *to = grow(j, n * 6 + 2);

	if (!to)
		return;
	to[at++] = '"';
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\') {
			to[at++] = '\\';
			to[at++] = *s;
		} else if (c < ' ') {
			memcpy(to + at, "\\u00", 4);
			to[at + 4] = hex[c >> 4];
			to[at + 5] = hex[c & 15];
			at += 6;
		} else {
			to[at++] = *s;
		}
	}
	to[at++] = '"';
	j->bytes += at;
}

static void begin(struct json_text *j, const char *key)
{
	if (j->more)
		put(j, ",", 1);
	j->more = true;
	if (!key)
		return;
	put(j, "\"", 1);
	put(j, key, strlen(key));
	put(j, "\":", 2);
}

void json_text_open(struct json_text *j, const char *key, char bracket)
{
	begin(j, key);
	put(j, &bracket, 1);
	j->more = false;
}

void json_text_close(struct json_text *j, char bracket)
{
	put(j, &bracket, 1);
	j->more = true;
}

void json_text_number(struct json_text *j, const char *key, uint64_t n)
{
	char digits[24];
	size_t at = sizeof(digits);

	begin(j, key);
	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	put(j, digits + at, sizeof(digits) - at);
}

void json_text_string(struct json_text *j, const char *key, const char *s)
{
	begin(j, key);
	if (s)
		put_escaped(j, s);
	else
		put(j, "null", 4);
}

char *json_text_take(struct json_text *j)
{
	char *text;

	put(j, "", 1);
	text = j->failed ? NULL : j->text;
	if (j->failed)
		free(j->text);
	*j = (struct json_text){ 0 };
	return text;
}
