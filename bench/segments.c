// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench-segments: bytes through two stacks back to back, in segments of one MSS
 * each, as a wire carries them; no copy of the payload.
 *
 *	bench-segments MEBIBYTES [single|coalesce]
 *
 * The sender's chunks go into its queue, are sent by reference, arrive, are
 * taken by the reader and freed; acknowledgements go back. Everything that both
 * stacks do is in it; what a program does with the bytes is not.
 *
 * The stack puts out super-segments, which are cut on the way to the wire
 * (frame_segment()), as the simulator's links and ports without offload do;
 *each segment goes up on its own. `single`: the stack makes each of them
 *itself, as for a VIF that takes no super-segments. `coalesce`: the receiver
 *joins what came at once (frame_coalesce()), as a port does. bench/segments
 *runs it under callgrind with two amounts and prints the instructions a segment
 *costs.
 */
#include "stack/segment.h"
#include "stack/testnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PORT	  5001
#define MSS	  1448
#define BURST_MAX (16 * MSS)

struct pair {
	struct testnet *n;
	conn_ix client, server, listener;
	uint64_t sent, read;
	uint64_t segments, acks;
	bool coalesce;
};

/* Chunks that were filled before: as socket/ hands them over. */
static void write_some(struct pair *p, uint64_t total)
{
	struct testnet *n = p->n;
	const struct conn *c = testnet_conn(n, p->client);

	while (p->sent < total && tcp_room(c) >= CHUNK_BYTES) {
		chunk_ix k = chunk_alloc(&n->arena);

		chunk_at(&n->arena, k)->end = CHUNK_BYTES;
		tcp_append_chunks(&n->st[0], p->client, k);
		p->sent += CHUNK_BYTES;
	}
	tcp_push(&n->st[0], p->client, false);
}

static void read_all(struct pair *p)
{
	struct frame_list list = { 0, 0 };

	p->read += tcp_take(&p->n->st[1], p->server, UINT32_MAX, &list);
	frame_list_free(&p->n->arena, &list);
	tcp_consumed(&p->n->st[1], p->server);
}

/* What host @from has put out goes to the other, a link's delay later. */
static bool carry(struct pair *p, uint32_t from)
{
	struct testnet *n = p->n;
	struct frame_list out = n->st[from].out, wire = { 0, 0 };
	frame_ix ix;

	n->st[from].out = (struct frame_list){ 0, 0 };
	if (!out.first)
		return false;
	n->now_ns += 10 * NSEC_PER_USEC;
	n->st[0].now_ns = n->now_ns;
	n->st[1].now_ns = n->now_ns;
	while ((ix = frame_list_pop(&n->arena, &out))) {
		int pieces = frame_segment(&n->arena, ix, false, &wire);

		if (pieces < 0) {
			fprintf(stderr, "bench-segments: cannot cut\n");
			exit(1);
		}
		*(from ? &p->acks : &p->segments) += (uint32_t)pieces;
	}
	if (p->coalesce)
		frame_coalesce(&n->arena, &wire);
	while ((ix = frame_list_pop(&n->arena, &wire)))
		stack_input(&n->st[1 - from], ix);
	return true;
}

int main(int argc, char **argv)
{
	uint64_t total = (uint64_t)(argc > 1 ? atoll(argv[1]) : 64) << 20;
	const char *mode = argc > 2 ? argv[2] : "";
	struct pair p = { .n = testnet_new(2, 1),
			  .coalesce = !strcmp(mode, "coalesce") };
	struct timespec a, b;
	double ns;

	testnet_pair(p.n, 0, 1, PORT, &p.client, &p.server, &p.listener);
	for (uint32_t i = 0; i < 2 && !strcmp(mode, "single"); i++)
		p.n->host[i]->config.super_max = MSS;
	clock_gettime(CLOCK_MONOTONIC, &a);
	while (p.read < total) {
		write_some(&p, total);
		if (!carry(&p, 0) && !carry(&p, 1)) {
			fprintf(stderr, "bench-segments: nothing moves\n");
			return 1;
		}
		read_all(&p);
		carry(&p, 1);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	ns = (double)(b.tv_sec - a.tv_sec) * 1e9 +
	     (double)(b.tv_nsec - a.tv_nsec);
	printf("%lu bytes in %lu segments and %lu acks, %.1f ns a segment, "
	       "%.2f Gbit/s\n",
	       (unsigned long)p.read, (unsigned long)p.segments,
	       (unsigned long)p.acks, ns / (double)p.segments,
	       (double)p.read * 8 / ns);
	return 0;
}
