/* SPDX-License-Identifier: BSD-2-Clause */
/* See tree.h. */
#include "daemon/tree.h"
#include "daemon/events.h"
#include "daemon/hosts.h"
#include "daemon/maps.h"
#include "daemon/members.h"
#include "daemon/ports.h"
#include "daemon/settings.h"
#include "daemon/transient.h"
#include "socket/move.h"
#include "vif/sched.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int refuse_path(struct refusal *why, const char *path)
{
	return refuse(why, "bad-path", EX_USAGE,
		      "'%.64s' is not a VIF's path: write /NAME or /NAME/NAME, "
		      "each name up to %d letters, digits, '-' or '_'",
		      path, VIF_NAME_MAX - 1);
}

void tree_take_back(struct daemon *d, vif_ix ix, vif_ix top)
{
	struct fabric *f = daemon_fabric(d);

	while (ix != top) {
		vif_ix parent = vif_parent(vif_at(f, ix));
		struct refusal unused;

		tree_remove(d, ix, false, &unused);
		ix = parent;
	}
}

/* One more step of a path. Returns 0 or -1. */
static int make_step(struct daemon *d, vif_ix parent, const char *name,
		     size_t bytes, const char *path, uid_t uid, vif_ix *ix,
		     struct refusal *why)
{
	switch (vif_add(daemon_fabric(d), parent, name, bytes, uid, ix)) {
	case 0:
		settings_born(d, *ix);
		return 0;
	case -EEXIST:
		return 0;
	case -ENOSPC:
		return refuse(why, "table-full", EX_CANTCREAT,
			      "the fabric holds no more than %u VIFs, so %s "
			      "finds no room: remove one with 'toami vif rm'",
			      d->options->max_vifs - 1, path);
	case -ELOOP:
		return refuse(why, "bad-path", EX_USAGE,
			      "VIF %s would be deeper than %d: give a shorter "
			      "path",
			      path, VIF_DEPTH_MAX);
	case -ENAMETOOLONG:
		return refuse(
			why, "bad-path", EX_USAGE,
			"'%.64s...' is too long: a name may have %d bytes, "
			"a path %d",
			path, VIF_NAME_MAX - 1, VIF_PATH_MAX - 1);
	default:
		return refuse_path(why, path);
	}
}

/* May @peer have the rest of a path, @at, below @top? */
static int permit(struct daemon *d, const struct peer *peer, vif_ix top,
		  const char *at, struct refusal *why)
{
	uint32_t steps = 0;

	for (; *at == '/' && at[1]; at += 1 + strcspn(at + 1, "/"))
		steps++;
	return rights_use(d, peer, top, why) ||
	       rights_quota(d, peer, top, steps, steps, 0, why);
}

vif_ix tree_make(struct daemon *d, const char *path, const char *address,
		 const struct peer *peer, vif_ix *top, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	vif_ix ix = vif_find(f, path), step;
	const char *at = path;
	bool permitted = false;

	*top = ix;
	if (ix)
		return hosts_agree(d, ix, address, path, why) ? 0 : ix;
	if (*path != '/') {
		refuse_path(why, path);
		return 0;
	}

	ix = *top = VIF_ROOT;
	do {
		size_t n = strcspn(++at, "/");
		bool last = !at[n] || !strcmp(at + n, "/");
		bool known = n < VIF_NAME_MAX && vif_child(f, ix, at, n);
		const char *want = last && address  ? address
				   : ix == VIF_ROOT ? "auto"
						    : "none";

		if (!known && !permitted && permit(d, peer, ix, at - 1, why))
			goto refused;
		permitted = !known;
		if (make_step(d, ix, at, n, path, peer->uid, &step, why))
			goto refused;
		ix = step;
		if (known)
			*top = ix;
		else if (strcmp(want, "none") &&
			 hosts_give(d, ix, want, path, why))
			goto refused;
		at += n;
	} while (*at && at[1]);
	return ix;
refused:
	tree_take_back(d, ix, *top);
	return 0;
}

int tree_unknown(const char *path, struct refusal *why)
{
	return refuse(why, "unknown-vif", EX_NOINPUT,
		      "there is no VIF %.64s: 'toami vif ls' shows what there "
		      "is, 'toami vif add %.64s' makes it",
		      path, path);
}

