/* SPDX-License-Identifier: BSD-2-Clause */
/* See indent.h. */
#include "cli/indent.h"

#include <string.h>

#define DEPTH_MAX 32

struct out {
	FILE *to;
	size_t bytes;
	char buf[65536];
};

static void put(struct out *o, const char *text, size_t bytes)
{
	if (bytes > sizeof(o->buf) - o->bytes) {
		fwrite(o->buf, 1, o->bytes, o->to);
		o->bytes = 0;
	}
	if (bytes > sizeof(o->buf)) {
		fwrite(text, 1, bytes, o->to);
		return;
	}
	memcpy(o->buf + o->bytes, text, bytes);
	o->bytes += bytes;
}

static void put_line(struct out *o, int depth)
{
	static const char blanks[2 * DEPTH_MAX + 1] =
		"\n                                                            "
		"    ";

	put(o, blanks, 1 + 2 * (size_t)depth);
}

static void put_value(struct out *o, struct json_scan *s, int depth);

static void put_list(struct out *o, struct json_scan *s, char bracket,
		     int depth)
{
	const char close = bracket == '{' ? '}' : ']';
	struct json_key key = { 0 };
	bool any = false;

	json_scan_open(s, bracket);
	put(o, &bracket, 1);
	while (json_scan_next(s, bracket == '{' ? &key : NULL)) {
		if (any)
			put(o, ",", 1);
		any = true;
		put_line(o, depth + 1);
		if (key.text) {
			put(o, key.text - 1, key.bytes + 2);
			put(o, ": ", 2);
		}
		put_value(o, s, depth + 1);
	}
	if (any)
		put_line(o, depth);
	put(o, &close, 1);
}

static void put_value(struct out *o, struct json_scan *s, int depth)
{
	char c = s->at < s->end ? *s->at : 0;
	const char *text;
	size_t bytes;

	if ((c == '{' || c == '[') && depth < DEPTH_MAX) {
		put_list(o, s, c, depth);
	} else {
		bytes = json_scan_skip(s, &text);
		put(o, text, bytes);
	}
}

void indent_print(struct json_scan *s, FILE *to)
{
	static struct out o;

	o.to = to;
	o.bytes = 0;
	put_value(&o, s, 0);
	put(&o, "\n", 1);
	fwrite(o.buf, 1, o.bytes, to);
}
