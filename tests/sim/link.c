/* SPDX-License-Identifier: BSD-2-Clause */
/* See link.h. Frames under way lie in a heap by arrival, then by order of
 * sending. */
#include "tests/sim/link.h"
#include "base/random.h"
#include "stack/csum.h"
#include "stack/segment.h"
#include "stack/shape.h"
#include "stack/wire.h"

#include <stdlib.h>
#include <string.h>

bool chance(uint64_t *random, uint32_t ppm)
{
	return random_next(random) % 1000000 < ppm;
}

uint32_t between(uint64_t *random, uint32_t low, uint32_t high)
{
	return low + (uint32_t)(random_next(random) % (high - low + 1));
}

static bool before(const struct flight *a, const struct flight *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_push(struct wire_net *w, struct flight f)
{
	uint32_t i = w->flights++;

	while (i && before(&f, &w->heap[(i - 1) / 2])) {
		w->heap[i] = w->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->heap[i] = f;
}

static struct flight heap_pop(struct wire_net *w)
{
	struct flight top = w->heap[0], f = w->heap[--w->flights];
	uint32_t i = 0;

	for (;;) {
		uint32_t k = 2 * i + 1;

		if (k >= w->flights)
			break;
		if (k + 1 < w->flights && before(&w->heap[k + 1], &w->heap[k]))
			k++;
		if (!before(&w->heap[k], &f))
			break;
		w->heap[i] = w->heap[k];
		i = k;
	}
	w->heap[i] = f;
	return top;
}

static uint32_t frame_bytes(const struct frame *f)
{
	return f->header_bytes + f->payload;
}

/* A copy with bytes of its own, one bit of which is wrong; consumes @ix. */
static frame_ix corrupt(struct wire_net *w, frame_ix ix)
{
	struct arena *a = &w->n->arena;
	static uint8_t bytes[65536];
	struct frame *f = frame_at(a, ix), *g;
	frame_ix bad = frame_alloc(a);
	uint32_t at;

	frame_copy_out(a, f, 0, bytes, f->payload);
	at = between(&w->random, ETH_BYTES, frame_bytes(f) - 1);
	g = frame_at(a, bad);
	memcpy(g->header, f->header, f->header_bytes);
	g->header_bytes = f->header_bytes;
	if (at < f->header_bytes)
		g->header[at] ^= (uint8_t)(1 << between(&w->random, 0, 7));
	else
		bytes[at - f->header_bytes] ^=
			(uint8_t)(1 << between(&w->random, 0, 7));
	if (frame_fill(a, bad, bytes, f->payload))
		abort();
	frame_free(a, ix);
	return bad;
}

/* A router with a long queue marks instead of dropping. */
static void mark(struct frame *f)
{
	uint8_t *ip = f->header + ETH_BYTES;

	if (get16(f->header + 12) == ETH_IPV4 && (ip[1] & ECN_MASK)) {
		ip[1] |= ECN_CE;
		put16(ip + 10, 0);
		((struct ipv4_header *)ip)->csum =
			(uint16_t)~csum_fold(csum_add(0, ip, IPV4_BYTES));
	} else if (get16(f->header + 12) == ETH_IPV6 &&
		   (ip[1] >> 4 & ECN_MASK)) {
		ip[1] |= ECN_CE << 4;
	}
}

static bool is_tcp(const struct frame *f)
{
	const uint8_t *ip = f->header + ETH_BYTES;

	return get16(f->header + 12) == ETH_IPV4   ? ip[9] == IP_TCP
	       : get16(f->header + 12) == ETH_IPV6 ? ip[6] == IP_TCP
						   : false;
}

/* One frame that the link can carry; consumes it. */
static void carry(struct wire_net *w, uint32_t from, frame_ix ix)
{
	const struct link_config *k = &w->config[from];
	struct frame *f = frame_at(&w->n->arena, ix);
	uint64_t at = w->n->now_ns;
	bool twice = chance(&w->random, k->duplicate), damaged = false;

	if (k->wire)
		f->flags &= (uint8_t) ~(FRAME_CSUM_OK | FRAME_NEEDS_CSUM);
	if (k->rate_Bps) {
		uint64_t start =
			w->busy_until[from] > at ? w->busy_until[from] : at;

		if ((start - at) * k->rate_Bps / NSEC_PER_SEC > k->queue_bytes)
			goto lost;
		at = start + frame_bytes(f) * NSEC_PER_SEC / k->rate_Bps;
		w->busy_until[from] = at;
	}
	if (chance(&w->random, k->loss))
		goto lost;
	if (w->flights + 2 > FLIGHTS_LINKS) {
		w->crowded = true;
		goto lost;
	}
	if (k->hole_bytes && is_tcp(f) &&
	    frame_bytes(f) - ETH_BYTES > k->hole_bytes)
		goto lost;
	if (chance(&w->random, k->mark))
		mark(f);
	at += k->delay_ns;
	if (k->jitter_ns)
		at += random_next(&w->random) % k->jitter_ns;
	if (chance(&w->random, k->reorder)) {
		at += k->delay_ns / 2 + NSEC_PER_MSEC;
	} else {
		if (at < w->last_at[from])
			at = w->last_at[from];
		w->last_at[from] = at;
	}
	/* ARP has no checksum of its own; Ethernet's would have caught it. */
	if (k->wire && get16(f->header + 12) != ETH_ARP &&
	    chance(&w->random, k->corrupt)) {
		ix = corrupt(w, ix);
		damaged = true;
	}
	if (twice) {
		frame_ix copy = frame_clone(&w->n->arena, ix);

		if (copy)
			heap_push(w, (struct flight){ at + k->delay_ns / 3,
						      w->order++, from, copy,
						      damaged });
	}
	heap_push(w, (struct flight){ at, w->order++, from, ix, damaged });
	w->carried++;
	return;
lost:
	w->dropped++;
	frame_free(&w->n->arena, ix);
}

static void witness(struct wire_net *w, uint32_t from, frame_ix ix, bool wire)
{
	const struct frame *f = frame_at(&w->n->arena, ix);
	const struct stack_config *g = &w->n->host[from]->config;

	/* What a host says to itself is on no link. */
	if (w->oracle)
		oracle_sent(w->oracle, f, w->n->now_ns,
			    mac_equal(f->header, g->mac) ? UINT32_MAX : g->mtu,
			    wire);
}

static void send_out(struct wire_net *w, uint32_t from, frame_ix ix)
{
	struct testnet *n = w->n;
	const struct frame *f = frame_at(&n->arena, ix);
	struct frame_list pieces = { 0, 0 };

	if (mac_equal(f->header, n->host[from]->config.mac)) {
		witness(w, from, ix, false);
		heap_push(w, (struct flight){ n->now_ns, w->order++, from, ix,
					      false });
		return;
	}
	if (!w->config[from].wire) {
		witness(w, from, ix, false);
		carry(w, from, ix);
		return;
	}
	frame_segment(&n->arena, ix, true, &pieces);
	while ((ix = frame_list_pop(&n->arena, &pieces))) {
		witness(w, from, ix, true);
		carry(w, from, ix);
	}
}

void wire_net_collect(struct wire_net *w)
{
	struct testnet *n = w->n;
	frame_ix ix;

	for (uint32_t i = 0; i < n->hosts; i++)
		while ((ix = frame_list_pop(&n->arena, &n->st[i].out)))
			send_out(w, i, ix);
}

uint64_t wire_net_next(const struct wire_net *w)
{
	return w->flights ? w->heap[0].at_ns : UINT64_MAX;
}

void wire_net_deliver(struct wire_net *w)
{
	while (w->flights && w->heap[0].at_ns <= w->n->now_ns) {
		struct flight f = heap_pop(w);

		if (w->oracle)
			oracle_heard(w->oracle, frame_at(&w->n->arena, f.frame),
				     w->n->now_ns, f.damaged);
		testnet_input(w->n, f.from, f.frame);
		wire_net_collect(w);
	}
}

void wire_net_clear(struct wire_net *w)
{
	while (w->flights)
		frame_free(&w->n->arena, heap_pop(w).frame);
}