vif_ix tree_find(struct daemon *d, const char *path, struct refusal *why)
{
	vif_ix ix = vif_find(daemon_fabric(d), path);

	if (ix)
		return ix;
	if (*path != '/')
		refuse_path(why, path);
	else
		tree_unknown(path, why);
	return 0;
}

static int refuse_busy(const char *path, struct refusal *why)
{
	return refuse(why, "busy", EX_TEMPFAIL,
		      "VIF %.200s cannot go now, because a program is stopped "
		      "in the middle of using the fabric: let it run and try "
		      "again",
		      path);
}

static int remove_one(struct daemon *d, vif_ix ix, const char *path,
		      struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	host_ix host = atomic_load(&vif_at(f, ix)->host);
	int err = 0;

	if (host)
		err = socket_host_down(&d->thread, host);
	if (!err)
		err = vif_sched_forget(f, d->process.self, ix);
	if (err)
		return refuse_busy(path, why);
	atomic_store(&vif_at(f, ix)->host, 0);
	members_forget(d->members, ix);
	transient_forget(d, ix);
	settings_gone(d, ix);
	vif_remove(f, ix);
	return 0;
}

int tree_removable(struct daemon *d, vif_ix ix, bool below, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	char path[VIF_PATH_MAX];
	proc_ix proc = members_next(d->members, ix, 0);

	vif_path(f, ix, path);
	for (vif_ix p = 0; (p = vif_next(f, ix, p));)
		if (ix != VIF_ROOT && ports_name(d, p))
			return refuse(why, "vif-busy", EX_TEMPFAIL,
				      "port %s is on VIF %s or below: remove "
				      "it first with 'toami port rm'",
				      ports_name(d, p), path);
	if (ix == VIF_ROOT)
		return refuse(
			why, "vif-busy", EX_USAGE,
			"the root of the tree stays: 'toami down' ends the "
			"whole fabric");
	if (proc)
		return refuse(why, "vif-busy", EX_TEMPFAIL,
			      "%s (process %d) is on VIF %s: end it first",
			      f->procs[proc].name,
			      atomic_load(&f->procs[proc].pid), path);
	if (vif_at(f, ix)->first_child && !below)
		return refuse(
			why, "vif-busy", EX_TEMPFAIL,
			"VIF %s has others below it: remove them first, or "
			"all with 'toami vif rm -r %s'",
			path, path);
	return 0;
}

int tree_remove(struct daemon *d, vif_ix ix, bool below, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	char path[VIF_PATH_MAX];

	if (tree_removable(d, ix, below, why))
		return -1;
	vif_path(f, ix, path);
	if (socket_move_below(&d->thread, ix))
		return refuse_busy(path, why);
	/* From the leaves up; a parent becomes a leaf by that. */
	for (;;) {
		vif_ix leaf = ix;

		while (vif_at(f, leaf)->first_child)
			leaf = vif_at(f, leaf)->first_child;
		if (remove_one(d, leaf, path, why))
			return -1;
		if (leaf == ix)
			return 0;
	}
}

/* --- moving ------------------------------------------------------------------
 */

/* The levels below @ix, and the bytes of the longest path of one of them. */
static uint32_t height_of(const struct fabric *f, vif_ix top, size_t *bytes)
{
	uint32_t base = atomic_load(&vif_at(f, top)->depth), most = 0;
	char path[VIF_PATH_MAX];

	*bytes = 0;
	for (vif_ix ix = 0; (ix = vif_next(f, top, ix));) {
		uint32_t depth = atomic_load(&vif_at(f, ix)->depth) - base;
		size_t n = vif_path(f, ix, path);

		most = depth > most ? depth : most;
		*bytes = n > *bytes ? n : *bytes;
	}
	return most;
}

/* Splits @to into the VIF above, which must be there, and the name. */
static vif_ix find_parent(struct daemon *d, const char *to, const char **name,
			  struct refusal *why)
{
	const char *slash = strrchr(to, '/');
	char above[VIF_PATH_MAX];
	size_t n = slash ? (size_t)(slash - to) : 0;

	if (*to != '/' || n >= sizeof(above) || !slash[1]) {
		refuse_path(why, to);
		return 0;
	}
	memcpy(above, to, n);
	above[n] = 0;
	*name = slash + 1;
	return tree_find(d, n ? above : "/", why);
}

/* Programs on lanes at or below @ix keep the address of the host they are on.
 */
