/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP segment by segment: what is sent, when, and with which numbers. */
#include "stack/script.h"
#include "stack/tcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ACK	(TCP_ACK)
#define FIN_ACK (TCP_FIN | TCP_ACK)
#define PSH_ACK (TCP_PSH | TCP_ACK)
#define RST_ACK (TCP_RST | TCP_ACK)

static struct stack *host(struct script *s)
{
	return &s->n->st[0];
}

static struct conn *conn(struct script *s, conn_ix c)
{
	return testnet_conn(s->n, c);
}

/* What host 0 sent, relative to its ISN and the peer's sequence. */
#define expect(s, want_flags, want_seq, want_bytes)                        \
	do {                                                               \
		struct seen e_ = script_next(s);                           \
		assert_true(e_.any);                                       \
		assert_int_equal(e_.flags, want_flags);                    \
		assert_int_equal((uint32_t)(e_.seq - (s)->iss), want_seq); \
		assert_int_equal(e_.bytes, want_bytes);                    \
	} while (0)
#define expect_ack(s, want_ack)                                 \
	do {                                                    \
		struct seen e_ = script_next(s);                \
		assert_true(e_.any);                            \
		assert_int_equal(e_.flags, TCP_ACK);            \
		assert_int_equal(e_.bytes, 0);                  \
		assert_int_equal(e_.ack, (uint32_t)(want_ack)); \
	} while (0)
#define expect_nothing(s) assert_false(script_next(s).any)

static void say(struct script *s, uint8_t flags, uint32_t bytes)
{
	script_send(s, flags, s->seq, s->ack, bytes, 65535, NULL, 0);
	s->seq += bytes + !!(flags & TCP_FIN);
}

static void write_bytes(struct script *s, conn_ix c, uint32_t bytes)
{
	static uint8_t buf[1 << 18];

	assert_int_equal(tcp_append(host(s), c, buf, bytes), bytes);
	tcp_push(host(s), c, false);
}

static void end(struct script *s, conn_ix c, conn_ix l)
{
	if (c)
		conn_abort(host(s), c);
	if (l)
		conn_close(host(s), l);
	assert_true(script_free(s));
}

static void options_come_in_linux_order(void **state)
{
	static const uint8_t want[] = { 2, 4, 5, 0xb4, 4, 2, 8, 10 };
	struct script s = script_new();
	struct ip_addr to = testnet_ip4(1);
	struct seen syn;
	conn_ix c;

	(void)state;
	assert_int_equal(conn_open(host(&s), STACK_TCP, 1, 1, &c), 0);
	assert_int_equal(conn_connect(host(&s), c, &to, 9), 0);
	syn = script_next(&s);
	assert_int_equal(syn.flags, TCP_SYN);
	assert_int_equal(syn.options, 20);
	assert_memory_equal(syn.opt, want, sizeof(want));
	assert_int_equal(syn.opt[16], 1);
	assert_int_equal(syn.opt[17], 3);
	assert_int_equal(syn.opt[18], 3);
	assert_int_equal(syn.opt[19], 7);
	assert_int_equal(syn.window, 65535);
	end(&s, c, 0);
}

static void syn_is_repeated_and_given_up(void **state)
{
	struct script s = script_new();
	struct ip_addr to = testnet_ip4(1);
	uint64_t at_ms[] = { 1000, 3000, 7000, 15000, 31000, 63000 };
	uint64_t begin = s.n->now_ns;
	conn_ix c;

	(void)state;
	assert_int_equal(conn_open(host(&s), STACK_TCP, 1, 1, &c), 0);
	assert_int_equal(conn_connect(host(&s), c, &to, 9), 0);
	assert_true(script_next(&s).any);
	for (size_t i = 0; i < ARRAY_SIZE(at_ms); i++) {
		uint64_t at = begin + at_ms[i] * NSEC_PER_MSEC;

		script_wait(&s, (at - s.n->now_ns) / 1000 - 3000);
		expect_nothing(&s);
		script_wait(&s, 10000);
		assert_int_equal(script_next(&s).flags, TCP_SYN);
	}
	script_wait(&s, 65 * 1000000);
	expect_nothing(&s);
	assert_int_equal(conn_error(host(&s), c), ETIMEDOUT);
	end(&s, c, 0);
}

