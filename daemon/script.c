/* SPDX-License-Identifier: BSD-2-Clause */
/* See script.h. */
#include "daemon/script.h"
#include "daemon/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX      64
#define LINE_BYTES_MAX 32768

/* One line, taken apart; the words lie in `text`. */
struct line {
	unsigned number;
	int words;
	char *word[WORDS_MAX];
	char text[LINE_BYTES_MAX];
};

static int bad_line(const struct line *l, struct refusal *why, const char *what)
{
	return refuse(why, "bad-line", EX_DATAERR, "line %u: %s", l->number,
		      what);
}

/* Adds where it was to a sentence that knows only what. */
static int at_line(const struct line *l, struct refusal *why)
{
	char text[REFUSAL_TEXT_MAX];

	snprintf(text, sizeof(text), "%s", why->text);
	return refuse(why, why->code, why->exit_code, "line %u: %s", l->number,
		      text);
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
		if (!quote && (*p == ' ' || *p == '\t' || *p == '\r'))
			break;
		if (*p == '\\' && quote != '\'' && p + 1 < end)
			p++;
		*(*to)++ = *p;
	}
	*(*to)++ = 0;
	*from = p;
	return !quote;
}

static int split(struct line *l, const char *from, const char *end,
		 struct refusal *why)
{
	char *to = l->text;

	l->words = 0;
	if (end - from >= LINE_BYTES_MAX - WORDS_MAX)
		return bad_line(l, why, "it is too long: split it");
	for (;;) {
		while (from < end &&
		       (*from == ' ' || *from == '\t' || *from == '\r'))
			from++;
		if (from == end || *from == '#')
			return 0;
		if (l->words == WORDS_MAX - 1)
			return bad_line(l, why, "it has too many words");
		l->word[l->words++] = to;
		if (!read_word(&from, end, &to))
			return bad_line(l, why,
					"a quote is not closed: put one at "
					"its end");
	}
}

/* The next line that has words: *@at moves behind it. 1; 0: the end; -1. */
static int next_line(struct line *l, const char **at, struct refusal *why)
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

/* What a line says, its words taken apart. */
struct order {
	enum { ORDER_ADD, ORDER_SET, ORDER_MOVE, ORDER_REMOVE } kind;
	const char *path;
	const char *address; /* or where to move it */
	bool below;
	struct change change;
};

static const char usage[] =
	"write 'vif add [-a ADDRESS] PATH [NAME=VALUE...]', 'vif set PATH "
	"NAME=VALUE...', 'vif mv PATH PATH' or 'vif rm [-r] PATH'";

static int read_order(const struct line *l, struct order *o,
		      struct refusal *why)
{
	static const char *const kinds[] = { "add", "set", "mv", "rm" };
	int at = 0, left;

	memset(o, 0, sizeof(*o));
	if (!strcmp(l->word[0], "toami"))
		at++;
	if (l->words - at < 3 || strcmp(l->word[at], "vif"))
		return bad_line(l, why, usage);
	for (o->kind = ORDER_ADD; o->kind <= ORDER_REMOVE; o->kind++)
		if (!strcmp(l->word[at + 1], kinds[o->kind]))
			break;
	at += 2;
	if (o->kind == ORDER_ADD && l->words - at > 2 &&
	    (!strcmp(l->word[at], "-a") || !strcmp(l->word[at], "--address"))) {
		o->address = l->word[at + 1];
		at += 2;
	} else if (o->kind == ORDER_REMOVE &&
		   (!strcmp(l->word[at], "-r") ||
		    !strcmp(l->word[at], "--recursive"))) {
		o->below = true;
		at++;
	}
	left = l->words - at - 1;
	if (o->kind > ORDER_REMOVE || left < 0 ||
	    (o->kind == ORDER_MOVE && left != 1) ||
	    (o->kind == ORDER_REMOVE && left != 0))
		return bad_line(l, why, usage);
	o->path = l->word[at++];
	if (o->kind == ORDER_MOVE)
		o->address = l->word[at++];
	for (; at < l->words; at++)
		if (change_word(&o->change, l->word[at], o->path, why))
			return at_line(l, why);
	return 0;
}

static int obey(struct transaction *t, struct order *o, struct refusal *why)
{
	switch (o->kind) {
	case ORDER_ADD:
		return transaction_add(t, o->path, o->address, &o->change, why);
	case ORDER_SET:
		return transaction_set(t, o->path, &o->change, why);
	case ORDER_MOVE:
		return transaction_move(t, o->path, o->address, why);
	default:
		return transaction_remove(t, o->path, o->below, why);
	}
}

