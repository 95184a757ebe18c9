/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See frame.h. A depot is a Treiber stack of batches: the head slot of a batch
 * links the rest of it by `next` and the batch below it by `batch`. The tag in
 * the upper half of the head guards against ABA. A batch is ARENA_BATCH slots,
 * or fewer after a rebuild.
 */
#include "base/frame.h"
#include "base/mem.h"

#include <errno.h>

static uint64_t head_of(uint64_t old, uint32_t first)
{
	return ((old >> 32) + 1) << 32 | first;
}

/* Both slot kinds begin with their two links, so the depot need not know which.
 */
struct links {
	uint32_t next;
	_Atomic uint32_t batch;
};

static struct links *frame_links(const struct arena *a, uint32_t ix)
{
	return (struct links *)frame_at(a, ix);
}

static struct links *chunk_links(const struct arena *a, uint32_t ix)
{
	return (struct links *)chunk_at(a, ix);
}

typedef struct links *links_fn(const struct arena *a, uint32_t ix);

static void depot_push(const struct arena *a, struct arena_depot *d,
		       links_fn *links, uint32_t first)
{
	uint64_t head = atomic_load(&d->batches);

	do {
		atomic_store_explicit(&links(a, first)->batch, (uint32_t)head,
				      memory_order_relaxed);
	} while (!atomic_compare_exchange_weak(&d->batches, &head,
					       head_of(head, first)));
}

static uint32_t depot_pop(const struct arena *a, struct arena_depot *d,
			  links_fn *links)
{
	uint64_t head = atomic_load(&d->batches);
	uint32_t first;

	do {
		first = (uint32_t)head;
		if (!first)
			return 0;
	} while (!atomic_compare_exchange_weak(
		&d->batches, &head,
		head_of(head, atomic_load_explicit(&links(a, first)->batch,
						   memory_order_relaxed))));
	return first;
}

/* Fills an empty cache from the depot, else with slots never used. */
static uint32_t refill(const struct arena *a, struct arena_depot *d,
		       links_fn *links, uint32_t *stock)
{
	uint32_t ix = depot_pop(a, d, links), n = 0;

	for (; ix && n < ARENA_CACHE; ix = links(a, ix)->next)
		stock[n++] = ix;
	if (n)
		return n;

	ix = atomic_load_explicit(&d->fresh, memory_order_relaxed);
	do {
		if (ix >= d->capacity)
			return 0;
		n = min_u32(ARENA_BATCH, d->capacity - ix);
	} while (!atomic_compare_exchange_weak(&d->fresh, &ix, ix + n));
	for (uint32_t i = 0; i < n; i++)
		stock[i] = ix + n - 1 - i;
	return n;
}

/* Gives the older half of a full cache to the depot, keeping the warm half. */
static uint32_t spill(const struct arena *a, struct arena_depot *d,
		      links_fn *links, uint32_t *stock)
{
	for (uint32_t i = 0; i < ARENA_BATCH; i++)
		links(a, stock[i])->next =
			i + 1 < ARENA_BATCH ? stock[i + 1] : 0;
	depot_push(a, d, links, stock[0]);
	for (uint32_t i = 0; i < ARENA_BATCH; i++)
		stock[i] = stock[ARENA_BATCH + i];
	return ARENA_BATCH;
}

void arena_shared_init(struct arena_shared *s, uint32_t frames, uint32_t chunks)
{
	atomic_store(&s->frame.batches, 0);
	atomic_store(&s->frame.fresh, 1);
	s->frame.capacity = frames;
	atomic_store(&s->chunk.batches, 0);
	atomic_store(&s->chunk.fresh, 1);
	s->chunk.capacity = chunks;
}

bool arena_refill_frames(struct arena *a)
{
	struct arena_cache *c = a->cache;

	c->frames = refill(a, &a->shared->frame, frame_links, c->frame);
	return c->frames;
}