/* RFC 5961: what a stranger guesses does not end a connection. */
static void strange_segments_are_challenged(void **state)
{
	static const struct {
		uint8_t flags;
		int32_t seq, ack;
		bool answered, ends;
	} cases[] = {
		{ TCP_RST, 1, 0, true, false },	     /* RST within the window */
		{ TCP_RST, -1000, 0, false, false }, /* RST below */
		{ TCP_RST, 1 << 20, 0, false, false }, /* RST above */
		{ TCP_SYN, 0, 0, true, false },
		{ TCP_SYN, 5000, 0, true, false },
		{ TCP_SYN | TCP_ACK, 0, 0, true, false },
		{ TCP_ACK, 0, 100000, false, false }, /* acks what never was */
		{ TCP_ACK, 1 << 20, 0, true, false }, /* beyond the window */
		{ TCP_ACK, -100, 0, true, false },    /* below it */
		{ 0, 0, 0, false, false },
		{ TCP_FIN, 0, 0, false, false }, /* no ACK, no meaning */
		{ TCP_RST, 0, 0, false, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct script s = script_new();
		conn_ix l = 0, c = script_accept(&s, false, &l);

		script_send(&s, cases[i].flags, s.seq + (uint32_t)cases[i].seq,
			    s.ack + (uint32_t)cases[i].ack, 0, 65535, NULL, 0);
		assert_int_equal(script_next(&s).any, cases[i].answered);
		assert_int_equal(conn(&s, c)->state == CONN_CLOSED,
				 cases[i].ends);
		if (cases[i].ends)
			assert_int_equal(conn_error(host(&s), c), ECONNRESET);
		end(&s, c, l);
	}
}

static void old_timestamps_are_refused(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);

	(void)state;
	say(&s, PSH_ACK, 10);
	assert_int_equal(tcp_readable(conn(&s, c)), 10);
	expect_ack(&s, s.seq);
	s.tsval -= 50;
	script_send(&s, PSH_ACK, s.seq, s.ack, 10, 65535, NULL, 0);
	expect_ack(&s, s.seq);
	assert_int_equal(tcp_readable(conn(&s, c)), 10);
	end(&s, c, l);
}

/* As Linux counts them: what is not as predicted, and brings nothing. */
static void pure_acks_are_counted(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	uint64_t before;

	(void)state;
	say(&s, PSH_ACK, 10);
	expect_ack(&s, s.seq);
	before = testnet_count(s.n, 0, TcpExt_TCPPureAcks);
	script_send(&s, ACK, s.seq, s.ack, 0, 65535, NULL, 0);
	assert_int_equal(testnet_count(s.n, 0, TcpExt_TCPPureAcks), before);
	script_send(&s, PSH_ACK, s.seq + 100, s.ack, 10, 65535, NULL, 0);
	assert_int_equal(testnet_count(s.n, 0, TcpExt_TCPPureAcks), before);
	script_send(&s, ACK, s.seq, s.ack, 0, 65535, NULL, 0);
	assert_int_equal(testnet_count(s.n, 0, TcpExt_TCPPureAcks), before + 1);
	while (script_next(&s).any)
		;
	end(&s, c, l);
}

