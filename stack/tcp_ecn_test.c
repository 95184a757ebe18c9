/* SPDX-License-Identifier: BSD-2-Clause */
/* ECN, RFC 3168, against a scripted peer. */
#include "stack/script.h"
#include "stack/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#define ACK TCP_ACK
#define MSS 1460

static struct stack *host(struct script *s)
{
	return &s->n->st[0];
}

static struct conn *conn(struct script *s, conn_ix c)
{
	return testnet_conn(s->n, c);
}

static const uint8_t mss_opt[] = { 2, 4, 0x05, 0xb4 };

/* A connection whose SYN bore @flags in a packet with @tos. */
static conn_ix accepted(struct script *s, uint8_t flags, uint8_t tos,
			struct seen *synack)
{
	struct ip_addr any = { .d = { 0, 0 } };
	conn_ix l, c;

	*s = script_new();
	assert_int_equal(conn_open(host(s), STACK_TCP, 1, 1, &l), 0);
	assert_int_equal(conn_bind(host(s), l, &any, s->lport, 0), 0);
	assert_int_equal(tcp_listen(host(s), l, 4), 0);
	s->tos = tos;
	script_send(s, TCP_SYN | flags, s->seq, 0, 0, 65535, mss_opt, 4);
	s->tos = 0;
	*synack = script_next(s);
	s->iss = synack->seq;
	s->ack = synack->seq + 1;
	s->seq++;
	script_send(s, ACK, s->seq, s->ack, 0, 65535, NULL, 0);
	c = tcp_accept(host(s), l);
	assert_true(c != 0);
	conn_own(host(s), c, 2, 1);
	conn_close(host(s), l);
	return c;
}

static void end(struct script *s, conn_ix c)
{
	conn_abort(host(s), c);
	frame_list_free(&s->n->arena, &host(s)->out);
	assert_true(script_free(s));
}

static void test_agree(void **state)
{
	static const struct {
		uint8_t flags, tos, answer;
	} row[] = {
		{ 0, 0, 0 },
		{ TCP_ECE | TCP_CWR, 0, TCP_ECE },
		{ TCP_ECE, 0, 0 },
		{ TCP_CWR, 0, 0 },
		/* Some middlebox marks everything: not to be trusted. */
		{ TCP_ECE | TCP_CWR, ECN_ECT0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint8_t info[104];
		struct seen a;
		struct script s;
		conn_ix c = accepted(&s, row[i].flags, row[i].tos, &a);

		assert_int_equal(a.flags, TCP_SYN | ACK | row[i].answer);
		assert_int_equal(a.tos, 0);
		tcp_info(host(&s), c, info, sizeof(info));
		/* tcpi_options, TCPI_OPT_ECN */
		assert_int_equal(info[5] & 8, row[i].answer ? 8 : 0);
		end(&s, c);
	}
}

/* connect() asks where it was told to, once, and believes only a clean answer.
 */
static void test_ask(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		bool asks = i != 0, lost = i == 3;
		uint8_t answer = i == 2 ? TCP_ECE | TCP_CWR : TCP_ECE;
		struct script s = script_new();
		struct ip_addr to = testnet_ip4(1);
		struct seen e;
		conn_ix c;

		s.n->host[0]->tuning.ecn = asks ? 1 : 2;
		assert_int_equal(conn_open(host(&s), STACK_TCP, 1, 1, &c), 0);
		assert_int_equal(conn_connect(host(&s), c, &to, s.pport), 0);
		s.lport = conn(&s, c)->lport;
		e = script_next(&s);
		assert_int_equal(e.flags,
				 TCP_SYN | (asks ? TCP_ECE | TCP_CWR : 0));
		if (lost) {
			script_wait(&s, 1100000);
			e = script_next(&s);
			assert_int_equal(e.flags, TCP_SYN);
		}
		script_send(&s, TCP_SYN | ACK | answer, s.seq, e.seq + 1, 0,
			    65535, mss_opt, 4);
		assert_int_equal(conn(&s, c)->state, CONN_ESTABLISHED);
		assert_int_equal(conn(&s, c)->watch & ECN_OK,
				 i == 1 ? ECN_OK : 0);
		end(&s, c);
	}
}