/* A full cache of chunks, or of frames, makes room. */
static apart void spill_chunks(struct arena *a)
{
	a->cache->chunks =
		spill(a, &a->shared->chunk, chunk_links, a->cache->chunk);
}

static apart void spill_frames(struct arena *a)
{
	a->cache->frames =
		spill(a, &a->shared->frame, frame_links, a->cache->frame);
}

static inline void put(struct arena *a, chunk_ix ix)
{
	struct arena_cache *c = a->cache;
	_Atomic uint32_t *refs = &chunk_at(a, ix)->refs;

	/* The last holder needs no locked instruction: nobody else can see it.
	 */
	if (atomic_load_explicit(refs, memory_order_acquire) != 1 &&
	    atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) != 1)
		return;
	if (unlikely(c->chunks == ARENA_CACHE))
		spill_chunks(a);
	c->chunk[c->chunks] = ix;
	c->chunks++;
}

static apart void put_refs(struct arena *a, struct frame *f)
{
	for (uint32_t i = 0; i < f->refs; i++)
		put(a, f->ref[i].chunk);
	f->flags = 0;
	f->refs = 0;
}

void frame_free(struct arena *a, frame_ix ix)
{
	struct arena_cache *c = a->cache;
	struct frame *f;

	if (!ix)
		return;
	f = frame_at(a, ix);
	if (f->flags & FRAME_REFS)
		put_refs(a, f);
	if (unlikely(c->frames == ARENA_CACHE))
		spill_frames(a);
	c->frame[c->frames] = ix;
	c->frames++;
}

void frame_list_free(struct arena *a, struct frame_list *list)
{
	frame_ix ix;

	while ((ix = frame_list_pop(a, list)))
		frame_free(a, ix);
}

chunk_ix chunk_alloc(struct arena *a)
{
	struct arena_cache *c = a->cache;
	struct chunk *k;
	chunk_ix ix;

	if (unlikely(!c->chunks)) {
		c->chunks = refill(a, &a->shared->chunk, chunk_links, c->chunk);
		if (!c->chunks)
			return 0;
	}
	ix = c->chunk[--c->chunks];
	k = chunk_at(a, ix);
	k->next = 0;
	k->start = 0;
	k->end = 0;
	atomic_store_explicit(&k->refs, 1, memory_order_relaxed);
	return ix;
}

void chunk_put(struct arena *a, chunk_ix ix)
{
	put(a, ix);
}

int frame_refer(struct arena *a, frame_ix ix, chunk_ix chunk, uint16_t off,
		uint16_t bytes)
{
	struct frame *f = frame_at(a, ix);

	if (f->refs == FRAME_REFS_MAX)
		return -EMSGSIZE;
	chunk_get(a, chunk);
	f->ref[f->refs] = (struct frame_ref){ chunk, off, bytes };
	f->flags |= FRAME_REFS;
	f->refs++;
	f->payload += bytes;
	return 0;
}

int frame_fill(struct arena *a, frame_ix ix, const void *src, uint32_t bytes)
{
	struct frame *f = frame_at(a, ix);
	const uint8_t *s = src;

	if (bytes <= FRAME_INLINE_MAX) {
		mem_copy(f->data, s, bytes);
		f->payload = bytes;
		return 0;
	}
	if (bytes > 65536)
		return -EMSGSIZE;
	while (f->payload < bytes) {
		uint16_t n = (uint16_t)min_u32(bytes - f->payload, CHUNK_BYTES);
		chunk_ix k = chunk_alloc(a);

		if (!k) {
			while (f->refs)
				chunk_put(a, f->ref[--f->refs].chunk);
			f->flags &= (uint8_t)~FRAME_REFS;
			f->payload = 0;
			return -ENOBUFS;
		}
		mem_copy(chunk_bytes(a, k), s + f->payload, n);
		f->ref[f->refs] = (struct frame_ref){ k, 0, n };
		f->flags |= FRAME_REFS;
		f->refs++;
		f->payload += n;
	}
	return 0;
}

