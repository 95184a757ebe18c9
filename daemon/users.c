/* SPDX-License-Identifier: BSD-2-Clause */
/* See users.h. */
#include "daemon/users.h"
#include "daemon/script_line.h"

#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWNER	     "owner="
#define PASSWD_BYTES 16384

static bool is_number(const char *word)
{
	return *word && !word[strspn(word, "0123456789")];
}

/* What "owner=@name" needs to be understood. */
static void add(json_t *request, const char *name)
{
	json_t *users = json_object_get(request, "users");
	char buffer[PASSWD_BYTES];
	struct passwd room, *user = NULL;

	if (!*name || is_number(name) || !strcmp(name, "none") ||
	    json_object_get(users, name) ||
	    getpwnam_r(name, &room, buffer, sizeof(buffer), &user) || !user)
		return;
	if (!users) {
		users = json_object();
		json_object_set_new(request, "users", users);
	}
	json_object_set_new(users, name, json_integer(user->pw_uid));
}

void users_set(json_t *request)
{
	const json_t *set = json_object_get(request, "set");
	const char *name = json_string_value(
		json_object_get(set, prop_table[PROP_ID_OWNER].name));

	if (name)
		add(request, name);
}

void users_script(json_t *request, const char *text)
{
	struct script_line *l = calloc(1, sizeof(*l));
	struct refusal unused;

	while (l && script_line_next(l, &text, &unused) > 0)
		for (int i = 0; i < l->words; i++)
			if (!strncmp(l->word[i], OWNER, strlen(OWNER)))
				add(request, l->word[i] + strlen(OWNER));
	free(l);
}

/* May @name stand where a number may: a word that is no number itself? */
static bool is_plain(const char *name)
{
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return false;
	return *name && !is_number(name) && strcmp(name, "none") != 0;
}

const char *users_name(uint64_t uid, char word[PROP_TEXT_MAX])
{
	char buffer[PASSWD_BYTES];
	struct passwd room, *user = NULL;

	if (!getpwuid_r((uid_t)uid, &room, buffer, sizeof(buffer), &user) &&
	    user && is_plain(user->pw_name))
		snprintf(word, PROP_TEXT_MAX, "%s", user->pw_name);
	else
		snprintf(word, PROP_TEXT_MAX, "%llu", (unsigned long long)uid);
	return word;
}

const char *users_print(enum prop_id id, const struct prop_value *value,
			char word[PROP_TEXT_MAX])
{
	if (prop_table[id].part[0].kind == PROP_USER && value->n[0])
		return users_name(value->n[0] - 1, word);
	return prop_print(id, value, word);
}

/* Where a word "owner=NUMBER" begins in @text, or its end. Words with blanks
 * are in quotes, as script.c writes them. */
static const char *next_owner(const char *text)
{
	bool quoted = false;

	for (; *text; text++) {
		if (quoted && *text == '\\' && text[1])
			text++;
		else if (*text == '"')
			quoted = !quoted;
		else if (!quoted && *text == ' ' &&
			 !strncmp(text + 1, OWNER, strlen(OWNER)))
			return text + 1;
	}
	return text;
}

char *users_named(const char *text)
{
	char *named = NULL, word[PROP_TEXT_MAX] = "";
	unsigned long long last = UINT64_MAX;
	size_t bytes;
	FILE *to = open_memstream(&named, &bytes);

	if (!to)
		return NULL;
	for (;;) {
		const char *owner = next_owner(text);
		char *end;

		fwrite(text, 1, (size_t)(owner - text), to);
		if (!*owner)
			break;
		fputs(OWNER, to);
		text = owner + strlen(OWNER);
		if (*text < '0' || *text > '9')
			continue;
		/* Most have the same one as the VIF before. */
		if (strtoull(text, &end, 10) != last) {
			last = strtoull(text, &end, 10);
			users_name(last, word);
		}
		fputs(word, to);
		text = end;
	}
	return fclose(to) ? NULL : named;
}
