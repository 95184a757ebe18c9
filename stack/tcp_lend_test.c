/* SPDX-License-Identifier: BSD-2-Clause */
/* What was received leaves again by reference: tcp_append_frames(). */
#include "stack/script.h"
#include "stack/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static uint8_t byte_at(uint32_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

/* --- on the way through a host -----------------------------------------------
 */

/* A client on 0, a relay on 1, a server on 2. */
struct relay {
	struct testnet *n;
	conn_ix client, in, out, server, l1, l2;
	uint32_t sent, relayed, got;
	/* What the relay sends lies in chunks that the client has filled. */
	uint8_t filled[TESTNET_CHUNKS];
	uint32_t lent, own, lose, frames;
};

static bool look(struct testnet *n, uint32_t from, frame_ix ix)
{
	struct relay *r = n->pass_arg;
	const struct frame *f = frame_at(&n->arena, ix);

	for (uint32_t i = 0; i < f->refs && from < 2; i++) {
		chunk_ix k = f->ref[i].chunk;

		if (from == 0)
			r->filled[k] = 1;
		else if (r->filled[k])
			r->lent += f->ref[i].bytes;
		else
			r->own += f->ref[i].bytes;
	}
	return !r->lose || ++r->frames % r->lose;
}

static struct relay *relay_new(uint32_t lose)
{
	static struct relay relay;
	struct relay *r = &relay;

	*r = (struct relay){ .n = testnet_new(3, 5) };
	testnet_pair(r->n, 0, 1, 80, &r->client, &r->in, &r->l1);
	testnet_pair(r->n, 1, 2, 81, &r->out, &r->server, &r->l2);
	r->lose = lose;
	r->n->pass = look;
	r->n->pass_arg = r;
	return r;
}

static void relay_free(struct relay *r)
{
	r->lose = 0;
	conn_close(&r->n->st[0], r->client);
	conn_close(&r->n->st[1], r->in);
	conn_close(&r->n->st[1], r->out);
	conn_close(&r->n->st[2], r->server);
	conn_close(&r->n->st[1], r->l1);
	conn_close(&r->n->st[2], r->l2);
	testnet_wait(r->n, 61000);
	assert_true(testnet_free(r->n));
}

static void client_writes(struct relay *r, uint32_t most)
{
	static uint8_t buf[1 << 17];

	for (uint32_t i = 0; i < most; i++)
		buf[i] = byte_at(r->sent + i);
	r->sent += tcp_append(&r->n->st[0], r->client, buf, most);
	tcp_push(&r->n->st[0], r->client, false);
}

/* @part bytes at most, in as many pieces as the room there makes of them. */
static void relay_moves(struct relay *r, uint32_t part)
{
	struct stack *st = &r->n->st[1];
	struct frame_list list = { 0, 0 };
	uint32_t n = min_u32(part, tcp_room(testnet_conn(r->n, r->out))), moved;

	n = tcp_take_part(st, r->in, n, &list);
	tcp_consumed(st, r->in);
	moved = tcp_append_frames(st, r->out, &list, n / 2);
	moved += tcp_append_frames(st, r->out, &list, n);
	assert_int_equal(moved, n);
	assert_int_equal(list.first, 0);
	tcp_push(st, r->out, false);
	r->relayed += n;
}

static void server_reads(struct relay *r)
{
	static uint8_t buf[1 << 20];
	uint32_t n =
		tcp_copy(&r->n->st[2], r->server, 0, buf, sizeof(buf), false);

	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(buf[i], byte_at(r->got + i));
	tcp_consumed(&r->n->st[2], r->server);
	r->got += n;
}

static void relay_run(struct relay *r, uint32_t total)
{
	for (uint32_t turn = 0; r->got < total; turn++) {
		if (r->sent < total)
			client_writes(r, min_u32(total - r->sent, 1u << 17));
		testnet_run(r->n);
		relay_moves(r, 1 + turn * 7919 % 70000);
		testnet_run(r->n);
		server_reads(r);
		testnet_wait(r->n, 1);
		assert_true(turn < 2000000);
	}
}

static void bytes_stay_where_they_are(void **state)
{
	struct relay *r = relay_new(0);

	(void)state;
	relay_run(r, 8u << 20);
	/* Where a write of the client's ends there are small pieces. */
	assert_true(r->lent > 15 * (r->own + 1));
	assert_true(r->lent + r->own > 7u << 20);
	relay_free(r);
}

