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

void *hash_find(const struct bpf_maps *m, const struct bpf_map *map,
		const void *key);
long hash_set(const struct bpf_maps *m, struct bpf_map *map, const void *key,
	      const void *value, uint64_t flags);
long hash_delete(const struct bpf_maps *m, struct bpf_map *map,
		 const void *key);
void *hash_next(const struct bpf_maps *m, const struct bpf_map *map,
		uint32_t *cursor, const void **key);
void hash_repair(const struct bpf_maps *m, struct bpf_map *map);

void *lpm_find(const struct bpf_maps *m, const struct bpf_map *map,
	       const void *key);
long lpm_set(const struct bpf_maps *m, struct bpf_map *map, const void *key,
	     const void *value, uint64_t flags);
long lpm_delete(const struct bpf_maps *m, struct bpf_map *map, const void *key);

#endif
