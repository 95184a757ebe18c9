/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A SYN flood in virtual time: SYNs from addresses that nobody has, while
 *honest clients come and go at the same listener.
 *
 *	toami-flood [--rate SYNS] [--seconds N] [--clients N] [--seed S]
 *
 * A second of calm, N seconds of flood, a second afterwards. Passes when no
 * honest connection failed, none had to wait for a repetition, every answer
 *came byte for byte, the oracle saw no rule broken, and everything came home.
 */
#include "tests/sim/link.h"
#include "tests/sim/stream.h"
#include "base/random.h"
#include "stack/tcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PORT	    80
#define BACKLOG	    128
#define CLIENTS_MAX 256
#define ASK	    64u
#define ANSWER	    1000u
#define GATEWAY	    6 /* whose MAC the flood comes from: nobody's */
#define TIMES_MAX   (1u << 20)

enum { CALM, FLOOD, AFTER, PHASES };

struct client {
	conn_ix c;
	uint64_t begun_ns, wake_ns;
	uint32_t got;
	bool asked;
	int phase; /* that its connection began in */
};

static struct testnet *n;
static struct wire_net w;
static struct oracle *oracle;
static uint64_t random_state = 1;
static conn_ix listener;
static struct client client[CLIENTS_MAX];
static uint32_t clients = 100;
static bool served[TESTNET_CONNS]; /* is a connection of the server's */
static uint64_t syns, backscatter, failed;
static uint32_t times[PHASES]; /* connections that went well */
static uint32_t us[PHASES][TIMES_MAX / PHASES];
static int phase;
static bool closing;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static struct stack *stack_of(uint32_t host)
{
	n->st[host].now_ns = n->now_ns;
	return &n->st[host];
}

/* --- the flood ----------------------------------------------------------- */

static void inject(void)
{
	static const uint8_t options[] = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
					   0, 1, 0, 0,	  0, 0, 1, 3,  3, 7 };
	uint64_t r = random_next(&random_state);
	frame_ix ix = frame_alloc(&n->arena);
	struct frame *f = frame_at(&n->arena, ix);
	uint8_t *h = f->header, *t = h + 34;

	must(ix, "no frame left for the flood");
	memset(h, 0, 34 + TCP_BYTES);
	memcpy(h, n->host[0]->config.mac, 6);
	h[6] = 2;
	h[11] = GATEWAY + 1;
	put16(h + 12, ETH_IPV4);
	h[14] = 0x45;
	put16(h + 16, IPV4_BYTES + TCP_BYTES + sizeof(options));
	h[22] = 64;
	h[23] = IP_TCP;
	put32(h + 26, 0x08000000 | (uint32_t)(r & 0xffffff));
	put32(h + 30, be32(testnet_ip4(0).w[3]));
	put16(t, (uint16_t)(r >> 24) | 1);
	put16(t + 2, PORT);
	put32(t + 4, (uint32_t)(r >> 32));
	t[12] = (TCP_BYTES + sizeof(options)) << 2;
	t[13] = TCP_SYN;
	put16(t + 14, 64240);
	memcpy(t + TCP_BYTES, options, sizeof(options));
	f->header_bytes = 34 + TCP_BYTES + sizeof(options);
	f->flags |= FRAME_CSUM_OK;
	((struct ipv4_header *)(h + 14))->csum = 0;
	/* IP's own sum is looked at, whatever the flag says. */
	{
		uint32_t sum = 0;

		for (int i = 14; i < 34; i += 2)
			sum += get16(h + i);
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		put16(h + 24, (uint16_t)~sum);
	}
	stack_input(stack_of(0), ix);
	syns++;
}

/* What answers the flood goes nowhere; the rest goes on its way. */
static void collect(void)
{
	struct frame_list *out = &n->st[0].out, honest = { 0, 0 };
	frame_ix ix;

	while ((ix = frame_list_pop(&n->arena, out))) {
		if (frame_at(&n->arena, ix)->header[5] == GATEWAY + 1) {
			backscatter++;
			frame_free(&n->arena, ix);
		} else {
			frame_list_add(&n->arena, &honest, ix);
		}
	}
	*out = honest;
	wire_net_collect(&w);
}

