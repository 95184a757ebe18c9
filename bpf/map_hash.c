/* SPDX-License-Identifier: BSD-2-Clause */
/* Hash maps; see map.h for who may do what at the same time. */
#include "bpf/map_internal.h"
#include "base/mem.h"

#include <errno.h>

#include "toami/bpf.h"

/*
 * A reader that meets an element moved to another chain may walk on there, or
 * through the pool: it stops after so many and looks again.
 */
#define WALK_MAX 1024
#define LOOKS	 8

/* How often a locked bucket is tried: a few microseconds. */
#define TRIES 400

#define LOCKED 1u

static struct slot_table pool_of(const struct bpf_maps *m,
				 const struct bpf_map *map)
{
	return (struct slot_table){ (struct slot_pool *)(uintptr_t)&map->pool,
				    m->memory + map->elements, map->stride };
}

static struct element *element_at(const struct bpf_maps *m,
				  const struct bpf_map *map, uint32_t ix)
{
	return (struct element *)(m->memory + map->elements +
				  (uint64_t)ix * map->stride);
}

static struct bucket *bucket_of(const struct bpf_maps *m,
				const struct bpf_map *map, uint32_t hash)
{
	return (struct bucket *)(m->memory + map->bucket_words) +
	       (hash & (map->buckets - 1));
}

