/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does each rule fire? A transfer between two hosts runs under the oracle's
 * eyes, and one segment is shown to it otherwise than it was: a liar between
 * stack and oracle. Unchanged, nothing may fire.
 */
#include "tests/sim/oracle.h"
#include "tests/sim/stream.h"
#include "stack/csum.h"
#include "stack/segment.h"
#include "stack/testnet.h"
#include "stack/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define PORT  1000
#define TOTAL 60000
#define QUEUE 4096

/* Which segments of the transfer are lied about. */
enum pick {
	A_SYN,
	A_SYNACK,
	AN_ACK,	   /* of data, without any, without SACK */
	A_SACK,	   /* with one block */
	TWO_SACKS, /* with two or more */
	DATA,	   /* whole, not the first */
	AGAIN,	   /* sent before */
	A_FIN,
	BEHIND_FIN,
};

struct lie {
	enum oracle_rule rule;
	enum pick pick;
	/* Changes the copy; the TCP header is @t. */
	void (*tell)(struct frame *f, uint8_t *t);
};

struct show {
	struct testnet *n;
	struct oracle *o;
	const struct lie *lie;
	bool told;
	uint32_t data; /* segments from the client so far */
	uint32_t high;
	bool fin;
	uint32_t drop; /* the numbers of segments that are lost, a bit each */
	frame_ix queue[QUEUE]; /* under way */
	bool lost[QUEUE];
	uint32_t in, out;
};

static uint32_t sack_blocks(const uint8_t *t)
{
	const uint8_t *p = t + 20, *end = t + (t[12] >> 4) * 4;

	while (p < end && *p) {
		if (*p == 5)
			return (p[1] - 2u) / 8;
		p += *p == 1 ? 1 : p[1];
	}
	return 0;
}

static uint8_t *option(uint8_t *t, uint8_t kind)
{
	uint8_t *p = t + 20, *end = t + (t[12] >> 4) * 4;

	while (p < end && *p) {
		if (*p == kind)
			return p;
		p += *p == 1 ? 1 : p[1];
	}
	abort();
}

static bool fits(const struct show *w, const struct frame *f, const uint8_t *t)
{
	bool client = get16(t + 2) == PORT;

	switch (w->lie->pick) {
	case A_SYN:
		return t[13] == TCP_SYN;
	case A_SYNACK:
		return t[13] == (TCP_SYN | TCP_ACK);
	case AN_ACK:
		return !client && t[13] == TCP_ACK && !f->payload &&
		       !sack_blocks(t) && w->data > 12;
	case A_SACK:
		return !client && !(t[13] & TCP_SYN) && sack_blocks(t) == 1;
	case TWO_SACKS:
		return !client && !(t[13] & TCP_SYN) && sack_blocks(t) > 1;
	case DATA:
		return client && f->payload == 1448 && w->data > 12 &&
		       get32(t + 4) == w->high;
	case AGAIN:
		return client && f->payload && get32(t + 4) != w->high &&
		       w->data > 1;
	case A_FIN:
		return client && (t[13] & TCP_FIN);
	case BEHIND_FIN:
		return client && w->fin;
	}
	return false;
}

/* The oracle hears of a frame on its way out, or of a lie about it. */
static void witness(struct show *w, frame_ix ix, bool client)
{
	struct arena *a = &w->n->arena;
	const struct frame *f = frame_at(a, ix);
	const uint8_t *t = f->header + f->l4_off;
	static struct frame lie;

	if (w->lie && !w->told && fits(w, f, t)) {
		w->told = true;
		lie = *f;
		w->lie->tell(&lie, lie.header + lie.l4_off);
		oracle_sent(w->o, &lie, w->n->now_ns, STACK_MTU, false);
	} else {
		oracle_sent(w->o, f, w->n->now_ns, STACK_MTU, false);
	}
	if (!client)
		return;
	w->data += f->payload != 0;
	w->fin |= (t[13] & TCP_FIN) != 0;
	if ((int32_t)(get32(t + 4) + f->payload - w->high) > 0 ||
	    (t[13] & TCP_SYN))
		w->high = get32(t + 4) + f->payload + !!(t[13] & TCP_SYN);
}

