/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames and chunks: what travels, and where its bytes lie.
 *
 * A *frame* is one Ethernet frame, up to 64 KiB of payload with segmentation
 * left to whoever needs it smaller (struct virtio_net_hdr, VIRTIO 1.2
 * section 5.1.6). Its headers, Ethernet to TCP or UDP, lie in the frame itself,
 * and so does a small payload; a larger one lies in *chunks* of 4 KiB that the
 * frame refers to.
 *
 * A frame has one holder at any time: a list, a ring, or the thread that works
 * on it. A chunk is counted: the sender's retransmission queue and the frames
 * in flight share it. Bytes of a chunk that somebody else refers to never
 * change; its holder may append behind them.
 *
 * Allocation is last freed, first used: each context (one thread inside the
 * fabric) keeps a cache and trades batches with a lock-free depot. A process
 * killed half way leaks at most what its caches and hands held, until
 * arena_rebuild().
 */
#ifndef TOAMI_BASE_FRAME_H
#define TOAMI_BASE_FRAME_H

#include "base/mem.h"
#include "base/types.h"

#define FRAME_BYTES	  512
#define FRAME_HEADER_ROOM 128 /* Ethernet 14 + IPv6 40 + TCP 60, and slack */
#define FRAME_INLINE_MAX  320 /* payload carried in the frame itself */
#define FRAME_REFS_MAX	  18  /* 64 KiB from any offset, and one more */
#define CHUNK_BYTES	  4096
#define CHUNK_SHIFT	  12

/* Frame flags. */
#define FRAME_REFS 0x01 /* payload is in ref[], not in data[] */
#define FRAME_NEEDS_CSUM                                                  \
	0x02		   /* L4 checksum left to the far side, as virtio \
			    */
#define FRAME_CSUM_OK 0x04 /* no need to verify: local or checked before */
#define FRAME_FIN     0x08 /* stack's note: a FIN ends this segment */
#define FRAME_PUSH    0x10 /* stack's note: PSH */
#define FRAME_SHAPED  0x20 /* has passed the scheduler */
#define FRAME_LOST    0x40 /* to be freed there */
#define FRAME_STAMP   0x80 /* somebody waits to be told when it leaves */

/* gso_type, the values of VIRTIO_NET_HDR_GSO_*. */
#define FRAME_GSO_NONE	0
#define FRAME_GSO_TCPV4 1
#define FRAME_GSO_TCPV6 4
#define FRAME_GSO_UDP	5 /* VIRTIO_NET_HDR_GSO_UDP_L4 */

struct frame_ref {
	chunk_ix chunk;
	uint16_t off;
	uint16_t bytes;
};

struct frame {
	frame_ix next;	/* link of the list that holds the frame */
	frame_ix batch; /* depot's link; unused while the frame lives */

	uint8_t flags;
	uint8_t refs; /* entries of ref[] in use */
	uint8_t header_bytes;
	uint8_t l3_off; /* of the IP header in header[]; 14 without VLAN */
	uint8_t l4_off; /* of the TCP, UDP or ICMP header in header[] */
	uint8_t gso_type;
	uint16_t gso_bytes;   /* payload per segment, 0: one segment */
	uint32_t payload;     /* bytes behind header[] */
	uint32_t payload_off; /* of the payload, consumed already by the holder
			       */

	vif_ix tx_vif; /* lane that sent it; set by whoever makes the frame */
	vif_ix rx_vif; /* lane that gets it; set on delivery */

	/* The connection that pays for it while it is on its way, and what it
	 * pays: stack/pace.h. */
	uint32_t pace;
	uint32_t held;

	/* Notes of the stack that holds it; dead between two stacks. */
	union {
		struct {
			uint32_t seq;
			uint32_t end_seq; /* behind payload and FIN */
		} tcp;
		uint64_t note[3];
	};

	uint8_t header[FRAME_HEADER_ROOM];
	union {
		struct frame_ref ref[FRAME_REFS_MAX];
		uint8_t data[FRAME_INLINE_MAX];
	};
};

