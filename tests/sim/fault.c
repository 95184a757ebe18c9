/* SPDX-License-Identifier: BSD-2-Clause */
/* See fault.h. */
#include "tests/sim/fault.h"
#include "base/random.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

struct held {
	uint8_t *frame;
	uint32_t *chunk;
};

static void hold_frame(void *arg, frame_ix ix)
{
	struct held *h = arg;

	if (h->frame[ix]++)
		abort(); /* in two lists */
}

static void hold_chunk(void *arg, chunk_ix ix)
{
	struct held *h = arg;

	h->chunk[ix]++;
}

void fault_rebuild(struct testnet *n, const struct wire_net *w)
{
	struct held h = {
		.frame = calloc(TESTNET_FRAMES, 1),
		.chunk = calloc(TESTNET_CHUNKS, sizeof(uint32_t)),
	};

	for (uint32_t i = 0; i < n->hosts; i++) {
		stack_visit(&n->st[i], hold_frame, hold_chunk, &h);
		for (frame_ix ix = n->st[i].out.first; ix;
		     ix = frame_at(&n->arena, ix)->next)
			hold_frame(&h, ix);
	}
	for (uint32_t i = 0; w && i < w->flights; i++)
		hold_frame(&h, w->heap[i].frame);
	n->arena.cache->frames = 0;
	n->arena.cache->chunks = 0;
	arena_rebuild(&n->arena, h.frame, h.chunk);
	free(h.frame);
	free(h.chunk);
}

/* Links of every connection of the host, and the host's own tables. */
static void tear_links(struct testnet *n, struct stack_host *h, uint64_t *r)
{
	for (uint32_t i = 0; i < HOST_HASH_BUCKETS; i++)
		h->hash[i] = (conn_ix)random_next(r);
	for (uint32_t i = 0; i < HOST_PORT_BUCKETS; i++)
		h->bound[i] = (conn_ix)random_next(r);
	for (uint32_t l = 0; l < WHEEL_LEVELS; l++) {
		h->wheel.busy[l] = random_next(r);
		for (uint32_t i = 0; i < WHEEL_SLOTS; i++)
			h->wheel.slot[l][i] = (conn_ix)random_next(r);
	}
	h->tw_first = (conn_ix)random_next(r);
	h->tw_last = (conn_ix)random_next(r);
	h->tw_count = (uint32_t)random_next(r);
	for (conn_ix ix = 1; ix < slot_end(&n->conns); ix++) {
		struct conn *c = testnet_conn(n, ix);

		if (c->state == CONN_FREE || c->host != h->config.self)
			continue;
		c->hash_next = (conn_ix)random_next(r);
		c->bound_next = (conn_ix)random_next(r);
		c->q_next = (conn_ix)random_next(r);
		c->q_prev = (conn_ix)random_next(r);
		c->timer_next = (conn_ix)random_next(r);
		c->timer_prev = (conn_ix)random_next(r);
		c->timer_slot = (uint16_t)random_next(r);
		if (c->state == CONN_LISTEN) {
			c->accept_first = (conn_ix)random_next(r);
			c->accept_last = (conn_ix)random_next(r);
			c->syn_first = (conn_ix)random_next(r);
			c->accepts = (uint32_t)random_next(r);
			c->syns = (uint32_t)random_next(r);
		}
	}
}

/* What a half-done change may have left in the queues. */
static void tear_queues(struct conn *c, uint64_t *r)
{
	c->snd_head = (chunk_ix)random_next(r);
	c->snd_tail = (chunk_ix)random_next(r);
	c->cur = (chunk_ix)random_next(r);
	c->rcv_first = (frame_ix)random_next(r);
	c->rcv_last = (frame_ix)random_next(r);
	c->ooo_first = (frame_ix)random_next(r);
	c->ooo_last = (frame_ix)random_next(r);
	c->rcv_queued = (uint32_t)random_next(r);
	c->snd_queued = (uint32_t)random_next(r);
}

