/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may what; the second half of settings.h.
 *
 * Who asks is what the kernel says of the other end of the socket. The fabric's
 * user and root may do everything. The owner of a VIF rules what is below it,
 * and may put programs on it; the VIF itself is not his to change: its rate is
 * what he has been given.
 */
#include "daemon/settings.h"
#include "vif/control.h"

#include <unistd.h>

bool rights_all(struct daemon *d, const struct peer *peer)
{
	(void)d;
	return !peer->uid || peer->uid == geteuid();
}

/* Is @ix or one above it of @uid? */
static bool owned(struct daemon *d, vif_ix ix, uid_t uid)
{
	uid_t owner;

	for (; ix; ix = vif_parent(vif_at(daemon_fabric(d), ix)))
		if (settings_owner(d, ix, &owner) && owner == uid)
			return true;
	return false;
}

int rights_change(struct daemon *d, const struct peer *peer, vif_ix ix,
		  struct refusal *why)
{
	char path[VIF_PATH_MAX];

	if (rights_all(d, peer) ||
	    owned(d, vif_parent(vif_at(daemon_fabric(d), ix)), peer->uid))
		return 0;
	vif_path(daemon_fabric(d), ix, path);
	return refuse(why, "no-permission", EX_NOPERM,
		      "VIF %.200s is not for user %u to change: only who owns "
		      "a VIF above it may, as set by 'toami vif set PATH "
		      "owner=USER'",
		      path, peer->uid);
}

int rights_use(struct daemon *d, const struct peer *peer, vif_ix ix,
	       struct refusal *why)
{
	char path[VIF_PATH_MAX];

	if (rights_all(d, peer) || owned(d, ix, peer->uid))
		return 0;
	vif_path(daemon_fabric(d), ix, path);
	return refuse(why, "no-permission", EX_NOPERM,
		      "VIF %.200s is not user %u's: its owner, or that of one "
		      "above it, is set by 'toami vif set PATH owner=USER'",
		      path, peer->uid);
}

/* The limits of all queues below @top, but that of @except. */
static uint64_t queues_below(const struct fabric *f, vif_ix top, vif_ix except)
{
	uint64_t sum = 0;

	for (vif_ix ix = top; (ix = vif_next(f, top, ix));) {
		const struct vif_control *c = vif_control_of(f, ix);

		if (c && ix != except)
			sum += atomic_load(&c->limit_bytes);
	}
	return sum;
}

static int refuse_queue(const struct fabric *f, vif_ix ix, uint64_t bytes,
			uint64_t quota, struct refusal *why)
{
	char path[VIF_PATH_MAX], sum[PROP_TEXT_MAX], has[PROP_TEXT_MAX];
	struct prop_value v = { .n = { bytes } };

	prop_print(PROP_ID_LIMIT, &v, sum);
	v.n[0] = quota;
	prop_print(PROP_ID_LIMIT, &v, has);
	vif_path(f, ix, path);
	return refuse(why, "quota", EX_NOPERM,
		      "the queues below VIF %.200s would hold %s, more than "
		      "its quota of %s: lower a limit",
		      path, sum, has);
}

/* The limits of @moved and of all below it; 0: none. */
static uint64_t queues_moved(const struct fabric *f, vif_ix moved)
{
	const struct vif_control *c = moved ? vif_control_of(f, moved) : NULL;

	if (!moved)
		return 0;
	return queues_below(f, moved, 0) +
	       (c ? atomic_load(&c->limit_bytes) : 0);
}

int rights_quota(struct daemon *d, const struct peer *peer, vif_ix parent,
		 uint32_t count, uint32_t levels, vif_ix moved,
		 struct refusal *why)
{
	const struct fabric *f = daemon_fabric(d);
	uint32_t depth = atomic_load(&vif_at(f, parent)->depth) + levels;
	char path[VIF_PATH_MAX];

	if (rights_all(d, peer))
		return 0;
	for (vif_ix ix = parent; ix; ix = vif_parent(vif_at(f, ix))) {
		const struct vif_control *c = vif_control_of(f, ix);
		uint32_t own = atomic_load(&vif_at(f, ix)->depth);
		/* What is below it already is no more of it. */
		bool comes = !moved || !vif_below(f, moved, ix);
		uint64_t bytes;

		if (!c)
			continue;
		vif_path(f, ix, path);
		if (comes && c->quota_children &&
		    settings_below(d, ix) + count > c->quota_children)
			return refuse(
				why, "quota", EX_NOPERM,
				"VIF %.200s may have no more than %u VIFs "
				"below it, and has %u: remove one with "
				"'toami vif rm'",
				path, c->quota_children, settings_below(d, ix));
		if (c->quota_depth && depth - own > c->quota_depth)
			return refuse(
				why, "quota", EX_NOPERM,
				"VIFs below %.200s may be no more than %u "
				"level%s deep: give a shorter path",
				path, c->quota_depth,
				c->quota_depth == 1 ? "" : "s");
		if (!comes || !moved || !c->quota_queue_bytes)
			continue;
		bytes = queues_below(f, ix, 0) + queues_moved(f, moved);
		if (bytes > c->quota_queue_bytes)
			return refuse_queue(f, ix, bytes, c->quota_queue_bytes,
					    why);
	}
	return 0;
}

int rights_queue(struct daemon *d, const struct peer *peer, vif_ix ix,
		 uint64_t bytes, struct refusal *why)
{
	const struct fabric *f = daemon_fabric(d);
	vif_ix up = ix;

	if (rights_all(d, peer))
		return 0;
	while ((up = vif_parent(vif_at(f, up)))) {
		const struct vif_control *c = vif_control_of(f, up);
		uint64_t sum;

		if (!c || !c->quota_queue_bytes)
			continue;
		sum = queues_below(f, up, ix) + bytes;
		if (sum > c->quota_queue_bytes)
			return refuse_queue(f, up, sum, c->quota_queue_bytes,
					    why);
	}
	return 0;
}
