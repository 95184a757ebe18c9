/* SPDX-License-Identifier: BSD-2-Clause */
/* See maps.h. */
#include "daemon/maps.h"
#include "bpf/extent.h"
#include "daemon/prop.h"
#include "daemon/settings.h"
#include "vif/program.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

struct maps {
	struct extent_book book;
};

struct maps *maps_new(void)
{
	struct maps *m = calloc(1, sizeof(*m));

	if (m)
		m->book.end = (uint64_t)VIF_MAP_PAGE * VIF_MAP_PAGES;
	return m;
}

void maps_free(struct maps *m)
{
	if (!m)
		return;
	extent_fini(&m->book);
	free(m);
}

void maps_put(struct daemon *d, uint32_t slot)
{
	struct bpf_map *m = maps_at(d, slot);
	unsigned char *base =
		daemon_fabric(d)->table[FABRIC_TABLE_MAP_MEMORY].base;

	if (--m->refs)
		return;
	atomic_store(&m->live, 0);
	/* The pages go back to the kernel and come again as zeros. */
	if (madvise(base + m->memory, m->bytes, MADV_REMOVE))
		memset(base + m->memory, 0, m->bytes);
	extent_give(&d->maps->book, m->memory);
	slot_free(&daemon_fabric(d)->table[FABRIC_TABLE_MAP], slot);
}

static bool same_shape(const struct bpf_map *m, const struct bpf_map_def *def)
{
	return m->type == def->type && m->key_bytes == def->key_bytes &&
	       m->value_bytes == def->value_bytes &&
	       m->entries == def->entries && m->flags == def->flags;
}

/* The live map called @def->name of @vif, or of the fabric; 0. */
static uint32_t map_find(struct daemon *d, vif_ix vif,
			 const struct bpf_map_def *def)
{
	struct fabric *f = daemon_fabric(d);
	uint32_t end = slot_end(&f->table[FABRIC_TABLE_MAP]);

	for (uint32_t ix = 1; ix < end; ix++) {
		const struct bpf_map *m = maps_at(d, ix);

		if (atomic_load(&m->live) && m->vif == vif &&
		    !strcmp(m->name, def->name))
			return ix;
	}
	return 0;
}

static uint32_t map_make(struct daemon *d, vif_ix vif,
			 const struct bpf_map_def *def, const uint8_t *initial,
			 struct refusal *why)
{
	struct slot_table *table = &daemon_fabric(d)->table[FABRIC_TABLE_MAP];
	unsigned char *base =
		daemon_fabric(d)->table[FABRIC_TABLE_MAP_MEMORY].base;
	struct bpf_map map = { .type = def->type,
			       .key_bytes = def->key_bytes,
			       .value_bytes = def->value_bytes,
			       .entries = def->entries,
			       .flags = def->flags,
			       .vif = vif,
			       .refs = 1,
			       .read_only = def->read_only };
	uint64_t seed = 0;
	uint32_t slot;

	memcpy(map.name, def->name, sizeof(map.name));
	if (!bpf_map_layout(&map)) {
		refuse(why, "bad-program", EX_DATAERR,
		       "map %s is none that there can be: kind %u, keys of %u, "
		       "values of %u bytes, %u entries, flags %u",
		       def->name, def->type, def->key_bytes, def->value_bytes,
		       def->entries, def->flags);
		return 0;
	}
	/* The first page is never a map's: offset 0 is nobody's value. */
	map.memory = extent_take(&d->maps->book, map.bytes, VIF_MAP_PAGE);
	slot = map.memory == UINT64_MAX ? 0 : slot_alloc(table);
	if (!slot) {
		if (map.memory != UINT64_MAX)
			extent_give(&d->maps->book, map.memory);
		refuse(why, "no-memory", EX_OSERR,
		       "the fabric has no room for map %s of %llu bytes",
		       def->name, (unsigned long long)map.bytes);
		return 0;
	}
	if (getrandom(&seed, sizeof(seed), 0) < 0)
		seed = fabric_now(daemon_fabric(d));
	*maps_at(d, slot) = map;
	bpf_map_start(maps_at(d, slot), seed);
	if (initial)
		memcpy(base + map.memory, initial, def->value_bytes);
	atomic_store(&maps_at(d, slot)->live, 1);
	return slot;
}

static bool is_data(const struct bpf_map_def *def)
{
	return def->name[0] == '.';
}

/* Data sections are always new: their contents belong to this reading of the
 * object. */
uint32_t maps_get(struct daemon *d, vif_ix vif, const struct bpf_map_def *def,
		  const uint8_t *initial, struct refusal *why)
{
	vif_ix of = def->flags & TOAMI_SHARED ? 0 : vif;
	uint32_t slot = is_data(def) ? 0 : map_find(d, of, def);

	if (!slot)
		return map_make(d, of, def, initial, why);
	if (!same_shape(maps_at(d, slot), def)) {
		refuse(why, "bad-program", EX_DATAERR,
		       "there is a map %s of another shape: give this one "
		       "another name, or take the program that has it away "
		       "first",
		       def->name);
		return 0;
	}
	maps_at(d, slot)->refs++;
	return slot;
}

int maps_copy(struct daemon *d, struct daemon *from, const vif_ix *vif,
	      struct refusal *why)
{
	uint32_t end = slot_end(&daemon_fabric(from)->table[FABRIC_TABLE_MAP]);