void fault_strike(struct testnet *n, struct wire_net *w, struct flow *flow,
		  uint32_t flows, uint64_t *random)
{
	uint32_t host = between(random, 0, n->hosts - 1);
	struct stack_host *h = n->host[host];
	conn_ix marked = 0;

	/* Which connection was it? One of a flow's ends, or none. */
	for (uint32_t i = 0; i < flows; i++) {
		for (int k = 0; k < 2; k++) {
			const struct end *e = &flow[i].end[k];

			if (e->c && e->host == host && !marked &&
			    chance(random, 300000)) {
				marked = e->c;
				flow[i].may_fail = true;
			}
		}
	}
	for (uint32_t i = 0; i < flows; i++)
		for (int k = 0; k < 2 && flow[i].may_fail; k++)
			if (flow[i].end[k].c && flow[i].kind != FLOW_DATAGRAM)
				flow_keep(n, &flow[i].end[k]);
	n->st[host].now_ns = n->now_ns;
	tear_links(n, h, random);
	if (marked)
		tear_queues(testnet_conn(n, marked), random);
	atomic_store(&h->writing, marked);
	stack_recover(&n->st[host]);
	/* An orphan's peer has nobody left to hear from: that is no failure. */
	wire_net_collect(w);
	fault_rebuild(n, w);
}

/* --- death at an instruction
 * --------------------------------------------------- */

static struct {
	struct wire_net *w;
	struct flow *flow;
	uint32_t flows;
	uint64_t *random;
	uint32_t calls; /* to let pass first */
	long steps;
	uint32_t deaths; /* to come */
	bool strangers;	 /* nobody dies at work on his own connection */
	bool died;
} victim;

#define DEATHS_MAX 40

static sigjmp_buf afterlife;
static volatile long steps_left;

static void on_trap(int sig)
{
	(void)sig;
	if (--steps_left == 0)
		siglongjmp(afterlife, 1);
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

static void choose_moment(void)
{
	victim.calls = between(victim.random, 0, 30);
	victim.steps = between(victim.random, 1, 3000);
}

/* Whose connection was it? Its flow may fail now. */
static void condemn(struct testnet *n, conn_ix marked)
{
	const struct conn *c = testnet_conn(n, marked);

	for (uint32_t i = 0; i < victim.flows; i++) {
		struct flow *f = &victim.flow[i];
		uint16_t a = f->port, b = (uint16_t)(f->port + 1);

		if (c->lport != a && c->pport != a && c->lport != b &&
		    c->pport != b && f->end[0].c != marked &&
		    f->end[1].c != marked)
			continue;
		f->may_fail = true;
		for (int k = 0; k < 2 && f->kind != FLOW_DATAGRAM; k++)
			if (f->end[k].c)
				flow_keep(n, &f->end[k]);
	}
}

/*
 * Only a program's own connection may suffer from its death. Whoever merely
 * delivered a segment or ran a timer takes nobody with him: no flow is excused
 * then.
 */
static void die(struct testnet *n, uint32_t host, bool own)
{
	conn_ix marked = atomic_load(&n->host[host]->writing);
	struct frame_list lost = { 0, 0 };

	victim.died = true;
	victim.deaths--;
	choose_moment();
	if (own && marked)
		condemn(n, marked);
	/* The next has a handle of his own. */
	n->st[host].out = lost;
	n->st[host].acked = 0;
	n->st[host].acked_chunks = 0;
	stack_recover(&n->st[host]);
	fault_rebuild(n, victim.w);
}

static void call(struct testnet *n, uint32_t host, bool own,
		 void (*op)(void *arg), void *arg)
{
	if (!victim.deaths || victim.calls || (own && victim.strangers)) {
		if (victim.calls)
			victim.calls--;
		op(arg);
		return;
	}
	steps_left = victim.steps;
	if (sigsetjmp(afterlife, 1)) {
		die(n, host, own);
		return;
	}
	stepping(true);
	op(arg);
	stepping(false);
	/* It was over sooner: the next call goes on dying. */
	victim.steps = steps_left > 0 ? steps_left : 1;
}

void fault_arm(struct testnet *n, struct wire_net *w, struct flow *flow,
	       uint32_t flows, uint64_t *random)
{
	struct sigaction sa = { .sa_handler = on_trap };

	sigaction(SIGTRAP, &sa, NULL);
	victim.w = w;
	victim.flow = flow;
	victim.flows = flows;
	victim.random = random;
	victim.strangers = chance(random, 700000);
	victim.deaths = victim.strangers ? between(random, 1, DEATHS_MAX) : 1;
	victim.died = false;
	choose_moment();
	n->call = call;
}

bool fault_disarm(struct testnet *n)
{
	bool died = n->call && victim.died;

	n->call = NULL;
	return died;
}