static void disorder_is_reported_and_mended(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	uint32_t base = s.seq;
	struct seen e;

	(void)state;
	script_send(&s, ACK, base + 100, s.ack, 100, 65535, NULL, 0);
	e = script_next(&s);
	assert_int_equal(e.ack, base);
	assert_int_equal(e.options, 12 + 12);
	assert_int_equal(get32(e.opt + 12), 0x0101050a);
	assert_int_equal(get32(e.opt + 16), base + 100);
	assert_int_equal(get32(e.opt + 20), base + 200);
	/* A second hole: the latest comes first. */
	script_send(&s, ACK, base + 300, s.ack, 100, 65535, NULL, 0);
	e = script_next(&s);
	assert_int_equal(e.options, 12 + 20);
	assert_int_equal(get32(e.opt + 16), base + 300);
	assert_int_equal(get32(e.opt + 24), base + 100);
	/* The same again: a D-SACK before the rest. */
	script_send(&s, ACK, base + 300, s.ack, 100, 65535, NULL, 0);
	e = script_next(&s);
	assert_int_equal(e.options, 12 + 28);
	assert_int_equal(get32(e.opt + 16), base + 300);
	assert_int_equal(get32(e.opt + 20), base + 400);
	/* What overlaps both sides of the first hole fills it. */
	script_send(&s, ACK, base, s.ack, 250, 65535, NULL, 0);
	e = script_next(&s);
	assert_int_equal(e.ack, base + 250);
	assert_int_equal(tcp_readable(conn(&s, c)), 250);
	script_send(&s, FIN_ACK, base + 400, s.ack, 10, 65535, NULL, 0);
	assert_true(script_next(&s).any);
	script_send(&s, ACK, base + 240, s.ack, 100, 65535, NULL, 0);
	e = script_next(&s);
	assert_int_equal(e.ack, base + 411);
	assert_int_equal(tcp_readable(conn(&s, c)), 410);
	assert_int_equal(conn(&s, c)->state, CONN_CLOSE_WAIT);
	{
		uint8_t buf[410];

		assert_int_equal(tcp_copy(host(&s), c, 0, buf, 410, false),
				 410);
		for (uint32_t i = 0; i < 410; i++)
			assert_int_equal(buf[i], (uint8_t)(base + i));
	}
	end(&s, c, l);
}

static void three_duplicates_resend(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, false, &l);

	(void)state;
	conn_set(host(&s), c, CONN_NODELAY, 1);
	for (int i = 0; i < 8; i++)
		write_bytes(&s, c, 1460);
	for (uint32_t i = 0; i < 8; i++)
		expect(&s, PSH_ACK, 1 + 1460 * i, 1460);
	for (int i = 0; i < 2; i++) {
		say(&s, ACK, 0);
		expect_nothing(&s);
	}
	say(&s, ACK, 0);
	expect(&s, ACK, 1, 1460);
	/* A partial ack resends the next at once: RFC 6582. */
	s.ack += 2920;
	say(&s, ACK, 0);
	expect(&s, ACK, 2921, 1460);
	s.ack = s.iss + 1 + 8 * 1460;
	say(&s, ACK, 0);
	expect_nothing(&s);
	assert_int_equal(conn(&s, c)->recovery, 0);
	assert_int_equal(tcp_unacked(conn(&s, c)), 0);
	end(&s, c, l);
}

static void sacked_ranges_are_not_resent(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	uint8_t sack[] = { 1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0 };
	const uint32_t m = 1448;

	(void)state;
	conn_set(host(&s), c, CONN_NODELAY, 1);
	for (int i = 0; i < 9; i++)
		write_bytes(&s, c, m);
	for (uint32_t i = 0; i < 9; i++)
		expect(&s, PSH_ACK, 1 + m * i, m);
	/* 0 and 4 are lost; 1-3 and 5-8 arrive. */
	script_wait(&s, 100);
	put32(sack + 4, s.ack + m);
	put32(sack + 8, s.ack + 4 * m);
	script_send(&s, ACK, s.seq, s.ack, 0, 65535, sack, 12);
	expect(&s, ACK, 1, m);
	put32(sack + 4, s.ack + 5 * m);
	put32(sack + 8, s.ack + 9 * m);
	script_send(&s, ACK, s.seq, s.ack, 0, 65535, sack, 12);
	expect(&s, ACK, 1 + 4 * m, m);
	expect_nothing(&s);
	s.ack += 9 * m;
	say(&s, ACK, 0);
	expect_nothing(&s);
	assert_int_equal(conn(&s, c)->recovery, 0);
	end(&s, c, l);
}

