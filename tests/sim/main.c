/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toami-sim: hosts, links and programs in virtual time, everything from one
 *seed.
 *
 *	toami-sim [--seed S] [--count N] [--faults] [--verbose]
 *
 * With --faults somebody dies in every seed, not only in some.
 *
 * Runs seeds S to S + N - 1. Each chooses links, flows and faults. A seed
 *passes when every stream arrived byte for byte, every connection has ended, no
 *timer is left, and every frame and chunk has come home. A failure prints the
 *command that repeats it.
 */
#include "tests/sim/fault.h"
#include "tests/sim/flow.h"
#include "base/random.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLOWS_MAX 24
#define LIMIT_NS  (UINT64_C(20000) * NSEC_PER_SEC)

struct sim {
	struct testnet *n;
	struct wire_net w;
	struct flow flow[FLOWS_MAX];
	uint32_t flows;
	uint64_t random;
	uint64_t fault_ns;
	uint32_t faults;
	uint64_t begin_ns;
};

static uint64_t seed_now;
static bool verbose, faults, trace;
static struct oracle *oracle;

static struct link_config choose_link(uint64_t *r)
{
	struct link_config k = { 0 };

	k.wire = chance(r, 700000);
	if (chance(r, 800000))
		k.delay_ns = between(r, 1, 50000) * NSEC_PER_USEC;
	if (chance(r, 500000)) {
		k.rate_Bps = (uint64_t)between(r, 50, 50000) * 1000;
		k.queue_bytes = between(r, 20000, 500000);
	}
	if (chance(r, 500000))
		k.jitter_ns = between(r, 1, 5000) * NSEC_PER_USEC;
	if (chance(r, 500000))
		k.loss = between(r, 1, chance(r, 300000) ? 80000 : 10000);
	if (chance(r, 300000))
		k.reorder = between(r, 1, 50000);
	if (chance(r, 300000))
		k.duplicate = between(r, 1, 50000);
	if (chance(r, 300000))
		k.corrupt = between(r, 1, 20000);
	if (chance(r, 300000))
		k.mark = between(r, 1, 100000);
	return k;
}

static void say_link(const struct link_config *k)
{
	printf("  link %s rate %lu delay %lu us jitter %lu us loss %u reorder "
	       "%u"
	       " duplicate %u corrupt %u mark %u ppm\n",
	       k->wire ? "wire" : "local", (unsigned long)k->rate_Bps,
	       (unsigned long)(k->delay_ns / 1000),
	       (unsigned long)(k->jitter_ns / 1000), k->loss, k->reorder,
	       k->duplicate, k->corrupt, k->mark);
}

/*
 * What waits for ARP leaves later than it was written, and perhaps not at all:
 * its sender is not to blame for what it could not know.
 */
