/* SPDX-License-Identifier: BSD-2-Clause */
/* See transaction.h. */
#include "daemon/transaction.h"
#include "daemon/events.h"
#include "daemon/tree.h"
#include "daemon/members.h"
#include "daemon/ports.h"

#include <stdlib.h>
#include <string.h>

/* A property as it was. */
struct saved {
	enum prop_id id;
	struct prop_value value; /* text owned */
};

enum undo_kind { UNDO_MADE, UNDO_SET, UNDO_MOVED, UNDO_PORT, UNDO_GATEWAY };

struct undo {
	enum undo_kind kind;
	vif_ix ix;
	vif_ix top;	     /* UNDO_MADE, UNDO_PORT: what was there before */
	vif_ix parent;	     /* UNDO_MOVED: where it was */
	char *name;	     /* and how it was called */
	struct saved *saved; /* UNDO_SET */
	size_t count;
	struct port_order_text *port; /* UNDO_GATEWAY: "": none */
};

void transaction_init(struct transaction *t, struct daemon *d,
		      const struct peer *peer)
{
	*t = (struct transaction){ .daemon = d, .peer = peer };
}

static void free_undo(struct undo *u)
{
	for (size_t i = 0; i < u->count; i++)
		free(u->saved[i].value.text);
	free(u->saved);
	free(u->name);
	free(u->port);
}

void transaction_fini(struct transaction *t)
{
	for (size_t i = 0; i < t->undos; i++)
		free_undo(&t->undo[i]);
	free(t->undo);
	free(t->removed.ix);
	free(t->detached.ix);
	free(t->attached.ix);
}

static int no_memory(struct refusal *why)
{
	return refuse(why, "internal", EX_OSERR,
		      "the daemon is out of memory: nothing has changed");
}

static int list_add(struct vif_list *l, vif_ix ix, struct refusal *why)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		vif_ix *more = realloc(l->ix, room * sizeof(*more));

		if (!more)
			return no_memory(why);
		l->ix = more;
		l->room = room;
	}
	l->ix[l->count++] = ix;
	return 0;
}

/* Room for one more note, before the change is made: then it cannot fail. */
static struct undo *next_undo(struct transaction *t)
{
	if (t->undos == t->undo_room) {
		size_t room = t->undo_room ? t->undo_room * 2 : 64;
		struct undo *more = realloc(t->undo, room * sizeof(*more));

		if (!more)
			return NULL;
		t->undo = more;
		t->undo_room = room;
	}
	t->undo[t->undos] = (struct undo){ 0 };
	return &t->undo[t->undos];
}

static int save(struct undo *u, const struct prop_value was[PROPS])
{
	u->saved = calloc(PROPS, sizeof(*u->saved));
	if (!u->saved)
		return -1;
	for (enum prop_id id = 0; id < PROPS; id++) {
		struct saved *s = &u->saved[u->count];

		if (!prop_is_set(&was[id]))
			continue;
		s->id = id;
		s->value = was[id];
		if (was[id].text) {
			s->value.text = strdup(was[id].text);
			if (!s->value.text)
				return -1;
		}
		u->count++;
	}
	return 0;
}

static bool same_value(const struct prop_value *a, const struct prop_value *b)
{
	return !memcmp(a->n, b->n, sizeof(a->n)) &&
	       !strcmp(a->text ? a->text : "", b->text ? b->text : "");
}

static bool changes(const struct change *c, const struct prop_value was[PROPS])
{
	for (size_t i = 0; i < PROPS; i++)
		if ((c->given[i] || c->whole) &&
		    !same_value(&c->of[i], &was[i]))
			return true;
	return false;
}

