/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps: what is put in is found, full is full, several at once lose nothing,
 * and what somebody killed has left behind is mended.
 */
#include "bpf/map_internal.h"
#include "base/random.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "toami/bpf.h"

struct box {
	struct bpf_maps maps;
	struct bpf_map map;
};

static void box_open(struct box *b, uint32_t type, uint32_t key, uint32_t value,
		     uint32_t entries)
{
	memset(b, 0, sizeof(*b));
	b->map.type = type;
	b->map.key_bytes = key;
	b->map.value_bytes = value;
	b->map.entries = entries;
	assert_true(bpf_map_layout(&b->map));
	b->maps.memory = aligned_alloc(64, b->map.bytes);
	assert_non_null(b->maps.memory);
	memset(b->maps.memory, 0, b->map.bytes);
	bpf_map_start(&b->map, 42);
}

static void box_close(struct box *b)
{
	free(b->maps.memory);
}

static long set(struct box *b, uint64_t key, uint64_t value, uint64_t flags)
{
	return bpf_map_set(&b->maps, &b->map, &key, &value, flags);
}

static uint64_t get(struct box *b, uint64_t key)
{
	const uint64_t *v = bpf_map_find(&b->maps, &b->map, &key);

	return v ? *v : UINT64_MAX;
}

static void test_array(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, TOAMI_ARRAY, 4, 8, 5);
	assert_int_equal(get(&b, 4), 0);
	assert_int_equal(set(&b, 4, 7, TOAMI_ANY), 0);
	assert_int_equal(get(&b, 4), 7);
	assert_int_equal(set(&b, 5, 7, TOAMI_ANY), -ENOENT);
	assert_int_equal(get(&b, 5), UINT64_MAX);
	assert_int_equal(set(&b, 1, 7, TOAMI_NEW), -EEXIST);
	assert_int_equal(set(&b, 1, 7, 3), -EINVAL);
	box_close(&b);
}

static void test_hash(void **state)
{
	struct box b;
	uint64_t key = 3;

	(void)state;
	box_open(&b, TOAMI_HASH, 8, 8, 100);
	assert_int_equal(set(&b, 3, 7, TOAMI_EXIST), -ENOENT);
	for (uint64_t k = 0; k < 100; k++)
		assert_int_equal(set(&b, k, k * k, TOAMI_NEW), 0);
	assert_int_equal(set(&b, 100, 1, TOAMI_ANY), -ENOSPC);
	assert_int_equal(set(&b, 99, 5, TOAMI_NEW), -EEXIST);
	assert_int_equal(set(&b, 99, 5, TOAMI_EXIST), 0);
	assert_int_equal(get(&b, 99), 5);
	for (uint64_t k = 0; k < 99; k++)
		assert_int_equal(get(&b, k), k * k);
	assert_int_equal(bpf_map_delete(&b.maps, &b.map, &key), 0);
	assert_int_equal(bpf_map_delete(&b.maps, &b.map, &key), -ENOENT);
	assert_int_equal(get(&b, 3), UINT64_MAX);
	assert_int_equal(set(&b, 1000, 1, TOAMI_ANY), 0);
	box_close(&b);
}

static void test_next(void **state)
{
	uint32_t cursor = 0, seen = 0;
	const void *key;
	uint64_t *value, sum = 0;
	struct box b;

	(void)state;
	box_open(&b, TOAMI_HASH, 8, 8, 50);
	for (uint64_t k = 1; k <= 40; k++)
		set(&b, k, k, TOAMI_ANY);
	while ((value = bpf_map_next(&b.maps, &b.map, &cursor, &key))) {
		assert_memory_equal(key, value, 8);
		sum += *value;
		seen++;
	}
	assert_int_equal(seen, 40);
	assert_int_equal(sum, 820);
	box_close(&b);
}

static void prefix(struct box *b, uint32_t bits, const uint8_t address[4],
		   uint64_t value)
{
	struct toami_prefix4 p = { .bits = bits };

	memcpy(p.address, address, 4);
	assert_int_equal(bpf_map_set(&b->maps, &b->map, &p, &value, TOAMI_ANY),
			 0);
}

static uint64_t longest(struct box *b, uint8_t a, uint8_t c, uint8_t d,
			uint8_t e)
{
	struct toami_prefix4 p = { 32, { a, c, d, e } };
	const uint64_t *v = bpf_map_find(&b->maps, &b->map, &p);

	return v ? *v : 0;
}

