/* SPDX-License-Identifier: BSD-2-Clause */
/* See script_order.h. */
#include "daemon/script_order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Adds where it was to a sentence that knows only what. */
static int at_line(const struct script_line *l, struct refusal *why)
{
	char text[REFUSAL_TEXT_MAX];

	snprintf(text, sizeof(text), "%s", why->text);
	return refuse(why, why->code, why->exit_code, "line %u: %s", l->number,
		      text);
}

static int refuse_usage(const struct script_line *l, struct refusal *why)
{
	return script_line_refuse(
		l, why,
		"write 'vif add [-a ADDRESS] PATH [NAME=VALUE...]', 'vif set "
		"PATH NAME=VALUE...', 'vif mv PATH PATH', 'vif rm [-r] PATH', "
		"'port add tap -n INTERFACE [OPTION...] PATH' or 'port rm "
		"PATH'");
}

static int read_port(const struct script_line *l, struct order *o,
		     struct refusal *why)
{
	if (l->words == 3 && !strcmp(l->word[1], "rm")) {
		o->kind = ORDER_DETACH;
		o->path = l->word[2];
		return 0;
	}
	o->kind = ORDER_ATTACH;
	if (script_line_port(l, &o->port))
		return refuse_usage(l, why);
	o->path = o->port.path;
	return o->port.name
		       ? 0
		       : script_line_refuse(l, why,
					    "the port's interface needs a "
					    "name here: give -n INTERFACE");
}

/* An option of a line "vif ..." at word 2. */
static bool has_option(const struct script_line *l, const char *letter,
		       const char *name)
{
	return l->words > 3 &&
	       (!strcmp(l->word[2], letter) || !strcmp(l->word[2], name));
}

static int read_vif(const struct script_line *l, const json_t *users,
		    struct order *o, struct refusal *why)
{
	static const char *const kinds[] = { "add", "set", "mv", "rm" };
	int at = 2, left;

	for (o->kind = ORDER_ADD; o->kind <= ORDER_REMOVE; o->kind++)
		if (!strcmp(l->word[1], kinds[o->kind]))
			break;
	if (o->kind == ORDER_ADD && has_option(l, "-a", "--address")) {
		o->address = l->word[3];
		at += 2;
	} else if (o->kind == ORDER_REMOVE &&
		   has_option(l, "-r", "--recursive")) {
		o->below = true;
		at++;
	}
	left = l->words - at - 1;
	if (o->kind > ORDER_REMOVE || left < 0 ||
	    (o->kind == ORDER_MOVE && left != 1) ||
	    (o->kind == ORDER_REMOVE && left != 0))
		return refuse_usage(l, why);
	o->path = l->word[at++];
	if (o->kind == ORDER_MOVE)
		o->address = l->word[at++];
	for (; at < l->words; at++)
		if (change_word(&o->change, l->word[at], users, o->path, why))
			return at_line(l, why);
	return 0;
}

static int read_order(const struct script_line *l, const json_t *users,
		      struct order *o, struct refusal *why)
{
	memset(o, 0, sizeof(*o));
	if (l->words >= 3 && !strcmp(l->word[0], "vif"))
		return read_vif(l, users, o, why);
	if (l->words >= 3 && !strcmp(l->word[0], "port"))
		return read_port(l, o, why);
	return refuse_usage(l, why);
}

int script_each(const char *text, const json_t *users,
		int (*run)(void *arg, struct order *order, struct refusal *why),
		void *arg, struct refusal *why)
{
	struct script_line *l = calloc(1, sizeof(*l));
	struct order o;
	int more = 0, err = 0;

	if (!l)
		return refuse(why, "internal", EX_OSERR, "out of memory");
	while (!err && (more = script_line_next(l, &text, why)) > 0) {
		err = read_order(l, users, &o, why);
		if (!err && run(arg, &o, why))
			err = at_line(l, why);
		change_fini(&o.change);
	}
	free(l);
	return more < 0 ? -1 : err;
}