static void timeouts_double(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l);
	/* The handshake took no time: 200 ms, and then twice as long each. */
	static const uint64_t at_ms[] = { 200, 600, 1400, 3000, 6200, 12600 };
	uint64_t begin = s.n->now_ns;

	(void)state;
	host(&s)->host->config.mtu_trusted = true;
	write_bytes(&s, c, 5000);
	expect(&s, PSH_ACK, 1, 5000);
	/* A probe after 10 ms, which the timeouts are counted from. */
	script_wait(&s, 12000);
	expect(&s, PSH_ACK, 1 + 5000 - 1448, 1448);
	begin += 10 * NSEC_PER_MSEC;
	for (size_t i = 0; i < ARRAY_SIZE(at_ms); i++) {
		uint64_t at = begin + at_ms[i] * NSEC_PER_MSEC;

		script_wait(&s, (at - s.n->now_ns) / 1000 - 1);
		expect_nothing(&s);
		/* A tick late at most, each time. */
		script_wait(&s, 8000);
		expect(&s, ACK, 1, 1448);
		expect_nothing(&s);
	}
	/* What is left of it follows at once when the ack comes. */
	s.ack += 1448;
	say(&s, ACK, 0);
	expect(&s, ACK, 1449, 2896);
	end(&s, c, l);
}

static void orphans_and_mutes_time_out(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, false, &l);

	(void)state;
	conn_set(host(&s), c, CONN_USER_TIMEOUT_MS, 5000);
	write_bytes(&s, c, 100);
	script_wait(&s, 7 * 1000000);
	assert_int_equal(conn_error(host(&s), c), ETIMEDOUT);
	while (script_next(&s).any)
		;
	end(&s, c, l);
}

static void acks_are_delayed_in_a_dialogue(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, false, &l);

	(void)state;
	/* The first is acknowledged at once. */
	say(&s, PSH_ACK, 100);
	expect_ack(&s, s.seq);
	write_bytes(&s, c, 50);
	expect(&s, PSH_ACK, 1, 50);
	s.ack += 50;
	/* Now the answer is expected to carry it. */
	say(&s, PSH_ACK, 100);
	expect_nothing(&s);
	script_wait(&s, 38000);
	expect_nothing(&s);
	script_wait(&s, 5000);
	expect_ack(&s, s.seq);
	/* Two full segments are not kept waiting. */
	conn_set(host(&s), c, CONN_QUICKACK, 0);
	say(&s, ACK, 1460);
	expect_nothing(&s);
	say(&s, ACK, 1460);
	expect_ack(&s, s.seq);
	end(&s, c, l);
}

static void take(struct script *s, conn_ix c)
{
	uint8_t buf[1500];

	tcp_copy(host(s), c, 0, buf, sizeof(buf), false);
	tcp_consumed(host(s), c);
}

/* Who writes little, one way, and waits for each to be acknowledged. */
static void what_was_read_is_acknowledged(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, false, &l);

	(void)state;
	for (int i = 0; i < TCP_QUICK_ACKS; i++) {
		say(&s, PSH_ACK, 1);
		expect_ack(&s, s.seq);
		take(&s, c);
	}
	for (int i = 0; i < 3; i++) {
		say(&s, PSH_ACK, 1);
		expect_nothing(&s);
		take(&s, c);
		expect_ack(&s, s.seq);
	}
	/* More follows: no. */
	say(&s, ACK, 1);
	take(&s, c);
	expect_nothing(&s);
	say(&s, PSH_ACK, 1);
	take(&s, c);
	expect_ack(&s, s.seq);
	end(&s, c, l);
}

/* In a dialogue the answer carries it. */
static void what_will_be_answered_is_not(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, false, &l);

	(void)state;
	say(&s, PSH_ACK, 1);
	expect_ack(&s, s.seq);
	take(&s, c);
	write_bytes(&s, c, 1);
	expect(&s, PSH_ACK, 1, 1);
	s.ack++;
	say(&s, PSH_ACK, 1);
	take(&s, c);
	expect_nothing(&s);
	end(&s, c, l);
}

