/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A death at the last instruction of a change: the segment is heard within a
 * change that never ends, and the host recovered. At every instruction of the
 * most frequent ones: is what undo_apply() makes of it the connection as it
 * was? With the whole host's recovery: tests/sim --faults.
 */
#include "stack/script.h"
#include "stack/tcp.h"
#include "stack/undo.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#define ACK TCP_ACK

static struct stack *host(struct script *s)
{
	return &s->n->st[0];
}

static struct conn *conn(struct script *s, conn_ix c)
{
	return testnet_conn(s->n, c);
}

static void forget_output(struct script *s)
{
	frame_list_free(&s->n->arena, &host(s)->out);
}

/* A segment of @bytes at the peer's next, heard by somebody who dies of it. */
static void fatal(struct script *s, conn_ix c, uint8_t flags, uint32_t bytes)
{
	frame_ix before = conn(s, c)->rcv_last, queued;

	undo_begin(host(s), conn(s, c));
	script_send(s, flags, s->seq, s->ack, bytes, 65535, NULL, 0);
	queued = conn(s, c)->rcv_last;
	forget_output(s);
	/* The next has a handle of his own. */
	host(s)->acked = 0;
	host(s)->acked_chunks = 0;
	stack_recover(host(s));
	assert_int_equal(atomic_load(&s->n->host[0]->writing), 0);
	/* No word to the peer, none to the owner. */
	assert_false(script_next(s).any);
	assert_int_equal(conn_error(host(s), c), 0);
	/* arena_rebuild() would find it in nobody's hands. */
	if (queued != before)
		frame_free(&s->n->arena, queued);
}

static void hear(struct script *s, uint8_t flags, uint32_t bytes)
{
	script_send(s, flags, s->seq, s->ack, bytes, 65535, NULL, 0);
	s->seq += bytes;
	forget_output(s);
}

static void end(struct script *s, conn_ix c, conn_ix l)
{
	conn_abort(host(s), c);
	conn_close(host(s), l);
	forget_output(s);
	assert_true(script_free(s));
}

/* Small payloads share a frame: what joined it leaves it. */
static void test_received(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	uint32_t base = s.seq;
	uint8_t got[64];

	(void)state;
	hear(&s, ACK, 10);
	fatal(&s, c, ACK, 20);
	assert_int_equal(tcp_readable(conn(&s, c)), 10);
	hear(&s, ACK, 20);
	assert_int_equal(tcp_copy(host(&s), c, 0, got, sizeof(got), false), 30);
	for (uint32_t i = 0; i < 30; i++)
		assert_int_equal(got[i], (uint8_t)(base + i));
	/* And the first of all. */
	fatal(&s, c, ACK, 20);
	assert_int_equal(tcp_readable(conn(&s, c)), 0);
	end(&s, c, l);
}

static void queue(struct script *s, conn_ix c, bool lent)
{
	static const uint8_t bytes[10000];
	struct arena *a = &s->n->arena;
	struct frame_list list = { 0, 0 };
	frame_ix ix;

	if (!lent) {
		tcp_append(host(s), c, bytes, sizeof(bytes));
		return;
	}
	ix = frame_alloc(a);
	assert_int_equal(frame_fill(a, ix, bytes, sizeof(bytes)), 0);
	frame_list_add(a, &list, ix);
	assert_int_equal(tcp_append_frames(host(s), c, &list, sizeof(bytes)),
			 sizeof(bytes));
}

/* Acknowledged chunks come back, and the one that was acknowledged in part. */
static void acknowledged(bool lent)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	uint32_t una = s.ack;

	queue(&s, c, lent);
	tcp_push(host(&s), c, false);
	forget_output(&s);
	s.ack = una + 5000;
	fatal(&s, c, ACK, 0);
	assert_int_equal(conn(&s, c)->snd_una, una);
	assert_int_equal(tcp_unacked(conn(&s, c)), 10000);
	s.ack = una + 10000;
	fatal(&s, c, ACK, 0);
	assert_int_equal(tcp_unacked(conn(&s, c)), 10000);
	s.ack = una + 5000;
	hear(&s, ACK, 0);
	s.ack = una + 10000;
	hear(&s, ACK, 0);
	assert_int_equal(tcp_unacked(conn(&s, c)), 0);
	end(&s, c, l);
}

static void test_acknowledged(void **state)
{
	(void)state;
	acknowledged(false);
	acknowledged(true);
}