int script_run(struct transaction *t, const char *text, struct refusal *why)
{
	struct line *l = calloc(1, sizeof(*l));
	struct order o;
	int more, err = 0;

	if (!l)
		return refuse(why, "internal", EX_OSERR, "out of memory");
	while (!err && (more = next_line(l, &text, why))) {
		if (more < 0) {
			err = -1;
			break;
		}
		err = read_order(l, &o, why);
		if (!err && obey(t, &o, why))
			err = at_line(l, why);
		change_fini(&o.change);
	}
	free(l);
	return err;
}

/* --- what would change -------------------------------------------------------
 */

static void diff_value(json_t *out, const char *path, enum prop_id id,
		       const struct prop_value *was,
		       const struct prop_value *now)
{
	char from[PROP_TEXT_MAX], to[PROP_TEXT_MAX];

	if (!strcmp(prop_print(id, was, from), prop_print(id, now, to)))
		return;
	json_array_append_new(out, json_sprintf("~ %s %s %s -> %s", path,
						prop_table[id].name, from, to));
}

static void diff_order(struct daemon *d, const struct order *o, json_t *out)
{
	vif_ix ix = vif_find(daemon_fabric(d), o->path);
	struct prop_value was[PROPS];

	if (o->kind == ORDER_REMOVE || o->kind == ORDER_MOVE) {
		json_array_append_new(out,
				      o->kind == ORDER_MOVE
					      ? json_sprintf("> %s %s", o->path,
							     o->address)
					      : json_sprintf("- %s", o->path));
		return;
	}
	memset(was, 0, sizeof(was));
	if (ix)
		settings_get(d, ix, was);
	else
		json_array_append_new(out, json_sprintf("+ %s", o->path));
	for (enum prop_id id = 0; id < PROPS; id++)
		if (o->change.given[id] || o->kind == ORDER_ADD)
			diff_value(out, o->path, id, &was[id],
				   &o->change.of[id]);
}

int script_diff(struct daemon *d, const char *text, json_t *out,
		struct refusal *why)
{
	struct line *l = calloc(1, sizeof(*l));
	struct order o;
	int more, err = 0;

	if (!l)
		return refuse(why, "internal", EX_OSERR, "out of memory");
	while (!err && (more = next_line(l, &text, why))) {
		if (more < 0) {
			err = -1;
			break;
		}
		err = read_order(l, &o, why);
		if (!err)
			diff_order(d, &o, out);
		change_fini(&o.change);
	}
	free(l);
	return err;
}

/* --- saving ------------------------------------------------------------------
 */

/* A value as a word: in quotes where it would be more than one. */
static void write_word(FILE *to, const char *name, const char *value)
{
	bool plain = *value;

	for (const char *c = value; *c; c++)
		plain = plain &&
			(strchr("+,-./:=_%", *c) || (*c >= '0' && *c <= '9') ||
			 ((*c | 32) >= 'a' && (*c | 32) <= 'z'));
	if (plain) {
		fprintf(to, " %s=%s", name, value);
		return;
	}
	fprintf(to, " %s=\"", name);
	for (const char *c = value; *c; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', to);
		fputc(*c, to);
	}
	fputc('"', to);
}

static void save_one(struct daemon *d, vif_ix ix, FILE *to)
{
	char path[VIF_PATH_MAX], address[POOL_TEXT], word[PROP_TEXT_MAX];
	struct prop_value of[PROPS];
	bool any = false;

	vif_path(daemon_fabric(d), ix, path);
	settings_get(d, ix, of);
	for (enum prop_id id = 0; id < PROPS; id++)
		any = any || prop_is_set(&of[id]);
	if (ix == VIF_ROOT && !any)
		return;
	fputs("vif add ", to);
	if (ix != VIF_ROOT)
		fprintf(to, "-a %s ", hosts_word(d, ix, address));
	fputs(path, to);
	for (enum prop_id id = 0; id < PROPS; id++)
		if (prop_is_set(&of[id]))
			write_word(to, prop_table[id].name,
				   prop_print(id, &of[id], word));
	fputc('\n', to);
}

char *script_save(struct daemon *d, vif_ix top)
{
	char *text = NULL;
	size_t bytes;
	FILE *to = open_memstream(&text, &bytes);

	if (!to)
		return NULL;
	for (vif_ix ix = 0; (ix = vif_next(daemon_fabric(d), top, ix));)
		save_one(d, ix, to);
	fclose(to);
	return text;
}