static void excuse_late_frames(struct oracle *o)
{
	static const enum oracle_rule rules[] = {
		ORACLE_GAP,	 ORACLE_WINDOW,	    ORACLE_ANCIENT,
		ORACLE_ACK_BACK, ORACLE_SHRUNK,	    ORACLE_SACK_RANGE,
		ORACLE_DSACK,	 ORACLE_SACK_ORDER, ORACLE_TS_ECHO,
		ORACLE_TS_BACK,	 ORACLE_EARLY,	    ORACLE_BACKOFF,
		ORACLE_ECE,	 ORACLE_ECT,	    ORACLE_LOSS_WINDOW,
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		oracle_excuse(o, rules[i]);
}

static void begin(struct sim *s, uint64_t seed)
{
	uint32_t hosts;

	memset(s->flow, 0, sizeof(s->flow));
	memset(&s->w, 0, offsetof(struct wire_net, heap));
	s->fault_ns = 0;
	s->faults = 0;
	s->random = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
	hosts = chance(&s->random, 700000) ? 2 : between(&s->random, 1, 3);
	s->n = testnet_new(hosts, random_next(&s->random));
	s->n->use_arp = chance(&s->random, 300000);
	for (uint32_t i = 0; i < hosts; i++)
		s->n->host[i]->tuning.ecn = chance(&s->random, 300000) ? 1 : 2;
	s->begin_ns = s->n->now_ns;
	s->w.n = s->n;
	oracle_reset(oracle, &s->n->arena);
	s->w.oracle = oracle;
	if (s->n->use_arp)
		excuse_late_frames(oracle);
	s->w.random = random_next(&s->random);
	s->w.config[0] = choose_link(&s->random);
	for (uint32_t i = 1; i < hosts; i++) {
		s->w.config[i] = s->w.config[0];
		if (chance(&s->random, 200000))
			s->w.config[i] = choose_link(&s->random);
	}
	if (verbose && s->n->use_arp)
		printf("  neighbours by ARP and ND\n");
	if (verbose)
		for (uint32_t i = 0; i < hosts; i++)
			say_link(&s->w.config[i]);
	s->flows = chance(&s->random, 500000) ? 1 : between(&s->random, 2, 8);
	for (uint32_t i = 0; i < s->flows; i++) {
		uint32_t a = between(&s->random, 0, hosts - 1);
		uint32_t b = hosts == 1 ? 0 : (a + 1) % hosts;
		enum flow_kind kind =
			(enum flow_kind)between(&s->random, 0, FLOW_KINDS - 1);

		flow_start(s->n, &s->flow[i], kind, a, b,
			   (uint16_t)(1000 + 2 * i), &s->random);
		s->flow[i].unsure = s->w.config[a].corrupt;
		flow_tell(&s->flow[i], oracle);
		if (verbose)
			printf("  %s %u -> %u: %u and %u bytes\n",
			       flow_name(kind), a, b,
			       s->flow[i].end[0].tx_total,
			       s->flow[i].end[1].tx_total);
	}
	wire_net_collect(&s->w);
	if (chance(&s->random, faults ? 1000000 : 200000))
		s->fault_ns = s->n->now_ns +
			      between(&s->random, 1, 3000) * NSEC_PER_MSEC;
}

static bool over(const struct sim *s)
{
	for (uint32_t i = 0; i < s->flows; i++)
		if (!flow_over(&s->flow[i]))
			return false;
	return true;
}

static uint64_t next_date(const struct sim *s)
{
	uint64_t next = wire_net_next(&s->w);

	for (uint32_t i = 0; i < s->n->hosts; i++)
		next = min_u64(next, stack_next_timer_ns(s->n->host[i]));
	for (uint32_t i = 0; i < s->flows; i++)
		next = min_u64(next, flow_wake(&s->flow[i]));
	if (s->fault_ns)
		next = min_u64(next, s->fault_ns);
	return next;
}

/* One date: what arrives, what is due, what the programs make of it. */
static void step(struct sim *s)
{
	struct testnet *n = s->n;

	wire_net_deliver(&s->w);
	for (uint32_t i = 0; i < n->hosts; i++) {
		if (stack_next_timer_ns(n->host[i]) <= n->now_ns)
			testnet_timers(n, i);
	}
	wire_net_collect(&s->w);
	if (s->fault_ns && s->fault_ns <= n->now_ns) {
		s->fault_ns = 0;
		s->faults++;
		/* What is undone by a death was seen all the same. */
		s->w.oracle = NULL;
		if (verbose)
			printf("  fault at %lu ms\n",
			       (unsigned long)((n->now_ns - s->begin_ns) /
					       NSEC_PER_MSEC));
		if (chance(&s->random, 500000))
			fault_strike(n, &s->w, s->flow, s->flows, &s->random);
		else
			fault_arm(n, &s->w, s->flow, s->flows, &s->random);
	}
	for (uint32_t i = 0; i < s->flows; i++) {
		flow_run(n, &s->flow[i], &s->random);
		wire_net_collect(&s->w);
	}
}

/* What is left, for whoever looks into a failure. */
static void dump(struct testnet *n)
{
	for (conn_ix ix = 1; ix < slot_end(&n->conns); ix++) {
		const struct conn *c = testnet_conn(n, ix);

		if (c->state == CONN_FREE)
			continue;
		printf("  conn %u host %u proto %u state %u flags %08x sock %u "
		       "listener %u\n"
		       "    una +0 nxt +%u end +%u wnd %u cwnd %u recovery %u "
		       "lost %u sacked %u\n"
		       "    rcv queued %u ooo %u window %u timers %ld %ld %ld "
		       "at %ld ms retries %u backoff %u probes %u\n",
		       ix, c->host, c->proto, c->state, c->flags, c->sock,
		       c->listener, c->snd_nxt - c->snd_una,
		       c->snd_end - c->snd_una, c->snd_wnd, c->cwnd,
		       c->recovery, c->lost_bytes, c->sacked_bytes,
		       c->rcv_queued, c->ooo_frames, c->rcv_adv - c->rcv_nxt,
		       (long)(c->rtx_at / NSEC_PER_MSEC),
		       (long)(c->delack_at / NSEC_PER_MSEC),
		       (long)(c->keep_at / NSEC_PER_MSEC),
		       (long)(c->timer_at / NSEC_PER_MSEC), c->retries,
		       c->backoff, c->probes);
	}
	for (uint32_t h = 0; h < n->hosts; h++) {
		static const char *const names[] = {
#define X(group, name) #group "." #name,
			STACK_COUNTERS(X)
#undef X
		};

		printf("  host %u:", h);
		for (uint32_t i = 0; i < STACK_COUNTER_MAX; i++)
			if (n->host[h]->count[i])
				printf(" %s %lu", names[i],
				       (unsigned long)n->host[h]->count[i]);
		printf("\n");
	}
}

static const char *finish(struct sim *s)
{
	struct testnet *n = s->n;
	const char *bad = NULL;

	for (uint32_t i = 0; i < s->flows; i++) {
		const struct flow *f = &s->flow[i];
		const struct link_config *k = &s->w.config[f->end[0].host];

		/* While ARP asks, only a few frames wait. */
		bad = flow_verdict(f, k->loss || k->corrupt || k->rate_Bps ||
					      s->n->use_arp || s->faults);
		if (bad) {
			printf("  %s flow %u: %u of %u, %u of %u bytes\n",
			       flow_name(f->kind), i, f->end[1].rx_done,
			       f->end[0].tx_total, f->end[0].rx_done,
			       f->end[1].tx_total);
			if (verbose)
				dump(n);
			return bad;
		}
	}
	if (fault_disarm(n) && verbose)
		printf("  somebody died\n");
	/* Orphans finish alone; TIME-WAIT passes. */
	while (next_date(s) != UINT64_MAX &&
	       n->now_ns - s->begin_ns < 2 * LIMIT_NS) {
		n->now_ns = next_date(s) > n->now_ns ? next_date(s) : n->now_ns;
		step(s);
	}
	if (next_date(s) != UINT64_MAX)
		return "a timer is left";
	for (uint32_t i = 0; i < n->hosts; i++) {
		if (atomic_load(&n->host[i]->writing))
			return "a connection is marked";
		if (n->host[i]->tw_count)
			return "TIME-WAIT is not empty";
	}
	return NULL;
}

static bool run_seed(uint64_t seed)
{
	static struct sim s;
	const char *bad, *text;
	uint64_t steps = 0;

	seed_now = seed;
	begin(&s, seed);
	while (!over(&s) && s.n->now_ns - s.begin_ns < LIMIT_NS) {
		uint64_t next = next_date(&s);

		if (next == UINT64_MAX && steps)
			break;
		if (next != UINT64_MAX && next > s.n->now_ns)
			s.n->now_ns = next;
		step(&s);
		steps++;
	}
	bad = finish(&s);
	if (oracle_verdict(oracle, &text) && !bad)
		bad = text;
	if (verbose)
		printf("  %lu steps, %lu ms, %lu frames, %lu lost\n",
		       (unsigned long)steps,
		       (unsigned long)((s.n->now_ns - s.begin_ns) /
				       NSEC_PER_MSEC),
		       (unsigned long)s.w.carried, (unsigned long)s.w.dropped);
	wire_net_clear(&s.w);
	if (!testnet_free(s.n) && !bad)
		bad = "something is still held";
	if (bad)
		printf("seed %lu: %s\n  repeat: toami-sim --seed %lu%s "
		       "--verbose\n",
		       (unsigned long)seed, bad, (unsigned long)seed,
		       faults ? " --faults" : "");
	return !bad;
}

/* A crash names its seed too. */
static void on_abort(int sig)
{
	char text[80];
	int n = snprintf(text, sizeof(text),
			 "died: repeat with toami-sim --seed %lu%s --verbose\n",
			 (unsigned long)seed_now, faults ? " --faults" : "");

	(void)sig;
	if (n > 0 && write(2, text, (size_t)n) < 0)
		_exit(2);
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, n = 1, failed = 0, segments, connections;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--count") && i + 1 < argc)
			n = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--verbose"))
			verbose = true;
		else if (!strcmp(argv[i], "--trace"))
			trace = true;
		else if (!strcmp(argv[i], "--faults"))
			faults = true;
		else
			return 2;
	}
	signal(SIGABRT, on_abort);
	oracle = oracle_new(NULL);
	if (trace)
		oracle_trace(oracle, stdout);
	for (uint64_t i = 0; i < n && failed < 10; i++) {
		if (verbose)
			printf("seed %lu\n", (unsigned long)(seed + i));
		failed += !run_seed(seed + i);
	}
	oracle_counts(oracle, &segments, &connections);
	printf("%lu seeds, %lu failed; %lu connections, %lu segments seen\n",
	       (unsigned long)n, (unsigned long)failed,
	       (unsigned long)connections, (unsigned long)segments);
	oracle_free(oracle);
	return failed != 0;
}
