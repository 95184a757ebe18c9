// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench-flight: the counterpart of bench-wire. Two hosts of ours in one process
 * on the same emulated link, one bulk connection, in virtual time.
 *
 *	bench-flight --rate MBIT --rtt MS [--loss PPM] [--seed S] [--seconds S]
 *		     [--congestion cubic|reno] [--trace]
 *
 * Prints Mbit/s read by the end, as bench-wire does, then what TCP did.
 *--trace: the sender's window every 100 ms. The same two stacks in real time
 *over TAPs: bench-wire --ours.
 *
 * What a TAP without offload does to the kernel's frames happens here too:
 * super-segments are cut before the link, and arrive one by one.
 */
#include "bench/emulated.h"
#include "stack/segment.h"
#include "stack/testnet.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLIGHTS	   65536
#define BUFFER_MAX (64u << 20)
#define PORT	   5001

struct options {
	uint64_t rate_bps, rtt_ns, seed, seconds_ns;
	uint32_t loss;
	bool reno, trace;
};

struct flight {
	uint64_t at_ns;
	frame_ix frame;
};

struct way {
	struct emulated link;
	struct flight flight[FLIGHTS];
	uint32_t head, tail;
};

struct run {
	struct options o;
	struct testnet *n;
	struct way way[2];
	conn_ix client, server, listener;
	uint64_t begin_ns, read;
	uint64_t trace_ns;
};

/* What host @from has put out meets the link. */
static void collect(struct run *r, uint32_t from)
{
	struct testnet *n = r->n;
	struct way *w = &r->way[from];
	struct frame_list out = n->st[from].out, pieces = { 0, 0 };
	frame_ix ix;

	n->st[from].out = (struct frame_list){ 0, 0 };
	while ((ix = frame_list_pop(&n->arena, &out)))
		if (frame_segment(&n->arena, ix, false, &pieces) < 0)
			exit(1);
	while ((ix = frame_list_pop(&n->arena, &pieces))) {
		const struct frame *f = frame_at(&n->arena, ix);
		uint32_t bytes = f->header_bytes + f->payload;
		uint64_t at;

		if (w->tail - w->head == FLIGHTS ||
		    !emulated_admit(&w->link, n->now_ns, bytes, &at)) {
			frame_free(&n->arena, ix);
			continue;
		}
		w->flight[w->tail++ % FLIGHTS] = (struct flight){ at, ix };
	}
}

/* The programs: one writes whatever there is room for, one reads all. */
static void write_all(struct run *r)
{
	static const char zero[65536];
	struct stack *st = &r->n->st[0];
	const struct conn *c = testnet_conn(r->n, r->client);
	bool any = false;

	if (c->state != CONN_ESTABLISHED || tcp_room(c) < c->sndbuf / 3)
		return;
	while (tcp_room(c) && tcp_append(st, r->client, zero, sizeof(zero)))
		any = true;
	if (any)
		tcp_push(st, r->client, false);
}

static void read_all(struct run *r)
{
	struct stack *st = &r->n->st[1];
	struct frame_list list = { 0, 0 };

	if (!r->server) {
		r->server = tcp_accept(st, r->listener);
		if (!r->server)
			return;
		conn_own(st, r->server, 3, 2);
	}
	r->read += tcp_take(st, r->server, UINT32_MAX, &list);
	frame_list_free(&r->n->arena, &list);
	tcp_consumed(st, r->server);
}

static void programs(struct run *r)
{
	r->n->st[0].now_ns = r->n->now_ns;
	r->n->st[1].now_ns = r->n->now_ns;
	write_all(r);
	collect(r, 0);
	read_all(r);
	collect(r, 1);
}

static uint64_t next_date(const struct run *r)
{
	uint64_t next = r->begin_ns + r->o.seconds_ns;

	for (uint32_t i = 0; i < 2; i++) {
		const struct way *w = &r->way[i];

		next = min_u64(next, stack_next_timer_ns(r->n->host[i]));
		if (w->head != w->tail)
			next = min_u64(next,
				       w->flight[w->head % FLIGHTS].at_ns);
	}
	return next;
}

static void trace(struct run *r)
{
	const struct conn *c = testnet_conn(r->n, r->client);

	if (r->n->now_ns < r->trace_ns)
		return;
	r->trace_ns = r->n->now_ns + 100 * NSEC_PER_MSEC;
	fprintf(stderr,
		"%6.1f ms cwnd %u ssthresh %u flight %u wnd %u srtt %u us min "
		"%u recovery %u queued %u read %.1f MB\n",
		(double)(r->n->now_ns - r->begin_ns) / 1e6, c->cwnd / c->mss,
		c->ssthresh / c->mss, (c->snd_nxt - c->snd_una) / c->mss,
		c->snd_wnd / c->mss, c->srtt8_us / 8, c->min_rtt_us,
		c->recovery, c->snd_queued, (double)r->read / 1e6);
}