/* What the hosts have put out is seen at once, in the order it was made. */
static void collect(struct show *w)
{
	frame_ix ix;

	for (uint32_t h = 0; h < 2; h++)
		while ((ix = frame_list_pop(&w->n->arena, &w->n->st[h].out))) {
			const struct frame *f = frame_at(&w->n->arena, ix);

			w->lost[w->in % QUEUE] = !h && f->payload &&
						 w->data < 32 &&
						 (w->drop >> w->data & 1);
			witness(w, ix, !h);
			w->queue[w->in++ % QUEUE] = ix;
		}
}

static void deliver(struct show *w)
{
	collect(w);
	while (w->out != w->in) {
		bool lost = w->lost[w->out % QUEUE];
		frame_ix ix = w->queue[w->out++ % QUEUE];
		const struct frame *f = frame_at(&w->n->arena, ix);

		if (lost) {
			frame_free(&w->n->arena, ix);
			continue;
		}
		oracle_heard(w->o, f, w->n->now_ns, false);
		testnet_input(w->n, f->header[11] - 1u, ix);
		collect(w);
	}
}

static void wait_ms(struct show *w, uint64_t ms)
{
	struct testnet *n = w->n;
	uint64_t end = n->now_ns + ms * NSEC_PER_MSEC;

	for (;;) {
		uint64_t next = end;

		deliver(w);
		for (uint32_t h = 0; h < 2; h++)
			next = min_u64(next, stack_next_timer_ns(n->host[h]));
		n->now_ns = next > n->now_ns ? next : n->now_ns;
		for (uint32_t h = 0; h < 2; h++)
			testnet_timers(n, h);
		if (n->now_ns >= end)
			break;
	}
	deliver(w);
}

/* The handshake: a frame at a time. */
static bool pass(struct testnet *n, uint32_t from, frame_ix ix)
{
	struct show *w = n->pass_arg;

	witness(w, ix, !from);
	oracle_heard(w->o, frame_at(&n->arena, ix), n->now_ns, false);
	return true;
}

/* A transfer that loses what @drop says; returns what the oracle says. */
static enum oracle_rule transfer(const struct lie *lie, uint32_t drop)
{
	struct testnet *n = testnet_new(2, 7);
	static struct show w;
	uint32_t salt = 99, done = 0, read = 0;
	static uint8_t buf[TOTAL];
	enum oracle_rule bad;
	conn_ix c, s, l;
	const char *text;

	w = (struct show){
		.n = n, .o = oracle_new(&n->arena), .lie = lie, .drop = drop
	};
	n->pass = pass;
	n->pass_arg = &w;
	oracle_stream(w.o, 0, PORT, salt, TOTAL);
	oracle_stream(w.o, PORT, 0, 1, 0);
	testnet_pair(n, 0, 1, PORT, &c, &s, &l);
	while (read < TOTAL) {
		/* A segment each: what is lost is one. */
		if (done < TOTAL)
			done += tcp_append(&n->st[0], c, stream_at(salt, done),
					   TOTAL - done < 1448 ? TOTAL - done
							       : 1448);
		tcp_push(&n->st[0], c, false);
		if (done % (4 * 1448) == 0 || done == TOTAL)
			wait_ms(&w, done == TOTAL ? 400 : 1);
		read += tcp_copy(&n->st[1], s, 0, buf, TOTAL, false);
		tcp_consumed(&n->st[1], s);
	}
	tcp_shutdown(&n->st[0], c, 1);
	wait_ms(&w, 100);
	conn_close(&n->st[1], s);
	conn_close(&n->st[0], c);
	conn_close(&n->st[1], l);
	wait_ms(&w, 100000);
	bad = oracle_verdict(w.o, &text);
	if (bad && !lie)
		print_error("%s\n", text);
	if (lie)
		assert_true(w.told);
	oracle_free(w.o);
	assert_true(testnet_free(n));
	return bad;
}

/* --- the lies ------------------------------------------------------------ */

static void add32(uint8_t *p, uint32_t n)
{
	put32(p, get32(p) + n);
}

static void length(struct frame *f, uint8_t *t)
{
	(void)t;
	put16(f->header + 16, 40);
}

static void fragment(struct frame *f, uint8_t *t)
{
	(void)t;
	/* "Do not cut", and a piece nevertheless. */
	put16(f->header + 20, IPV4_DF | IPV4_MF);
}

static void too_long(struct frame *f, uint8_t *t)
{
	(void)t;
	/* The whole of a super-segment in one. */
	f->payload += 100;
	put16(f->header + 16, (uint16_t)(get16(f->header + 16) + 100));
}