static void what_is_lost_is_sent_again(void **state)
{
	struct relay *r = relay_new(23);

	(void)state;
	relay_run(r, 3u << 20);
	assert_true(testnet_count(r->n, 1, Tcp_RetransSegs) > 0);
	assert_true(r->lent > 3u << 20);
	relay_free(r);
}

/* The relay ends with its queue full; the client's chunks are the client's. */
static void a_queue_that_ends_gives_back(void **state)
{
	struct relay *r = relay_new(0);

	(void)state;
	for (int i = 0; i < 10; i++) {
		client_writes(r, 1 << 17);
		testnet_run(r->n);
		relay_moves(r, UINT32_MAX);
	}
	assert_true(tcp_unacked(testnet_conn(r->n, r->out)) > 100000);
	conn_abort(&r->n->st[1], r->out);
	r->out = 0;
	testnet_run(r->n);
	conn_abort(&r->n->st[0], r->client);
	r->client = 0;
	testnet_run(r->n);
	conn_close(&r->n->st[1], r->in);
	conn_close(&r->n->st[2], r->server);
	conn_close(&r->n->st[1], r->l1);
	conn_close(&r->n->st[2], r->l2);
	testnet_wait(r->n, 61000);
	assert_true(testnet_free(r->n));
}

/* --- the queue itself --------------------------------------------------------
 */

static uint32_t queue_chunks(struct script *s, conn_ix c)
{
	uint32_t n = 0;

	for (chunk_ix k = testnet_conn(s->n, c)->snd_head; k;
	     k = chunk_at(&s->n->arena, k)->next)
		n++;
	return n;
}

/* A frame with [from, from + bytes) of chunk @k. */
static frame_ix piece(struct script *s, chunk_ix k, uint32_t from,
		      uint32_t bytes)
{
	frame_ix ix = frame_alloc(&s->n->arena);

	assert_int_equal(frame_refer(&s->n->arena, ix, k, (uint16_t)from,
				     (uint16_t)bytes),
			 0);
	return ix;
}

static chunk_ix full_chunk(struct script *s, uint32_t from)
{
	chunk_ix k = chunk_alloc(&s->n->arena);

	for (uint32_t i = 0; i < CHUNK_BYTES; i++)
		chunk_bytes(&s->n->arena, k)[i] = byte_at(from + i);
	return k;
}

static uint32_t lend(struct script *s, conn_ix c, frame_ix ix)
{
	struct frame_list list = { 0, 0 };
	uint32_t n;

	frame_list_add(&s->n->arena, &list, ix);
	n = tcp_append_frames(&s->n->st[0], c, &list, UINT32_MAX);
	assert_int_equal(list.first, 0);
	return n;
}

static void end(struct script *s, conn_ix c, conn_ix l)
{
	conn_abort(&s->n->st[0], c);
	conn_close(&s->n->st[0], l);
	frame_list_free(&s->n->arena, &s->n->st[0].out);
	assert_true(script_free(s));
}

/* Segments cut chunks anywhere: the pieces are one again. */
static void neighbours_are_one(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	chunk_ix k = full_chunk(&s, 0);

	(void)state;
	assert_int_equal(lend(&s, c, piece(&s, k, 0, 2500)), 2500);
	for (uint32_t at = 2500; at < CHUNK_BYTES; at += 12)
		assert_int_equal(lend(&s, c, piece(&s, k, at, 12)), 12);
	assert_int_equal(queue_chunks(&s, c), 1);
	assert_int_equal(atomic_load(&chunk_at(&s.n->arena, k)->refs), 2);
	/* Not a neighbour. */
	assert_int_equal(lend(&s, c, piece(&s, k, 0, 2500)), 2500);
	assert_int_equal(queue_chunks(&s, c), 2);
	assert_int_equal(atomic_load(&chunk_at(&s.n->arena, k)->refs), 3);
	chunk_put(&s.n->arena, k);
	end(&s, c, l);
}

/* A byte here and there must not keep a chunk each. */
static void small_pieces_are_copied(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	chunk_ix k = full_chunk(&s, 0);

	(void)state;
	for (uint32_t i = 0; i < 4096; i++)
		assert_int_equal(lend(&s, c, piece(&s, k, i * 2 % 4096, 1)), 1);
	assert_int_equal(tcp_unacked(testnet_conn(s.n, c)), 4096);
	assert_int_equal(queue_chunks(&s, c), 1);
	assert_int_equal(atomic_load(&chunk_at(&s.n->arena, k)->refs), 1);
	chunk_put(&s.n->arena, k);
	end(&s, c, l);
}

