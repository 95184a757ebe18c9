/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree: parents, children, names. See vif.h.
 *
 * Ground truth is `state`, `parent` and `name` of each slot; sibling lists and
 * hash chains are derived and only the daemon looks at them. The heads of the
 * chains lie in the first VIF_BUCKETS slots of the table, whether these are in
 * use or not: an empty fabric touches no page for them.
 *
 * A slot becomes visible to members with `state`; `parent` and `depth` are
 * written before. A removed one keeps parent 0 and depth 0, which ends every
 * walk.
 */
#include "vif/sched_core.h"

#include <errno.h>

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_letter_or_digit(char c)
{
	return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
}

int vif_name_ok(const char *name, size_t bytes)
{
	if (!bytes)
		return -EINVAL;
	if (bytes >= VIF_NAME_MAX)
		return -ENAMETOOLONG;
	for (size_t i = 0; i < bytes; i++)
		if (!is_letter_or_digit(name[i]) && name[i] != '_' &&
		    (name[i] != '-' || !i))
			return -EINVAL;
	return 0;
}

static bool same_name(const char *stored, const char *name, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (lower(stored[i]) != lower(name[i]))
			return false;
	return !stored[bytes];
}

/* The chain that holds the children of @parent called so: FNV-1a. */
static vif_ix *bucket_of(const struct fabric *f, vif_ix parent,
			 const char *name, size_t bytes)
{
	uint32_t h = (UINT32_C(2166136261) ^ parent) * 16777619;

	for (size_t i = 0; i < bytes; i++)
		h = (h ^ (uint8_t)lower(name[i])) * 16777619;
	h ^= h >> 16;
	return &vif_at(f,
		       h % min_u32(VIF_BUCKETS,
				   f->header->table[FABRIC_TABLE_VIF].capacity))
			->bucket;
}

static size_t name_bytes(const struct vif *v)
{
	size_t n = 0;

	while (n < VIF_NAME_MAX && v->name[n])
		n++;
	return n;
}

/* A slot as if never used, but for what outlives its VIFs. */
static void clear(struct vif *v)
{
	atomic_store(&v->parent, 0);
	atomic_store(&v->depth, 0);
	atomic_store(&v->host, 0);
	atomic_store(&v->control, 0);
	atomic_store(&v->hooks, 0);
	atomic_store(&v->sched, 0);
	v->first_child = v->last_child = v->next = v->prev = v->chain = 0;
	v->addr4 = v->addr6 = (struct ip_addr){ 0 };
	for (size_t i = 0; i < VIF_NAME_MAX; i++)
		v->name[i] = 0;
	for (int i = 0; i < 2; i++) {
		struct vif_count *c = i ? &v->tx : &v->rx;

		atomic_store_explicit(&c->packets, 0, memory_order_relaxed);
		atomic_store_explicit(&c->bytes, 0, memory_order_relaxed);
		atomic_store_explicit(&c->drops, 0, memory_order_relaxed);
		atomic_store_explicit(&c->retransmits, 0, memory_order_relaxed);
	}
	v->generation++;
}

void vif_init(struct fabric *f)
{
	vif_ix ix = slot_alloc(&f->table[FABRIC_TABLE_VIF]);
	struct vif *v = vif_at(f, ix);

	clear(v);
	atomic_store_explicit(&v->state, VIF_UP, memory_order_release);
	sched_init(f);
}

/* Length of the path of @ix, without its final zero; the root counts 0. */
static size_t path_bytes(const struct fabric *f, vif_ix ix)
{
	size_t n = 0;

	for (; ix > VIF_ROOT; ix = vif_parent(vif_at(f, ix)))
		n += 1 + name_bytes(vif_at(f, ix));
	return n;
}

static void link_child(struct fabric *f, vif_ix parent, vif_ix ix)
{
	struct vif *p = vif_at(f, parent), *v = vif_at(f, ix);

	v->prev = p->last_child;
	if (p->last_child)
		vif_at(f, p->last_child)->next = ix;
	else
		p->first_child = ix;
	p->last_child = ix;
}

static void unlink_child(struct fabric *f, vif_ix parent, vif_ix ix)
{
	struct vif *p = vif_at(f, parent), *v = vif_at(f, ix);

	if (v->prev)
		vif_at(f, v->prev)->next = v->next;
	else
		p->first_child = v->next;
	if (v->next)
		vif_at(f, v->next)->prev = v->prev;
	else
		p->last_child = v->prev;
}

static void unlink_name(struct fabric *f, vif_ix parent, vif_ix ix)
{
	const struct vif *v = vif_at(f, ix);
	vif_ix *link = bucket_of(f, parent, v->name, name_bytes(v));

	while (*link != ix)
		link = &vif_at(f, *link)->chain;
	*link = v->chain;
}

static void link_name(struct fabric *f, vif_ix parent, vif_ix ix)
{
	struct vif *v = vif_at(f, ix);
	vif_ix *bucket = bucket_of(f, parent, v->name, name_bytes(v));

	v->chain = *bucket;
	*bucket = ix;
}

