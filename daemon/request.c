/* SPDX-License-Identifier: BSD-2-Clause */
/* See request.h. */
#include "daemon/request.h"
#include "daemon/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse_kind(const struct prop *p, const char *path,
		       struct refusal *why)
{
	return refuse(why, "bad-value", EX_USAGE,
		      "the %s of VIF %s is given as something else than a word "
		      "or a number: write it as \"%s\"",
		      p->name, path, p->example);
}

static int read_number(enum prop_id id, size_t part, const json_t *json,
		       const char *path, uint64_t *n, struct refusal *why)
{
	json_int_t i = json_integer_value(json);

	if (!json_is_integer(json) || i < 0)
		return refuse_kind(&prop_table[id], path, why);
	*n = (uint64_t)i;
	/* 0 is no number of a user that is not set: it is root. */
	if (prop_table[id].part[part].kind == PROP_USER)
		++*n;
	return *n ? prop_check(id, part, *n, path, why) : 0;
}

static int read_parts(enum prop_id id, json_t *json, const char *path,
		      struct prop_value *v, struct refusal *why)
{
	const struct prop *p = &prop_table[id];
	const char *key;
	json_t *item;

	json_object_foreach(json, key, item)
	{
		size_t i = 0;

		while (i < p->parts && (!prop_part_name(id, i) ||
					strcmp(prop_part_name(id, i), key)))
			i++;
		if (i == p->parts)
			return refuse_kind(p, path, why);
		if (read_number(id, i, item, path, &v->n[i], why))
			return -1;
	}
	return 0;
}

/* A word without "=": the library sends it as true. */
static int refuse_word(const char *word, const char *path, struct refusal *why)
{
	return refuse(why, "bad-value", EX_USAGE,
		      "'%.64s' for VIF %s is no property: write NAME=VALUE, "
		      "for instance rate=100mbit",
		      word, path);
}

/* A word; where it is a user's name, @users says who that is. */
static int read_word(enum prop_id id, const char *word, const json_t *users,
		     const char *path, struct prop_value *v,
		     struct refusal *why)
{
	const json_t *user = json_object_get(users, word);

	if (prop_table[id].part[0].kind != PROP_USER || !user)
		return prop_parse(id, word, path, v, why);
	*v = (struct prop_value){ 0 };
	return read_number(id, 0, user, path, &v->n[0], why);
}

static int read_value(enum prop_id id, json_t *json, const json_t *users,
		      const char *path, struct prop_value *v,
		      struct refusal *why)
{
	const struct prop *p = &prop_table[id];

	if (json_is_null(json))
		return 0;
	if (json_is_string(json)) {
		if (strlen(json_string_value(json)) != json_string_length(json))
			return refuse_kind(p, path, why);
		return read_word(id, json_string_value(json), users, path, v,
				 why);
	}
	if (json_is_object(json))
		return read_parts(id, json, path, v, why);
	if (p->parts > 1 || p->part[0].kind == PROP_STRING)
		return refuse_kind(p, path, why);
	return read_number(id, 0, json, path, &v->n[0], why);
}

int change_read(struct change *c, const json_t *request, const char *path,
		struct refusal *why)
{
	const json_t *set = json_object_get(request, "set");
	const json_t *users = json_object_get(request, "users");
	const char *name;
	json_t *item;

	memset(c, 0, sizeof(*c));
	if (!set)
		return 0;
	if (!json_is_object(set))
		return refuse(why, "bad-request", EX_USAGE,
			      "'set' of the request must be an object");
	json_object_foreach((json_t *)(uintptr_t)set, name, item)
	{
		enum prop_id id = prop_find(name, strlen(name));

		if (json_is_true(item))
			return refuse_word(name, path, why);
		if (id == PROPS)
			return prop_unknown(name, path, why);
		if (read_value(id, item, users, path, &c->of[id], why))
			return -1;
		c->given[id] = true;
	}
	return 0;
}

int change_word(struct change *c, const char *word, const json_t *users,
		const char *path, struct refusal *why)
{
	const char *equals = strchr(word, '=');
	enum prop_id id =
		equals ? prop_find(word, (size_t)(equals - word)) : PROPS;

	if (!equals)
		return refuse_word(word, path, why);
	if (id == PROPS) {
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)(equals - word),
			 word);
		return prop_unknown(name, path, why);
	}
	free(c->of[id].text);
	c->given[id] = true;
	return read_word(id, equals + 1, users, path, &c->of[id], why);
}

int change_apply(struct daemon *d, const struct peer *peer,
		 const struct change *c, vif_ix ix, bool later,
		 struct refusal *why)
{
	struct prop_value of[PROPS];
	bool any = false;

	settings_get(d, ix, of);
	for (size_t i = 0; i < PROPS; i++)
		if (c->given[i] || c->whole) {
			of[i] = c->of[i];
			any = any || c->given[i] || prop_is_set(&of[i]);
		}
	if (!any && !c->whole)
		return 0;
	if (rights_queue(d, peer, ix, of[PROP_ID_LIMIT].n[0], why))
		return -1;
	if (settings_put(d, ix, of, later, why))
		return -1;
	events_vif(d, EVENT_VIF_SET, ix);
	return 0;
}

void change_fini(struct change *c)
{
	for (size_t i = 0; i < PROPS; i++)
		free(c->of[i].text);
}

void settings_text(struct json_text *j, enum prop_id id,
		   const struct prop_value *v)
{
	const struct prop *p = &prop_table[id];

	if (p->part[0].kind == PROP_STRING) {
		json_text_string(j, p->name, v->text);
		return;
	}
	if (p->parts == 1) {
		json_text_number(j, p->name,
				 v->n[0] - (p->part[0].kind == PROP_USER));
		return;
	}
	json_text_open(j, p->name, '{');
	for (size_t i = 0; i < p->parts; i++)
		if (v->n[i])
			json_text_number(j, prop_part_name(id, i), v->n[i]);
	json_text_close(j, '}');
}