static void option_unknown_length(struct frame *f, uint8_t *t)
{
	(void)f;
	option(t, 8)[1] = 9;
}

static void option_not_agreed(struct frame *f, uint8_t *t)
{
	(void)f;
	/* Window scale, long after the SYN. */
	t[20] = 3;
	t[21] = 3;
	t[22] = 7;
	t[23] = 1;
	memset(t + 24, 1, 8);
}

static void mss(struct frame *f, uint8_t *t)
{
	(void)t;
	/* As a super-segment of larger pieces than the peer takes. */
	f->gso_type = FRAME_GSO_TCPV4;
	f->gso_bytes = 1500;
	f->payload = 1500;
	put16(f->header + 16, (uint16_t)(f->header_bytes + 1500 - 14));
}

static void gap(struct frame *f, uint8_t *t)
{
	(void)f;
	add32(t + 4, 1);
}

static void other_bytes(struct frame *f, uint8_t *t)
{
	(void)f;
	add32(t + 4, -1u);
}

static void fin_early(struct frame *f, uint8_t *t)
{
	(void)f;
	t[13] |= TCP_FIN;
}

static void ancient(struct frame *f, uint8_t *t)
{
	(void)f;
	add32(t + 4, -10u * 1448);
}

static void ack_less(struct frame *f, uint8_t *t)
{
	(void)f;
	add32(t + 8, -10u * 1448);
}

static void ack_more(struct frame *f, uint8_t *t)
{
	(void)f;
	add32(t + 8, 100000);
}

static void shrink(struct frame *f, uint8_t *t)
{
	(void)f;
	put16(t + 14, 1);
}

static void sack_of_nothing(struct frame *f, uint8_t *t)
{
	uint8_t *p = option(t, 5);

	(void)f;
	add32(p + 6, 1448);
}

static void sack_below(struct frame *f, uint8_t *t)
{
	uint8_t *p = option(t, 5);

	(void)f;
	put32(p + 6, get32(p + 2));
}

static void sack_swap(struct frame *f, uint8_t *t)
{
	uint8_t *p = option(t, 5), first[8];

	(void)f;
	memcpy(first, p + 2, 8);
	memcpy(p + 2, p + 10, 8);
	memcpy(p + 10, first, 8);
}

static void sack_twice(struct frame *f, uint8_t *t)
{
	uint8_t *p = option(t, 5);

	(void)f;
	/* The second is the first's beginning: no D-SACK, whose order is other.
	 */
	memcpy(p + 10, p + 2, 8);
	add32(p + 14, -1u);
}

static void dsack(struct frame *f, uint8_t *t)
{
	uint8_t *p = option(t, 5);

	(void)f;
	put32(p + 2, get32(t + 8) - 100);
	put32(p + 6, get32(t + 8) - 50);
}

static void no_ts(struct frame *f, uint8_t *t)
{
	(void)f;
	memset(t + 20, 1, 12);
}

static void ts_back(struct frame *f, uint8_t *t)
{
	(void)f;
	add32(option(t, 8) + 2, -5000u);
}

static void ts_other(struct frame *f, uint8_t *t)
{
	(void)f;
	add32(option(t, 8) + 6, 1);
}

static void ts_stale(struct frame *f, uint8_t *t)
{
	(void)f;
	add32(option(t, 8) + 6, -5000u);
}

static void ect(struct frame *f, uint8_t *t)
{
	(void)t;
	f->header[15] |= ECN_ECT0;
	put16(f->header + 24, 0);
}

static void ece(struct frame *f, uint8_t *t)
{
	(void)f;
	t[13] |= TCP_ECE;
}

static void urgent(struct frame *f, uint8_t *t)
{
	(void)f;
	t[13] |= TCP_URG;
}

