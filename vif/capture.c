/* SPDX-License-Identifier: BSD-2-Clause */
/* See capture.h. */
#include "vif/capture.h"
#include "base/mem.h"
#include "base/sys.h"

#include <sys/mman.h>

#define CELL_DATA  sizeof(((struct capture_cell *)0)->data)
#define FIRST_DATA (CELL_DATA - sizeof(struct capture_record))
#define CONTINUED  (UINT64_C(1) << 63) /* in seq: not the first of a record */
#define EVERY_WAY  (1u << VIF_TX | 1u << VIF_RX)

static struct capture_cell *cell_at(struct capture *c, uint64_t at)
{
	return &c->cell[at % CAPTURE_CELLS];
}

/* --- writing -----------------------------------------------------------------
 */

/* @bytes of the frame from @off on, wherever they lie. */
static void copy_bytes(const struct arena *a, const struct frame *frame,
		       uint32_t off, uint8_t *to, uint32_t bytes)
{
	uint32_t head = frame->header_bytes;

	if (off < head) {
		uint32_t n = min_u32(bytes, head - off);

		mem_copy(to, frame->header + off, n);
		to += n;
		off += n;
		bytes -= n;
	}
	if (bytes)
		frame_copy_out(a, frame, off - head, to, bytes);
}

/* Room for @cells; false: there is none. */
static bool reserve(struct capture *c, uint32_t cells, uint64_t *at)
{
	*at = atomic_load(&c->head);
	do {
		if (*at + cells - atomic_load(&c->tail) > CAPTURE_CELLS)
			return false;
	} while (!atomic_compare_exchange_weak(&c->head, at, *at + cells));
	return true;
}

static void put(struct capture *c, const struct arena *a,
		const struct frame *frame, struct capture_record *r)
{
	uint32_t off = 0;
	uint64_t at;

	r->cells = 1;
	if (r->bytes > FIRST_DATA)
		r->cells = (uint16_t)(1 + (r->bytes - FIRST_DATA + CELL_DATA -
					   1) / CELL_DATA);
	if (!reserve(c, r->cells, &at)) {
		atomic_fetch_add_explicit(&c->lost, 1, memory_order_relaxed);
		return;
	}
	for (uint32_t i = 0; i < r->cells; i++) {
		uint8_t *to = cell_at(c, at + i)->data;
		uint32_t room = CELL_DATA, n;

		if (!i) {
			mem_copy(to, r, sizeof(*r));
			to += sizeof(*r);
			room = FIRST_DATA;
		}
		n = min_u32(room, r->bytes - off);
		copy_bytes(a, frame, off, to, n);
		off += n;
	}
	/*
	 * Who sees the first cell ready finds the others so; and whoever dies
	 * before that leaves no cell that could be taken for a first one.
	 */
	for (uint32_t i = r->cells; i--;)
		atomic_store_explicit(&cell_at(c, at + i)->seq,
				      (at + i + 1) | (i ? CONTINUED : 0),
				      memory_order_release);
}

/*
 * The way in which a frame from @from to @to passes @c, and on which VIF: -1 if
 * it does not. What stays below it passes it only where that was asked for.
 */
static int passes(const struct fabric *f, const struct capture *c, vif_ix from,
		  vif_ix to, bool again, vif_ix *vif)
{
	vif_ix top = atomic_load(&c->vif);
	bool out = vif_below(f, from, top), in = vif_below(f, to, top);

	if (out != in) {
		*vif = atomic_load(&c->below) ? (out ? from : to) : top;
		return out ? VIF_TX : VIF_RX;
	}
	if (!out || again || from == to || !atomic_load(&c->below))
		return -1;
	/* On its way between two VIFs below, it is seen where it leaves. */
	*vif = from;
	return VIF_TX;
}

/* Is it this frame's turn, of those on @vif? The nearest `sample` says, from it
 * up to the VIF that is captured. */
static bool picked(const struct fabric *f, struct capture *c, vif_ix vif)
{
	vif_ix top = atomic_load(&c->vif);
	uint32_t one_of = 0;

	for (int n = 0; vif && !one_of && n <= VIF_DEPTH_MAX; n++) {
		const struct vif_control *control = vif_control_of(f, vif);

		one_of = control ? atomic_load(&control->sample) : 0;
		vif = vif == top ? 0 : vif_parent(vif_at(f, vif));
	}
	return one_of &&
	       atomic_fetch_add_explicit(&c->turn, 1, memory_order_relaxed) %
			       one_of ==
		       0;
}

static void copy(const struct fabric *f, const struct arena *a,
		 struct capture *c, const struct frame *frame, vif_ix vif,
		 int way)
{
	struct capture_record r = {
		.time_ns = fabric_now(f),
		.wire_bytes = frame->header_bytes + frame->payload,
		.vif = vif,
		.way = (uint8_t)way,
		.flags = frame->flags & FRAME_NEEDS_CSUM,
	};

	r.bytes = min_u32(r.wire_bytes, atomic_load(&c->snap_bytes));
	put(c, a, frame, &r);
}

static bool wants(const struct capture *c, int way)
{
	return atomic_load_explicit(&c->state, memory_order_acquire) ==
		       CAPTURE_ON &&
	       atomic_load(&c->ways) & 1u << way;
}

