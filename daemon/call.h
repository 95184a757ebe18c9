/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request under way, and what its verbs share.
 *
 * A verb takes the request and returns its result, an object, or NULL and why
 * not; a long result may be text, made by json_text.h. verbs.c has the list.
 */
#ifndef TOAMI_DAEMON_CALL_H
#define TOAMI_DAEMON_CALL_H

#include "daemon/request.h"

#include <jansson.h>

struct call {
	struct daemon *daemon;
	const struct peer *peer;
	const json_t *request;
	struct refusal *why;
	struct session *session; /* session.h; may be NULL */
	char *text; /* the result as text, where a verb has it so; owned */
};

/* refusal_json - @why as a member of a reply */
json_t *refusal_json(const struct refusal *why);

/* call_text_result - gives @text, consumed, as the result; returns what a verb
 * returns */
json_t *call_text_result(struct call *c, char *text);

/* call_text - a string of the request: NULL when it is not there, and *bad when
 * it is something else */
const char *call_text(struct call *c, const char *key, bool *bad);

/* call_path - the path of the request, which must be there; NULL and why not */
const char *call_path(struct call *c);

/* call_flag - is @key true in the request? */
static inline bool call_flag(const struct call *c, const char *key)
{
	return json_is_true(json_object_get(c->request, key));
}

/* --- making.c ----------------------------------------------------------------
 *
 * A VIF that a request has made, or names: what follows may be refused, and
 * then it is as if it had never been.
 */
struct making {
	struct change change; /* the request's "set" */
	vif_ix ix, top;	      /* as tree_make(); ix 0: there is none */
};

/* making_begin - the VIF at @path, made where it is missing, with the request's
 * "address"; 0, or -1 and why not. making_end() in both cases */
int making_begin(struct making *m, struct call *c, const char *path);

/* making_is_new - was it missing? */
static inline bool making_is_new(const struct making *m)
{
	return m->ix != m->top;
}

/* making_set - it has what the request sets; 0, or -1 and why not */
int making_set(struct making *m, struct call *c);

/* making_end - the VIF as a result; @err: it is taken back, NULL is returned */
json_t *making_end(struct making *m, struct call *c, int err);

/* --- vif_verbs.c -------------------------------------------------------------
 */
json_t *do_vif_add(struct call *c);
json_t *do_vif_set(struct call *c);
json_t *do_vif_rm(struct call *c);
json_t *do_vif_ls(struct call *c);
json_t *do_vif_show(struct call *c);

/* --- map_verbs.c ---------------------------------------------------------- */

json_t *do_map_ls(struct call *c);
json_t *do_map_get(struct call *c);
json_t *do_map_set(struct call *c);
json_t *do_map_rm(struct call *c);
json_t *do_map_dump(struct call *c);

/* --- port_verbs.c -------------------------------------------------------- */

json_t *do_port_add(struct call *c);
json_t *do_port_rm(struct call *c);
json_t *do_port_ls(struct call *c);

/* port_setup_json - what the interface of the port on @ix has to be given */
json_t *port_setup_json(struct daemon *d, vif_ix ix);

/* --- file_verbs.c, attach_verbs.c, run_verb.c
 * ------------------------------------------------
 */
json_t *do_save(struct call *c);
json_t *do_load(struct call *c);
json_t *do_vif_mv(struct call *c);
json_t *do_vif_attach(struct call *c);
json_t *do_vif_detach(struct call *c);
json_t *do_capture(struct call *c);
json_t *do_watch(struct call *c);
json_t *do_metrics(struct call *c);
json_t *do_run_prepare(struct call *c);

/* --- sockets_verb.c, counters_verb.c
 * ------------------------------------------------------------
 */
json_t *do_ss(struct call *c);
json_t *do_nstat(struct call *c);

#endif
