/* SPDX-License-Identifier: BSD-2-Clause */
/* See rehearsal.h. */
#include "daemon/rehearsal.h"
#include "daemon/hosts.h"
#include "daemon/maps.h"
#include "daemon/script.h"
#include "daemon/script_order.h"
#include "daemon/tree.h"

#include <stdlib.h>
#include <unistd.h>

/* @ix of @d, made in @copy; its parent is there. Returns its index there. */
static vif_ix copy_one(struct daemon *copy, struct daemon *d, vif_ix ix,
		       struct refusal *why)
{
	const struct peer self = { .pid = getpid(), .uid = geteuid() };
	char path[VIF_PATH_MAX], address[HOSTS_WORD];
	vif_ix to = VIF_ROOT, top;

	vif_path(daemon_fabric(d), ix, path);
	if (ix != VIF_ROOT)
		to = tree_make(copy, path, hosts_word(d, ix, address), &self,
			       &top, why);
	if (!to || settings_copy(copy, to, d, ix, why))
		return 0;
	return to;
}

static int copy_tree(struct daemon *copy, struct daemon *d, struct refusal *why)
{
	vif_ix *to = calloc(d->options->max_vifs, sizeof(*to));
	int err = 0;

	if (!to)
		return refuse(why, "internal", EX_OSERR, "out of memory");
	/* Parents come before their children. */
	for (vif_ix ix = 0;
	     !err && (ix = vif_next(daemon_fabric(d), VIF_ROOT, ix));) {
		to[ix] = copy_one(copy, d, ix, why);
		err = to[ix] ? 0 : -1;
	}
	if (!err)
		err = maps_copy(copy, d, to, why);
	free(to);
	return err;
}

/* Ports are left out, but for the VIFs that they are on. */
static int obey(void *arg, struct order *o, struct refusal *why)
{
	struct transaction *t = arg;
	vif_ix top;

	switch (o->kind) {
	case ORDER_ATTACH:
		return tree_make(t->daemon, o->path, o->port.address, t->peer,
				 &top, why)
			       ? 0
			       : -1;
	case ORDER_DETACH:
		return 0;
	default:
		return script_obey(t, o, why);
	}
}

int rehearsal_run(struct daemon *d, const struct peer *peer, const char *text,
		  const json_t *users, struct refusal *why)
{
	struct options options = *d->options;
	struct transaction t;
	struct daemon *copy;
	int err;

	options.rehearsal = true;
	copy = daemon_new(&options, why);
	if (!copy)
		return -1;
	err = copy_tree(copy, d, why);
	if (!err) {
		copy->asking = peer;
		transaction_init(&t, copy, peer);
		err = script_each(text, users, obey, &t, why);
		if (!err && transaction_commit(&t, why))
			err = -1;
		transaction_fini(&t);
	}
	daemon_free(copy);
	return err;
}
