/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A death at the last instruction of a change: the segment is heard within a
 * change that never ends, and the host recovered. At every other instruction:
 * tests/sim --faults.
 */
#include "stack/script.h"
#include "stack/tcp.h"
#include "stack/undo.h"

#include <setjmp.h>
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

/* Acknowledged chunks come back, and the one that was acknowledged in part. */
static void test_acknowledged(void **state)
{
	static const uint8_t bytes[10000];
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	uint32_t una = s.ack;

	(void)state;
	tcp_append(host(&s), c, bytes, sizeof(bytes));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_received),
		cmocka_unit_test(test_acknowledged),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_syn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