int vif_add(struct fabric *f, vif_ix parent, const char *name, size_t bytes,
	    uint32_t uid, vif_ix *ix)
{
	uint32_t depth = atomic_load(&vif_at(f, parent)->depth) + 1;
	struct vif *v;
	int err;

	*ix = 0;
	err = vif_name_ok(name, bytes);
	if (err)
		return err;
	*ix = vif_child(f, parent, name, bytes);
	if (*ix)
		return -EEXIST;
	if (depth > VIF_DEPTH_MAX)
		return -ELOOP;
	if (path_bytes(f, parent) + 1 + bytes >= VIF_PATH_MAX)
		return -ENAMETOOLONG;

	*ix = slot_alloc(&f->table[FABRIC_TABLE_VIF]);
	if (!*ix)
		return -ENOSPC;
	v = vif_at(f, *ix);
	clear(v);
	for (size_t i = 0; i < bytes; i++)
		v->name[i] = name[i];
	v->uid = uid;
	link_name(f, parent, *ix);
	link_child(f, parent, *ix);
	if (parent != VIF_ROOT)
		atomic_store(&v->hooks, atomic_load(&vif_at(f, parent)->hooks));
	atomic_store(&v->depth, depth);
	atomic_store(&v->sched, atomic_load(&vif_at(f, parent)->sched) &
					(VIF_SCHED_TX | VIF_SCHED_RX));
	atomic_store(&v->parent, parent);
	atomic_store_explicit(&v->state, VIF_UP, memory_order_release);
	return 0;
}

int vif_move(struct fabric *f, vif_ix ix, vif_ix parent, const char *name,
	     size_t bytes)
{
	struct vif *v = vif_at(f, ix);
	vif_ix old = vif_parent(v);
	int err = vif_name_ok(name, bytes);
	vif_ix other = err ? 0 : vif_child(f, parent, name, bytes);
	uint32_t from = atomic_load(&v->depth);
	uint32_t to = atomic_load(&vif_at(f, parent)->depth) + 1;

	if (err)
		return err;
	if (other && other != ix)
		return -EEXIST;
	unlink_name(f, old, ix);
	if (old != parent) {
		unlink_child(f, old, ix);
		v->next = v->prev = 0;
		link_child(f, parent, ix);
	}
	for (size_t i = 0; i < VIF_NAME_MAX; i++)
		v->name[i] = i < bytes ? name[i] : 0;
	atomic_store(&v->parent, parent);
	link_name(f, parent, ix);
	for (vif_ix i = 0; from != to && (i = vif_next(f, ix, i));)
		atomic_store(&vif_at(f, i)->depth,
			     atomic_load(&vif_at(f, i)->depth) + to - from);
	return 0;
}

int vif_remove(struct fabric *f, vif_ix ix)
{
	struct vif *v = vif_at(f, ix);
	vif_ix parent = vif_parent(v);

	if (ix == VIF_ROOT)
		return -EPERM;
	if (v->first_child || atomic_load(&v->host))
		return -EBUSY;

	unlink_name(f, parent, ix);
	unlink_child(f, parent, ix);
	vif_control_drop(f, ix);
	atomic_store(&v->state, VIF_FREE);
	clear(v);
	slot_free(&f->table[FABRIC_TABLE_VIF], ix);
	return 0;
}

vif_ix vif_child(const struct fabric *f, vif_ix parent, const char *name,
		 size_t bytes)
{
	vif_ix ix = *bucket_of(f, parent, name, bytes);

	while (ix && (vif_parent(vif_at(f, ix)) != parent ||
		      !same_name(vif_at(f, ix)->name, name, bytes)))
		ix = vif_at(f, ix)->chain;
	return ix;
}

vif_ix vif_find(const struct fabric *f, const char *path)
{
	vif_ix ix = VIF_ROOT;

	if (*path != '/')
		return 0;
	while (ix && *++path) {
		size_t n = 0;

		while (path[n] && path[n] != '/')
			n++;
		ix = n < VIF_NAME_MAX ? vif_child(f, ix, path, n) : 0;
		path += n;
		if (!*path)
			break;
	}
	return ix;
}

vif_ix vif_next(const struct fabric *f, vif_ix top, vif_ix ix)
{
	if (!ix)
		return top;
	if (vif_at(f, ix)->first_child)
		return vif_at(f, ix)->first_child;
	while (ix && ix != top) {
		if (vif_at(f, ix)->next)
			return vif_at(f, ix)->next;
		ix = vif_parent(vif_at(f, ix));
	}
	return 0;
}

size_t vif_path(const struct fabric *f, vif_ix ix, char path[VIF_PATH_MAX])
{
	size_t total = path_bytes(f, ix), at = total;

	if (!total || total >= VIF_PATH_MAX) {
		path[0] = '/';
		path[1] = 0;
		return 1;
	}
	path[at] = 0;
	for (; ix > VIF_ROOT && at; ix = vif_parent(vif_at(f, ix))) {
		size_t n = name_bytes(vif_at(f, ix));

		at -= n;
		for (size_t i = 0; i < n; i++)
			path[at + i] = vif_at(f, ix)->name[i];
		path[--at] = '/';
	}
	return total;
}

host_ix vif_host(const struct fabric *f, vif_ix ix)
{
	for (int i = 0; ix && i <= VIF_DEPTH_MAX; i++) {
		host_ix host = atomic_load(&vif_at(f, ix)->host);

		if (host)
			return host;
		ix = vif_parent(vif_at(f, ix));
	}
	return 0;
}

bool vif_below(const struct fabric *f, vif_ix ix, vif_ix top)
{
	for (int i = 0; ix && i <= VIF_DEPTH_MAX; i++) {
		if (ix == top)
			return true;
		ix = vif_parent(vif_at(f, ix));
	}
	return false;
}