void capture_frame(const struct fabric *f, const struct arena *a,
		   const struct frame *frame, vif_ix from, vif_ix to,
		   bool again)
{
	uint32_t end = slot_end(&f->table[FABRIC_TABLE_CAPTURE]);

	for (uint32_t ix = 1; ix < end; ix++) {
		struct capture *c = capture_at(f, ix);
		vif_ix vif = 0;
		int way = passes(f, c, from, to, again, &vif);

		if (way < 0 || !wants(c, way) ||
		    (atomic_load(&c->sampled) && !picked(f, c, vif)))
			continue;
		copy(f, a, c, frame, vif, way);
	}
}

void capture_sample(const struct fabric *f, const struct arena *a,
		    const struct frame *frame, vif_ix vif, enum vif_way way)
{
	uint32_t end = slot_end(&f->table[FABRIC_TABLE_CAPTURE]);

	for (uint32_t ix = 1; ix < end; ix++) {
		struct capture *c = capture_at(f, ix);
		vif_ix top = atomic_load(&c->vif);

		if (wants(c, (int)way) && atomic_load(&c->sampled) &&
		    (vif == top ||
		     (atomic_load(&c->below) && vif_below(f, vif, top))))
			copy(f, a, c, frame, vif, (int)way);
	}
}

/* --- making ------------------------------------------------------------------
 */

uint32_t capture_open(struct fabric *f, const struct capture_order *o)
{
	uint32_t ix = slot_alloc(&f->table[FABRIC_TABLE_CAPTURE]);
	struct capture *c = capture_at(f, ix);

	if (!ix)
		return 0;
	atomic_store(&c->vif, o->vif);
	atomic_store(&c->ways, o->ways & EVERY_WAY);
	atomic_store(&c->below, o->below || o->vif == VIF_ROOT);
	atomic_store(&c->snap_bytes, o->snap_bytes);
	atomic_store(&c->sampled, o->sampled);
	atomic_store(&c->turn, 0);
	atomic_store(&c->lost, 0);
	atomic_store(&c->tail, atomic_load(&c->head));
	atomic_store_explicit(&c->state, CAPTURE_ON, memory_order_release);
	atomic_fetch_add(&f->header->captures, 1);
	return ix;
}

void capture_close(struct fabric *f, uint32_t ix)
{
	struct capture *c = capture_at(f, ix);
	const uintptr_t page = 4096;
	uintptr_t from = ((uintptr_t)c->cell + page - 1) & ~(page - 1);
	uintptr_t to = (uintptr_t)(c + 1) & ~(page - 1);

	atomic_store(&c->state, CAPTURE_OFF);
	atomic_fetch_sub(&f->header->captures, 1);
	/* A writer that is still at it writes into fresh pages: no harm. */
	sys_call(SYS_madvise, from, to - from, MADV_REMOVE);
	slot_free(&f->table[FABRIC_TABLE_CAPTURE], ix);
}

/* --- reading -----------------------------------------------------------------
 */

void capture_read_start(struct capture_reader *r, struct capture *ring)
{
	*r = (struct capture_reader){ .ring = ring };
	atomic_store(&ring->tail, atomic_load(&ring->head));
}

static bool ready(struct capture *c, uint64_t at)
{
	return atomic_load_explicit(&cell_at(c, at)->seq,
				    memory_order_acquire) == at + 1;
}

/* Nothing can be read at @at: is it to be waited for, or passed over? */
static bool pass_over(struct capture_reader *r, uint64_t at, uint64_t now_ns)
{
	if (!r->waiting_since_ns) {
		r->waiting_since_ns = now_ns;
		return false;
	}
	if (now_ns - r->waiting_since_ns < CAPTURE_STALE_NS)
		return false;
	r->passed_over++;
	atomic_store(&r->ring->tail, at + 1);
	return true;
}

bool capture_read(struct capture_reader *r, uint64_t now_ns,
		  struct capture_record *record, uint8_t *data, uint32_t size)
{
	struct capture *c = r->ring;
	uint64_t at;
	uint32_t off = 0;

again:
	at = atomic_load(&c->tail);
	if (at == atomic_load(&c->head)) {
		r->waiting_since_ns = 0;
		return false;
	}
	if (!ready(c, at)) {
		if (pass_over(r, at, now_ns))
			goto again;
		return false;
	}
	r->waiting_since_ns = 0;
	mem_copy(record, cell_at(c, at)->data, sizeof(*record));
	/* A member may have written anything: what does not fit is no record.
	 */
	if (!record->cells || record->cells > CAPTURE_CELLS ||
	    at + record->cells > atomic_load(&c->head) ||
	    record->bytes > FIRST_DATA + (record->cells - 1u) * CELL_DATA) {
		r->passed_over++;
		atomic_store(&c->tail, at + 1);
		goto again;
	}
	record->bytes = min_u32(record->bytes, size);
	for (uint32_t i = 0; i < record->cells && off < record->bytes; i++) {
		const uint8_t *from = cell_at(c, at + i)->data;
		uint32_t room = CELL_DATA, n;

		if (!i) {
			from += sizeof(*record);
			room = FIRST_DATA;
		}
		n = min_u32(room, record->bytes - off);
		mem_copy(data + off, from, n);
		off += n;
	}
	atomic_store(&c->tail, at + record->cells);
	return true;
}
