/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kinds of maps share; see map.h. */
#ifndef TOAMI_BPF_MAP_INTERNAL_H
#define TOAMI_BPF_MAP_INTERNAL_H

#include "bpf/map.h"

struct word32 {
	uint32_t v;
} __attribute__((packed, may_alias));

struct word64 {
	uint64_t v;
} __attribute__((packed, may_alias));

/* A chain. `word`: bit 0 locked; above, how often something was taken out. */
struct bucket {
	_Atomic uint32_t head;
	_Atomic uint32_t word;
};

/* The head of an element; key and value follow. */
struct element {
	_Atomic uint32_t next; /* in its chain; in the pool while free */
	_Atomic uint32_t hash; /* 0: not in use */
	unsigned char key[];
};

void *map_hash_find(const struct bpf_maps *m, const struct bpf_map *map,
		    const void *key);
long map_hash_set(const struct bpf_maps *m, struct bpf_map *map,
		  const void *key, const void *value, uint64_t flags);
long map_hash_delete(const struct bpf_maps *m, struct bpf_map *map,
		     const void *key);
void *map_hash_next(const struct bpf_maps *m, const struct bpf_map *map,
		    uint32_t *cursor, const void **key);
void map_hash_repair(const struct bpf_maps *m, struct bpf_map *map);

void *map_lpm_find(const struct bpf_maps *m, const struct bpf_map *map,
		   const void *key);
long map_lpm_set(const struct bpf_maps *m, struct bpf_map *map, const void *key,
		 const void *value, uint64_t flags);
long map_lpm_delete(const struct bpf_maps *m, struct bpf_map *map,
		    const void *key);

#endif
