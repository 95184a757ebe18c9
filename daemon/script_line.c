/* SPDX-License-Identifier: BSD-2-Clause */
/* See script_line.h. */
#include "daemon/script_line.h"

#include <stddef.h>
#include <string.h>

int script_line_refuse(const struct script_line *l, struct refusal *why,
		       const char *what)
{
	return refuse(why, "bad-line", EX_DATAERR, "line %u: %s", l->number,
		      what);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* One word from *@from to *@to. Returns false at an open quote. */
static bool read_word(const char **from, const char *end, char **to)
{
	char quote = 0;
	const char *p = *from;

	for (; p < end; p++) {
		if (quote ? *p == quote : *p == '\'' || *p == '"') {
			quote = quote ? 0 : *p;
			continue;
		}
		if (!quote && is_blank(*p))
			break;
		if (*p == '\\' && quote != '\'' && p + 1 < end)
			p++;
		*(*to)++ = *p;
	}
	*(*to)++ = 0;
	*from = p;
	return !quote;
}

static int split(struct script_line *l, const char *from, const char *end,
		 struct refusal *why)
{
	char *to = l->text;

	l->words = 0;
	if (end - from >= SCRIPT_LINE_BYTES_MAX - SCRIPT_WORDS_MAX)
		return script_line_refuse(l, why, "it is too long: split it");
	for (;;) {
		while (from < end && is_blank(*from))
			from++;
		if (from == end || *from == '#')
			return 0;
		if (l->words == SCRIPT_WORDS_MAX - 1)
			return script_line_refuse(l, why,
						  "it has too many words");
		l->word[l->words++] = to;
		if (!read_word(&from, end, &to))
			return script_line_refuse(l, why,
						  "a quote is not closed: put "
						  "one at its end");
		if (l->words == 1 && !strcmp(l->word[0], "toami"))
			l->words = 0;
	}
}

int script_line_next(struct script_line *l, const char **at,
		     struct refusal *why)
{
	while (**at) {
		const char *end = *at + strcspn(*at, "\n");
		int err;

		l->number++;
		err = split(l, *at, end, why);
		*at = *end ? end + 1 : end;
		if (err)
			return -1;
		if (l->words)
			return 1;
	}
	return 0;
}

/* The value of option @name or @letter (may be NULL) at *@i. NULL: that is
 * another option, or lacks it. */
static const char *value_of(const struct script_line *l, int *i,
			    const char *letter, const char *name)
{
	const char *word = l->word[*i];
	size_t n = strlen(name);

	if (!strncmp(word, name, n) && word[n] == '=')
		return word + n + 1;
	if (((letter && !strcmp(word, letter)) || !strcmp(word, name)) &&
	    *i + 1 < l->words)
		return l->word[++*i];
	return NULL;
}

/* Options with a value; false: @i is none of them. */
static bool read_value(const struct script_line *l, int *i,
		       struct port_order *o)
{
	const struct {
		const char *letter, *name, **value;
	} of[] = {
		{ "-n", "--name", &o->name },
		{ "-a", "--address", &o->address },
		{ NULL, "--gateway", &o->gateway },
		{ NULL, "--gateway6", &o->gateway6 },
	};

	for (size_t k = 0; k < sizeof(of) / sizeof(of[0]); k++) {
		const char *value = value_of(l, i, of[k].letter, of[k].name);

		if (value) {
			*of[k].value = value;
			return true;
		}
	}
	return false;
}

int script_line_port(const struct script_line *l, struct port_order *o)
{
	*o = (struct port_order){ .offload = true };
	if (l->words < 4 || strcmp(l->word[0], "port") != 0 ||
	    strcmp(l->word[1], "add") != 0 || strcmp(l->word[2], "tap") != 0)
		return -1;
	for (int i = 3; i < l->words; i++) {
		const char *word = l->word[i];

		if (read_value(l, &i, o))
			continue;
		if (!strcmp(word, "-u") || !strcmp(word, "--uplink"))
			o->uplink = true;
		else if (!strcmp(word, "--no-offload"))
			o->offload = false;
		else if (!strcmp(word, "--bare"))
			o->bare = true;
		else if (*word == '-' || o->path)
			return -1;
		else
			o->path = word;
	}
	return o->path ? 0 : -1;
}
