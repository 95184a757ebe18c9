/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slot tables: fixed-size records in shared memory, named by index.
 *
 * Free slots form a lock-free stack (Treiber, with a tag against ABA), and
 * slots never used yet are handed out by a counter, so that untouched slots
 * cost no memory. A process killed between taking a slot and using it loses
 * that slot to the table until slot_rebuild(): every other state is whole at
 * any instruction.
 *
 * A slot's first four bytes are its link while it is free, and belong to the
 * slot's user otherwise.
 *
 * Thread rules: slot_alloc and slot_free from any thread of any process;
 * slot_rebuild only while nobody else is in the fabric.
 */
#ifndef TOAMI_BASE_SLOT_H
#define TOAMI_BASE_SLOT_H

#include "base/types.h"

/* The part of a table that lives in shared memory beside its slots. */
struct slot_pool {
	_Alignas(CACHE_LINE) _Atomic uint64_t free; /* tag << 32 | first free */
	_Atomic uint32_t fresh;			    /* first index never used */
	uint32_t capacity;			    /* slots, with slot 0 */
};

/* One process's view of a table. */
struct slot_table {
	struct slot_pool *pool;
	unsigned char *base;
	size_t stride; /* bytes a slot */
};

/* slot_pool_init - an empty table of @capacity slots, slot 0 among them */
void slot_pool_init(struct slot_pool *pool, uint32_t capacity);

/* slot_alloc - returns a slot, contents undefined, or 0: the table is full */
uint32_t slot_alloc(const struct slot_table *t);

/* slot_free - gives @ix back; its contents no longer matter */
void slot_free(const struct slot_table *t, uint32_t ix);

/* slot_end - one above the highest index ever handed out */
uint32_t slot_end(const struct slot_table *t);

/**
 * slot_rebuild - the free stack anew, from the slots themselves
 * @live: says whether slot @ix is in use
 *
 * Returns the number of slots found in use.
 */
uint32_t slot_rebuild(const struct slot_table *t,
		      bool (*live)(void *arg, uint32_t ix), void *arg);

static inline void *slot_at(const struct slot_table *t, uint32_t ix)
{
	return t->base + (size_t)ix * t->stride;
}

/* slot_ix - the index of the slot at @p; a division: not for the fast path */
static inline uint32_t slot_ix(const struct slot_table *t, const void *p)
{
	return (uint32_t)((size_t)((const unsigned char *)p - t->base) /
			  t->stride);
}

#endif
