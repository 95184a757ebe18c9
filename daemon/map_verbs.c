/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verbs on maps of packet programs; docs/protocol.md.
 *
 * A map is named as VIF:NAME, or :NAME where programs share it. Programs in
 * other processes use it at the same time.
 */
#include "daemon/call.h"
#include "daemon/tree.h"
#include "daemon/json_text.h"
#include "daemon/map_words.h"
#include "daemon/settings.h"
#include "vif/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toami/bpf.h"

#define DUMP_MOST 16384 /* entries an answer */

/* A map under way, with room for a key and a value in words and in bytes. */
struct at_map {
	struct bpf_maps maps;
	struct bpf_map *map;
	const char *name;
	uint8_t key[BPF_KEY_MAX];
	char *word; /* of a value */
	size_t word_bytes;
	bool ip;
};

static void map_name(struct daemon *d, const struct bpf_map *m,
		     char name[VIF_PATH_MAX + BPF_MAP_NAME + 1])
{
	size_t at = 0;

	if (m->vif)
		at = vif_path(daemon_fabric(d), m->vif, name);
	snprintf(name + at, BPF_MAP_NAME + 1, ":%s", m->name);
}

static bool open_map(struct call *c, struct at_map *a)
{
	struct fabric *f = daemon_fabric(c->daemon);
	char path[VIF_PATH_MAX];
	bool bad = false;
	const char *colon;
	vif_ix vif = 0;
	uint32_t end;

	memset(a, 0, sizeof(*a));
	a->maps = vif_program_maps(f);
	a->ip = call_flag(c, "ip");
	a->name = call_text(c, "map", &bad);
	colon = a->name ? strrchr(a->name, ':') : NULL;
	if (!colon || (size_t)(colon - a->name) >= sizeof(path)) {
		if (!bad)
			refuse(c->why, "bad-value", EX_USAGE,
			       "'%.100s' names no map: write VIF:NAME, or "
			       ":NAME for one that is shared",
			       a->name ? a->name : "");
		return false;
	}
	if (colon > a->name) {
		memcpy(path, a->name, (size_t)(colon - a->name));
		path[colon - a->name] = 0;
		vif = tree_find(c->daemon, path, c->why);
		if (!vif)
			return false;
	}
	end = slot_end(&a->maps.table);
	for (uint32_t ix = 1; ix < end; ix++) {
		struct bpf_map *m = bpf_map_at(&a->maps, ix);

		if (atomic_load(&m->live) && m->vif == vif &&
		    !strcmp(m->name, colon + 1))
			a->map = m;
	}
	if (!a->map) {
		refuse(c->why, "no-map", EX_UNAVAILABLE,
		       "there is no map %.100s: 'toami map ls' shows those "
		       "that are",
		       a->name);
		return false;
	}
	/* At most 21 characters a word of eight bytes, two a byte in hex. */
	a->word_bytes = 64 + 3 * (size_t)a->map->value_bytes +
			3 * (size_t)a->map->key_bytes;
	a->word = malloc(a->word_bytes);
	if (a->word)
		return true;
	refuse(c->why, "internal", EX_OSERR, "out of memory");
	return false;
}

static bool read_key(struct call *c, struct at_map *a)
{
	bool bad = false;
	const char *word = call_text(c, "key", &bad);
	bool lpm = a->map->type == TOAMI_LPM;

	if (word &&
	    (lpm && strncmp(word, "hex:", 4)
		     ? map_words_read_prefix(word, a->map->key_bytes, a->key)
		     : map_words_read(word, a->map->key_bytes, a->key)))
		return true;
	if (!bad)
		refuse(c->why, "bad-value", EX_USAGE,
		       "'%.100s' is no key of %.100s, which has keys of %u "
		       "bytes: %s",
		       word ? word : "", a->name, a->map->key_bytes,
		       lpm ? "write a prefix, for instance 10.77.0.0/16"
			   : "write a number, an address or hex:BYTES");
	return false;
}

static const char *print_key(struct at_map *a, const uint8_t *key)
{
	if (a->map->type == TOAMI_LPM)
		map_words_print_prefix(key, a->map->key_bytes, a->word,
				       a->word_bytes);
	else
		map_words_print(key, a->map->key_bytes, a->ip, a->word,
				a->word_bytes);
	return a->word;
}

static const char *print_value(struct at_map *a, const uint8_t *value)
{
	map_words_print(value, a->map->value_bytes, a->ip, a->word,
			a->word_bytes);
	return a->word;
}

static int no_key(struct call *c, const struct at_map *a)
{
	return refuse(c->why, "no-key", EX_UNAVAILABLE,
		      "map %.100s has no such key", a->name);
}

static bool may_change(struct call *c, const struct at_map *a)
{
	if (a->map->read_only) {
		refuse(c->why, "bad-value", EX_NOPERM,
		       "map %.100s holds a program's constants", a->name);
		return false;
	}
	/* What is shared is the fabric's: the root VIF stands for it. */
	return !rights_change(c->daemon, c->peer,
			      a->map->vif ? a->map->vif : VIF_ROOT, c->why);
}

