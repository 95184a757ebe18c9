/* SPDX-License-Identifier: BSD-2-Clause */
/* What the simulator's oracle found, each against a scripted peer. */
#include "stack/script.h"
#include "stack/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#define ACK TCP_ACK
#define MSS 1448

static struct stack *host(struct script *s)
{
	return &s->n->st[0];
}

static void end(struct script *s, conn_ix c, conn_ix l)
{
	conn_abort(host(s), c);
	if (l)
		conn_close(host(s), l);
	frame_list_free(&s->n->arena, &host(s)->out);
	assert_true(script_free(s));
}

static void drain(struct script *s)
{
	while (script_next(s).any)
		;
}

/* [from, to) of the @i-th SACK block, counted from @base. */
static void assert_block(const struct seen *e, uint32_t i, uint32_t base,
			 uint32_t from, uint32_t to)
{
	const uint8_t *p = e->opt + 12;

	assert_int_equal(p[2], 5);
	assert_true(p[3] >= 2 + 8 * (i + 1));
	assert_int_equal(get32(p + 4 + 8 * i) - base, from);
	assert_int_equal(get32(p + 8 + 8 * i) - base, to);
}

/* SACK blocks come out of the payload: RFC 6691. */
static void sack_blocks_leave_less_for_data(void **state)
{
	static const uint8_t bytes[10 * MSS];
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	const struct frame *f;
	struct seen e;

	(void)state;
	script_send(&s, ACK, s.seq + 100, s.ack, 10, 65535, NULL, 0);
	drain(&s);
	tcp_append(host(&s), c, bytes, MSS);
	tcp_push(host(&s), c, false);
	e = script_next(&s);
	assert_int_equal(e.options, 24);
	assert_int_equal(e.bytes + e.options, MSS + 12);
	/* The rest is short: it waits for the ack, or for more. */
	assert_false(script_next(&s).any);
	/* Several at once: the cut is told, and no short one left over. */
	tcp_append(host(&s), c, bytes, 4 * MSS);
	tcp_push(host(&s), c, false);
	f = frame_at(&s.n->arena, host(&s)->out.first);
	assert_int_equal(f->gso_bytes, MSS - 12);
	assert_int_equal(f->payload % (MSS - 12), 0);
	end(&s, c, l);
}

/* The block that holds a duplicate follows it at once: RFC 2883, section 4. */
static void the_block_of_a_duplicate_comes_second(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	struct seen e = { 0 }, next;

	(void)state;
	for (uint32_t at = 100; at <= 300; at += 100)
		script_send(&s, ACK, s.seq + at, s.ack, 20, 65535, NULL, 0);
	drain(&s);
	script_send(&s, ACK, s.seq + 100, s.ack, 20, 65535, NULL, 0);
	while ((next = script_next(&s)).any)
		e = next;
	assert_block(&e, 0, s.seq, 100, 120);
	assert_block(&e, 1, s.seq, 100, 120);
	assert_block(&e, 2, s.seq, 300, 320);
	end(&s, c, l);
}

/* RFC 7323, 2.2: the window of a SYN is not scaled, ACK or no ACK. */
static void a_syn_ack_is_not_scaled_when_both_open(void **state)
{
	static const uint8_t full[] = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
					0, 1, 0, 0,    0, 0, 1, 3,  3, 7 };
	struct script s = script_new();
	struct ip_addr to = testnet_ip4(1);
	uint8_t answer[sizeof(full)];
	struct seen e;
	conn_ix c;

	(void)state;
	assert_int_equal(conn_open(host(&s), STACK_TCP, 1, 1, &c), 0);
	assert_int_equal(conn_connect(host(&s), c, &to, s.pport), 0);
	e = script_next(&s);
	s.ack = e.seq + 1;
	s.lport = testnet_conn(s.n, c)->lport;
	script_send(&s, TCP_SYN, s.seq, 0, 0, 20000, full, sizeof(full));
	e = script_next(&s);
	memcpy(answer, full, sizeof(full));
	put32(answer + 12, get32(e.opt + 8));
	script_send(&s, TCP_SYN | ACK, s.seq, s.ack, 0, 20000, answer,
		    sizeof(answer));
	assert_int_equal(testnet_conn(s.n, c)->state, CONN_ESTABLISHED);
	assert_int_equal(testnet_conn(s.n, c)->snd_wnd, 20000);
	end(&s, c, 0);
}

/* A SYN that comes again is answered, and the answer's own repetition waits
 * from then on. */
static void a_repeated_synack_is_timed_anew(void **state)
{
	static const uint8_t mss[] = { 2, 4, 5, 0xb4 };
	struct script s = script_new();
	struct ip_addr any = { .d = { 0, 0 } };
	conn_ix l;

	(void)state;
	assert_int_equal(conn_open(host(&s), STACK_TCP, 1, 1, &l), 0);
	assert_int_equal(conn_bind(host(&s), l, &any, s.lport, 0), 0);
	assert_int_equal(tcp_listen(host(&s), l, 4), 0);
	script_send(&s, TCP_SYN, s.seq, 0, 0, 65535, mss, 4);
	assert_int_equal(script_next(&s).flags, TCP_SYN | ACK);
	script_wait(&s, 990000);
	script_send(&s, TCP_SYN, s.seq, 0, 0, 65535, mss, 4);
	assert_int_equal(script_next(&s).flags, TCP_SYN | ACK);
	script_wait(&s, 900000);
	assert_false(script_next(&s).any);
	script_wait(&s, 150000);
	assert_int_equal(script_next(&s).flags, TCP_SYN | ACK);
	conn_close(host(&s), l);
	assert_true(script_free(&s));
}

/* A small buffer on a link of large frames, a peer on one of small ones. */
static void a_small_buffer_is_no_shut_window(void **state)
{
	static const uint8_t mss[] = { 2, 4, 5, 0xb4 };
	struct script s = script_new();
	struct ip_addr any = { .d = { 0, 0 } };
	conn_ix l;

	(void)state;
	s.n->host[0]->config.mtu = 9000;
	assert_int_equal(conn_open(host(&s), STACK_TCP, 1, 1, &l), 0);
	assert_int_equal(conn_bind(host(&s), l, &any, s.lport, 0), 0);
	assert_int_equal(conn_set(host(&s), l, CONN_RCVBUF, 8704), 0);
	assert_int_equal(tcp_listen(host(&s), l, 4), 0);
	script_send(&s, TCP_SYN, s.seq, 0, 0, 65535, mss, 4);
	assert_int_equal(script_next(&s).window, 8704);
	conn_close(host(&s), l);
	assert_true(script_free(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sack_blocks_leave_less_for_data),
		cmocka_unit_test(the_block_of_a_duplicate_comes_second),
		cmocka_unit_test(a_syn_ack_is_not_scaled_when_both_open),
		cmocka_unit_test(a_repeated_synack_is_timed_anew),
		cmocka_unit_test(a_small_buffer_is_no_shut_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
