/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See vif_json.h. The programs of a tree are collected once and sorted by VIF,
 * so that a listing of many VIFs does not look at every process for each.
 */
#include "daemon/vif_json.h"
#include "daemon/members.h"
#include "daemon/request.h"

#include <stdlib.h>

struct resident {
	vif_ix vif;
	proc_ix proc;
};

struct residents {
	size_t count;
	struct resident of[FABRIC_PROC_MAX];
};

static int by_vif(const void *a, const void *b)
{
	const struct resident *x = a, *y = b;

	if (x->vif != y->vif)
		return x->vif < y->vif ? -1 : 1;
	return x->proc < y->proc ? -1 : x->proc > y->proc;
}

static void collect(struct daemon *d, vif_ix top, struct residents *r)
{
	r->count = 0;
	for (proc_ix ix = 0; (ix = members_next(d->members, top, ix));)
		r->of[r->count++] =
			(struct resident){ daemon_fabric(d)->procs[ix].vif,
					   ix };
	qsort(r->of, r->count, sizeof(r->of[0]), by_vif);
}

/* The first entry for @vif, or where it would be. */
static size_t first_of(const struct residents *r, vif_ix vif)
{
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (r->of[middle].vif < vif)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A name that any process may have written: printable ASCII of it. */
static json_t *name_json(const char *name, size_t size)
{
	char text[32];
	size_t n = 0;

	for (; n < size && n < sizeof(text) - 1 && name[n]; n++)
		text[n] = name[n] >= ' ' && name[n] <= '~' ? name[n] : '?';
	return json_stringn(text, n);
}

static json_t *programs_json(struct daemon *d, const struct residents *r,
			     vif_ix vif)
{
	json_t *list = json_array();

	for (size_t i = first_of(r, vif); i < r->count && r->of[i].vif == vif;
	     i++) {
		const struct fabric_proc *p =
			&daemon_fabric(d)->procs[r->of[i].proc];

		json_array_append_new(
			list, json_pack("{s:i, s:o, s:I}", "pid",
					atomic_load(&p->pid), "name",
					name_json(p->name, sizeof(p->name)),
					"uid", (json_int_t)p->uid));
	}
	return list;
}

static json_t *count_json(const struct vif_count *c)
{
	return json_pack("{s:I, s:I, s:I}", "packets",
			 (json_int_t)atomic_load(&c->packets), "bytes",
			 (json_int_t)atomic_load(&c->bytes), "drops",
			 (json_int_t)atomic_load(&c->drops));
}

static json_t *address_json(const struct ip_addr *a)
{
	char text[POOL_TEXT];

	return ip_is_any(a) ? json_null() : json_string(pool_print(a, text));
}

static json_t *mac_json(host_ix host)
{
	uint8_t mac[6];

	if (!host)
		return json_null();
	fabric_mac(host, mac);
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
			    mac[2], mac[3], mac[4], mac[5]);
}

static json_t *one(struct daemon *d, const struct residents *r, vif_ix ix)
{
	struct fabric *f = daemon_fabric(d);
	const struct vif *v = vif_at(f, ix);
	host_ix host = vif_host(f, ix);
	char path[VIF_PATH_MAX], lane_of[VIF_PATH_MAX];
	json_t *lane = json_null();

	vif_path(f, ix, path);
	if (host && !atomic_load(&v->host)) {
		vif_path(f, f->hosts[host].vif, lane_of);
		lane = json_string(lane_of);
	}
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o}",
			 "path", path, "address", address_json(&v->addr4),
			 "address6", address_json(&v->addr6), "mac",
			 mac_json(atomic_load(&v->host)), "lane_of", lane,
			 "uid", (json_int_t)v->uid, "set", settings_json(d, ix),
			 "programs", programs_json(d, r, ix), "tx",
			 count_json(&v->tx), "rx", count_json(&v->rx));
}

json_t *vif_json(struct daemon *d, vif_ix ix)
{
	struct residents r;

	collect(d, ix, &r);
	return one(d, &r, ix);
}

json_t *vif_json_tree(struct daemon *d, vif_ix top)
{
	struct residents r;
	json_t *list = json_array();

	collect(d, top, &r);
	for (vif_ix ix = 0; (ix = vif_next(daemon_fabric(d), top, ix));)
		json_array_append_new(list, one(d, &r, ix));
	return list;
}
