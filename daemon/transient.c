/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See transient.h. The list is looked at when a program ends, and each
 * RETRY_NS while a VIF on it has no program: one that has not joined yet may
 * never do so, and one that has left may have data under way. With every VIF in
 * use nobody wakes.
 */
#include "daemon/transient.h"
#include "daemon/tree.h"
#include "daemon/members.h"
#include "socket/move.h"
#include "stack/conn.h"

#include <stdlib.h>

#define SOON_NS	   (10 * NSEC_PER_MSEC)
#define RETRY_NS   (250 * NSEC_PER_MSEC)
#define LINGER_MAX 240 /* of RETRY_NS: a minute for what is under way */

struct one {
	vif_ix ix;
	uint32_t tries; /* since its last program left */
};

struct transient {
	struct loop_timer timer;
	struct daemon *daemon;
	struct one *list;
	size_t count, room;
};

/* Is data under way from or to a socket of @ix, or of a lane below it? */
static bool has_traffic(struct daemon *d, vif_ix ix)
{
	const struct fabric *f = daemon_fabric(d);
	const struct slot_table *conns = &f->table[FABRIC_TABLE_CONN];

	for (conn_ix c = 1, end = slot_end(conns); c < end; c++) {
		const struct conn *conn = slot_at(conns, c);

		if (conn->state && conn->state != CONN_TIME_WAIT &&
		    vif_below(f, conn->vif, ix) && conn->vif != VIF_ROOT)
			return true;
	}
	return false;
}

/* True: it is gone. */
static bool try_one(struct daemon *d, struct one *o)
{
	struct refusal unused;

	if (members_busy(d->members, o->ix, 0) ||
	    vif_at(daemon_fabric(d), o->ix)->first_child) {
		o->tries = 0;
		return false;
	}
	if (++o->tries < LINGER_MAX && has_traffic(d, o->ix))
		return false;
	return !tree_remove(d, o->ix, false, &unused);
}

static void on_timer(struct loop_timer *timer)
{
	struct transient *t = (struct transient *)timer;
	struct daemon *d = t->daemon;
	bool again = false;

	/* A removal takes its VIF off the list: from the end. */
	for (size_t i = t->count; i--;)
		if (!try_one(d, &t->list[i]) &&
		    !members_next(d->members, t->list[i].ix, 0))
			again = true;
	if (again)
		loop_arm(&d->loop, &t->timer,
			 fabric_now(daemon_fabric(d)) + RETRY_NS);
}

struct transient *transient_new(struct daemon *d)
{
	struct transient *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->daemon = d;
	t->timer.run = on_timer;
	return t;
}

void transient_free(struct transient *t)
{
	if (!t)
		return;
	loop_disarm(&t->daemon->loop, &t->timer);
	free(t->list);
	free(t);
}

int transient_add(struct daemon *d, vif_ix ix)
{
	struct transient *t = d->transient;

	if (t->count == t->room) {
		size_t room = t->room ? t->room * 2 : 16;
		struct one *more = realloc(t->list, room * sizeof(*more));

		if (!more)
			return -1;
		t->list = more;
		t->room = room;
	}
	t->list[t->count++] = (struct one){ ix, 0 };
	transient_sweep(d);
	return 0;
}

void transient_sweep(struct daemon *d)
{
	struct transient *t = d->transient;

	if (t && t->count)
		loop_arm(&d->loop, &t->timer,
			 fabric_now(daemon_fabric(d)) + SOON_NS);
}

void transient_forget(struct daemon *d, vif_ix ix)
{
	struct transient *t = d->transient;

	for (size_t i = 0; i < t->count; i++)
		if (t->list[i].ix == ix) {
			t->list[i] = t->list[--t->count];
			return;
		}
}

bool transient_is(struct daemon *d, vif_ix ix)
{
	const struct transient *t = d->transient;

	for (size_t i = 0; i < t->count; i++)
		if (t->list[i].ix == ix)
			return true;
	return false;
}