json_t *do_map_ls(struct call *c)
{
	static const char *const kind[] = { "", "array", "hash", "lpm" };
	struct bpf_maps maps = vif_program_maps(daemon_fabric(c->daemon));
	uint32_t end = slot_end(&maps.table);
	json_t *list = json_array();

	for (uint32_t ix = 1; ix < end; ix++) {
		struct bpf_map *m = bpf_map_at(&maps, ix);
		char name[VIF_PATH_MAX + BPF_MAP_NAME + 1];
		uint32_t cursor = 0, used = 0;
		const void *key;

		if (!atomic_load(&m->live))
			continue;
		map_name(c->daemon, m, name);
		if (m->type == TOAMI_ARRAY)
			used = m->entries;
		else
			while (bpf_map_next(&maps, m, &cursor, &key))
				used++;
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "map",
				  name, "kind", kind[m->type & 3], "key_bytes",
				  (json_int_t)m->key_bytes, "value_bytes",
				  (json_int_t)m->value_bytes, "entries",
				  (json_int_t)m->entries, "used",
				  (json_int_t)used, "programs",
				  (json_int_t)m->refs));
	}
	return json_pack("{s:o}", "maps", list);
}

json_t *do_map_get(struct call *c)
{
	json_t *result = NULL;
	struct at_map a;
	const uint8_t *value;

	if (open_map(c, &a) && read_key(c, &a)) {
		value = bpf_map_find(&a.maps, a.map, a.key);
		if (value)
			result = json_pack("{s:s}", "value",
					   print_value(&a, value));
		else
			no_key(c, &a);
	}
	free(a.word);
	return result;
}

/* "vif:/b", as toami_redirect() wants it. */
static bool read_vif(struct call *c, const char *path, uint32_t bytes,
		     uint8_t *to)
{
	uint64_t ix = tree_find(c->daemon, path, c->why);

	memcpy(to, &ix, bytes);
	return ix;
}

static int set_value(struct call *c, struct at_map *a)
{
	bool bad = false;
	const char *word = call_text(c, "value", &bad);
	uint8_t *value = calloc(1, a->map->value_bytes);
	long err;

	if (word && value && !strncmp(word, "vif:", 4) &&
	    (a->map->value_bytes == 4 || a->map->value_bytes == 8)) {
		if (!read_vif(c, word + 4, a->map->value_bytes, value)) {
			free(value);
			return -1;
		}
	} else if (!word || !value ||
		   !map_words_read(word, a->map->value_bytes, value)) {
		free(value);
		if (bad)
			return -1;
		return refuse(c->why, "bad-value", EX_USAGE,
			      "'%.100s' is no value of %.100s, which has %u "
			      "bytes: write a number, an address, numbers with "
			      "commas, vif:PATH or hex:BYTES",
			      word ? word : "", a->name, a->map->value_bytes);
	}
	do {
		err = bpf_map_set(&a->maps, a->map, a->key, value, TOAMI_ANY);
	} while (err == -EBUSY);
	free(value);
	if (err == -ENOENT)
		return no_key(c, a);
	if (err)
		return refuse(c->why, "map-full", EX_CANTCREAT,
			      "map %.100s is full: it has room for %u keys",
			      a->name, a->map->entries);
	return 0;
}

json_t *do_map_set(struct call *c)
{
	struct at_map a;
	bool ok = open_map(c, &a) && may_change(c, &a) && read_key(c, &a) &&
		  !set_value(c, &a);

	free(a.word);
	return ok ? json_object() : NULL;
}

json_t *do_map_rm(struct call *c)
{
	struct at_map a;
	bool ok = open_map(c, &a) && may_change(c, &a) && read_key(c, &a);
	long err = 0;

	if (ok) {
		do {
			err = bpf_map_delete(&a.maps, a.map, a.key);
		} while (err == -EBUSY);
		if (err == -ENOENT)
			no_key(c, &a);
		else if (err)
			refuse(c->why, "bad-value", EX_USAGE,
			       "%.100s is an array: its keys stay", a.name);
	}
	free(a.word);
	return ok && !err ? json_object() : NULL;
}

/* Part of a map: so many entries from `cursor` on, and where the next part
 * begins. */
json_t *do_map_dump(struct call *c)
{
	json_int_t from =
		json_integer_value(json_object_get(c->request, "cursor"));
	uint32_t cursor = 0, count = 0;
	struct json_text j = { 0 };
	const uint8_t *value = NULL;
	const void *key;
	struct at_map a;

	if (!open_map(c, &a)) {
		free(a.word);
		return NULL;
	}
	if (from > 0)
		cursor = from > UINT32_MAX ? UINT32_MAX : (uint32_t)from;
	json_text_open(&j, NULL, '{');
	json_text_open(&j, "entries", '[');
	while (count++ < DUMP_MOST &&
	       (value = bpf_map_next(&a.maps, a.map, &cursor, &key))) {
		uint32_t index = cursor - 1;

		json_text_open(&j, NULL, '{');
		json_text_string(&j, "key",
				 print_key(&a, key ? key
						   : (const uint8_t *)&index));
		json_text_string(&j, "value", print_value(&a, value));
		json_text_close(&j, '}');
	}
	json_text_close(&j, ']');
	if (value)
		json_text_number(&j, "cursor", cursor);
	json_text_close(&j, '}');
	free(a.word);
	return call_text_result(c, json_text_take(&j));
}