static void each_rule_fires(void **state)
{
	static const struct lie lies[] = {
		{ ORACLE_LENGTH, DATA, length },
		{ ORACLE_FRAGMENT, DATA, fragment },
		{ ORACLE_MTU, DATA, too_long },
		{ ORACLE_OPTIONS, DATA, option_unknown_length },
		{ ORACLE_OPTIONS, DATA, option_not_agreed },
		{ ORACLE_MSS, DATA, mss },
		{ ORACLE_GAP, DATA, gap },
		{ ORACLE_GAP, AN_ACK, gap },
		{ ORACLE_STREAM, DATA, other_bytes },
		{ ORACLE_FIN, DATA, fin_early },
		{ ORACLE_ANCIENT, DATA, ancient },
		{ ORACLE_ACK_BACK, AN_ACK, ack_less },
		{ ORACLE_ACK_UNHEARD, AN_ACK, ack_more },
		{ ORACLE_SHRUNK, AN_ACK, shrink },
		{ ORACLE_SACK_UNHEARD, A_SACK, sack_of_nothing },
		{ ORACLE_SACK_RANGE, A_SACK, sack_below },
		{ ORACLE_SACK_ORDER, TWO_SACKS, sack_swap },
		{ ORACLE_SACK_OVERLAP, TWO_SACKS, sack_twice },
		{ ORACLE_DSACK, A_SACK, dsack },
		{ ORACLE_TS_MISSING, DATA, no_ts },
		{ ORACLE_TS_BACK, DATA, ts_back },
		{ ORACLE_TS_ECHO, AN_ACK, ts_other },
		{ ORACLE_TS_ECHO, AN_ACK, ts_stale },
		{ ORACLE_ECT, A_SYN, ect },
		{ ORACLE_ECT, DATA, ect },
		{ ORACLE_ECT, AN_ACK, ect },
		{ ORACLE_ECE, AN_ACK, ece },
		{ ORACLE_URGENT, DATA, urgent },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		/* The 16th and the 18th are lost: two blocks. */
		enum oracle_rule bad = transfer(&lies[i], 0x50000);

		if (bad != lies[i].rule)
			print_error("lie %zu: %s, not %s\n", i,
				    oracle_rule_name(bad),
				    oracle_rule_name(lies[i].rule));
		assert_int_equal(bad, lies[i].rule);
	}
}

static void the_truth_breaks_no_rule(void **state)
{
	(void)state;
	assert_int_equal(transfer(NULL, 0), ORACLE_NONE);
	for (uint32_t seed = 1; seed < 50; seed++)
		assert_int_equal(transfer(NULL, seed * 2654435761u),
				 ORACLE_NONE);
}

/* --- a conversation made up, for what depends on time and amounts --------- */

#define MSS 1000
#define MS  UINT64_C(1000000)

struct talk {
	struct oracle *o;
	uint64_t now;
	uint8_t ecn; /* bits of IP's header, of the next segment */
	bool bad_sum;
};

/* A segment from the client (@who 0) or the server leaves; @heard: and arrives.
 */
static void say(struct talk *k, int who, uint8_t flags, uint32_t seq,
		uint32_t ack, uint32_t bytes, uint16_t window, bool heard)
{
	static struct frame f;
	uint8_t *ip = f.header + 14, *t = ip + 20;
	uint32_t head = flags & TCP_SYN ? 24 : 20;

	memset(&f, 0, sizeof(f));
	put16(f.header + 12, ETH_IPV4);
	ip[0] = 0x45;
	ip[1] = k->ecn;
	put16(ip + 2, (uint16_t)(20 + head + bytes));
	ip[8] = 64;
	ip[9] = IP_TCP;
	ip[15] = (uint8_t)(1 + who);
	ip[19] = (uint8_t)(2 - who);
	((struct ipv4_header *)ip)->csum =
		(uint16_t)~csum_fold(csum_add(0, ip, 20));
	put16(t + (who ? 0 : 2), PORT);
	put16(t + (who ? 2 : 0), 5000);
	put32(t + 4, seq);
	put32(t + 8, ack);
	t[12] = (uint8_t)(head << 2);
	t[13] = flags;
	put16(t + 14, window);
	if (flags & TCP_SYN) {
		t[20] = 2;
		t[21] = 4;
		put16(t + 22, MSS);
	}
	f.header_bytes = (uint8_t)(34 + head);
	f.payload = bytes;
	f.flags = FRAME_REFS; /* none: only lengths matter */
	oracle_sent(k->o, &f, k->now, 1500, k->bad_sum);
	if (heard)
		oracle_heard(k->o, &f, k->now, false);
}

static void data(struct talk *k, uint32_t seq, uint32_t bytes, bool heard)
{
	say(k, 0, TCP_ACK, seq, 501, bytes, 60000, heard);
}

static struct talk greet(uint8_t ecn, uint16_t window)
{
	struct arena none = { 0 };
	struct talk k = { .o = oracle_new(&none), .now = 1000 * MS };

