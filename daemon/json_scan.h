/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON read in place, front to back: the counterpart of json_text.h, for lists
 * of 100,000 things of which no tree of values is wanted in memory.
 *
 *	while (json_scan_next(&s, &key))
 *		if (json_scan_is(&key, "packets"))
 *			n = json_scan_number(&s);
 *		else
 *			json_scan_skip(&s);
 *
 * The text is borrowed. What is not JSON sets @bad, and nothing follows: loops
 * end by themselves and look at @bad once.
 */
#ifndef TOAMI_DAEMON_JSON_SCAN_H
#define TOAMI_DAEMON_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_scan {
	const char *at; /* the next value, or what follows one */
	const char *end;
	bool bad;
	bool first; /* behind a bracket: no comma before the next one */
};

/* A key: as it is written, between its quotes. */
struct json_key {
	const char *text;
	size_t bytes;
};

void json_scan_init(struct json_scan *s, const char *text, size_t bytes);

bool json_scan_is(const struct json_key *key, const char *name);

/* json_scan_open - enters the object or list ahead, @bracket '{' or '['; false:
 * it is something else, and skipped */
bool json_scan_open(struct json_scan *s, char bracket);

/*
 * json_scan_next - is there another member, or with @key NULL another element?
 * Its value, which lies ahead then, must be read or skipped. False: no; the
 * object or list is left.
 */
bool json_scan_next(struct json_scan *s, struct json_key *key);

/* json_scan_number - the value ahead, 0 when it is no whole number of 64 bits
 */
uint64_t json_scan_number(struct json_scan *s);

/*
 * json_scan_string - the value ahead, ended by zero, cut off after @size - 1
 * bytes; "" and false when it is no string
 */
bool json_scan_string(struct json_scan *s, char *text, size_t size);

/* json_scan_skip - the value ahead, whatever it is; *text and the result, its
 * bytes, are that value as it is written */
size_t json_scan_skip(struct json_scan *s, const char **text);

#endif
