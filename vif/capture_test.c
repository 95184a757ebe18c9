/* SPDX-License-Identifier: BSD-2-Clause */
/* Which frames a capture sees, and that its ring never shows half a one. */
#include "vif/capture.h"
#include "vif/test_fabric.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <cmocka.h>

#define BYTES_MAX 70000

static struct fabric f;
static struct arena arena;	  /* with the stock of a context */
static vif_ix web, api, img, cli; /* /web, /web/api, /web/img, /cli */
static uint8_t data[BYTES_MAX];

static vif_ix add(vif_ix parent, const char *name)
{
	vif_ix ix;

	if (vif_add(&f, parent, name, strlen(name), 0, &ix))
		abort();
	return ix;
}

static int open_fabric(void **state)
{
	(void)state;
	test_fabric_open(&f, 64);
	arena = f.arena;
	arena.cache = &f.ctxs[1].cache;
	web = add(VIF_ROOT, "web");
	api = add(web, "api");
	img = add(web, "img");
	cli = add(VIF_ROOT, "cli");
	return 0;
}

static int close_fabric(void **state)
{
	(void)state;
	test_fabric_close(&f);
	return 0;
}

static uint32_t open_on(bool below, uint32_t snap_bytes)
{
	return capture_open(&f, &(struct capture_order){
					.vif = web,
					.ways = 3,
					.snap_bytes = snap_bytes,
					.below = below,
				});
}

/* A frame of @bytes, each of which tells that it is the frame's. */
static frame_ix make_frame(uint32_t bytes, uint8_t tag)
{
	static uint8_t payload[BYTES_MAX];
	frame_ix ix = frame_alloc(&arena);
	struct frame *frame = frame_at(&arena, ix);

	if (!ix || bytes < 54)
		abort();
	frame->header_bytes = 54;
	memset(frame->header, tag, 54);
	memset(payload, tag, bytes - 54);
	if (frame_fill(&arena, ix, payload, bytes - 54))
		abort();
	return ix;
}

static void pass(uint32_t bytes, uint8_t tag, vif_ix from, vif_ix to)
{
	frame_ix ix = make_frame(bytes, tag);

	capture_frame(&f, &arena, frame_at(&arena, ix), from, to, false);
	frame_free(&arena, ix);
}

/* The record's bytes all are of one frame. */
static void check_whole(const struct capture_record *r)
{
	for (uint32_t i = 1; i < r->bytes; i++)
		if (data[i] != data[0])
			fail_msg("byte %u of %u is another frame's", i,
				 r->bytes);
}

static const struct {
	const char *what;
	bool below;
	int from, to; /* 0: /cli, 1: /web, 2: /web/api, 3: /web/img */
	int way;      /* on /web; -1: not seen */
	int on;
} seen[] = {
	{ "leaves", false, 1, 0, VIF_TX, 1 },
	{ "leaves from below", false, 2, 0, VIF_TX, 1 },
	{ "enters", false, 0, 1, VIF_RX, 1 },
	{ "stays below", false, 2, 3, -1, 0 },
	{ "stays below, recursively", true, 2, 3, VIF_TX, 2 },
	{ "leaves from below, recursively", true, 2, 0, VIF_TX, 2 },
	{ "enters below, recursively", true, 0, 3, VIF_RX, 3 },
	{ "has nothing to do with it", true, 0, 0, -1, 0 },
};

static void sees_what_passes(void **state)
{
	const vif_ix vif[] = { cli, web, api, img };

	(void)state;
	assert_false(capture_any(&f));
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
		uint32_t ix = open_on(seen[i].below, 131072);
		struct capture_reader r;
		struct capture_record record;

		assert_true(ix && capture_any(&f));
		capture_read_start(&r, capture_at(&f, ix));
		pass(60, 1, vif[seen[i].from], vif[seen[i].to]);
		if (capture_read(&r, 1, &record, data, sizeof(data)) !=
		    (seen[i].way >= 0))
			fail_msg("a frame that %s", seen[i].what);
		if (seen[i].way >= 0 && (record.way != seen[i].way ||
					 record.vif != vif[seen[i].on]))
			fail_msg("a frame that %s: way %u on %u", seen[i].what,
				 record.way, record.vif);
		capture_close(&f, ix);
	}
	assert_false(capture_any(&f));
}

/* A frame that has reached its host goes on to a lane: seen there, not twice.
 */
static void sees_it_once(void **state)
{
	frame_ix ix = make_frame(60, 1);
	uint32_t below = open_on(true, 100), above = open_on(false, 100);
	struct capture_reader r[2];
	struct capture_record record;

	(void)state;
	capture_read_start(&r[0], capture_at(&f, below));
	capture_read_start(&r[1], capture_at(&f, above));
	capture_frame(&f, &arena, frame_at(&arena, ix), cli, web, false);
	capture_frame(&f, &arena, frame_at(&arena, ix), web, api, true);
	frame_free(&arena, ix);
	for (int i = 0; i < 2; i++) {
		assert_true(
			capture_read(&r[i], 1, &record, data, sizeof(data)));
		assert_false(
			capture_read(&r[i], 1, &record, data, sizeof(data)));
	}
	capture_close(&f, below);
	capture_close(&f, above);
}