/* Never 0. The seed is random: who sends packets cannot choose a chain. */
static uint32_t hash_of(const struct bpf_map *map, const unsigned char *key)
{
	uint64_t h = map->seed;
	uint32_t left = map->key_bytes;

	for (; left >= 8; left -= 8, key += 8) {
		h = (h ^ ((const struct word64 *)key)->v) *
		    UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	for (; left; left--)
		h = (h ^ *key++) * UINT64_C(0xff51afd7ed558ccd);
	h ^= map->seed >> 32;
	h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	h ^= h >> 32;
	return (uint32_t)h ? (uint32_t)h : 1;
}

static bool same_key(const unsigned char *a, const unsigned char *b, uint32_t n)
{
	for (; n >= 8; n -= 8, a += 8, b += 8)
		if (((const struct word64 *)a)->v !=
		    ((const struct word64 *)b)->v)
			return false;
	for (; n; n--)
		if (*a++ != *b++)
			return false;
	return true;
}

/*
 * Looks for @key in a chain. Returns the element or 0; @before gets the one
 * before it, 0 for the first; *whole: the chain was seen to its end.
 */
static uint32_t walk(const struct bpf_maps *m, const struct bpf_map *map,
		     const struct bucket *b, uint32_t hash, const void *key,
		     uint32_t *before, bool *whole)
{
	uint32_t ix = atomic_load_explicit(&b->head, memory_order_acquire);
	uint32_t last = 0;

	*whole = true;
	for (int n = 0; ix && ix <= map->entries; n++) {
		struct element *e = element_at(m, map, ix);

		if (atomic_load_explicit(&e->hash, memory_order_acquire) ==
			    hash &&
		    same_key(e->key, key, map->key_bytes)) {
			*before = last;
			return ix;
		}
		if (n == WALK_MAX) {
			*whole = false;
			break;
		}
		last = ix;
		ix = atomic_load_explicit(&e->next, memory_order_acquire);
	}
	return 0;
}

void *map_hash_find(const struct bpf_maps *m, const struct bpf_map *map,
		    const void *key)
{
	uint32_t hash = hash_of(map, key), before;
	const struct bucket *b = bucket_of(m, map, hash);

	for (int look = 0; look < LOOKS; look++) {
		uint32_t word =
			atomic_load_explicit(&b->word, memory_order_acquire);
		bool whole;
		uint32_t ix = walk(m, map, b, hash, key, &before, &whole);

		if (ix)
			return (unsigned char *)element_at(m, map, ix) +
			       map->value_off;
		atomic_thread_fence(memory_order_acquire);
		if (whole &&
		    (atomic_load_explicit(&b->word, memory_order_relaxed) |
		     LOCKED) == (word | LOCKED))
			return NULL;
	}
	return NULL;
}

static bool lock(struct bpf_map *map, struct bucket *b)
{
	atomic_fetch_add(&map->writers, 1);
	for (int n = 0; n < TRIES; n++) {
		uint32_t word =
			atomic_load_explicit(&b->word, memory_order_relaxed);

		if (!(word & LOCKED) && atomic_compare_exchange_weak(
						&b->word, &word, word | LOCKED))
			return true;
		__builtin_ia32_pause();
	}
	atomic_fetch_sub(&map->writers, 1);
	return false;
}

/* @taken: something was taken out of the chain. */
static void unlock(struct bpf_map *map, struct bucket *b, bool taken)
{
	uint32_t word = atomic_load_explicit(&b->word, memory_order_relaxed);

	atomic_store(&b->word, (word & ~LOCKED) + (taken ? 2 : 0));
	atomic_fetch_sub(&map->writers, 1);
}

static long insert(const struct bpf_maps *m, struct bpf_map *map,
		   struct bucket *b, uint32_t hash, const void *key,
		   const void *value)
{
	struct slot_table pool = pool_of(m, map);
	uint32_t ix = slot_alloc(&pool);
	struct element *e;

	if (!ix)
		return -ENOSPC;
	e = element_at(m, map, ix);
	mem_copy(e->key, key, map->key_bytes);
	mem_copy((unsigned char *)e + map->value_off, value, map->value_bytes);
	atomic_store_explicit(
		&e->next, atomic_load_explicit(&b->head, memory_order_relaxed),
		memory_order_relaxed);
	atomic_store_explicit(&e->hash, hash, memory_order_release);
	/* From here on others find it. */
	atomic_store_explicit(&b->head, ix, memory_order_release);
	return 0;
}

long map_hash_set(const struct bpf_maps *m, struct bpf_map *map,
		  const void *key, const void *value, uint64_t flags)
{
	uint32_t hash = hash_of(map, key), ix, before;
	struct bucket *b = bucket_of(m, map, hash);
	bool whole;
	long err = 0;

	if (!lock(map, b))
		return -EBUSY;
	ix = walk(m, map, b, hash, key, &before, &whole);
	if (ix && flags == TOAMI_NEW)
		err = -EEXIST;
	else if (ix)
		mem_copy((unsigned char *)element_at(m, map, ix) +
				 map->value_off,
			 value, map->value_bytes);
	else if (flags == TOAMI_EXIST)
		err = -ENOENT;
	else if (!whole)
		err = -ENOSPC;
	else
		err = insert(m, map, b, hash, key, value);
	unlock(map, b, false);
	return err;
}

long map_hash_delete(const struct bpf_maps *m, struct bpf_map *map,
		     const void *key)
{
	struct slot_table pool = pool_of(m, map);
	uint32_t hash = hash_of(map, key), ix, before, next;
	struct bucket *b = bucket_of(m, map, hash);
	struct element *e;
	bool whole;

	if (!lock(map, b))
		return -EBUSY;
	ix = walk(m, map, b, hash, key, &before, &whole);
	if (ix) {
		e = element_at(m, map, ix);
		next = atomic_load_explicit(&e->next, memory_order_relaxed);
		atomic_store_explicit(before ? &element_at(m, map, before)->next
					     : &b->head,
				      next, memory_order_release);
		atomic_store_explicit(&e->hash, 0, memory_order_release);
	}
	unlock(map, b, ix != 0);
	/* After the count moved: readers who walk on from it look again. */
	if (ix)
		slot_free(&pool, ix);
	return ix ? 0 : -ENOENT;
}

void *map_hash_next(const struct bpf_maps *m, const struct bpf_map *map,
		    uint32_t *cursor, const void **key)
{
	struct slot_table pool = pool_of(m, map);
	uint32_t end = slot_end(&pool);

	for (uint32_t ix = *cursor + 1; ix < end && ix <= map->entries; ix++) {
		struct element *e = element_at(m, map, ix);

		if (!atomic_load_explicit(&e->hash, memory_order_acquire))
			continue;
		*cursor = ix;
		*key = e->key;
		return (unsigned char *)e + map->value_off;
	}
	return NULL;
}

static bool is_linked(const struct bpf_maps *m, const struct bpf_map *map,
		      uint32_t wanted, uint32_t hash)
{
	const struct bucket *b = bucket_of(m, map, hash);
	uint32_t ix = atomic_load(&b->head);

	for (uint32_t n = 0; ix && ix <= map->entries && n <= map->entries;
	     n++) {
		if (ix == wanted)
			return true;
		ix = atomic_load(&element_at(m, map, ix)->next);
	}
	return false;
}

struct repair {
	const struct bpf_maps *maps;
	struct bpf_map *map;
};

static bool element_live(void *arg, uint32_t ix)
{
	const struct repair *r = arg;
	struct element *e = element_at(r->maps, r->map, ix);
	uint32_t hash = atomic_load(&e->hash);

	if (hash && is_linked(r->maps, r->map, ix, hash))
		return true;
	atomic_store(&e->hash, 0);
	return false;
}

/*
 * Chains are whole at any instruction: an element has its hash before it is
 * linked, and loses it after. What is in no chain was in the hands of the dead.
 */
void map_hash_repair(const struct bpf_maps *m, struct bpf_map *map)
{
	struct slot_table pool = pool_of(m, map);
	struct repair r = { m, map };
	struct bucket *b = bucket_of(m, map, 0);

	for (uint32_t n = 0; n < map->buckets; n++) {
		uint32_t word = atomic_load(&b[n].word);

		if (word & LOCKED)
			atomic_store(&b[n].word, (word & ~LOCKED) + 2);
	}
	slot_rebuild(&pool, element_live, &r);
}