static void nagle_and_cork_hold_back(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, false, &l);

	(void)state;
	write_bytes(&s, c, 10);
	expect(&s, PSH_ACK, 1, 10);
	write_bytes(&s, c, 10);
	write_bytes(&s, c, 10);
	expect_nothing(&s);
	s.ack += 10;
	say(&s, ACK, 0);
	expect(&s, PSH_ACK, 11, 20);
	s.ack += 20;
	say(&s, ACK, 0);
	conn_set(host(&s), c, CONN_CORK, 1);
	write_bytes(&s, c, 1500);
	expect(&s, ACK, 31, 1460);
	expect_nothing(&s);
	conn_set(host(&s), c, CONN_CORK, 0);
	expect(&s, PSH_ACK, 31 + 1460, 40);
	s.ack += 1500;
	say(&s, ACK, 0);
	/* Corked for ever: 200 ms. */
	conn_set(host(&s), c, CONN_CORK, 1);
	write_bytes(&s, c, 5);
	expect_nothing(&s);
	script_wait(&s, 203000);
	expect(&s, PSH_ACK, 31 + 1500, 5);
	end(&s, c, l);
}

static void a_shut_window_is_probed(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, false, &l);
	int probes = 0;

	(void)state;
	script_send(&s, ACK, s.seq, s.ack, 0, 0, NULL, 0);
	write_bytes(&s, c, 3000);
	expect_nothing(&s);
	for (int i = 0; i < 40; i++) {
		struct seen e;

		script_wait(&s, 100000);
		e = script_next(&s);
		if (!e.any)
			continue;
		probes++;
		/* A byte below the window, without payload. */
		assert_int_equal(e.seq, s.iss);
		assert_int_equal(e.bytes, 0);
		script_send(&s, ACK, s.seq, s.ack, 0, 0, NULL, 0);
	}
	assert_in_range(probes, 3, 5);
	script_send(&s, ACK, s.seq, s.ack, 0, 65535, NULL, 0);
	expect(&s, PSH_ACK, 1, 3000);
	end(&s, c, l);
}

static void our_window_closes_and_opens(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, false, &l);
	static uint8_t buf[20000];
	uint32_t window = 65535;
	struct seen e;

	(void)state;
	conn_set(host(&s), c, CONN_RCVBUF, 10000);
	/* What was promised is kept: 65535 from the SYN. */
	for (int i = 0; i < 60 && window; i++) {
		say(&s, ACK, window < 1460 ? window : 1460);
		while ((e = script_next(&s)).any)
			window = e.window;
	}
	assert_int_equal(window, 0);
	/* Beyond it nothing is taken, and that is said. */
	script_send(&s, ACK, s.seq, s.ack, 100, 65535, NULL, 0);
	assert_int_equal(script_next(&s).window, 0);
	while (tcp_copy(host(&s), c, 0, buf, 5000, false))
		tcp_consumed(host(&s), c);
	e = script_next(&s);
	assert_true(e.any && e.window >= 1460);
	while ((e = script_next(&s)).any)
		window = e.window;
	assert_in_range(window, 10000 - 1460, 10000);
	end(&s, c, l);
}

static void keepalive_asks_and_gives_up(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, false, &l);

	(void)state;
	conn_set(host(&s), c, CONN_KEEPIDLE_S, 10);
	conn_set(host(&s), c, CONN_KEEPINTVL_S, 2);
	conn_set(host(&s), c, CONN_KEEPCNT, 3);
	conn_set(host(&s), c, CONN_KEEPALIVE, 1);
	script_wait(&s, 9990000);
	expect_nothing(&s);
	script_wait(&s, 20000);
	expect(&s, ACK, 0, 0);
	say(&s, ACK, 0);
	script_wait(&s, 9900000);
	expect_nothing(&s);
	script_wait(&s, 200000);
	expect(&s, ACK, 0, 0);
	script_wait(&s, 4100000);
	expect(&s, ACK, 0, 0);
	expect(&s, ACK, 0, 0);
	script_wait(&s, 2100000);
	assert_int_equal(script_next(&s).flags, RST_ACK);
	assert_int_equal(conn_error(host(&s), c), ETIMEDOUT);
	end(&s, c, l);
}