/* The end of the stream, into TIME-WAIT, with data that nobody has read yet. */
static void test_end(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	uint8_t got[64];

	(void)state;
	hear(&s, ACK, 10);
	tcp_shutdown(host(&s), c, 1);
	forget_output(&s);
	s.ack++;
	hear(&s, ACK, 0);
	assert_int_equal(conn(&s, c)->state, CONN_FIN_WAIT2);
	fatal(&s, c, ACK | TCP_FIN, 0);
	assert_int_equal(conn(&s, c)->state, CONN_FIN_WAIT2);
	hear(&s, ACK | TCP_FIN, 0);
	assert_int_equal(conn(&s, c)->state, CONN_TIME_WAIT);
	assert_int_equal(tcp_copy(host(&s), c, 0, got, sizeof(got), false), 10);
	end(&s, c, l);
}

/* A connection that a SYN was making is forgotten, not refused. */
static void test_syn(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l), half;

	(void)state;
	s.pport++;
	script_send(&s, TCP_SYN, 7, 0, 0, 1000, NULL, 0);
	half = conn(&s, l)->syn_first;
	assert_true(half != 0);
	forget_output(&s);
	atomic_store(&s.n->host[0]->writing, half);
	stack_recover(host(&s));
	assert_false(script_next(&s).any);
	assert_int_equal(conn(&s, half)->state, CONN_FREE);
	script_send(&s, TCP_SYN, 7, 0, 0, 1000, NULL, 0);
	assert_int_equal(script_next(&s).flags, TCP_SYN | ACK);
	end(&s, c, l);
}

/* --- at each instruction
 * ------------------------------------------------------- */

#define SLOTS 128 /* frames and chunks, more than a test touches */

static struct {
	struct stack *st;
	conn_ix c;
	struct conn before;
	uint32_t marked, broken, part;
	struct undo undo;
	struct conn conn;
	struct chunk chunk[SLOTS];
	uint8_t frame[SLOTS * FRAME_BYTES];
} watched;

/* Is the connection what it was, in what the change is about? */
static bool is_as_before(void)
{
	const struct conn *c = conn_at(watched.st, watched.c);
	const struct conn *b = &watched.before;

	return c->snd_una == b->snd_una && c->snd_nxt == b->snd_nxt &&
	       c->snd_queued == b->snd_queued && c->snd_head == b->snd_head &&
	       c->snd_tail == b->snd_tail && c->cur == b->cur &&
	       c->cur_off == b->cur_off && c->cwnd == b->cwnd &&
	       c->snd_wnd == b->snd_wnd && c->rcv_nxt == b->rcv_nxt &&
	       c->rcv_wup == b->rcv_wup && c->rcv_adv == b->rcv_adv &&
	       c->rcv_queued == b->rcv_queued && c->rcv_first == b->rcv_first &&
	       c->rcv_last == b->rcv_last && c->rcv_most == b->rcv_most &&
	       c->ts_recent == b->ts_recent && c->state == b->state &&
	       c->srtt8_us == b->srtt8_us && c->rtx_at == b->rtx_at &&
	       c->delack_at == b->delack_at &&
	       c->bytes_acked == b->bytes_acked &&
	       c->bytes_received == b->bytes_received &&
	       c->flight.first == b->flight.first &&
	       c->flight.end == b->flight.end && c->run[0].seq == b->run[0].seq;
}

/* Who dies here: what is left of the connection? Then on as if nothing were. */
static void on_trap(int sig)
{
	struct stack *st = watched.st;

	(void)sig;
	if (atomic_load(&st->host->writing) != watched.c)
		return;
	watched.marked++;
	watched.part += st->host->undo.part;
	watched.undo = st->host->undo;
	watched.conn = *conn_at(st, watched.c);
	memcpy(watched.chunk, st->arena->chunks, sizeof(watched.chunk));
	memcpy(watched.frame, st->arena->frames, sizeof(watched.frame));
	if (undo_apply(st) != watched.c || !is_as_before())
		watched.broken++;
	st->host->undo = watched.undo;
	*conn_at(st, watched.c) = watched.conn;
	memcpy(st->arena->chunks, watched.chunk, sizeof(watched.chunk));
	memcpy(st->arena->frames, watched.frame, sizeof(watched.frame));
}

/* The trap flag: SIGTRAP after every instruction. */
static inline __attribute__((always_inline)) void stepping(bool on)
{
	if (on)
		__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::
					 : "memory", "cc");
	else
		__asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::
					 : "memory", "cc");
}

