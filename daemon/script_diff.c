/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a script would change, without changing it; see script.h.
 *
 * Lines build on lines before them. So every VIF that one names is noted, with
 * the words of what has been said of it, and so are moves: a path is followed
 * back through them to what the VIF is called now. One that is not in the tree
 * has a '+' before its path.
 */
#include "daemon/hosts.h"
#include "daemon/tree.h"
#include "daemon/ports.h"
#include "daemon/script.h"
#include "daemon/script_order.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A VIF that a line has named. */
struct seen {
	char *word[PROPS]; /* NULL: nothing was said of that one */
	bool made;
	char path[];
};

struct move {
	char from[VIF_PATH_MAX], to[VIF_PATH_MAX];
};

struct diff {
	struct daemon *daemon;
	json_t *out;
	void *seen; /* of tsearch(), by path */
	struct move *move;
	size_t moves;
	bool cleared; /* what was on a VIF may have gone from it */
};

static int out_of_memory(struct refusal *why)
{
	return refuse(why, "internal", EX_OSERR, "out of memory");
}

static int by_path(const void *a, const void *b)
{
	return strcasecmp(((const struct seen *)a)->path,
			  ((const struct seen *)b)->path);
}

static void seen_free(void *p)
{
	struct seen *s = p;

	for (size_t i = 0; i < PROPS; i++)
		free(s->word[i]);
	free(s);
}

/* Is @path that of @top, or below it? */
static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return !strncasecmp(path, top, n) && (!path[n] || path[n] == '/');
}

/* The name of @path before this script; with a '+' where there was none. */
static void follow_back(const struct diff *x, const char *path,
			char was[VIF_PATH_MAX + 1])
{
	char now[VIF_PATH_MAX];
	size_t n = strlen(path);

	/* "/a/" is "/a". */
	n -= n > 1 && path[n - 1] == '/';
	snprintf(was, VIF_PATH_MAX, "%.*s", (int)n, path);
	for (size_t i = x->moves; i--;) {
		const struct move *m = &x->move[i];

		if (is_below(was, m->to)) {
			strcpy(now, was + strlen(m->to));
			snprintf(was, VIF_PATH_MAX, "%s%s", m->from, now);
		} else if (is_below(was, m->from)) {
			memmove(was + 1, was, strlen(was) + 1);
			*was = '+';
			return;
		}
	}
}

/* The note of @path, made where there is none; NULL: no memory. */
static struct seen *look(struct diff *x, const char *was)
{
	struct seen *s = calloc(1, sizeof(*s) + strlen(was) + 1);
	struct seen **found;

	if (!s)
		return NULL;
	strcpy(s->path, was);
	found = tsearch(s, &x->seen, by_path);
	if (!found || *found != s)
		free(s);
	return found ? *found : NULL;
}

static int diff_word(struct diff *x, struct seen *s, const char *path,
		     enum prop_id id, const struct prop_value *was,
		     const struct prop_value *now)
{
	char from[PROP_TEXT_MAX], to[PROP_TEXT_MAX];
	const char *old = s->word[id] ? s->word[id] : prop_print(id, was, from);

	if (!strcmp(old, prop_print(id, now, to)))
		return 0;
	json_array_append_new(x->out,
			      json_sprintf("~ %s %s %s -> %s", path,
					   prop_table[id].name, old, to));
	free(s->word[id]);
	s->word[id] = strdup(to);
	return s->word[id] ? 0 : -1;
}

/* A VIF that is not there comes with those above it: they are not named. */
static void diff_made(struct diff *x, const struct order *o, struct seen *s)
{
	s->made = true;
	json_array_append_new(x->out, o->address
					      ? json_sprintf("+ %s %s", o->path,
							     o->address)
					      : json_sprintf("+ %s", o->path));
}

static int diff_vif(struct diff *x, const struct order *o, vif_ix ix,
		    struct seen *s, struct refusal *why)
{
	struct prop_value was[PROPS];
	int err = 0;

	memset(was, 0, sizeof(was));
	if (ix)
		settings_get(x->daemon, ix, was);
	if (o->kind == ORDER_ADD && ix &&
	    hosts_agree(x->daemon, ix, o->address, o->path, why))
		return -1;
	if (o->kind == ORDER_ADD && !ix && !s->made)
		diff_made(x, o, s);
	for (enum prop_id id = 0; id < PROPS && !err; id++)
		if (o->change.given[id] || o->kind == ORDER_ADD)
			err = diff_word(x, s, o->path, id, &was[id],
					&o->change.of[id]);
	return err ? out_of_memory(why) : 0;
}

static int diff_move(struct diff *x, const struct order *o, struct refusal *why)
{
	struct move *more = realloc(x->move, (x->moves + 1) * sizeof(*x->move));

	if (!more)
		return out_of_memory(why);
	x->move = more;
	x->cleared = true;
	snprintf(more[x->moves].from, VIF_PATH_MAX, "%s", o->path);
	snprintf(more[x->moves++].to, VIF_PATH_MAX, "%s", o->address);
	json_array_append_new(x->out,
			      json_sprintf("> %s %s", o->path, o->address));
	return 0;
}

static const char *or_none(const char *word)
{
	return word ? word : "none";
}

static int diff_attach(struct diff *x, const struct order *o, vif_ix ix,
		       struct seen *s, struct refusal *why)
{
	struct port_order_text text;
	struct port_order has;
	int other;

	if (!ix || !ports_describe(x->daemon, ix, &has, &text)) {
		if (!ix && !s->made)
			diff_made(x, o, s);
		json_array_append_new(x->out,
				      json_sprintf("+ port %s %s", o->port.name,
						   o->path));
		return 0;
	}
	other = ports_agree(x->daemon, ix, &o->port, why);
	if (other > 0)
		json_array_append_new(
			x->out,
			json_sprintf("~ port %s gateway %s, %s -> %s, %s",
				     has.name, or_none(has.gateway),
				     or_none(has.gateway6),
				     or_none(o->port.gateway),
				     or_none(o->port.gateway6)));
	return other < 0 ? -1 : 0;
}

static int diff_order(void *arg, struct order *o, struct refusal *why)
{
	struct diff *x = arg;
	char was[VIF_PATH_MAX + 1];
	struct seen *s;
	vif_ix ix;

	follow_back(x, o->path, was);
	ix = *was == '+' ? 0 : vif_find(daemon_fabric(x->daemon), was);
	s = look(x, was);
	if (!s)
		return out_of_memory(why);
	if (!ix && !s->made && o->kind != ORDER_ADD && o->kind != ORDER_ATTACH)
		return tree_unknown(o->path, why);
	switch (o->kind) {
	case ORDER_ADD:
	case ORDER_SET:
		return diff_vif(x, o, ix, s, why);
	case ORDER_MOVE:
		return diff_move(x, o, why);
	case ORDER_ATTACH:
		return diff_attach(x, o, ix, s, why);
	case ORDER_DETACH:
		x->cleared = true;
		json_array_append_new(x->out,
				      json_sprintf("- port %s", o->path));
		return 0;
	default:
		json_array_append_new(x->out, json_sprintf("- %s", o->path));
		/* Who is on it now; what is below it may have moved away. */
		return ix && !x->cleared
			       ? tree_removable(x->daemon, ix, true, why)
			       : 0;
	}
}

int script_diff(struct daemon *d, const char *text, const json_t *users,
		json_t *out, struct refusal *why)
{
	struct diff x = { .daemon = d, .out = out };
	int err = script_each(text, users, diff_order, &x, why);

	tdestroy(x.seen, seen_free);
	free(x.move);
	return err;
}