static void closing_with_unread_data_resets(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, false, &l);

	(void)state;
	say(&s, PSH_ACK, 10);
	expect_ack(&s, s.seq);
	conn_close(host(&s), c);
	assert_int_equal(script_next(&s).flags, RST_ACK);
	s.pport++;
	s.seq = 77;
	c = script_accept(&s, false, &l);
	conn_set(host(&s), c, CONN_LINGER_S, 0);
	conn_close(host(&s), c);
	assert_int_equal(script_next(&s).flags, RST_ACK);
	/* Data that comes after the reader has gone. */
	s.pport++;
	c = script_accept(&s, false, &l);
	conn_close(host(&s), c);
	expect(&s, FIN_ACK, 1, 0);
	s.ack++;
	say(&s, PSH_ACK, 10);
	assert_int_equal(script_next(&s).flags, TCP_RST);
	assert_int_equal(conn(&s, c)->state, CONN_FREE);
	end(&s, 0, l);
}

static void time_wait_gives_way_to_the_next(void **state)
{
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, true, &l), next;
	uint32_t seq;

	(void)state;
	conn_close(host(&s), c);
	expect(&s, FIN_ACK, 1, 0);
	s.ack++;
	say(&s, FIN_ACK, 0);
	expect_ack(&s, s.seq);
	assert_int_equal(conn(&s, c)->state, CONN_TIME_WAIT);
	/* The FIN once more: the ack once more. */
	script_send(&s, FIN_ACK, s.seq - 1, s.ack, 0, 65535, NULL, 0);
	expect_ack(&s, s.seq);
	/* An old SYN is refused, a new one is welcome. */
	seq = s.seq;
	s.ts = false;
	script_send(&s, TCP_SYN, seq - 1000, 0, 0, 65535, NULL, 0);
	expect_ack(&s, seq);
	s.seq = seq + 1;
	s.tsval++;
	next = script_accept(&s, true, &l);
	assert_int_equal(conn(&s, next)->state, CONN_ESTABLISHED);
	end(&s, next, l);
}

static void a_full_backlog_drops_syns(void **state)
{
	static const uint8_t mss[] = { 2, 4, 5, 0xb4 };
	struct script s = script_new();
	conn_ix l = 0, c[4];

	(void)state;
	c[0] = script_accept(&s, false, &l);
	tcp_listen(host(&s), l, 1);
	/* Two may wait for accept(): Linux lets one more in than it was told.
	 */
	for (int i = 0; i < 2; i++) {
		struct seen e;

		s.pport++;
		script_send(&s, TCP_SYN, 500, 0, 0, 65535, mss, 4);
		e = script_next(&s);
		assert_int_equal(e.flags, TCP_SYN | TCP_ACK);
		script_send(&s, ACK, 501, e.seq + 1, 0, 65535, NULL, 0);
		expect_nothing(&s);
	}
	s.pport++;
	script_send(&s, TCP_SYN, 500, 0, 0, 65535, mss, 4);
	expect_nothing(&s);
	assert_int_equal(testnet_count(s.n, 0, TcpExt_ListenOverflows), 1);
	c[1] = tcp_accept(host(&s), l);
	conn_own(host(&s), c[1], 1, 1);
	script_send(&s, TCP_SYN, 500, 0, 0, 65535, mss, 4);
	assert_int_equal(script_next(&s).flags, TCP_SYN | TCP_ACK);
	conn_abort(host(&s), c[1]);
	/* Closing the listener resets what waits. */
	conn_abort(host(&s), c[0]);
	conn_close(host(&s), l);
	while (script_next(&s).any)
		;
	assert_true(script_free(&s));
}

