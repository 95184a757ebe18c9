/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps: what programs remember, in shared memory.
 *
 * A map is a slot that describes it and a piece of the maps' memory for its
 * elements; both are named by numbers, since every process sees them elsewhere.
 * The daemon makes and ends maps; programs in any process, and the daemon, use
 * them at the same time.
 *
 * An array is its values in a row. A hash has chains of elements from a pool
 * (base/slot.h). Finding takes no lock: a bucket's word counts what is taken
 * out of its chain, and whoever misses a key while it moved looks again.
 * Changing a chain takes the bucket's lock, which is waited for a moment only,
 * since nobody may wait inside the fabric: -EBUSY then. A longest-prefix map is
 * a hash of masked keys and the set of lengths in it, looked through from the
 * longest.
 *
 * A value is changed in place, so that who found it keeps it; aligned words of
 * eight bytes are whole. An element that is deleted may be used anew at once:
 * who still writes to it, writes to another key's value, as in Linux's
 * preallocated hash maps.
 *
 * Death: an element becomes visible by one store to its chain and invisible by
 * one. Someone killed in between leaves a locked bucket or a lost element, and
 * `writers` above zero; bpf_map_repair() mends that while nobody else is
 * inside.
 */
#ifndef TOAMI_BPF_MAP_H
#define TOAMI_BPF_MAP_H

#include "base/slot.h"

#define BPF_KEY_MAX	256
#define BPF_VALUE_MAX	65536
#define BPF_ENTRIES_MAX (1u << 24)
#define BPF_MAP_NAME	32
#define BPF_MAP_ALIGN	64 /* of a map's piece of memory */

struct bpf_map {
	uint32_t slot_link;    /* base/slot.h, while free */
	_Atomic uint32_t live; /* written last by the daemon */
	uint32_t type;	       /* TOAMI_ARRAY, TOAMI_HASH, TOAMI_LPM */
	uint32_t key_bytes;
	uint32_t value_bytes;
	uint32_t entries;
	uint32_t flags;
	uint32_t stride;	  /* bytes an element */
	uint32_t value_off;	  /* of the value in an element */
	uint32_t buckets;	  /* a power of two; 0: an array */
	uint64_t elements;	  /* where they are in the maps' memory */
	uint64_t bucket_words;	  /* where the buckets are */
	uint64_t memory;	  /* begin of the map's piece */
	uint64_t bytes;		  /* its length */
	uint64_t seed;		  /* of the hash; nobody outside knows it */
	uint32_t vif;		  /* whose it is; 0: shared by name */
	uint32_t refs;		  /* programs that refer to it; the daemon's */
	uint32_t read_only;	  /* constants of a program */
	_Atomic uint32_t writers; /* inside, changing a chain */
	char name[BPF_MAP_NAME];
	_Atomic uint64_t
		lengths[3]; /* LPM: a bit for each that was ever used */
	struct slot_pool pool;
};

/* A process's view of all maps. */
struct bpf_maps {
	struct slot_table table;
	unsigned char *memory;
};

static inline struct bpf_map *bpf_map_at(const struct bpf_maps *m, uint32_t ix)
{
	return (struct bpf_map *)slot_at(&m->table, ix);
}

/**
 * bpf_map_layout - checks a description and computes what follows from it
 * @map: type, key_bytes, value_bytes, entries and flags are set
 *
 * Returns the bytes of memory it needs, or 0: it is not a possible map.
 */
uint64_t bpf_map_layout(struct bpf_map *map);

/* bpf_map_start - an empty map, in memory of zeros at map->memory */
void bpf_map_start(struct bpf_map *map, uint64_t seed);

/* bpf_map_find - the value of @key, or NULL */
void *bpf_map_find(const struct bpf_maps *m, struct bpf_map *map,
		   const void *key);

/**
 * bpf_map_set - gives @key the value
 * @flags: TOAMI_ANY, TOAMI_NEW, TOAMI_EXIST
 *
 * Returns 0; -EEXIST; -ENOENT: not there, or no index of the array; -ENOSPC;
 * -EBUSY: somebody else changes the same chain; -EINVAL.
 */
long bpf_map_set(const struct bpf_maps *m, struct bpf_map *map, const void *key,
		 const void *value, uint64_t flags);

/* bpf_map_delete - 0; -ENOENT; -EBUSY; -EINVAL: it is an array */
long bpf_map_delete(const struct bpf_maps *m, struct bpf_map *map,
		    const void *key);

/**
 * bpf_map_next - goes through all elements, in no order
 * @cursor: 0 begins; updated
 *
 * Returns the value and its key, both in place; NULL: that was all. Of an array
 * *key is NULL, and *cursor - 1 is the index.
 */
void *bpf_map_next(const struct bpf_maps *m, struct bpf_map *map,
		   uint32_t *cursor, const void **key);

/* bpf_map_repair - after a death; nobody else is inside */
void bpf_map_repair(const struct bpf_maps *m, struct bpf_map *map);

#endif