/* --- the honest ---------------------------------------------------------- */

static void serve(void)
{
	struct stack *st = stack_of(0);
	uint8_t buf[ASK];
	conn_ix c;

	while ((c = tcp_accept(st, listener))) {
		conn_own(st, c, 2, 1);
		served[c] = true;
		n->events[c] = STACK_IN;
	}
	for (c = 1; c < slot_end(&n->conns); c++) {
		int end;

		if (!served[c] || !n->events[c])
			continue;
		n->events[c] = 0;
		end = tcp_recv_error(st, c);
		if (!end && tcp_readable(testnet_conn(n, c)) >= ASK) {
			must(tcp_copy(st, c, 0, buf, ASK, false) == ASK &&
				     !memcmp(buf, stream_at(1, 0), ASK),
			     "a wrong question");
			tcp_consumed(st, c);
			must(tcp_append(st, c, stream_at(2, 0), ANSWER) ==
				     ANSWER,
			     "no room for an answer");
			tcp_push(st, c, false);
		}
		if (end) {
			served[c] = false;
			conn_close(st, c);
		}
	}
}

static void begin(struct client *k)
{
	struct ip_addr to = testnet_ip4(0);
	struct stack *st = stack_of(1);

	k->asked = false;
	k->got = 0;
	k->wake_ns = 0;
	k->begun_ns = n->now_ns;
	k->phase = phase;
	must(!conn_open(st, STACK_TCP, 1, 2, &k->c), "no connection left");
	n->events[k->c] = 0;
	must(!conn_connect(st, k->c, &to, PORT), "cannot connect");
}

static void end(struct client *k, bool well)
{
	if (well)
		us[k->phase][times[k->phase]++ % (TIMES_MAX / PHASES)] =
			(uint32_t)((n->now_ns - k->begun_ns) / 1000);
	else
		failed++;
	conn_close(stack_of(1), k->c);
	k->c = 0;
	k->wake_ns = closing ? 0
			     : n->now_ns + between(&random_state, 5, 40) *
						   NSEC_PER_MSEC;
}

static void act(struct client *k)
{
	struct stack *st = stack_of(1);
	static uint8_t buf[ANSWER];
	uint32_t got;

	if (!k->c || !n->events[k->c])
		return;
	n->events[k->c] = 0;
	if (testnet_conn(n, k->c)->state == CONN_SYN_SENT)
		return;
	if (tcp_recv_error(st, k->c)) {
		end(k, false);
		return;
	}
	if (!k->asked) {
		k->asked = true;
		tcp_append(st, k->c, stream_at(1, 0), ASK);
		tcp_push(st, k->c, false);
	}
	got = tcp_copy(st, k->c, 0, buf, ANSWER - k->got, false);
	must(!memcmp(buf, stream_at(2, k->got), got), "a wrong answer");
	k->got += got;
	if (k->got == ANSWER)
		end(k, true);
}

static void programs(void)
{
	serve();
	for (uint32_t i = 0; i < clients; i++) {
		struct client *k = &client[i];

		if (k->wake_ns && k->wake_ns <= n->now_ns && !closing)
			begin(k);
		act(k);
	}
}

static uint64_t next_date(void)
{
	uint64_t at = wire_net_next(&w);

	at = min_u64(at, stack_next_timer_ns(n->host[0]));
	at = min_u64(at, stack_next_timer_ns(n->host[1]));
	for (uint32_t i = 0; i < clients && !closing; i++)
		if (client[i].wake_ns)
			at = min_u64(at, client[i].wake_ns);
	return at;
}

