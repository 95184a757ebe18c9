/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Longest-prefix maps: a hash of masked keys, and which lengths are in it.
 *
 * A length whose last key was deleted stays in the set: it costs a look, not an
 * answer.
 */
#include "bpf/map_internal.h"
#include "base/mem.h"

#include <errno.h>

#include "toami/bpf.h"

static uint32_t bits_max(const struct bpf_map *map)
{
	return 8 * (map->key_bytes - 4);
}

/* @key cut to @bits, which is written into the copy. */
static void cut(const struct bpf_map *map, const struct toami_prefix6 *key,
		uint32_t bits, struct toami_prefix6 *copy)
{
	uint32_t bytes = map->key_bytes - 4;

	copy->bits = bits;
	for (uint32_t n = 0; n < bytes; n++) {
		uint32_t keep = bits > 8 * n ? min_u32(bits - 8 * n, 8) : 0;

		copy->address[n] =
			(unsigned char)(key->address[n] & (0xff00u >> keep));
	}
}

static uint32_t bits_of(const void *key)
{
	return ((const struct word32 *)key)->v;
}

void *map_lpm_find(const struct bpf_maps *m, const struct bpf_map *map,
		   const void *key)
{
	uint32_t most = min_u32(bits_of(key), bits_max(map));
	struct toami_prefix6 copy;

	for (int word = (int)(most / 64); word >= 0; word--) {
		uint64_t set = atomic_load_explicit(&map->lengths[word],
						    memory_order_acquire);

		if (word == (int)(most / 64))
			set &= UINT64_MAX >> (63 - most % 64);
		while (set) {
			uint32_t top = 63 - (uint32_t)__builtin_clzll(set);
			void *value;

			set &= ~(UINT64_C(1) << top);
			cut(map, key, 64 * (uint32_t)word + top, &copy);
			value = map_hash_find(m, map, &copy);
			if (value)
				return value;
		}
	}
	return NULL;
}

long map_lpm_set(const struct bpf_maps *m, struct bpf_map *map, const void *key,
		 const void *value, uint64_t flags)
{
	uint32_t bits = bits_of(key);
	struct toami_prefix6 copy;

	if (bits > bits_max(map))
		return -EINVAL;
	cut(map, key, bits, &copy);
	/* Before the key: a length too many does no harm. */
	atomic_fetch_or(&map->lengths[bits / 64], UINT64_C(1) << bits % 64);
	return map_hash_set(m, map, &copy, value, flags);
}

long map_lpm_delete(const struct bpf_maps *m, struct bpf_map *map,
		    const void *key)
{
	struct toami_prefix6 copy;

	if (bits_of(key) > bits_max(map))
		return -EINVAL;
	cut(map, key, bits_of(key), &copy);
	return map_hash_delete(m, map, &copy);
}
