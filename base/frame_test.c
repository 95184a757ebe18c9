/* SPDX-License-Identifier: BSD-2-Clause */
/* frame.h: payloads survive, references count, a rebuild finds what leaked. */
#include "base/frame.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FRAMES 200
#define CHUNKS 100

static void make(struct arena *a)
{
	a->shared = aligned_alloc(CACHE_LINE, sizeof(*a->shared));
	a->frames = calloc(FRAMES, FRAME_BYTES);
	a->chunks = calloc(CHUNKS, sizeof(struct chunk));
	a->bytes = calloc(CHUNKS, CHUNK_BYTES);
	a->cache = calloc(1, sizeof(*a->cache));
	arena_shared_init(a->shared, FRAMES, CHUNKS);
}

static void drop(struct arena *a)
{
	free(a->shared);
	free(a->frames);
	free(a->chunks);
	free(a->bytes);
	free(a->cache);
}

static void carries_payloads_of_every_size(void **state)
{
	static const uint32_t sizes[] = { 0,	1,    7,     8,	   9,
					  191,	192,  320,   321,  4095,
					  4096, 4097, 65535, 65536 };
	static uint8_t in[65536], out[65536];
	struct arena a;

	(void)state;
	make(&a);
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 31 + i / 256);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		frame_ix ix = frame_alloc(&a);
		uint32_t n = sizes[i], cut = n / 3;

		assert_int_equal(frame_fill(&a, ix, in, n), 0);
		memset(out, 0, sizeof(out));
		frame_copy_out(&a, frame_at(&a, ix), 0, out, cut);
		frame_copy_out(&a, frame_at(&a, ix), cut, out + cut, n - cut);
		assert_memory_equal(in, out, n);
		frame_free(&a, ix);
	}
	assert_int_equal(frame_fill(&a, frame_alloc(&a), in, 65537), -EMSGSIZE);
	drop(&a);
}

static void ends_when_all_is_handed_out(void **state)
{
	struct arena a;
	uint32_t frames = 0, chunks = 0;

	(void)state;
	make(&a);
	while (frame_alloc(&a))
		frames++;
	while (chunk_alloc(&a))
		chunks++;
	assert_int_equal(frames, FRAMES - 1);
	assert_int_equal(chunks, CHUNKS - 1);
	for (frame_ix ix = 1; ix < FRAMES; ix++)
		frame_free(&a, ix);
	for (chunk_ix ix = 1; ix < CHUNKS; ix++)
		chunk_put(&a, ix);
	for (uint32_t i = 1; i < FRAMES; i++)
		assert_int_not_equal(frame_alloc(&a), 0);
	assert_int_equal(frame_alloc(&a), 0);
	drop(&a);
}

static void a_chunk_lives_as_long_as_its_last_reference(void **state)
{
	struct arena a;
	chunk_ix k, other;
	frame_ix f;

	(void)state;
	make(&a);
	k = chunk_alloc(&a);
	f = frame_alloc(&a);
	memset(chunk_bytes(&a, k), 'x', CHUNK_BYTES);
	assert_int_equal(frame_refer(&a, f, k, 10, 100), 0);
	chunk_put(&a, k);
	other = chunk_alloc(&a);
	assert_int_not_equal(other, k);
	frame_free(&a, f);
	assert_int_equal(chunk_alloc(&a), k);
	drop(&a);
}

static void a_rebuild_finds_what_nobody_holds(void **state)
{
	struct arena a;
	uint8_t held[FRAMES] = { 0 };
	uint32_t refs[CHUNKS] = { 0 };
	struct arena_census c;
	frame_ix keep, hurt;
	static uint8_t data[10000];

	(void)state;
	make(&a);
	keep = frame_alloc(&a);
	assert_int_equal(frame_fill(&a, keep, data, sizeof(data)), 0);
	for (int i = 0; i < 5; i++) /* leaked */
		assert_int_equal(
			frame_fill(&a, frame_alloc(&a), data, sizeof(data)), 0);
	hurt = frame_alloc(&a);
	assert_int_equal(frame_fill(&a, hurt, data, sizeof(data)), 0);
	frame_at(&a, hurt)->ref[0].chunk = CHUNKS + 5; /* half written */

	held[keep] = 1;
	held[hurt] = 1;
	a.cache->frames = 0;
	a.cache->chunks = 0;
	c = arena_rebuild(&a, held, refs);
	assert_int_equal(c.frames_live, 2);
	assert_int_equal(c.chunks_live, 3);
	assert_int_equal(frame_at(&a, hurt)->payload, 0);
	assert_int_equal(frame_at(&a, keep)->payload, sizeof(data));
	/* Everything else can be had again. */
	for (uint32_t i = 0; i < FRAMES - 1 - 2; i++) {
		frame_ix ix = frame_alloc(&a);

		if (!ix)
			break;
		assert_int_not_equal(ix, keep);
		assert_int_not_equal(ix, hurt);
	}
	drop(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_payloads_of_every_size),
		cmocka_unit_test(ends_when_all_is_handed_out),
		cmocka_unit_test(a_chunk_lives_as_long_as_its_last_reference),
		cmocka_unit_test(a_rebuild_finds_what_nobody_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
