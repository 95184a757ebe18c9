/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps in general, and arrays; see map.h. */
#include "bpf/map_internal.h"
#include "base/mem.h"

#include <errno.h>

#include "toami/bpf.h"

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) & ~(to - 1);
}

static bool possible(const struct bpf_map *map)
{
	if (!map->entries || map->entries > BPF_ENTRIES_MAX ||
	    !map->value_bytes || map->value_bytes > BPF_VALUE_MAX ||
	    !map->key_bytes || map->key_bytes > BPF_KEY_MAX ||
	    map->flags & ~(uint32_t)TOAMI_SHARED)
		return false;
	switch (map->type) {
	case TOAMI_ARRAY:
		return map->key_bytes == sizeof(uint32_t);
	case TOAMI_HASH:
		return true;
	case TOAMI_LPM:
		return map->key_bytes == sizeof(struct toami_prefix4) ||
		       map->key_bytes == sizeof(struct toami_prefix6);
	default:
		return false;
	}
}

uint64_t bpf_map_layout(struct bpf_map *map)
{
	uint64_t at = 0;

	if (!possible(map))
		return 0;
	map->buckets = 0;
	map->bucket_words = 0;
	map->value_off = 0;
	if (map->type != TOAMI_ARRAY) {
		map->buckets = 1;
		while (map->buckets < map->entries)
			map->buckets *= 2;
		at = round_up((uint64_t)map->buckets * sizeof(struct bucket),
			      BPF_MAP_ALIGN);
		map->value_off = (uint32_t)(sizeof(struct element) +
					    round_up(map->key_bytes, 8));
	}
	map->elements = at;
	map->stride =
		(uint32_t)(map->value_off + round_up(map->value_bytes, 8));
	/* Slot 0 of a pool is never used. */
	at += (uint64_t)map->stride * (map->entries + !!map->buckets);
	map->bytes = round_up(at, BPF_MAP_ALIGN);
	return map->bytes;
}

void bpf_map_start(struct bpf_map *map, uint64_t seed)
{
	map->elements += map->memory;
	map->bucket_words += map->memory;
	map->seed = seed;
	atomic_store(&map->writers, 0);
	for (size_t n = 0; n < ARRAY_SIZE(map->lengths); n++)
		atomic_store(&map->lengths[n], 0);
	slot_pool_init(&map->pool, map->entries + 1);
}

static unsigned char *array_value(const struct bpf_maps *m,
				  const struct bpf_map *map, uint32_t index)
{
	if (index >= map->entries)
		return NULL;
	return m->memory + map->elements + (uint64_t)index * map->stride;
}

static uint32_t array_index(const void *key)
{
	return ((const struct word32 *)key)->v;
}

void *bpf_map_find(const struct bpf_maps *m, struct bpf_map *map,
		   const void *key)
{
	switch (map->type) {
	case TOAMI_ARRAY:
		return array_value(m, map, array_index(key));
	case TOAMI_HASH:
		return map_hash_find(m, map, key);
	default:
		return map_lpm_find(m, map, key);
	}
}

long bpf_map_set(const struct bpf_maps *m, struct bpf_map *map, const void *key,
		 const void *value, uint64_t flags)
{
	unsigned char *to;

	if (flags > TOAMI_EXIST)
		return -EINVAL;
	switch (map->type) {
	case TOAMI_ARRAY:
		to = array_value(m, map, array_index(key));
		if (!to)
			return -ENOENT;
		if (flags == TOAMI_NEW)
			return -EEXIST;
		mem_copy(to, value, map->value_bytes);
		return 0;
	case TOAMI_HASH:
		return map_hash_set(m, map, key, value, flags);
	default:
		return map_lpm_set(m, map, key, value, flags);
	}
}

long bpf_map_delete(const struct bpf_maps *m, struct bpf_map *map,
		    const void *key)
{
	switch (map->type) {
	case TOAMI_ARRAY:
		return -EINVAL;
	case TOAMI_HASH:
		return map_hash_delete(m, map, key);
	default:
		return map_lpm_delete(m, map, key);
	}
}

void *bpf_map_next(const struct bpf_maps *m, struct bpf_map *map,
		   uint32_t *cursor, const void **key)
{
	*key = NULL;
	if (map->type == TOAMI_ARRAY)
		return array_value(m, map, (*cursor)++);
	return map_hash_next(m, map, cursor, key);
}

void bpf_map_repair(const struct bpf_maps *m, struct bpf_map *map)
{
	if (map->type != TOAMI_ARRAY && atomic_load(&map->writers))
		map_hash_repair(m, map);
	atomic_store(&map->writers, 0);
}