/* Until @until: dates of the honest, and a SYN each @gap_ns; 0: no flood. */
static void run(uint64_t until, uint64_t gap_ns)
{
	uint64_t flood = n->now_ns, date = next_date();

	for (;;) {
		while (gap_ns && flood < date && flood < until) {
			n->now_ns = flood;
			inject();
			flood += gap_ns;
			/* Its timers are the server's only ones that matter. */
			date = min_u64(date, stack_next_timer_ns(n->host[0]));
			collect();
		}
		if (date >= until)
			break;
		n->now_ns = date > n->now_ns ? date : n->now_ns;
		wire_net_deliver(&w);
		for (uint32_t h = 0; h < 2; h++)
			if (stack_next_timer_ns(n->host[h]) <= n->now_ns)
				testnet_timers(n, h);
		collect();
		programs();
		collect();
		date = next_date();
	}
	n->now_ns = until;
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void report(const char *name, int p)
{
	uint32_t *t = us[p], k = times[p];

	qsort(t, k, sizeof(*t), compare);
	printf("%-6s %6u connections, %u us p50, %u us p99, %u us at most\n",
	       name, k, k ? t[k / 2] : 0, k ? t[k * 99 / 100] : 0,
	       k ? t[k - 1] : 0);
}

static void open_server(void)
{
	struct ip_addr any = { .d = { 0, 0 } };

	must(!conn_open(stack_of(0), STACK_TCP, 1, 1, &listener) &&
		     !conn_bind(stack_of(0), listener, &any, PORT, 0) &&
		     !tcp_listen(stack_of(0), listener, BACKLOG),
	     "cannot listen");
	for (uint32_t i = 0; i < clients; i++)
		client[i].wake_ns = n->now_ns + (i + 1) * NSEC_PER_USEC * 100;
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool verdict(double cpu)
{
	uint64_t resent = testnet_count(n, 1, Tcp_RetransSegs);
	enum oracle_rule rule;
	const char *text;
	bool home;

	rule = oracle_verdict(oracle, &text);
	printf("flood: %lu SYNs, %lu answered to nobody, %lu with cookies; "
	       "%.0f "
	       "SYNs a second of CPU\n",
	       (unsigned long)syns, (unsigned long)backscatter,
	       (unsigned long)testnet_count(n, 0, TcpExt_SyncookiesSent),
	       cpu > 0 ? (double)syns / cpu : 0);
	report("calm", CALM);
	report("flood", FLOOD);
	report("after", AFTER);
	printf("honest: %lu failed, %lu segments sent again, %lu cookies came "
	       "home\n",
	       (unsigned long)failed, (unsigned long)resent,
	       (unsigned long)testnet_count(n, 0, TcpExt_SyncookiesRecv));
	if (rule)
		printf("%s\n", text);
	wire_net_clear(&w);
	home = testnet_free(n);
	return home && !rule && !failed && !resent && times[FLOOD];
}

int main(int argc, char **argv)
{
	uint64_t rate = 1000000, seconds = 3, at;
	double cpu;

	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t v = strtoull(argv[i + 1], NULL, 0);

		if (!strcmp(argv[i], "--rate"))
			rate = v;
		else if (!strcmp(argv[i], "--seconds"))
			seconds = v;
		else if (!strcmp(argv[i], "--clients"))
			clients = (uint32_t)v;
		else if (!strcmp(argv[i], "--seed"))
			random_state = v;
		else
			return 2;
	}
	if (!rate || rate > 100000000 || !clients || clients > CLIENTS_MAX)
		return 2;
	n = testnet_new(GATEWAY + 1, random_state);
	n->host[0]->config.gateway4 = testnet_ip4(GATEWAY);
	oracle = oracle_new(&n->arena);
	w.n = n;
	w.oracle = oracle;
	w.random = random_state;
	for (uint32_t i = 0; i < 2; i++)
		w.config[i] = (struct link_config){ .wire = true,
						    .delay_ns = NSEC_PER_MSEC };
	open_server();
	at = n->now_ns + NSEC_PER_SEC;
	run(at, 0);
	cpu = cpu_seconds();
	phase = FLOOD;
	at += seconds * NSEC_PER_SEC;
	run(at, NSEC_PER_SEC / rate);
	cpu = cpu_seconds() - cpu;
	phase = AFTER;
	at += NSEC_PER_SEC;
	run(at, 0);
	/* What is under way ends; half-open ones and TIME-WAIT pass. */
	closing = true;
	run(at + NSEC_PER_SEC, 0);
	conn_close(stack_of(0), listener);
	collect();
	run(at + 200 * NSEC_PER_SEC, 0);
	if (!verdict(cpu))
		return 1;
	oracle_free(oracle);
	return 0;
}
