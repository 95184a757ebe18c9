/* SPDX-License-Identifier: BSD-2-Clause */
/* See seed.h. */
#include "tests/sim/seed.h"
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
	struct seed_plan *plan;
	struct testnet *n;
	struct wire_net w;
	struct flow flow[FLOWS_MAX];
	uint32_t flows;
	uint64_t random;
	uint64_t fault_ns;
	uint32_t faults;
	uint64_t begin_ns;
};

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
	if (k.wire && chance(r, 60000))
		k.hole_bytes = between(r, 700, 1450);
	return k;
}

static void say_link(const struct link_config *k)
{
	printf("  link %s rate %lu delay %lu us jitter %lu us loss %u reorder "
	       "%u"
	       " duplicate %u corrupt %u mark %u ppm hole %u\n",
	       k->wire ? "wire" : "local", (unsigned long)k->rate_Bps,
	       (unsigned long)(k->delay_ns / 1000),
	       (unsigned long)(k->jitter_ns / 1000), k->loss, k->reorder,
	       k->duplicate, k->corrupt, k->mark, k->hole_bytes);
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

/* Flows of every kind over links of every kind. */
static void begin_flows(struct sim *s)
{
	uint32_t hosts = s->n->hosts;
	uint64_t *r = &s->random;

	s->w.config[0] = choose_link(r);
	for (uint32_t i = 1; i < hosts; i++) {
		s->w.config[i] = s->w.config[0];
		if (chance(r, 200000))
			s->w.config[i] = choose_link(r);
	}
	s->flows = chance(r, 400000)   ? 1
		   : chance(r, 200000) ? between(r, 2, 20)
				       : between(r, 2, 8);
	for (uint32_t i = 0; i < s->flows; i++) {
		uint32_t a = between(r, 0, hosts - 1), b = a;

		if (hosts > 1)
			b = (a + between(r, 1, hosts - 1)) % hosts;
		flow_start(s->n, &s->flow[i],
			   (enum flow_kind)between(r, 0, FLOW_KINDS - 1), a, b,
			   (uint16_t)(1000 + 2 * i), r);
		s->flow[i].unsure = s->w.config[a].corrupt;
	}
}

/* One long stream over links that lose, reorder, repeat and damage, both ways.
 */
static void begin_stream(struct sim *s)
{
	for (uint32_t i = 0; i < 2; i++)
		s->w.config[i] = (struct link_config){
			.wire = true,
			.delay_ns =
				between(&s->random, 50, 5000) * NSEC_PER_USEC,
			.loss = 50000,
			.reorder = 50000,
			.duplicate = 10000,
			.corrupt = 1000,
		};
	s->flows = 1;
	flow_start_stream(s->n, &s->flow[0], s->plan->stream_bytes, 1000,
			  &s->random);
}

static void begin(struct sim *s, uint64_t seed)
{
	uint32_t hosts;

	memset(s->flow, 0, sizeof(s->flow));
	memset(&s->w, 0, offsetof(struct wire_net, heap));
	s->fault_ns = 0;
	s->faults = 0;
	s->random = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
	hosts = s->plan->stream_bytes || chance(&s->random, 600000)
			? 2
			: between(&s->random, 1, 8);
	s->n = testnet_new(hosts, random_next(&s->random));
	s->n->use_arp = !s->plan->stream_bytes && chance(&s->random, 100000);
	for (uint32_t i = 0; i < hosts; i++) {
		static const uint16_t mtus[] = { 1280, 1400, 1492,
						 1500, 4000, 9000 };

		s->n->host[i]->tuning.ecn = chance(&s->random, 300000) ? 1 : 2;
		if (!s->plan->stream_bytes && chance(&s->random, 200000))
			s->n->host[i]->config.mtu = mtus[between(
				&s->random, 0, ARRAY_SIZE(mtus) - 1)];
	}
	s->begin_ns = s->n->now_ns;
	s->w.n = s->n;
	oracle_reset(s->plan->oracle, &s->n->arena);
	s->w.oracle = s->plan->oracle;
	if (s->n->use_arp)
		excuse_late_frames(s->plan->oracle);
	s->w.random = random_next(&s->random);
	if (s->plan->stream_bytes)
		begin_stream(s);
	else
		begin_flows(s);
	if (s->plan->verbose && s->n->use_arp)
		printf("  neighbours by ARP and ND\n");
	for (uint32_t i = 0; s->plan->verbose && i < hosts; i++)
		say_link(&s->w.config[i]);
	for (uint32_t i = 0; i < s->flows; i++) {
		const struct flow *f = &s->flow[i];

		flow_tell(f, s->plan->oracle);
		if (s->plan->verbose)
			printf("  %s %u -> %u: %u and %u bytes\n",
			       flow_name(f->kind), f->end[0].host,
			       f->end[1].host, f->end[0].tx_total,
			       f->end[1].tx_total);
	}
	/* What opened the flows leaves now, not with the first date. */
	wire_net_collect(&s->w);
	if (s->plan->faults != SEED_NO_FAULTS &&
	    chance(&s->random,
		   s->plan->faults == SEED_ALWAYS_FAULTS ? 1000000 : 200000))
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
		if (s->plan->verbose)
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
#define X(group, name) [COUNT_##group##_##name] = #group "." #name,
			STACK_COUNTERS(X, X)
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

/* May three questions in a row be lost? */
static bool deaf(const struct sim *s)
{
	for (uint32_t i = 0; s->n->use_arp && i < s->n->hosts; i++) {
		const struct link_config *k = &s->w.config[i];

		if (k->loss || k->corrupt || k->rate_Bps)
			return true;
	}
	return false;
}

static const char *finish(struct sim *s)
{
	struct testnet *n = s->n;
	const char *bad = NULL;

	for (uint32_t i = 0; i < s->flows; i++) {
		const struct flow *f = &s->flow[i];
		const struct link_config *k = &s->w.config[f->end[0].host];

		/* While ARP asks, only a few frames wait. */
		bad = flow_verdict(f,
				   k->loss || k->corrupt || k->rate_Bps ||
					   s->n->use_arp || s->faults ||
					   s->w.crowded,
				   deaf(s));
		if (bad) {
			printf("  %s flow %u: %u of %u, %u of %u bytes\n",
			       flow_name(f->kind), i, f->end[1].rx_done,
			       f->end[0].tx_total, f->end[0].rx_done,
			       f->end[1].tx_total);
			if (s->plan->verbose)
				dump(n);
			return bad;
		}
	}
	if (fault_disarm(n) && s->plan->verbose)
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

bool seed_run(struct seed_plan *p, uint64_t seed)
{
	static struct sim s;
	const char *bad, *text;
	uint64_t steps = 0;

	s.plan = p;
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
	if (oracle_verdict(p->oracle, &text) && !bad)
		bad = text;
	if (p->verbose)
		printf("  %lu steps, %lu ms, %lu frames, %lu lost\n",
		       (unsigned long)steps,
		       (unsigned long)((s.n->now_ns - s.begin_ns) /
				       NSEC_PER_MSEC),
		       (unsigned long)s.w.carried, (unsigned long)s.w.dropped);
	p->virtual_ns += s.n->now_ns - s.begin_ns;
	p->carried += s.w.carried;
	p->dropped += s.w.dropped;
	for (uint32_t i = 0; i < s.flows; i++)
		if (s.flow[i].kind != FLOW_DATAGRAM)
			p->bytes += (uint64_t)s.flow[i].end[0].rx_done +
				    s.flow[i].end[1].rx_done;
	wire_net_clear(&s.w);
	if (!testnet_free(s.n) && !bad)
		bad = "something is still held";
	if (bad)
		printf("seed %lu: %s\n  repeat: toami-sim --seed %lu%s "
		       "--verbose\n",
		       (unsigned long)seed, bad, (unsigned long)seed, p->how);
	return !bad;
}