void frame_copy_out(const struct arena *a, const struct frame *f, uint32_t off,
		    void *dst, uint32_t bytes)
{
	uint8_t *d = dst;

	if (!(f->flags & FRAME_REFS)) {
		mem_copy(d, f->data + off, bytes);
		return;
	}
	for (uint8_t i = 0; bytes && i < f->refs; i++) {
		const struct frame_ref *r = &f->ref[i];
		uint32_t n;

		if (off >= r->bytes) {
			off -= r->bytes;
			continue;
		}
		n = min_u32(bytes, r->bytes - off);
		mem_copy(d, chunk_bytes(a, r->chunk) + r->off + off, n);
		d += n;
		bytes -= n;
		off = 0;
	}
}

uint32_t arena_frames_end(const struct arena *a)
{
	return atomic_load(&a->shared->frame.fresh);
}

uint32_t arena_chunks_end(const struct arena *a)
{
	return atomic_load(&a->shared->chunk.fresh);
}

/* Counts the references of a held frame, or strips it of a payload it cannot
 * have. */
static void count_refs(struct frame *f, uint32_t *chunk, uint32_t chunks_end)
{
	uint32_t sum = 0;

	if (!(f->flags & FRAME_REFS))
		return;
	if (f->refs > FRAME_REFS_MAX)
		goto strip;
	for (uint8_t i = 0; i < f->refs; i++) {
		const struct frame_ref *r = &f->ref[i];

		if (!r->chunk || r->chunk >= chunks_end ||
		    (uint32_t)r->off + r->bytes > CHUNK_BYTES)
			goto strip;
		sum += r->bytes;
	}
	if (sum != f->payload)
		goto strip;
	for (uint8_t i = 0; i < f->refs; i++)
		chunk[f->ref[i].chunk]++;
	return;
strip:
	f->flags &= (uint8_t)~FRAME_REFS;
	f->refs = 0;
	f->payload = 0;
}

/* Stacks up the slots that nobody holds, in batches; returns how many. */
static uint32_t restock(struct arena *a, struct arena_depot *d, links_fn *links,
			uint32_t end, bool (*held)(const void *, uint32_t),
			const void *arg)
{
	uint32_t freed = 0, first = 0, last = 0, n = 0;

	atomic_store(&d->batches, head_of(atomic_load(&d->batches), 0));
	for (uint32_t ix = end; --ix > 0;) {
		if (held(arg, ix))
			continue;
		freed++;
		links(a, ix)->next = 0;
		if (n)
			links(a, last)->next = ix;
		else
			first = ix;
		last = ix;
		if (++n == ARENA_BATCH) {
			depot_push(a, d, links, first);
			n = 0;
		}
	}
	if (n)
		depot_push(a, d, links, first);
	return freed;
}

static bool frame_held(const void *arg, uint32_t ix)
{
	return ((const uint8_t *)arg)[ix];
}

static bool chunk_held(const void *arg, uint32_t ix)
{
	return ((const uint32_t *)arg)[ix];
}

struct arena_census arena_rebuild(struct arena *a, const uint8_t *frame,
				  uint32_t *chunk)
{
	uint32_t frames_end = arena_frames_end(a);
	uint32_t chunks_end = arena_chunks_end(a);
	struct arena_census c;

	for (frame_ix ix = 1; ix < frames_end; ix++)
		if (frame[ix])
			count_refs(frame_at(a, ix), chunk, chunks_end);
	for (chunk_ix ix = 1; ix < chunks_end; ix++)
		atomic_store(&chunk_at(a, ix)->refs, chunk[ix]);

	c.frames_freed = restock(a, &a->shared->frame, frame_links, frames_end,
				 frame_held, frame);
	c.frames_live = frames_end - 1 - c.frames_freed;
	c.chunks_freed = restock(a, &a->shared->chunk, chunk_links, chunks_end,
				 chunk_held, chunk);
	c.chunks_live = chunks_end - 1 - c.chunks_freed;
	return c;
}
