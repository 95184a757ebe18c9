/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See vif_json.h. The programs of a tree are collected once and sorted by VIF,
 * so that a listing of many VIFs does not look at every process for each.
 */
#include "daemon/vif_json.h"
#include "daemon/members.h"
#include "daemon/ports.h"
#include "daemon/request.h"
#include "daemon/vif_stats.h"

#include <stdio.h>
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
static void put_name(struct json_text *j, const char *key, const char *name,
		     size_t size)
{
	char text[32];
	size_t n = 0;

	for (; n < size && n < sizeof(text) - 1 && name[n]; n++)
		text[n] = name[n] >= ' ' && name[n] <= '~' ? name[n] : '?';
	text[n] = 0;
	json_text_string(j, key, text);
}

static void put_programs(struct json_text *j, struct daemon *d,
			 const struct residents *r, vif_ix vif)
{
	json_text_open(j, "programs", '[');
	for (size_t i = first_of(r, vif); i < r->count && r->of[i].vif == vif;
	     i++) {
		const struct fabric_proc *p =
			&daemon_fabric(d)->procs[r->of[i].proc];

		json_text_open(j, NULL, '{');
		json_text_number(j, "pid", (uint64_t)atomic_load(&p->pid));
		put_name(j, "name", p->name, sizeof(p->name));
		json_text_number(j, "uid", p->uid);
		json_text_close(j, '}');
	}
	json_text_close(j, ']');
}

static void put_address(struct json_text *j, const char *key,
			const struct ip_addr *a)
{
	char text[POOL_TEXT];

	json_text_string(j, key, ip_is_any(a) ? NULL : pool_print(a, text));
}

static void put_mac(struct json_text *j, host_ix host)
{
	char text[24];
	uint8_t mac[6];

	fabric_mac(host, mac);
	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	json_text_string(j, "mac", host ? text : NULL);
}

static void put_settings(struct json_text *j, struct daemon *d, vif_ix ix)
{
	struct prop_value of[PROPS];

	json_text_open(j, "set", '{');
	if (settings_any(d, ix)) {
		settings_get(d, ix, of);
		for (enum prop_id id = 0; id < PROPS; id++)
			if (prop_is_set(&of[id]))
				settings_text(j, id, &of[id]);
	}
	json_text_close(j, '}');
}

static void put_one(struct json_text *j, struct daemon *d,
		    const struct residents *r, vif_ix ix,
		    enum vif_json_depth depth)
{
	struct fabric *f = daemon_fabric(d);
	const struct vif *v = vif_at(f, ix);
	host_ix own = atomic_load(&v->host), host = vif_host(f, ix);
	char path[VIF_PATH_MAX], lane_of[VIF_PATH_MAX];

	vif_path(f, ix, path);
	if (host && !own)
		vif_path(f, f->hosts[host].vif, lane_of);
	json_text_open(j, NULL, '{');
	json_text_string(j, "path", path);
	put_address(j, "address", &v->addr4);
	if (depth >= VIF_JSON_WHOLE) {
		put_address(j, "address6", &v->addr6);
		put_mac(j, own);
	}
	json_text_string(j, "lane_of", host && !own ? lane_of : NULL);
	json_text_string(j, "port", ports_name(d, ix));
	if (depth >= VIF_JSON_WHOLE) {
		json_text_number(j, "uid", v->uid);
		put_settings(j, d, ix);
	}
	put_programs(j, d, r, ix);
	vif_stats_json(j, d, ix, depth >= VIF_JSON_QUEUE);
	json_text_close(j, '}');
}

json_t *vif_json(struct daemon *d, vif_ix ix)
{
	struct json_text j = { 0 };
	struct residents r;
	json_t *json;
	char *text;

	collect(d, ix, &r);
	for (size_t i = first_of(&r, ix); i < r.count && r.of[i].vif == ix; i++)
		members_look(d->members, r.of[i].proc);
	put_one(&j, d, &r, ix, VIF_JSON_QUEUE);
	text = json_text_take(&j);
	json = text ? json_loads(text, 0, NULL) : NULL;
	free(text);
	return json;
}

char *vif_json_tree(struct daemon *d, vif_ix top, enum vif_json_depth depth)
{
	struct json_text j = { 0 };
	struct residents r;

	collect(d, top, &r);
	json_text_open(&j, NULL, '{');
	json_text_open(&j, "vifs", '[');
	for (vif_ix ix = 0; (ix = vif_next(daemon_fabric(d), top, ix));)
		put_one(&j, d, &r, ix, depth);
	json_text_close(&j, ']');
	json_text_close(&j, '}');
	return json_text_take(&j);
}

char *vif_json_paths(struct daemon *d, vif_ix top)
{
	struct fabric *f = daemon_fabric(d);
	struct json_text j = { 0 };
	char path[VIF_PATH_MAX];

	json_text_open(&j, NULL, '{');
	json_text_open(&j, "paths", '[');
	for (vif_ix ix = 0; (ix = vif_next(f, top, ix));) {
		vif_path(f, ix, path);
		json_text_string(&j, NULL, path);
	}
	json_text_close(&j, ']');
	json_text_close(&j, '}');
	return json_text_take(&j);
}