	for (uint32_t slot = 1; slot < end; slot++) {
		const struct bpf_map *m = maps_at(from, slot);
		struct bpf_map_def def = { .type = m->type,
					   .key_bytes = m->key_bytes,
					   .value_bytes = m->value_bytes,
					   .entries = m->entries,
					   .flags = m->flags,
					   .read_only = m->read_only };

		if (!atomic_load(&m->live) || !m->vif)
			continue;
		memcpy(def.name, m->name, sizeof(def.name));
		if (!map_make(d, vif[m->vif], &def, NULL, why))
			return -1;
	}
	return 0;
}

/* --- quota -------------------------------------------------------------------
 */

/* Maps by slot, each once. */
struct marks {
	bool of[VIF_MAP_MAX];
};

static uint32_t slots_end(struct daemon *d)
{
	return slot_end(&daemon_fabric(d)->table[FABRIC_TABLE_MAP]);
}

/* The shared maps that programs of @ix refer to. */
static void mark_shared(struct daemon *d, vif_ix ix, struct marks *marks)
{
	const struct fabric *f = daemon_fabric(d);
	const struct vif_control *c = vif_control_of(f, ix);

	for (int way = 0; c && way < 2; way++) {
		uint32_t slot = atomic_load(&c->program[way]);
		const struct bpf_program *p =
			slot ? vif_program_at(f, slot) : NULL;

		for (uint32_t n = 0; p && n < p->map_count; n++)
			if (!maps_at(d, p->map[n])->vif)
				marks->of[p->map[n]] = true;
	}
}

/* What is below @top, and with @self at it, too. */
static void mark_below(struct daemon *d, vif_ix top, bool self,
		       struct marks *marks)
{
	const struct fabric *f = daemon_fabric(d);
	uint32_t end = slots_end(d);
	bool shared = false;

	for (uint32_t slot = 1; slot < end; slot++) {
		const struct bpf_map *m = maps_at(d, slot);

		if (!atomic_load(&m->live))
			continue;
		shared = shared || !m->vif;
		if (m->vif && (self || m->vif != top) &&
		    vif_below(f, m->vif, top))
			marks->of[slot] = true;
	}
	if (!shared)
		return;
	if (self)
		mark_shared(d, top, marks);
	for (vif_ix ix = top; (ix = vif_next(f, top, ix));)
		mark_shared(d, ix, marks);
}

static uint64_t sum(struct daemon *d, const struct marks *marks)
{
	uint32_t end = slots_end(d);
	uint64_t pages = 0;

	for (uint32_t slot = 1; slot < end; slot++)
		if (marks->of[slot])
			pages += (maps_at(d, slot)->bytes + VIF_MAP_PAGE - 1) /
				 VIF_MAP_PAGE;
	return pages * VIF_MAP_PAGE;
}

uint64_t maps_bytes(struct daemon *d, vif_ix ix, bool self)
{
	struct marks marks = { 0 };

	if (slots_end(d) <= 1)
		return 0;
	mark_below(d, ix, self, &marks);
	return sum(d, &marks);
}

/* What the maps below @ix may hold; 0: anything. */
static uint64_t quota_of(struct daemon *d, vif_ix ix)
{
	const struct vif_control *c = vif_control_of(daemon_fabric(d), ix);
	uid_t owner;

	if (c && c->quota_map_bytes)
		return c->quota_map_bytes;
	return settings_owner(d, ix, &owner) && owner && owner != geteuid()
		       ? VIF_MAP_OWNER_BYTES
		       : 0;
}

static int refuse_bytes(struct daemon *d, vif_ix ix, uint64_t bytes,
			uint64_t quota, struct refusal *why)
{
	char path[VIF_PATH_MAX], would[PROP_TEXT_MAX], has[PROP_TEXT_MAX];

	vif_path(daemon_fabric(d), ix, path);
	prop_print(PROP_ID_LIMIT, &(struct prop_value){ .n = { bytes } },
		   would);
	prop_print(PROP_ID_LIMIT, &(struct prop_value){ .n = { quota } }, has);
	return refuse(why, "quota", EX_NOPERM,
		      "the maps of programs below VIF %.200s would hold %s, "
		      "more than its quota of %s: take a program away, give "
		      "its maps fewer entries, or have quota=maps:BYTES raised",
		      path, would, has);
}

int maps_permit(struct daemon *d, vif_ix vif, const uint32_t *map,
		uint32_t count, struct refusal *why)
{
	vif_ix up = vif;

	if (!count || !d->asking || rights_all(d, d->asking))
		return 0;
	while ((up = vif_parent(vif_at(daemon_fabric(d), up)))) {
		uint64_t quota = quota_of(d, up), bytes;
		struct marks marks = { 0 };

		if (!quota)
			continue;
		mark_below(d, up, false, &marks);
		for (uint32_t n = 0; n < count; n++)
			marks.of[map[n]] = true;
		bytes = sum(d, &marks);
		if (bytes > quota)
			return refuse_bytes(d, up, bytes, quota, why);
	}
	return 0;
}

int maps_permit_move(struct daemon *d, const struct peer *peer, vif_ix parent,
		     vif_ix moved, struct refusal *why)
{
	const struct fabric *f = daemon_fabric(d);

	if (rights_all(d, peer) || !maps_bytes(d, moved, true))
		return 0;
	for (vif_ix up = parent; up; up = vif_parent(vif_at(f, up))) {
		uint64_t quota = quota_of(d, up), bytes;
		struct marks marks = { 0 };

		/* What is below it already is no more of it. */
		if (!quota || vif_below(f, moved, up))
			continue;
		mark_below(d, up, false, &marks);
		mark_below(d, moved, true, &marks);
		bytes = sum(d, &marks);
		if (bytes > quota)
			return refuse_bytes(d, up, bytes, quota, why);
	}
	return 0;
}
