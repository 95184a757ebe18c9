/* SPDX-License-Identifier: BSD-2-Clause */
/* See fault.h. */
#include "tests/sim/fault.h"
#include "base/random.h"

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