static_assert(sizeof(struct frame) <= FRAME_BYTES, "frame exceeds its slot");

/* With FRAME_STAMP, whom to tell. Where no header of a member's reaches. */
struct frame_stamp {
	uint32_t sock;
	uint32_t generation;
	uint32_t key; /* of a stream: behind its last byte */
};

#define FRAME_HEADER_MOST (14 + 40 + 60)
static_assert(FRAME_HEADER_MOST + sizeof(struct frame_stamp) <=
		      FRAME_HEADER_ROOM,
	      "no room for a stamp");

/* A list of frames linked by `next`. */
struct frame_list {
	frame_ix first;
	frame_ix last;
};

struct chunk {
	chunk_ix next;	/* link in a send queue, or in a batch while free */
	chunk_ix batch; /* depot's link; in a send queue its note */
	_Atomic uint32_t refs;
	uint16_t start; /* send queue: first byte not yet acknowledged */
	uint16_t end;	/* send queue: one above the last byte filled */
};

#define ARENA_BATCH 32
#define ARENA_CACHE (2 * ARENA_BATCH)

/* A context's stock of free frames and chunks; lies in shared memory. */
struct arena_cache {
	uint32_t frames;
	uint32_t chunks;
	frame_ix frame[ARENA_CACHE];
	chunk_ix chunk[ARENA_CACHE];
};

/* One kind's depot of batches of free slots. */
struct arena_depot {
	_Alignas(CACHE_LINE) _Atomic uint64_t batches; /* tag << 32 | first */
	_Atomic uint32_t fresh; /* never used from here */
	uint32_t capacity;
};

/* The part of the arena that lies in shared memory beside its slots. */
struct arena_shared {
	struct arena_depot frame;
	struct arena_depot chunk;
};

/* A thread's view of the arena. Borrows everything. */
struct arena {
	struct arena_shared *shared;
	unsigned char *frames; /* FRAME_BYTES each */
	struct chunk *chunks;
	unsigned char *bytes; /* CHUNK_BYTES each */
	struct arena_cache *cache;
};

void arena_shared_init(struct arena_shared *s, uint32_t frames,
		       uint32_t chunks);

static inline struct frame *frame_at(const struct arena *a, frame_ix ix)
{
	return (struct frame *)(a->frames + (size_t)ix * FRAME_BYTES);
}

static inline struct frame_stamp *frame_stamp(struct frame *f)
{
	return (struct frame_stamp *)(f->header + FRAME_HEADER_ROOM -
				      sizeof(struct frame_stamp));
}

/* frame_stamp_copy - whoever waits for @from waits for @to */
static inline void frame_stamp_copy(struct frame *to, struct frame *from)
{
	to->flags |= FRAME_STAMP;
	*frame_stamp(to) = *frame_stamp(from);
}

static inline struct chunk *chunk_at(const struct arena *a, chunk_ix ix)
{
	return &a->chunks[ix];
}

static inline uint8_t *chunk_bytes(const struct arena *a, chunk_ix ix)
{
	return a->bytes + ((size_t)ix << CHUNK_SHIFT);
}

/* arena_refill_frames - fills an empty cache; false: there are none. For
 * frame_alloc(). */
bool arena_refill_frames(struct arena *a);

/**
 * frame_alloc - an empty frame: no header, no payload, all notes cleared
 *
 * Returns the frame, owned by the caller, or 0 when the arena is exhausted.
 * header[] and data[] are not cleared.
 */
static inline frame_ix frame_alloc(struct arena *a)
{
	struct arena_cache *c = a->cache;
	frame_ix ix;

	if (unlikely(!c->frames) && !arena_refill_frames(a))
		return 0;
	ix = c->frame[--c->frames];
	mem_zero(frame_at(a, ix), offsetof(struct frame, header));
	return ix;
}

/* frame_free - consumes @ix and its references to chunks; 0 is ignored */
void frame_free(struct arena *a, frame_ix ix);

/* frame_list_free - consumes every frame of @list and empties it */
void frame_list_free(struct arena *a, struct frame_list *list);

