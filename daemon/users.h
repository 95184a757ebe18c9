/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of users, the client's business: to look one up may ask a directory on
 * the network, and take as long as that takes. The daemon, which keeps time for
 * everybody, knows numbers. A request that names users has a member "users",
 * which says what their numbers are.
 */
#ifndef TOAMI_DAEMON_USERS_H
#define TOAMI_DAEMON_USERS_H

#include "daemon/prop.h"

#include <jansson.h>

/* users_set - gives @request the member "users", if its member "set" names one;
 * a name that nobody has is the daemon's to refuse */
void users_set(json_t *request);

/* users_script - likewise, for what the lines of @text name */
void users_script(json_t *request, const char *text);

/* users_print - as prop_print(), but with the names of users */
const char *users_print(enum prop_id id, const struct prop_value *value,
			char word[PROP_TEXT_MAX]);

/* users_name - the name of user @uid, or its number; returns @word */
const char *users_name(uint64_t uid, char word[PROP_TEXT_MAX]);

/* users_named - a copy of @text, as `save` has it, with the names of owners;
 * for free(). NULL: no memory */
char *users_named(const char *text);

#endif
