/* SPDX-License-Identifier: BSD-2-Clause */
/* See slot.h. */
#include "base/slot.h"

static _Atomic uint32_t *link_of(const struct slot_table *t, uint32_t ix)
{
	return (_Atomic uint32_t *)slot_at(t, ix);
}

static uint64_t head_of(uint64_t old, uint32_t first)
{
	return ((old >> 32) + 1) << 32 | first;
}

void slot_pool_init(struct slot_pool *pool, uint32_t capacity)
{
	atomic_store(&pool->free, 0);
	atomic_store(&pool->fresh, 1);
	pool->capacity = capacity;
}

static uint32_t take_fresh(struct slot_pool *pool)
{
	uint32_t ix = atomic_load_explicit(&pool->fresh, memory_order_relaxed);

	do {
		if (ix >= pool->capacity)
			return 0;
	} while (!atomic_compare_exchange_weak(&pool->fresh, &ix, ix + 1));
	return ix;
}

uint32_t slot_alloc(const struct slot_table *t)
{
	uint64_t head = atomic_load(&t->pool->free);
	uint32_t ix;

	do {
		ix = (uint32_t)head;
		if (!ix)
			return take_fresh(t->pool);
		/* May be stale by now: then the tag has moved and the swap
		 * fails. */
	} while (!atomic_compare_exchange_weak(
		&t->pool->free, &head,
		head_of(head, atomic_load_explicit(link_of(t, ix),
						   memory_order_relaxed))));
	return ix;
}

void slot_free(const struct slot_table *t, uint32_t ix)
{
	uint64_t head = atomic_load(&t->pool->free);

	do {
		atomic_store_explicit(link_of(t, ix), (uint32_t)head,
				      memory_order_relaxed);
	} while (!atomic_compare_exchange_weak(&t->pool->free, &head,
					       head_of(head, ix)));
}

uint32_t slot_end(const struct slot_table *t)
{
	return atomic_load_explicit(&t->pool->fresh, memory_order_relaxed);
}

uint32_t slot_rebuild(const struct slot_table *t,
		      bool (*live)(void *arg, uint32_t ix), void *arg)
{
	uint32_t used = 0, first = 0;

	for (uint32_t ix = slot_end(t); --ix > 0;) {
		if (live(arg, ix)) {
			used++;
			continue;
		}
		atomic_store(link_of(t, ix), first);
		first = ix;
	}
	atomic_store(&t->pool->free,
		     head_of(atomic_load(&t->pool->free), first));
	return used;
}