/* @fresh: nothing has to be noted, the VIF itself goes when this is undone. */
static int put(struct transaction *t, vif_ix ix, const struct change *change,
	       bool fresh, struct refusal *why)
{
	struct prop_value was[PROPS];
	struct undo *u;

	settings_get(t->daemon, ix, was);
	if (!changes(change, was)) {
		t->same += !fresh;
		return 0;
	}
	if (fresh)
		return change_apply(t->daemon, t->peer, change, ix, true, why);
	if (rights_change(t->daemon, t->peer, ix, why))
		return -1;
	u = next_undo(t);
	if (!u)
		return no_memory(why);
	u->kind = UNDO_SET;
	u->ix = ix;
	if (save(u, was)) {
		free_undo(u);
		return no_memory(why);
	}
	if (change_apply(t->daemon, t->peer, change, ix, true, why)) {
		free_undo(u);
		return -1;
	}
	t->undos++;
	t->changed++;
	return 0;
}

static int not_removed(struct transaction *t, vif_ix ix, const char *path,
		       struct refusal *why)
{
	for (size_t i = 0; i < t->removed.count; i++)
		if (vif_below(daemon_fabric(t->daemon), ix, t->removed.ix[i]))
			return refuse(why, "bad-request", EX_DATAERR,
				      "VIF %.64s is removed before: do that "
				      "with a 'load' of its own",
				      path);
	return 0;
}

int transaction_add(struct transaction *t, const char *path,
		    const char *address, struct change *change,
		    struct refusal *why)
{
	struct undo *u = next_undo(t);
	vif_ix ix, top;

	if (!u)
		return no_memory(why);
	ix = tree_make(t->daemon, path, address, t->peer, &top, why);
	if (!ix)
		return -1;
	if (ix != top) {
		u->kind = UNDO_MADE;
		u->ix = ix;
		u->top = top;
		t->undos++;
		t->made++;
	}
	if (not_removed(t, ix, path, why))
		return -1;
	change->whole = true;
	return put(t, ix, change, ix != top, why);
}

int transaction_set(struct transaction *t, const char *path,
		    const struct change *change, struct refusal *why)
{
	vif_ix ix = tree_find(t->daemon, path, why);

	if (!ix || not_removed(t, ix, path, why))
		return -1;
	return put(t, ix, change, false, why);
}

int transaction_move(struct transaction *t, const char *path, const char *to,
		     struct refusal *why)
{
	struct fabric *f = daemon_fabric(t->daemon);
	vif_ix ix = tree_find(t->daemon, path, why);
	struct undo *u = next_undo(t);

	if (!ix || not_removed(t, ix, path, why))
		return -1;
	if (!u)
		return no_memory(why);
	u->kind = UNDO_MOVED;
	u->ix = ix;
	u->parent = vif_parent(vif_at(f, ix));
	u->name = strdup(vif_at(f, ix)->name);
	if (!u->name)
		return no_memory(why);
	if (tree_move(t->daemon, ix, to, t->peer, why)) {
		free_undo(u);
		return -1;
	}
	t->undos++;
	t->moved++;
	return 0;
}

int transaction_remove(struct transaction *t, const char *path, bool below,
		       struct refusal *why)
{
	vif_ix ix = tree_find(t->daemon, path, why);

	if (!ix || not_removed(t, ix, path, why) ||
	    rights_change(t->daemon, t->peer, ix, why) ||
	    tree_removable(t->daemon, ix, below, why))
		return -1;
	return list_add(&t->removed, ix, why);
}

/* The port is there: only the gateways behind it may be others. */
static int reattach(struct transaction *t, vif_ix ix,
		    const struct port_order *order, struct refusal *why)
{
	int other = ports_agree(t->daemon, ix, order, why);
	struct port_order was;
	struct undo *u;

	if (other <= 0) {
		t->same += !other;
		return other;
	}
	u = next_undo(t);
	if (u)
		u->port = malloc(sizeof(*u->port));
	if (!u || !u->port)
		return no_memory(why);
	u->kind = UNDO_GATEWAY;
	u->ix = ix;
	ports_describe(t->daemon, ix, &was, u->port);
	if (!was.gateway)
		u->port->gateway[0] = 0;
	if (!was.gateway6)
		u->port->gateway6[0] = 0;
	t->undos++;
	t->changed++;
	ports_gateway(t->daemon, order->gateway, order->gateway6);
	return 0;
}