	say(&k, 0, TCP_SYN | (ecn ? TCP_ECE | TCP_CWR : 0), 100, 0, 0, 60000,
	    true);
	k.now += 10 * MS;
	say(&k, 1, TCP_SYN | TCP_ACK | (ecn ? TCP_ECE : 0), 500, 101, 0, window,
	    true);
	k.now += 10 * MS;
	say(&k, 0, TCP_ACK, 101, 501, 0, 60000, true);
	return k;
}

static void verdict(struct talk *k, enum oracle_rule rule)
{
	const char *text;
	enum oracle_rule bad = oracle_verdict(k->o, &text);

	if (bad != rule)
		print_error("%s, not %s: %s\n", oracle_rule_name(bad),
			    oracle_rule_name(rule), text);
	assert_int_equal(bad, rule);
	oracle_free(k->o);
}

static void resend_after(uint32_t first, uint32_t second, uint32_t third,
			 enum oracle_rule rule)
{
	struct talk k = greet(0, 60000);

	data(&k, 101, 1000, false);
	data(&k, 1101, 1000, false);
	k.now += first * MS;
	data(&k, 101, 1000, false);
	k.now += second * MS;
	if (second)
		data(&k, 101, 1000, false);
	k.now += third * MS;
	if (third)
		data(&k, 101, 1000, false);
	verdict(&k, rule);
}

static void timers_are_watched(void **state)
{
	(void)state;
	resend_after(230, 460, 920, ORACLE_NONE);
	resend_after(100, 0, 0, ORACLE_EARLY);
	resend_after(230, 230, 0, ORACLE_EARLY);
	resend_after(230, 460, 700, ORACLE_BACKOFF);
}

static void amounts_are_watched(void **state)
{
	struct talk k;

	(void)state;
	k = greet(0, 60000);
	for (uint32_t i = 0; i < 10; i++)
		data(&k, 101 + i * MSS, MSS, false);
	data(&k, 101 + 10 * MSS, 1, false);
	verdict(&k, ORACLE_INITIAL);

	k = greet(0, 60000);
	data(&k, 101, MSS, true);
	say(&k, 1, TCP_ACK, 501, 1101, 0, 60000, true);
	for (uint32_t i = 1; i < 20; i++)
		data(&k, 101 + i * MSS, MSS, false);
	verdict(&k, ORACLE_FLIGHT);

	k = greet(0, 1500);
	data(&k, 101, MSS, true);
	data(&k, 1101, 501, true);
	verdict(&k, ORACLE_WINDOW);

	k = greet(0, 60000);
	for (uint32_t i = 0; i < 4; i++)
		data(&k, 101 + i * MSS, MSS, false);
	k.now += 300 * MS;
	data(&k, 101, MSS, false);
	data(&k, 1101, 1, false);
	verdict(&k, ORACLE_LOSS_WINDOW);
}

static void the_rest_is_watched(void **state)
{
	struct talk k;

	(void)state;
	k = greet(0, 60000);
	say(&k, 1, TCP_ACK, 501, 101, 1, 60000, true);
	say(&k, 1, TCP_SYN | TCP_ACK, 777, 101, 0, 60000, true);
	verdict(&k, ORACLE_ISN);

	k = greet(0, 60000);
	k.bad_sum = true; /* one frame in 16 is looked at */
	for (int i = 0; i < 16; i++)
		say(&k, 0, TCP_ACK, 101, 501, 0, 60000, true);
	verdict(&k, ORACLE_CHECKSUM);

	k = greet(1, 60000);
	k.ecn = ECN_CE;
	data(&k, 101, MSS, true);
	k.ecn = 0;
	say(&k, 1, TCP_ACK | TCP_ECE, 501, 1101, 0, 60000, true);
	say(&k, 1, TCP_ACK, 501, 1101, 0, 60000, true);
	verdict(&k, ORACLE_ECE);

	k = greet(1, 60000);
	k.ecn = ECN_ECT0;
	data(&k, 101, MSS, false);
	k.now += 300 * MS;
	data(&k, 101, MSS, false);
	verdict(&k, ORACLE_ECT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_truth_breaks_no_rule),
		cmocka_unit_test(each_rule_fires),
		cmocka_unit_test(timers_are_watched),
		cmocka_unit_test(amounts_are_watched),
		cmocka_unit_test(the_rest_is_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