static void simultaneous_open_and_close(void **state)
{
	static const uint8_t mss[] = { 2, 4, 5, 0xb4 };
	struct script s = script_new();
	struct ip_addr to = testnet_ip4(1);
	struct seen e;
	conn_ix c;

	(void)state;
	assert_int_equal(conn_open(host(&s), STACK_TCP, 1, 1, &c), 0);
	assert_int_equal(conn_connect(host(&s), c, &to, s.pport), 0);
	e = script_next(&s);
	s.iss = e.seq;
	s.ack = e.seq + 1;
	s.lport = conn(&s, c)->lport;
	script_send(&s, TCP_SYN, s.seq, 0, 0, 65535, mss, 4);
	e = script_next(&s);
	assert_int_equal(e.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(e.seq, s.iss);
	script_send(&s, TCP_SYN | TCP_ACK, s.seq, s.ack, 0, 65535, mss, 4);
	s.seq++;
	assert_int_equal(conn(&s, c)->state, CONN_ESTABLISHED);
	while (script_next(&s).any)
		;
	tcp_shutdown(host(&s), c, 1);
	expect(&s, FIN_ACK, 1, 0);
	say(&s, FIN_ACK, 0);
	assert_int_equal(conn(&s, c)->state, CONN_CLOSING);
	expect_ack(&s, s.seq);
	s.ack++;
	say(&s, ACK, 0);
	assert_int_equal(conn(&s, c)->state, CONN_TIME_WAIT);
	end(&s, c, 0);
}

static void urgent_data_is_announced(void **state)
{
	uint8_t byte = 0, buf[8];
	struct script s = script_new();
	conn_ix l = 0, c = script_accept(&s, false, &l);

	(void)state;
	assert_int_equal(tcp_append(host(&s), c, "abc", 3), 3);
	tcp_send_urgent(host(&s), c);
	tcp_push(host(&s), c, false);
	expect(&s, PSH_ACK | TCP_URG, 1, 3);
	s.ack += 3;
	assert_int_equal(tcp_urgent(host(&s), c, &byte, false), -EINVAL);
	{
		/* Five bytes, the third of them urgent. */
		struct conn *k = conn(&s, c);

		say(&s, PSH_ACK, 5);
		k->rcv_up = s.seq - 2;
		k->flags |= CONN_URG_RCVD;
	}
	assert_true(conn_ready(host(&s), c) & STACK_PRI);
	assert_int_equal(tcp_urgent(host(&s), c, &byte, true), 0);
	assert_int_equal(byte, (uint8_t)(s.seq - 3));
	assert_false(tcp_at_mark(host(&s), c));
	assert_int_equal(tcp_copy(host(&s), c, 0, buf, 2, false), 2);
	assert_true(tcp_at_mark(host(&s), c));
	assert_int_equal(tcp_copy(host(&s), c, 0, buf, 1, false), 1);
	assert_false(conn_ready(host(&s), c) & STACK_PRI);
	assert_int_equal(tcp_urgent(host(&s), c, &byte, false), -EINVAL);
	tcp_copy(host(&s), c, 0, buf, 2, false);
	end(&s, c, l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_come_in_linux_order),
		cmocka_unit_test(syn_is_repeated_and_given_up),
		cmocka_unit_test(strange_segments_are_challenged),
		cmocka_unit_test(old_timestamps_are_refused),
		cmocka_unit_test(pure_acks_are_counted),
		cmocka_unit_test(disorder_is_reported_and_mended),
		cmocka_unit_test(three_duplicates_resend),
		cmocka_unit_test(sacked_ranges_are_not_resent),
		cmocka_unit_test(timeouts_double),
		cmocka_unit_test(orphans_and_mutes_time_out),
		cmocka_unit_test(acks_are_delayed_in_a_dialogue),
		cmocka_unit_test(what_was_read_is_acknowledged),
		cmocka_unit_test(what_will_be_answered_is_not),
		cmocka_unit_test(nagle_and_cork_hold_back),
		cmocka_unit_test(a_shut_window_is_probed),
		cmocka_unit_test(our_window_closes_and_opens),
		cmocka_unit_test(keepalive_asks_and_gives_up),
		cmocka_unit_test(closing_with_unread_data_resets),
		cmocka_unit_test(time_wait_gives_way_to_the_next),
		cmocka_unit_test(a_full_backlog_drops_syns),
		cmocka_unit_test(simultaneous_open_and_close),
		cmocka_unit_test(urgent_data_is_announced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