int transaction_attach(struct transaction *t, const struct port_order *order,
		       struct refusal *why)
{
	vif_ix ix = vif_find(daemon_fabric(t->daemon), order->path), top;
	struct undo *u;

	for (size_t i = 0; i < t->detached.count; i++)
		if (t->detached.ix[i] == ix)
			return refuse(why, "bad-request", EX_DATAERR,
				      "the port of VIF %.64s is removed "
				      "before: do that with a 'load' of its "
				      "own",
				      order->path);
	if (ix && not_removed(t, ix, order->path, why))
		return -1;
	if (ix && ports_name(t->daemon, ix))
		return rights_use(t->daemon, t->peer, ix, why)
			       ? -1
			       : reattach(t, ix, order, why);
	u = next_undo(t);
	if (!u)
		return no_memory(why);
	/* Room first: then nothing can fail behind it. */
	if (list_add(&t->attached, 0, why))
		return -1;
	ix = ports_add(t->daemon, t->peer, order, &top, why);
	if (!ix) {
		t->attached.count--;
		return -1;
	}
	t->attached.ix[t->attached.count - 1] = ix;
	u->kind = UNDO_PORT;
	u->ix = ix;
	u->top = top;
	t->undos++;
	t->made += ix != top;
	return 0;
}

int transaction_detach(struct transaction *t, const char *path,
		       struct refusal *why)
{
	vif_ix ix;

	if (ports_find(t->daemon, t->peer, path, &ix, why) ||
	    list_add(&t->detached, ix, why))
		return -1;
	ports_going(t->daemon, ix, true);
	return 0;
}

int transaction_commit(struct transaction *t, struct refusal *why)
{
	struct socket_census unused;

	for (size_t i = 0; i < t->undos; i++)
		if (settings_check(t->daemon, t->undo[i].ix, why))
			return -1;
	/* Something may have been made below it since it was looked at. */
	for (size_t i = 0; i < t->removed.count; i++)
		if (tree_removable(t->daemon, t->removed.ix[i], true, why))
			return -1;
	/* The one thing that a removal may fail at later. */
	if (t->removed.count && socket_census(&t->daemon->thread, &unused))
		return refuse(why, "busy", EX_TEMPFAIL,
			      "no VIF can go now, because a program is stopped "
			      "in the middle of using the fabric: let it run "
			      "and try again");
	for (size_t i = 0; i < t->detached.count; i++)
		ports_remove(t->daemon, t->detached.ix[i]);
	for (size_t i = 0; i < t->removed.count; i++)
		if (tree_remove(t->daemon, t->removed.ix[i], true, why))
			return 1;
	return 0;
}

static void undo_set(struct transaction *t, const struct undo *u)
{
	struct prop_value of[PROPS];
	struct refusal unused;

	memset(of, 0, sizeof(of));
	for (size_t i = 0; i < u->count; i++)
		of[u->saved[i].id] = u->saved[i].value;
	settings_put(t->daemon, u->ix, of, true, &unused);
	events_vif(t->daemon, EVENT_VIF_SET, u->ix);
}

static void undo_port(struct transaction *t, const struct undo *u)
{
	ports_remove(t->daemon, u->ix);
	tree_take_back(t->daemon, u->ix, u->top);
}

static const char *word_or_null(const char *word)
{
	return *word ? word : NULL;
}

void transaction_undo(struct transaction *t)
{
	for (size_t i = 0; i < t->detached.count; i++)
		ports_going(t->daemon, t->detached.ix[i], false);
	while (t->undos) {
		struct undo *u = &t->undo[--t->undos];

		if (u->kind == UNDO_MADE)
			tree_take_back(t->daemon, u->ix, u->top);
		else if (u->kind == UNDO_SET)
			undo_set(t, u);
		else if (u->kind == UNDO_PORT)
			undo_port(t, u);
		else if (u->kind == UNDO_GATEWAY)
			ports_gateway(t->daemon, word_or_null(u->port->gateway),
				      word_or_null(u->port->gateway6));
		else
			tree_put_back(t->daemon, u->ix, u->parent, u->name);
		free_undo(u);
	}
	t->made = t->changed = t->moved = 0;
}