static void test_lpm(void **state)
{
	struct toami_prefix4 key = { 24, { 10, 1, 2, 99 } };
	struct box b;

	(void)state;
	box_open(&b, TOAMI_LPM, 8, 8, 16);
	assert_int_equal(longest(&b, 10, 1, 2, 3), 0);
	prefix(&b, 8, (const uint8_t[]){ 10, 0, 0, 0 }, 8);
	prefix(&b, 24, (const uint8_t[]){ 10, 1, 2, 77 }, 24);
	prefix(&b, 32, (const uint8_t[]){ 10, 1, 2, 3 }, 32);
	assert_int_equal(longest(&b, 10, 1, 2, 3), 32);
	assert_int_equal(longest(&b, 10, 1, 2, 4), 24);
	assert_int_equal(longest(&b, 10, 1, 3, 4), 8);
	assert_int_equal(longest(&b, 11, 1, 3, 4), 0);
	prefix(&b, 0, (const uint8_t[]){ 0, 0, 0, 0 }, 1);
	assert_int_equal(longest(&b, 11, 1, 3, 4), 1);
	assert_int_equal(bpf_map_delete(&b.maps, &b.map, &key), 0);
	assert_int_equal(longest(&b, 10, 1, 2, 4), 8);
	key.bits = 33;
	assert_int_equal(bpf_map_delete(&b.maps, &b.map, &key), -EINVAL);
	box_close(&b);
}

static void test_impossible(void **state)
{
	struct bpf_map m = { .type = TOAMI_HASH,
			     .key_bytes = 8,
			     .value_bytes = 8,
			     .entries = 0 };

	(void)state;
	assert_int_equal(bpf_map_layout(&m), 0);
	m.entries = 1;
	m.key_bytes = BPF_KEY_MAX + 1;
	assert_int_equal(bpf_map_layout(&m), 0);
	m.key_bytes = 8;
	m.type = TOAMI_LPM + 1;
	assert_int_equal(bpf_map_layout(&m), 0);
	m.type = TOAMI_ARRAY;
	assert_int_equal(bpf_map_layout(&m), 0);
}

#define OWN   64
#define TURNS 20000

struct worker {
	struct box *b;
	uint64_t base;
	_Atomic int *others;
	uint64_t wrong;
};

/* Keys of its own come and go; a common one must always be there. */
static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t random = w->base;

	for (int n = 0; n < TURNS; n++) {
		uint64_t key = w->base + random_next(&random) % OWN, v;

		while (set(w->b, key, key, TOAMI_ANY) == -EBUSY)
			;
		v = get(w->b, key);
		w->wrong += v != key;
		w->wrong += get(w->b, 7) != 7;
		while (bpf_map_delete(&w->b->maps, &w->b->map, &key) == -EBUSY)
			;
		w->wrong += get(w->b, key) != UINT64_MAX;
	}
	return NULL;
}

static void test_at_once(void **state)
{
	struct worker w[3];
	pthread_t thread[3];
	struct box b;

	(void)state;
	box_open(&b, TOAMI_HASH, 8, 8, 256);
	set(&b, 7, 7, TOAMI_ANY);
	for (uint64_t n = 0; n < 3; n++) {
		w[n] = (struct worker){ .b = &b, .base = 1000 * (n + 1) };
		pthread_create(&thread[n], NULL, work, &w[n]);
	}
	for (int n = 0; n < 3; n++) {
		pthread_join(thread[n], NULL);
		assert_int_equal(w[n].wrong, 0);
	}
	assert_int_equal(atomic_load(&b.map.writers), 0);
	/* Nothing was lost: the map is as large as it was. */
	for (uint64_t k = 0; k < 255; k++)
		assert_int_equal(set(&b, 1u << 20 | k, k, TOAMI_NEW), 0);
	assert_int_equal(set(&b, 5, 5, TOAMI_NEW), -ENOSPC);
	box_close(&b);
}

/*
 * Killed with a lock held and an element in hand, not linked yet; and after an
 * element was unlinked, before it was given back.
 */
static void test_repair(void **state)
{
	struct slot_table pool;
	struct bucket *bucket;
	struct element *e;
	struct box b;

	(void)state;
	box_open(&b, TOAMI_HASH, 8, 8, 4);
	pool = (struct slot_table){ &b.map.pool, b.maps.memory + b.map.elements,
				    b.map.stride };
	set(&b, 1, 10, TOAMI_ANY);
	set(&b, 2, 20, TOAMI_ANY);
	e = slot_at(&pool, slot_alloc(&pool));
	atomic_store(&e->hash, 12345);
	bucket = (struct bucket *)(void *)(b.maps.memory + b.map.bucket_words);
	for (uint32_t n = 0; n < b.map.buckets; n++)
		atomic_fetch_or(&bucket[n].word, 1);
	atomic_store(&b.map.writers, 1);
	assert_int_equal(set(&b, 3, 30, TOAMI_ANY), -EBUSY);
	assert_int_equal(get(&b, 2), 20);
	bpf_map_repair(&b.maps, &b.map);
	assert_int_equal(get(&b, 1), 10);
	assert_int_equal(get(&b, 2), 20);
	assert_int_equal(set(&b, 3, 30, TOAMI_ANY), 0);
	assert_int_equal(set(&b, 4, 40, TOAMI_ANY), 0);
	assert_int_equal(set(&b, 5, 50, TOAMI_ANY), -ENOSPC);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_array),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_lpm),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_repair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
