/* SPDX-License-Identifier: BSD-2-Clause */
/* The control library's inside, for the command line, which has JSON in its
 * hands. */
#ifndef TOAMI_DAEMON_CLIENT_H
#define TOAMI_DAEMON_CLIENT_H

#include "daemon/client_files.h"
#include "daemon/json_scan.h"
#include "daemon/prop.h"
#include "toami/vif.h"

#include <jansson.h>

/*
 * client_request - @request, consumed, and its result, owned by the caller;
 * returns as toami_control_request()
 */
int client_request(struct toami_control *control, json_t *request,
		   json_t **result);

/* client_request_with - likewise, with @files beside it, the caller's, which
 * may be NULL */
int client_request_with(struct toami_control *control, json_t *request,
			const struct client_files *files, json_t **result);

/*
 * client_scan - likewise, for results of megabytes: @result stands before it,
 * in memory of @control that stays until its next call
 */
int client_scan(struct toami_control *control, json_t *request,
		struct json_scan *result);

/* client_text - a copy of the member "text" of @result, for free(); 0 or an
 * exit code */
int client_text(struct toami_control *control, const json_t *result,
		char **text);

/* client_misread - the result was not what was expected; returns the exit code
 */
int client_misread(struct toami_control *control);

/* client_refused - @error is why the daemon refuses; returns the exit code */
int client_refused(struct toami_control *control, const json_t *error);

/* client_code - the code that the daemon sent, as a static string */
const char *client_code(const char *code);

/* client_event - the next event of a connection that watches, waited for; owned
 * by the caller */
int client_event(struct toami_control *control, json_t **event);

/* client_fail - the library itself refuses; returns the exit code */
int client_fail(struct toami_control *control, const struct refusal *why);

/* client_set - the member "set" of a request, from at most @count words
 * NAME=VALUE, ended by NULL, too */
json_t *client_set(const char *const *words, size_t count);

/* client_value - one property of the member "set" of a VIF; its text is
 * borrowed
 */
void client_value(const json_t *set, enum prop_id id, struct prop_value *value);

/* client_vif - reads what vif_json.c writes; missing members are 0 or "" */
void client_vif(const json_t *json, struct toami_vif *vif);

/* What a listing says of a VIF besides. */
struct client_vif_more {
	const char
		*programs; /* a list, as JSON, borrowed; NULL: there is none */
	size_t programs_bytes;
	char port[64]; /* "": it has none */
};

/* client_vif_scan - likewise, one of a listing; @more may be NULL */
void client_vif_scan(struct json_scan *s, struct toami_vif *vif,
		     struct client_vif_more *more);

enum client_list_form {
	CLIENT_LIST_WHOLE,
	CLIENT_LIST_SHORT, /* not address6, mac, uid and what is set */
	CLIENT_LIST_PATHS, /* strings */
};

/* client_list_find - asks for @path (NULL: the root) and all below it: the list
 * lies ahead */
int client_list_find(struct toami_control *control, const char *path,
		     enum client_list_form form, struct json_scan *list);

/* client_list - likewise, and enters it: VIFs for client_vif_scan() follow, as
 * long as json_scan_next() says so */
int client_list(struct toami_control *control, const char *path,
		enum client_list_form form, struct json_scan *list);

#endif