static int check_programs(struct daemon *d, vif_ix ix, vif_ix parent,
			  const char *path, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	host_ix host = vif_host(f, ix);

	if (atomic_load(&vif_at(f, ix)->host) || vif_host(f, parent) == host)
		return 0;
	for (proc_ix p = 0; (p = members_next(d->members, ix, p));)
		if (vif_host(f, f->procs[p].vif) == host)
			return refuse(
				why, "vif-busy", EX_TEMPFAIL,
				"%s (process %d) is on VIF %.64s and has "
				"the address of the VIF above it: move it "
				"below that one, or end the program first",
				f->procs[p].name, atomic_load(&f->procs[p].pid),
				path);
	return 0;
}

static int refuse_move(struct daemon *d, int err, const char *path,
		       const char *to, struct refusal *why)
{
	(void)d;
	switch (err) {
	case -EEXIST:
		return refuse(why, "vif-exists", EX_CANTCREAT,
			      "VIF %.64s exists already: choose another path "
			      "for %.64s, or remove it first",
			      to, path);
	case -ELOOP:
		return refuse(why, "bad-path", EX_USAGE,
			      "VIF %.64s cannot be moved to %.64s, which is "
			      "below it or deeper than %d: choose another path",
			      path, to, VIF_DEPTH_MAX);
	case -ENAMETOOLONG:
		return refuse(why, "bad-path", EX_USAGE,
			      "below %.64s the paths of some VIFs would have "
			      "more than %d bytes: choose a shorter one",
			      to, VIF_PATH_MAX - 1);
	default:
		return refuse_path(why, to);
	}
}

/* In the tree, in the scheduler and in the books. */
static int move(struct daemon *d, vif_ix ix, vif_ix parent, const char *name)
{
	int err;

	settings_leave(d, ix);
	err = vif_sched_move(daemon_fabric(d), d->process.self, ix, parent,
			     name, strlen(name));
	settings_arrive(d, ix);
	if (!err)
		events_vif(d, EVENT_VIF_MOVE, ix);
	return err;
}

int tree_move(struct daemon *d, vif_ix ix, const char *to,
	      const struct peer *peer, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	char path[VIF_PATH_MAX], was[VIF_NAME_MAX];
	const char *name;
	vif_ix parent, old = vif_parent(vif_at(f, ix));
	size_t longest;
	uint32_t levels;
	int err;

	vif_path(f, ix, path);
	if (ix == VIF_ROOT)
		return refuse(why, "vif-busy", EX_USAGE,
			      "the root of the tree stays where it is");
	parent = find_parent(d, to, &name, why);
	if (!parent)
		return -1;
	levels = height_of(f, ix, &longest);
	if (rights_change(d, peer, ix, why) ||
	    rights_use(d, peer, parent, why) ||
	    (parent != old &&
	     (rights_quota(d, peer, parent, settings_below(d, ix) + 1,
			   levels + 1, ix, why) ||
	      maps_permit_move(d, peer, parent, ix, why))) ||
	    check_programs(d, ix, parent, path, why))
		return -1;
	if (longest - strlen(path) + strlen(to) >= VIF_PATH_MAX)
		return refuse_move(d, -ENAMETOOLONG, path, to, why);
	if (atomic_load(&vif_at(f, parent)->depth) + levels + 1 >
		    VIF_DEPTH_MAX ||
	    vif_below(f, parent, ix))
		return refuse_move(d, -ELOOP, path, to, why);

	snprintf(was, sizeof(was), "%s", vif_at(f, ix)->name);
	err = move(d, ix, parent, name);
	if (err == -EBUSY)
		return refuse(why, "busy", EX_TEMPFAIL,
			      "VIF %s cannot move now, because a program is "
			      "stopped in the middle of using the fabric: let "
			      "it run and try again",
			      path);
	if (err)
		return refuse_move(d, err, path, to, why);
	if (settings_check(d, parent, why)) {
		tree_put_back(d, ix, old, was);
		return -1;
	}
	return 0;
}

void tree_put_back(struct daemon *d, vif_ix ix, vif_ix parent, const char *name)
{
	if (move(d, ix, parent, name) != -EBUSY)
		return;
	/* What waits there goes where it would have gone. */
	settings_leave(d, ix);
	vif_move(daemon_fabric(d), ix, parent, name, strlen(name));
	settings_arrive(d, ix);
	vif_sched_apply(daemon_fabric(d), ix);
}
