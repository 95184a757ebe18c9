/* SPDX-License-Identifier: BSD-2-Clause */
/* slot.h: no slot handed out twice, none lost, also among threads. */
#include "base/slot.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

struct item {
	uint32_t link;
	_Atomic uint32_t owner;
};

static void make(struct slot_table *t, uint32_t capacity)
{
	t->pool = aligned_alloc(CACHE_LINE, sizeof(*t->pool));
	t->stride = sizeof(struct item);
	t->base = calloc(capacity, t->stride);
	slot_pool_init(t->pool, capacity);
}

static void drop(struct slot_table *t)
{
	free(t->pool);
	free(t->base);
}

static void ends_at_its_capacity(void **state)
{
	struct slot_table t;

	(void)state;
	make(&t, 4);
	assert_int_equal(slot_alloc(&t), 1);
	assert_int_equal(slot_alloc(&t), 2);
	assert_int_equal(slot_alloc(&t), 3);
	assert_int_equal(slot_alloc(&t), 0);
	slot_free(&t, 2);
	assert_int_equal(slot_alloc(&t), 2);
	assert_int_equal(slot_alloc(&t), 0);
	drop(&t);
}

static bool is_odd(void *arg, uint32_t ix)
{
	(void)arg;
	return ix & 1;
}

static void rebuilds_from_the_slots(void **state)
{
	struct slot_table t;

	(void)state;
	make(&t, 8);
	while (slot_alloc(&t))
		;
	assert_int_equal(slot_rebuild(&t, is_odd, NULL), 4);
	assert_int_equal(slot_alloc(&t), 2);
	assert_int_equal(slot_alloc(&t), 4);
	assert_int_equal(slot_alloc(&t), 6);
	assert_int_equal(slot_alloc(&t), 0);
	drop(&t);
}

static void *churn(void *arg)
{
	struct slot_table *t = arg;
	uint32_t mine[8] = { 0 };
	uintptr_t clashes = 0;

	for (unsigned int i = 0; i < 200000; i++) {
		uint32_t *m = &mine[i * 7 % 8];

		if (*m) {
			struct item *it = slot_at(t, *m);

			atomic_store(&it->owner, 0);
			slot_free(t, *m);
		}
		*m = slot_alloc(t);
		if (*m) {
			struct item *it = slot_at(t, *m);

			clashes += atomic_exchange(&it->owner, 1);
		}
	}
	return (void *)clashes;
}

static void never_hands_a_slot_to_two(void **state)
{
	struct slot_table t;
	pthread_t th[4];

	(void)state;
	make(&t, 30);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&th[i], NULL, churn, &t), 0);
	for (size_t i = 0; i < 4; i++) {
		void *clashes;

		pthread_join(th[i], &clashes);
		assert_ptr_equal(clashes, NULL);
	}
	drop(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_at_its_capacity),
		cmocka_unit_test(rebuilds_from_the_slots),
		cmocka_unit_test(never_hands_a_slot_to_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
