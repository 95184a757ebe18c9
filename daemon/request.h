/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings as a request has them: an object of words or numbers. */
#ifndef TOAMI_DAEMON_REQUEST_H
#define TOAMI_DAEMON_REQUEST_H

#include "daemon/json_text.h"
#include "daemon/settings.h"

#include <jansson.h>

/* What is to change: the properties that are given, the others stay. */
struct change {
	struct prop_value of[PROPS]; /* texts owned */
	bool given[PROPS];
	bool whole; /* the others do not stay: they are not set */
};

/**
 * change_read - the member "set" of @request, for the VIF at @path
 *
 * A value is a word as prop_parse() takes it, a number in the base unit, an
 * object of numbers where a property has several parts, or null: not set. A
 * user may be a name that the member "users" has the number of.
 * Returns 0, or -1 and why not. change_fini() in both cases.
 */
int change_read(struct change *change, const json_t *request, const char *path,
		struct refusal *why);

/**
 * change_word - one "name=value"
 * @users: that member of the request, or NULL
 *
 * Returns 0, or -1 and why not.
 */
int change_word(struct change *change, const char *word, const json_t *users,
		const char *path, struct refusal *why);

/* change_apply - to @ix, for @peer; @later as settings_put() has it */
int change_apply(struct daemon *d, const struct peer *peer,
		 const struct change *change, vif_ix ix, bool later,
		 struct refusal *why);

void change_fini(struct change *change);

/* settings_text - one property as a member: numbers in base units */
void settings_text(struct json_text *j, enum prop_id id,
		   const struct prop_value *value);

#endif