/* What is written next does not go into another's chunk. */
static void lent_chunks_are_not_written(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	chunk_ix k = full_chunk(&s, 0);
	static const uint8_t zero[1000];
	struct testnet *n = s.n;

	(void)state;
	assert_int_equal(lend(&s, c, piece(&s, k, 0, 3000)), 3000);
	assert_int_equal(tcp_append(&n->st[0], c, zero, sizeof(zero)), 1000);
	tcp_end_record(&n->st[0], c);
	assert_int_equal(queue_chunks(&s, c), 2);
	for (uint32_t i = 0; i < CHUNK_BYTES; i++)
		assert_int_equal(chunk_bytes(&n->arena, k)[i], byte_at(i));
	/* A record that ends does not grow. */
	assert_int_equal(lend(&s, c, piece(&s, k, 0, 2048)), 2048);
	tcp_end_record(&n->st[0], c);
	assert_int_equal(lend(&s, c, piece(&s, k, 2048, 2048)), 2048);
	assert_int_equal(queue_chunks(&s, c), 4);
	chunk_put(&n->arena, k);
	end(&s, c, l);
}

/* Acknowledged in part, then whole: the reference goes with the last byte. */
static void acknowledged_in_part(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	chunk_ix k = full_chunk(&s, 0);
	uint32_t una = s.ack, seen = 0;
	struct seen out;

	(void)state;
	assert_int_equal(lend(&s, c, piece(&s, k, 0, CHUNK_BYTES)),
			 CHUNK_BYTES);
	tcp_push(&s.n->st[0], c, false);
	while ((out = script_next(&s)).any) {
		for (uint32_t i = 0; i < min_u32(out.bytes, sizeof(out.data));
		     i++)
			assert_int_equal(out.data[i],
					 byte_at(out.seq - una + i));
		seen += out.bytes;
	}
	assert_int_equal(seen, CHUNK_BYTES);
	script_send(&s, TCP_ACK, s.seq, una + 1000, 0, 65535, NULL, 0);
	assert_int_equal(atomic_load(&chunk_at(&s.n->arena, k)->refs), 2);
	assert_int_equal(tcp_unacked(testnet_conn(s.n, c)), 3096);
	/* The rest again, from where it lies. */
	script_wait(&s, 3000000);
	out = script_next(&s);
	assert_true(out.any && out.bytes);
	assert_int_equal(out.data[0], byte_at(out.seq - una));
	frame_list_free(&s.n->arena, &s.n->st[0].out);
	script_send(&s, TCP_ACK, s.seq, una + 4096, 0, 65535, NULL, 0);
	assert_int_equal(tcp_unacked(testnet_conn(s.n, c)), 0);
	assert_int_equal(atomic_load(&chunk_at(&s.n->arena, k)->refs), 1);
	chunk_put(&s.n->arena, k);
	end(&s, c, l);
}

struct tally {
	struct testnet *n;
	uint32_t frames, chunk[TESTNET_CHUNKS];
};

static void tally_frame(void *arg, frame_ix ix)
{
	(void)ix;
	((struct tally *)arg)->frames++;
}

static void tally_chunk(void *arg, chunk_ix k)
{
	((struct tally *)arg)->chunk[k]++;
}

/* A scan after a death finds the references that are held. */
static void a_scan_counts_what_is_lent(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	chunk_ix k = full_chunk(&s, 0);
	static struct tally t;

	(void)state;
	assert_int_equal(lend(&s, c, piece(&s, k, 0, 3000)), 3000);
	assert_int_equal(lend(&s, c, piece(&s, k, 1000, 3000)), 3000);
	chunk_put(&s.n->arena, k);
	stack_visit(&s.n->st[0], tally_frame, tally_chunk, &t);
	for (chunk_ix i = 1; i < arena_chunks_end(&s.n->arena); i++)
		if (t.chunk[i])
			assert_int_equal(
				atomic_load(&chunk_at(&s.n->arena, i)->refs),
				t.chunk[i]);
	assert_int_equal(t.chunk[k], 2);
	end(&s, c, l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_stay_where_they_are),
		cmocka_unit_test(what_is_lost_is_sent_again),
		cmocka_unit_test(a_queue_that_ends_gives_back),
		cmocka_unit_test(neighbours_are_one),
		cmocka_unit_test(small_pieces_are_copied),
		cmocka_unit_test(lent_chunks_are_not_written),
		cmocka_unit_test(acknowledged_in_part),
		cmocka_unit_test(a_scan_counts_what_is_lent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