static void pass_time(struct run *r)
{
	struct testnet *n = r->n;
	uint64_t end = r->begin_ns + r->o.seconds_ns;

	while (n->now_ns < end) {
		uint64_t next = next_date(r);

		if (next > n->now_ns)
			n->now_ns = next;
		for (uint32_t i = 0; i < 2; i++) {
			struct way *w = &r->way[i];

			while (w->head != w->tail &&
			       w->flight[w->head % FLIGHTS].at_ns <=
				       n->now_ns) {
				testnet_input(
					n, i,
					w->flight[w->head++ % FLIGHTS].frame);
				collect(r, 1 - i);
				programs(r);
			}
			if (stack_next_timer_ns(n->host[i]) <= n->now_ns) {
				testnet_timers(n, i);
				collect(r, i);
			}
		}
		programs(r);
		if (r->o.trace)
			trace(r);
	}
}

static void open_both(struct run *r)
{
	struct testnet *n = r->n;
	struct ip_addr any = { .d = { 0, 0 } }, to = testnet_ip4(1);

	for (uint32_t i = 0; i < 2; i++) {
		n->st[i].now_ns = n->now_ns;
		n->host[i]->tuning.rcvbuf_max = BUFFER_MAX;
		n->host[i]->tuning.sndbuf_max = BUFFER_MAX;
	}
	if (conn_open(&n->st[1], STACK_TCP, 1, 2, &r->listener) ||
	    conn_bind(&n->st[1], r->listener, &any, PORT, 0) ||
	    tcp_listen(&n->st[1], r->listener, 16) ||
	    conn_open(&n->st[0], STACK_TCP, 2, 1, &r->client) ||
	    conn_set(&n->st[0], r->client, CONN_CONGESTION, r->o.reno) ||
	    conn_connect(&n->st[0], r->client, &to, PORT))
		exit(1);
	collect(r, 0);
}

static void options_read(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "rate", 1, NULL, 'r' },    { "rtt", 1, NULL, 't' },
		{ "loss", 1, NULL, 'l' },    { "seed", 1, NULL, 's' },
		{ "seconds", 1, NULL, 'S' }, { "congestion", 1, NULL, 'c' },
		{ "trace", 0, NULL, 'T' },   { NULL, 0, NULL, 0 },
	};
	int k;

	while ((k = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (k) {
		case 'r':
			o->rate_bps = (uint64_t)(atof(optarg) * 1e6);
			break;
		case 't':
			o->rtt_ns = (uint64_t)(atof(optarg) * 1e6);
			break;
		case 'l':
			o->loss = (uint32_t)atoi(optarg);
			break;
		case 's':
			o->seed = (uint64_t)atoll(optarg);
			break;
		case 'S':
			o->seconds_ns = (uint64_t)(atof(optarg) * 1e9);
			break;
		case 'c':
			o->reno = !strcmp(optarg, "reno");
			break;
		case 'T':
			o->trace = true;
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	static struct run r = { .o = { .rate_bps = 100000000,
				       .rtt_ns = 10000000,
				       .seed = 1,
				       .seconds_ns = 5 * NSEC_PER_SEC } };
	struct testnet *n;

	options_read(&r.o, argc, argv);
	n = testnet_new(2, r.o.seed);
	r.n = n;
	for (uint32_t i = 0; i < 2; i++)
		emulated_init(&r.way[i].link, r.o.rate_bps, r.o.rtt_ns,
			      r.o.loss, r.o.seed, i);
	r.begin_ns = n->now_ns;
	open_both(&r);
	pass_time(&r);
	printf("%.3f Mbit/s lost %lu dropped %lu retrans %lu timeouts %lu "
	       "fast %lu spurious %lu probes %lu dsack %lu\n",
	       (double)r.read * 8e3 / (double)r.o.seconds_ns,
	       (unsigned long)(r.way[0].link.lost + r.way[1].link.lost),
	       (unsigned long)(r.way[0].link.dropped + r.way[1].link.dropped),
	       (unsigned long)testnet_count(n, 0, Tcp_RetransSegs),
	       (unsigned long)testnet_count(n, 0, TcpExt_TCPTimeouts),
	       (unsigned long)testnet_count(n, 0, TcpExt_TCPSackRecovery),
	       (unsigned long)testnet_count(n, 0, TcpExt_TCPDSACKUndo),
	       (unsigned long)testnet_count(n, 0, TcpExt_TCPLossProbes),
	       (unsigned long)testnet_count(n, 0, TcpExt_TCPDSACKRecv));
	return 0;
}
