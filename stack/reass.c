/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reassembly of both IP versions.
 *
 * A datagram in pieces takes one of a few contexts: its frames sorted by
 * offset, trimmed to what lies behind IP. Pieces that overlap condemn the whole
 * (RFC 5722), exact repeats do not. Bounded in number of datagrams, of pieces,
 * and in time; when a context is needed and none is free, the oldest is given
 * up.
 *
 * A frame in a context keeps its offset in note[0]; all its bytes are in the
 * payload.
 */
#include "stack/stack_internal.h"
#include "stack/shape.h"

#define REASS_V4_NS (30 * NSEC_PER_SEC)
#define REASS_V6_NS (60 * NSEC_PER_SEC)

void reass_drop(struct stack *st, struct reass *r)
{
	struct frame_list list = { r->first, 0 };

	r->live = false;
	r->first = 0;
	frame_list_free(st->arena, &list);
}

static struct reass *context(struct stack *st, const struct packet *p,
			     uint32_t id)
{
	struct stack_host *h = st->host;
	struct reass *r = NULL;

	for (uint32_t i = 0; i < REASS_MAX; i++) {
		struct reass *o = &h->reass[i];

		if (o->live && o->id == id && o->proto == p->proto &&
		    ip_equal(&o->src, &p->src) && ip_equal(&o->dst, &p->dst))
			return o;
		if (!r || (r->live && (!o->live || o->born_ns < r->born_ns)))
			r = o;
	}
	if (r->live) {
		count(st, Ip_ReasmFails);
		reass_drop(st, r);
	}
	memset(r, 0, sizeof(*r));
	r->src = p->src;
	r->dst = p->dst;
	r->id = id;
	r->proto = p->proto;
	r->born_ns = st->now_ns;
	r->until_ns = st->now_ns + (p->v4 ? REASS_V4_NS : REASS_V6_NS);
	r->live = true;
	timer_aux(st, r->until_ns);
	return r;
}

/* 1: sorted in; 0: was here already; -1: overlaps or contradicts. */
static int insert(struct stack *st, struct reass *r, frame_ix ix, uint32_t off,
		  uint32_t bytes, bool more)
{
	struct frame *f = frame_at(st->arena, ix);
	frame_ix prev = 0, next = r->first;
	uint32_t end = off + bytes;

	if (!more) {
		if (r->have_last && r->total != end)
			return -1;
		r->have_last = true;
		r->total = end;
	}
	if (r->have_last && end > r->total)
		return -1;
	while (next) {
		const struct frame *n = frame_at(st->arena, next);

		if (n->note[0] >= off)
			break;
		prev = next;
		next = n->next;
	}
	if (prev) {
		const struct frame *n = frame_at(st->arena, prev);

		if (n->note[0] + n->payload > off)
			return -1;
	}
	if (next) {
		const struct frame *n = frame_at(st->arena, next);

		if (n->note[0] == off && n->payload == bytes)
			return 0;
		if (n->note[0] < end || !more)
			return -1;
	}
	f->note[0] = off;
	f->next = next;
	if (prev)
		frame_at(st->arena, prev)->next = ix;
	else
		r->first = ix;
	r->frames++;
	r->bytes += bytes;
	return 1;
}

/* All is here: one frame with the first piece's headers. 0 when memory is
 * short. */
static frame_ix join(struct stack *st, const struct reass *r)
{
	const struct frame *first = frame_at(st->arena, r->first);
	frame_ix ix = frame_alloc(st->arena), piece;
	struct frame *f;

	if (!ix)
		return 0;
	f = frame_at(st->arena, ix);
	memcpy(f->header, first->header, first->header_bytes);
	f->header_bytes = first->header_bytes;
	f->l3_off = first->l3_off;
	f->l4_off = first->l4_off;
	f->tx_vif = first->tx_vif;
	f->rx_vif = first->rx_vif;
	f->flags = FRAME_REFS | FRAME_CSUM_OK;
	for (piece = r->first; piece;
	     piece = frame_at(st->arena, piece)->next) {
		const struct frame *g = frame_at(st->arena, piece);
		uint32_t off = 0;

		/* One that was not checked leaves the whole unchecked. */
		if (!(g->flags & FRAME_CSUM_OK))
			f->flags &= (uint8_t)~FRAME_CSUM_OK;
		while (off < g->payload) {
			struct frame_ref *ref = NULL;
			uint32_t n;

			if (f->refs)
				ref = &f->ref[f->refs - 1];
			if (!ref || ref->bytes == CHUNK_BYTES) {
				chunk_ix k = chunk_alloc(st->arena);

				if (!k) {
					frame_free(st->arena, ix);
					return 0;
				}
				ref = &f->ref[f->refs++];
				*ref = (struct frame_ref){ k, 0, 0 };
			}
			n = min_u32(g->payload - off, CHUNK_BYTES - ref->bytes);
			frame_copy_out(st->arena, g, off,
				       chunk_bytes(st->arena, ref->chunk) +
					       ref->bytes,
				       n);
			ref->bytes = (uint16_t)(ref->bytes + n);
			f->payload += n;
			off += n;
		}
	}
	return ix;
}

bool reass_input(struct stack *st, struct packet *p, uint32_t id, uint32_t off,
		 bool more)
{
	struct frame *f = p->f;
	struct reass *r;
	frame_ix whole;
	int n;

	count(st, Ip_ReasmReqds);
	if (!p->l4_bytes || (more && (p->l4_bytes & 7)) ||
	    off + p->l4_bytes > 65535 ||
	    frame_header_set(st->arena, p->ix, f->l4_off)) {
		count(st, Ip_ReasmFails);
		frame_free(st->arena, p->ix);
		return false;
	}
	r = context(st, p, id);
	n = r->frames == REASS_FRAMES
		    ? -1
		    : insert(st, r, p->ix, off, p->l4_bytes, more);
	if (n <= 0)
		frame_free(st->arena, p->ix);
	if (n < 0) {
		count(st, Ip_ReasmFails);
		reass_drop(st, r);
	}
	if (n <= 0 || !r->have_last || r->bytes != r->total)
		return false;
	whole = join(st, r);
	p->l4_bytes = r->total;
	reass_drop(st, r);
	if (!whole) {
		count(st, Ip_InDiscards);
		count(st, Ip_ReasmFails);
		return false;
	}
	count(st, Ip_ReasmOKs);
	p->ix = whole;
	p->f = frame_at(st->arena, whole);
	return true;
}

uint64_t reass_timers(struct stack *st)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < REASS_MAX; i++) {
		struct reass *r = &st->host->reass[i];

		if (!r->live)
			continue;
		if (r->until_ns <= st->now_ns) {
			count(st, Ip_ReasmTimeout);
			count(st, Ip_ReasmFails);
			reass_drop(st, r);
		} else {
			next = min_u64(next, r->until_ns);
		}
	}
	return next;
}