/* CE is echoed until CWR comes. */
static void test_echo(void **state)
{
	struct script s;
	struct seen e;
	conn_ix c = accepted(&s, TCP_ECE | TCP_CWR, 0, &e);
	uint8_t info[104];

	(void)state;
	s.tos = ECN_ECT0;
	script_send(&s, ACK, s.seq, s.ack, 100, 65535, NULL, 0);
	assert_int_equal(script_next(&s).flags, ACK);
	tcp_info(host(&s), c, info, sizeof(info));
	assert_int_equal(info[5] & 24, 24); /* ECN, ECN_SEEN */
	s.tos = ECN_CE;
	script_send(&s, ACK, s.seq + 100, s.ack, 100, 65535, NULL, 0);
	e = script_next(&s);
	assert_int_equal(e.flags, ACK | TCP_ECE);
	assert_int_equal(e.tos, 0);
	s.tos = ECN_ECT0;
	script_send(&s, ACK, s.seq + 200, s.ack, 100, 65535, NULL, 0);
	assert_int_equal(script_next(&s).flags, ACK | TCP_ECE);
	/* Our own data bears it too, and is marked ECT(0). */
	tcp_append(host(&s), c, "hello", 5);
	tcp_push(host(&s), c, false);
	e = script_next(&s);
	assert_int_equal(e.flags, ACK | TCP_PSH | TCP_ECE);
	assert_int_equal(e.tos, ECN_ECT0);
	script_send(&s, ACK | TCP_CWR, s.seq + 300, s.ack + 5, 100, 65535, NULL,
		    0);
	assert_int_equal(script_next(&s).flags, ACK);
	/* CWR and a new mark in one: echoed again. */
	s.tos = ECN_CE;
	script_send(&s, ACK | TCP_CWR, s.seq + 400, s.ack + 5, 100, 65535, NULL,
		    0);
	assert_int_equal(script_next(&s).flags, ACK | TCP_ECE);
	end(&s, c);
}

/* ECE halves once a window; the next new data says so; resends are not marked.
 */
static void test_react(void **state)
{
	static const uint8_t bytes[40 * MSS];
	struct script s;
	struct seen e;
	conn_ix c = accepted(&s, TCP_ECE | TCP_CWR, 0, &e);
	uint32_t cwnd, sent = 0;
	uint8_t info[104];

	(void)state;
	assert_int_equal(tcp_append(host(&s), c, bytes, sizeof(bytes)),
			 sizeof(bytes));
	tcp_push(host(&s), c, false);
	while ((e = script_next(&s)).any) {
		assert_int_equal(e.tos, ECN_ECT0);
		sent += e.bytes;
	}
	assert_int_equal(sent, 10 * MSS);
	cwnd = conn(&s, c)->cwnd;
	script_send(&s, ACK | TCP_ECE, s.seq, s.ack + 2 * MSS, 0, 65535, NULL,
		    0);
	assert_int_equal(conn(&s, c)->cwnd, cwnd * 717ull / 1024);
	tcp_info(host(&s), c, info, sizeof(info));
	assert_int_equal(info[1], 2); /* TCP_CA_CWR */
	cwnd = conn(&s, c)->cwnd;
	assert_false(script_next(&s).any);
	/* The same window still: not again, and no growth. */
	script_send(&s, ACK | TCP_ECE, s.seq, s.ack + 4 * MSS, 0, 65535, NULL,
		    0);
	assert_int_equal(conn(&s, c)->cwnd, cwnd);
	e = script_next(&s);
	assert_int_equal(e.flags & TCP_CWR, TCP_CWR);
	assert_int_equal(e.tos, ECN_ECT0);
	script_send(&s, ACK, s.seq, s.ack + 6 * MSS, 0, 65535, NULL, 0);
	e = script_next(&s);
	assert_true(e.any);
	assert_int_equal(e.flags & TCP_CWR, 0);
	/* A later window is another matter. */
	script_send(&s, ACK | TCP_ECE, s.seq, e.seq + e.bytes, 0, 65535, NULL,
		    0);
	assert_true(conn(&s, c)->cwnd < cwnd);
	while (script_next(&s).any)
		;
	script_wait(&s, 1500000);
	e = script_next(&s);
	assert_true(e.bytes > 0);
	assert_int_equal(e.tos, 0);
	end(&s, c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agree),
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_react),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
