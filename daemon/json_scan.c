/* SPDX-License-Identifier: BSD-2-Clause */
/* See json_scan.h. */
#include "daemon/json_scan.h"

#include <string.h>

#define DEPTH_MAX 64 /* of what is skipped */

static int peek(struct json_scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' ||
				  *s->at == '\t' || *s->at == '\r'))
		s->at++;
	return s->at < s->end ? *s->at : -1;
}

static bool fail(struct json_scan *s)
{
	s->bad = true;
	s->at = s->end;
	return false;
}

void json_scan_init(struct json_scan *s, const char *text, size_t bytes)
{
	*s = (struct json_scan){ .at = text, .end = text + bytes };
}

bool json_scan_is(const struct json_key *key, const char *name)
{
	return !strncmp(key->text, name, key->bytes) && !name[key->bytes];
}

bool json_scan_open(struct json_scan *s, char bracket)
{
	const char *text;

	if (peek(s) != bracket) {
		json_scan_skip(s, &text);
		return false;
	}
	s->at++;
	s->first = true;
	return true;
}

/* Behind the string ahead, whose quote is there. NULL: it has no end. */
static const char *string_end(struct json_scan *s)
{
	for (const char *p = s->at + 1; p < s->end; p++) {
		if (*p == '"')
			return p + 1;
		if (*p == '\\')
			p++;
	}
	fail(s);
	return NULL;
}

bool json_scan_next(struct json_scan *s, struct json_key *key)
{
	int c = peek(s);
	const char *end;

	if (c == '}' || c == ']') {
		s->at++;
		s->first = false;
		return false;
	}
	if (!s->first) {
		if (c != ',')
			return fail(s);
		s->at++;
		c = peek(s);
	}
	s->first = false;
	if (!key)
		return c >= 0 || fail(s);
	if (c != '"')
		return fail(s);
	end = string_end(s);
	if (!end)
		return false;
	*key = (struct json_key){ s->at + 1, (size_t)(end - s->at) - 2 };
	s->at = end;
	if (peek(s) != ':')
		return fail(s);
	s->at++;
	return peek(s) >= 0 || fail(s);
}

/* Past brackets that have been opened, up to the last one's counterpart. */
static void skip_nest(struct json_scan *s)
{
	char close[DEPTH_MAX];
	int depth = 0;

	do {
		int c = peek(s);

		if (c == '"') {
			const char *end = string_end(s);

			if (!end)
				return;
			s->at = end;
			continue;
		}
		if (c == '{' || c == '[') {
			if (depth == DEPTH_MAX) {
				fail(s);
				return;
			}
			close[depth++] = c == '{' ? '}' : ']';
		} else if (c < 0 ||
			   ((c == '}' || c == ']') && close[--depth] != c)) {
			fail(s);
			return;
		}
		s->at++;
	} while (depth);
}

static bool in_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' ||
	       c == '+' || c == '.' || c == 'E';
}

size_t json_scan_skip(struct json_scan *s, const char **text)
{
	int c = peek(s);
	const char *end;

	*text = s->at;
	if (c == '{' || c == '[') {
		skip_nest(s);
	} else if (c == '"') {
		end = string_end(s);
		if (end)
			s->at = end;
	} else {
		while (s->at < s->end && in_word(*s->at))
			s->at++;
		if (s->at == *text)
			fail(s);
	}
	s->first = false;
	return s->bad ? 0 : (size_t)(s->at - *text);
}

uint64_t json_scan_number(struct json_scan *s)
{
	const char *text;
	size_t bytes = json_scan_skip(s, &text);
	uint64_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		if (text[i] < '0' || text[i] > '9' ||
		    __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (unsigned)(text[i] - '0'), &n))
			return 0;
	return n;
}

static int hex(const char *p)
{
	int n = 0;

	for (int i = 0; i < 4; i++) {
		int c = p[i] | 32;

		if (p[i] >= '0' && p[i] <= '9')
			n = n << 4 | (p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			n = n << 4 | (c - 'a' + 10);
		else
			return -1;
	}
	return n;
}

/* What stands behind a backslash at *p; 0: nothing that json_text.c writes,
 * which escapes nothing beyond ASCII. */
static char unescape(const char **p, const char *end)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = memchr(from, **p, sizeof(from) - 1);
	int n;

	if (at) {
		++*p;
		return to[at - from];
	}
	n = **p == 'u' && end - *p > 4 ? hex(*p + 1) : -1;
	if (n <= 0 || n > 127)
		return 0;
	*p += 5;
	return (char)n;
}

bool json_scan_string(struct json_scan *s, char *text, size_t size)
{
	const char *p, *end, *stop;
	size_t at = 0, bytes = json_scan_skip(s, &p);

	text[0] = 0;
	if (!bytes || *p != '"')
		return false;
	end = p++ + bytes - 1;
	stop = memchr(p, '\\', (size_t)(end - p));
	if (!stop) {
		at = (size_t)(end - p) < size ? (size_t)(end - p) : size - 1;
		memcpy(text, p, at);
		p = end;
	}
	while (p < end && at < size - 1) {
		char c = *p++;

		if (c == '\\') {
			c = unescape(&p, end);
			if (!c) {
				text[0] = 0;
				return fail(s);
			}
		}
		text[at++] = c;
	}
	text[at] = 0;
	return true;
}