static void copies_whole_frames(void **state)
{
	uint32_t ix = open_on(false, 65000);
	struct capture_reader r;
	struct capture_record record;
	uint32_t bytes = 54;

	(void)state;
	capture_read_start(&r, capture_at(&f, ix));
	/* Several times around the ring, in every size. */
	for (int i = 0; i < 3000; i++) {
		bytes = 54 + (bytes * 7 + 13) % 65400;
		pass(bytes, (uint8_t)i, web, cli);
		assert_true(capture_read(&r, 1, &record, data, sizeof(data)));
		assert_int_equal(record.wire_bytes, bytes);
		assert_int_equal(record.bytes, min_u32(bytes, 65000));
		assert_int_equal(data[0], (uint8_t)i);
		check_whole(&record);
	}
	assert_false(capture_read(&r, 1, &record, data, sizeof(data)));
	capture_close(&f, ix);
}

static void counts_what_finds_no_room(void **state)
{
	uint32_t ix = open_on(false, 131072), n = 0;
	struct capture *c = capture_at(&f, ix);
	struct capture_reader r;
	struct capture_record record;

	(void)state;
	capture_read_start(&r, c);
	for (int i = 0; i < 200; i++)
		pass(65000, (uint8_t)i, web, cli);
	while (capture_read(&r, 1, &record, data, sizeof(data))) {
		assert_int_equal(data[0], (uint8_t)n++);
		check_whole(&record);
	}
	assert_true(n > 100 && n < 200);
	assert_int_equal(atomic_load(&c->lost), 200 - n);
	pass(60, 7, web, cli);
	assert_true(capture_read(&r, 1, &record, data, sizeof(data)));
	capture_close(&f, ix);
}

static void passes_over_the_dead(void **state)
{
	uint32_t ix = open_on(false, 131072);
	struct capture *c = capture_at(&f, ix);
	struct capture_reader r;
	struct capture_record record;

	(void)state;
	capture_read_start(&r, c);
	/* As if a writer had died behind its reservation. */
	atomic_fetch_add(&c->head, 3);
	pass(3000, 9, web, cli);
	assert_false(capture_read(&r, 1, &record, data, sizeof(data)));
	assert_false(capture_read(&r, CAPTURE_STALE_NS / 2, &record, data,
				  sizeof(data)));
	assert_true(capture_read(&r, 1 + CAPTURE_STALE_NS, &record, data,
				 sizeof(data)) ||
		    capture_read(&r, 2 + 2 * CAPTURE_STALE_NS, &record, data,
				 sizeof(data)) ||
		    capture_read(&r, 3 + 4 * CAPTURE_STALE_NS, &record, data,
				 sizeof(data)));
	assert_int_equal(record.bytes, 3000);
	assert_int_equal(data[0], 9);
	assert_int_equal(r.passed_over, 3);
	capture_close(&f, ix);
}

/* Writers are killed at random instants; whoever reads sees whole frames only.
 */
static void survives_kills(void **state)
{
	uint32_t ix = open_on(false, 131072);
	struct capture_reader r;
	struct capture_record record;
	uint64_t now = 1, seen_frames = 0;

	(void)state;
	capture_read_start(&r, capture_at(&f, ix));
	for (int kill_nr = 0; kill_nr < 60; kill_nr++) {
		frame_ix frame = make_frame(54 + (uint32_t)kill_nr * 400,
					    (uint8_t)kill_nr);
		struct timespec nap = { 0, 200000 + kill_nr * 37123 % 900000 };
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid)
			for (;;)
				capture_frame(&f, &arena,
					      frame_at(&arena, frame), web, cli,
					      false);
		nanosleep(&nap, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		/* Time runs fast here: what is never written is passed over. */
		for (int i = 0; i < 3 * CAPTURE_CELLS; i++) {
			now += CAPTURE_STALE_NS;
			if (!capture_read(&r, now, &record, data, sizeof(data)))
				continue;
			check_whole(&record);
			seen_frames++;
		}
		assert_int_equal(atomic_load(&capture_at(&f, ix)->head),
				 atomic_load(&capture_at(&f, ix)->tail));
		frame_free(&arena, frame);
	}
	assert_true(seen_frames > 60);
	capture_close(&f, ix);
}

static void picks_a_sample(void **state)
{
	struct capture_order o = {
		.vif = web, .ways = 3, .snap_bytes = 100, .sampled = true
	};
	uint32_t ix = capture_open(&f, &o), n = 0;
	struct capture_reader r;
	struct capture_record record;

	(void)state;
	capture_read_start(&r, capture_at(&f, ix));
	/* Nothing is picked where nothing is set. */
	pass(60, 1, web, cli);
	assert_false(capture_read(&r, 1, &record, data, sizeof(data)));
	atomic_store(&vif_control_make(&f, web)->sample, 10);
	for (int i = 0; i < 95; i++)
		pass(60, 1, web, cli);
	while (capture_read(&r, 1, &record, data, sizeof(data)))
		n++;
	assert_int_equal(n, 10);
	vif_control_drop(&f, web);
	capture_close(&f, ix);
}

static void ends_when_all_are_taken(void **state)
{
	uint32_t ix[CAPTURE_MAX];

	(void)state;
	for (int i = 1; i < CAPTURE_MAX; i++)
		assert_true((ix[i] = open_on(false, 100)));
	assert_false(open_on(false, 100));
	pass(1000, 1, web, cli);
	for (int i = 1; i < CAPTURE_MAX; i++)
		capture_close(&f, ix[i]);
	assert_false(capture_any(&f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sees_what_passes),
		cmocka_unit_test(sees_it_once),
		cmocka_unit_test(copies_whole_frames),
		cmocka_unit_test(counts_what_finds_no_room),
		cmocka_unit_test(passes_over_the_dead),
		cmocka_unit_test(survives_kills),
		cmocka_unit_test(picks_a_sample),
		cmocka_unit_test(ends_when_all_are_taken),
	};

	return cmocka_run_group_tests(tests, open_fabric, close_fabric);
}