/* A segment heard by somebody who may die at any instruction. */
static void step_through(struct script *s, conn_ix c, uint32_t bytes)
{
	watched.st = host(s);
	watched.c = c;
	watched.before = *conn(s, c);
	watched.marked = 0;
	watched.broken = 0;
	assert_true(arena_chunks_end(&s->n->arena) <= SLOTS);
	assert_true(arena_frames_end(&s->n->arena) <= SLOTS);
	stepping(true);
	script_send(s, ACK, s->seq, s->ack, bytes, 65535, NULL, 0);
	stepping(false);
	s->seq += bytes;
	forget_output(s);
	assert_true(watched.marked > 50);
	assert_int_equal(watched.broken, 0);
}

static void test_each_instruction(void **state)
{
	static const uint8_t bytes[10000];
	struct sigaction sa = { .sa_handler = on_trap }, old;
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	uint32_t una = s.ack;

	(void)state;
	sigaction(SIGTRAP, &sa, &old);
	tcp_append(host(&s), c, bytes, sizeof(bytes));
	tcp_push(host(&s), c, false);
	forget_output(&s);
	/* Within a chunk, within it again, beyond it, and all. */
	s.ack = una + 1000;
	step_through(&s, c, 0);
	s.ack = una + 2000;
	step_through(&s, c, 0);
	s.ack = una + 5000;
	step_through(&s, c, 0);
	/* Together with data; what joins a frame, and what does not. */
	s.ack = una + 10000;
	step_through(&s, c, 10);
	assert_int_equal(tcp_unacked(conn(&s, c)), 0);
	step_through(&s, c, 20);
	step_through(&s, c, 300);
	step_through(&s, c, 1000);
	assert_int_equal(tcp_readable(conn(&s, c)), 1330);
	/* An ack that lets more leave. */
	una = s.ack;
	conn(&s, c)->cwnd = 2 * conn(&s, c)->mss;
	tcp_append(host(&s), c, bytes, sizeof(bytes));
	tcp_push(host(&s), c, false);
	forget_output(&s);
	s.ack = una + conn(&s, c)->mss;
	step_through(&s, c, 0);
	sigaction(SIGTRAP, &old, NULL);
	end(&s, c, l);
}

/* The other end of @n's only connection hears a frame, and may die of it. */
static void step_frame(struct testnet *n, uint32_t to, conn_ix c, frame_ix ix)
{
	watched.st = &n->st[to];
	watched.c = c;
	watched.before = *testnet_conn(n, c);
	watched.marked = 0;
	watched.broken = 0;
	assert_true(arena_chunks_end(&n->arena) <= SLOTS);
	assert_true(arena_frames_end(&n->arena) <= SLOTS);
	stepping(true);
	stack_input(&n->st[to], ix);
	stepping(false);
	assert_true(watched.marked > 50);
	assert_int_equal(watched.broken, 0);
}

/* Two stacks: segments as predicted from Ethernet up, of which less is copied.
 */
static void test_usual(void **state)
{
	static const uint8_t bytes[20000];
	static const uint32_t writes[] = { 10, 20, 300, 20000, 2000, 1448 };
	struct sigaction sa = { .sa_handler = on_trap }, old;
	struct testnet *n = testnet_new(2, 1);
	conn_ix end[2], l;
	uint32_t sum = 0;

	(void)state;
	testnet_pair(n, 0, 1, 5001, &end[0], &end[1], &l);
	n->host[0]->config.super_max = 1448;
	sigaction(SIGTRAP, &sa, &old);
	watched.part = 0;
	for (uint32_t i = 0; i < ARRAY_SIZE(writes); i++) {
		bool moved = true;

		sum += tcp_append(&n->st[0], end[0], bytes, writes[i]);
		tcp_push(&n->st[0], end[0], false);
		while (moved) {
			moved = false;
			for (uint32_t from = 0; from < 2; from++) {
				frame_ix ix = frame_list_pop(&n->arena,
							     &n->st[from].out);

				if (!ix)
					continue;
				step_frame(n, 1 - from, end[1 - from], ix);
				moved = true;
			}
		}
		assert_int_equal(tcp_readable(testnet_conn(n, end[1])), sum);
	}
	assert_true(watched.part > 0);
	sigaction(SIGTRAP, &old, NULL);
	conn_abort(&n->st[0], end[0]);
	conn_abort(&n->st[1], end[1]);
	conn_close(&n->st[1], l);
	assert_true(testnet_free(n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_received),
		cmocka_unit_test(test_acknowledged),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_syn),
		cmocka_unit_test(test_each_instruction),
		cmocka_unit_test(test_usual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