/* frame_list_add - @list takes over @ix, at its end */
static inline void frame_list_add(struct arena *a, struct frame_list *list,
				  frame_ix ix)
{
	frame_at(a, ix)->next = 0;
	if (list->last)
		frame_at(a, list->last)->next = ix;
	else
		list->first = ix;
	list->last = ix;
}

/* frame_list_join - @list takes over all of @more, at its end; empties that */
static inline void frame_list_join(struct arena *a, struct frame_list *list,
				   struct frame_list *more)
{
	if (!more->first)
		return;
	if (list->last)
		frame_at(a, list->last)->next = more->first;
	else
		list->first = more->first;
	list->last = more->last;
	*more = (struct frame_list){ 0, 0 };
}

/* frame_list_turn - a stack of frames, newest first from @ix on, as a list,
 * oldest first */
static inline struct frame_list frame_list_turn(struct arena *a, frame_ix ix)
{
	struct frame_list list = { 0, ix };

	while (ix) {
		frame_ix next = frame_at(a, ix)->next;

		frame_at(a, ix)->next = list.first;
		list.first = ix;
		ix = next;
	}
	return list;
}

/* frame_list_pop - returns the first frame, now the caller's, or 0 */
static inline frame_ix frame_list_pop(struct arena *a, struct frame_list *list)
{
	frame_ix ix = list->first;

	if (ix) {
		list->first = frame_at(a, ix)->next;
		if (!list->first)
			list->last = 0;
	}
	return ix;
}

/* chunk_alloc - a chunk with one reference, start = end = 0; or 0 */
chunk_ix chunk_alloc(struct arena *a);

/* chunk_get - one more reference to @ix */
static inline void chunk_get(struct arena *a, chunk_ix ix)
{
	atomic_fetch_add_explicit(&chunk_at(a, ix)->refs, 1,
				  memory_order_relaxed);
}

/* chunk_put - one reference less; the last one frees the chunk */
void chunk_put(struct arena *a, chunk_ix ix);

/**
 * frame_fill - gives an empty frame a payload copied from @src
 *
 * Inline when it fits, else in chunks. Returns 0, -EMSGSIZE above 64 KiB, or
 * -ENOBUFS; on failure the frame is unchanged and still the caller's.
 */
int frame_fill(struct arena *a, frame_ix ix, const void *src, uint32_t bytes);

/**
 * frame_refer - lets @ix refer to bytes of a chunk as the next of its payload
 *
 * Takes a reference of its own. Returns 0, or -EMSGSIZE when ref[] is full.
 */
int frame_refer(struct arena *a, frame_ix ix, chunk_ix chunk, uint16_t off,
		uint16_t bytes);

/**
 * frame_copy_out - copies @bytes of the payload, from @off on, to @dst
 *
 * The caller has checked that off + bytes <= payload. payload_off is not looked
 * at.
 */
void frame_copy_out(const struct arena *a, const struct frame *f, uint32_t off,
		    void *dst, uint32_t bytes);

/* What arena_rebuild found. */
struct arena_census {
	uint32_t frames_live;
	uint32_t frames_freed; /* were in nobody's hands */
	uint32_t chunks_live;
	uint32_t chunks_freed;
};

/**
 * arena_rebuild - the depots anew, from what is really held
 * @a:     view; its cache is not used
 * @frame: frame[ix] != 0 for each frame that somebody holds
 * @chunk: references held by others than frames, per chunk; the references of
 *         held frames are added here, so the array is consumed
 *
 * Only while nobody else is in the fabric. Every context's cache must have been
 * emptied (counts set to 0) before: its contents are found as free here. A held
 * frame whose references are not plausible loses its payload.
 */
struct arena_census arena_rebuild(struct arena *a, const uint8_t *frame,
				  uint32_t *chunk);

/* Number of frames and chunks handed out, cached ones among them. */
uint32_t arena_frames_end(const struct arena *a);
uint32_t arena_chunks_end(const struct arena *a);

#endif
