/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * States: copies, and when one covers another.
 *
 * A state stands for a set of concrete ones. Where everything in the set of
 * @cur is in that of @old, and @old was followed to its end, @cur need not be.
 */
#include "bpf/verify_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t frame_bytes(const struct frame_state *f)
{
	return offsetof(struct frame_state, slot) +
	       f->slots * sizeof(struct slot);
}

size_t state_bytes(const struct state *s)
{
	size_t bytes = 0;

	for (uint32_t n = 0; n < s->frames; n++)
		bytes += frame_bytes(s->frame[n]);
	return bytes;
}

int state_save(struct state *to, const struct state *from)
{
	*to = (struct state){ .window = from->window };
	for (uint32_t n = 0; n < from->frames; n++) {
		size_t bytes = frame_bytes(from->frame[n]);

		to->frame[n] = malloc(bytes);
		if (!to->frame[n]) {
			state_fini(to);
			return -ENOMEM;
		}
		memcpy(to->frame[n], from->frame[n], bytes);
		to->frames++;
	}
	return 0;
}

void state_fini(struct state *s)
{
	for (uint32_t n = 0; n < BPF_FRAMES_MAX; n++)
		free(s->frame[n]);
	*s = (struct state){ 0 };
}

static int need_frame(struct state *s, uint32_t n)
{
	if (!s->frame[n])
		s->frame[n] = malloc(sizeof(struct frame_state));
	return s->frame[n] ? 0 : -ENOMEM;
}

int state_load(struct state *to, const struct state *from)
{
	to->window = from->window;
	to->frames = from->frames;
	for (uint32_t n = 0; n < from->frames; n++) {
		if (need_frame(to, n))
			return -ENOMEM;
		memcpy(to->frame[n], from->frame[n],
		       frame_bytes(from->frame[n]));
	}
	return 0;
}

int state_push_frame(struct state *s, uint32_t return_to)
{
	struct frame_state *f;

	if (need_frame(s, s->frames))
		return -ENOMEM;
	f = s->frame[s->frames];
	memset(f, 0, offsetof(struct frame_state, slot));
	f->return_to = return_to;
	reg_const(&f->reg[BPF_FP], 0);
	f->reg[BPF_FP].kind = KIND_STACK;
	f->reg[BPF_FP].frame = (uint8_t)s->frames;
	s->frames++;
	return 0;
}

void state_each(struct state *s, void (*fn)(struct reg *r, void *arg),
		void *arg)
{
	for (uint32_t n = 0; n < s->frames; n++) {
		struct frame_state *f = s->frame[n];

		for (int r = 0; r < BPF_REGS; r++)
			fn(&f->reg[r], arg);
		for (uint32_t i = 0; i < f->slots; i++)
			if (f->slot[i].byte[0] == BYTE_SPILL)
				fn(&f->slot[i].spill, arg);
	}
}

struct proven {
	uint32_t id;
	int32_t range;
};

static void learn_window(struct reg *r, void *arg)
{
	const struct proven *p = arg;
	int64_t umax = WINDOW_MAX - p->range;

	if (r->id != p->id ||
	    (r->kind != KIND_NUMBER && r->kind != KIND_PACKET))
		return;
	if (r->range < p->range)
		r->range = p->range;
	/* Bounds of a number are those of base + off. */
	if (r->kind == KIND_NUMBER)
		umax += r->off;
	/* A pointer's variable part may lie before the packet: that bounds it
	 * above, not below. */
	if (r->smin >= 0 && umax >= 0 && (uint64_t)umax < r->umax &&
	    (uint64_t)umax >= r->umin) {
		r->umax = (uint64_t)umax;
		reg_settle(r);
	}
}

void state_window(struct state *s, uint32_t id, int64_t range)
{
	struct proven p = { id, (int32_t)range };

	if (range <= 0 || range > INT32_MAX / 2)
		return;
	if (id)
		state_each(s, learn_window, &p);
	else if (s->window < p.range)
		s->window = p.range;
}

#define CENSUS_MAX 4096 /* a power of two above twice the ids of a state */

static_assert(CENSUS_MAX > 2 * 2 * BPF_FRAMES_MAX * (BPF_REGS + SLOTS),
	      "the census finds room");

/* How often each id occurs: a hash table. */
struct census {
	uint32_t mask;
	struct {
		uint32_t id, count;
	} at[CENSUS_MAX];
};

static uint32_t census_find(const struct census *c, uint32_t id)
{
	uint32_t n = id * 0x9e3779b1u & c->mask;

	while (c->at[n].id && c->at[n].id != id)
		n = (n + 1) & c->mask;
	return n;
}

static void count_id(struct census *c, uint32_t id)
{
	uint32_t n = census_find(c, id);

	if (!id)
		return;
	c->at[n].id = id;
	c->at[n].count++;
}

static void count_ids(struct reg *r, void *arg)
{
	count_id(arg, r->id);
	if (r->shifted.id != r->id)
		count_id(arg, r->shifted.id);
}

/* An id that only one number has says nothing but what was proven of it. */
static void settle_id(struct reg *r, void *arg)
{
	const struct census *c = arg;

	if (r->kind != KIND_NUMBER || !r->id ||
	    c->at[census_find(c, r->id)].count != 1)
		return;
	if (r->range)
		r->range -= r->off;
	r->off = 0;
	if (r->range > 1)
		return;
	r->id = 0;
	r->range = 0;
}

void state_bury(const struct verifier *v, struct state *s, uint32_t pc)
{
	for (uint32_t n = s->frames; n-- > 0;) {
		for (int r = 0; r < BPF_REGS; r++)
			if (!(v->live[pc] >> r & 1))
				s->frame[n]->reg[r] =
					(struct reg){ .kind = KIND_NONE };
		pc = s->frame[n]->return_to;
	}
}

void state_settle(struct state *s)
{
	uint32_t most = 0, room = 16;
	struct census c;

	for (uint32_t n = 0; n < s->frames; n++)
		most += 2 * (BPF_REGS + s->frame[n]->slots);
	while (room < 2 * most)
		room *= 2;
	c.mask = room - 1;
	memset(c.at, 0, room * sizeof(c.at[0]));
	state_each(s, count_ids, &c);
	state_each(s, settle_id, &c);
}

/* --- comparison --------------------------------------------------------------
 */

#define IDS 192

/* What a comparison of two registers costs, as BPF_WORK_MAX counts. */
#define COVERS_WORK 8

struct ids {
	uint32_t count;
	uint32_t work;
	struct {
		uint32_t old, cur;
	} pair[IDS];
};

/* What @old's id is to the old state, @cur's must be to the other. */
static bool same_id(struct ids *ids, uint32_t old, uint32_t cur)
{
	if (!old || !cur)
		return old == cur;
	ids->work += ids->count;
	for (uint32_t n = 0; n < ids->count; n++)
		if (ids->pair[n].old == old)
			return ids->pair[n].cur == cur;
	if (ids->count == IDS)
		return false;
	ids->pair[ids->count].old = old;
	ids->pair[ids->count++].cur = cur;
	return true;
}

static bool same_bounds(const struct reg *a, const struct reg *b)
{
	return a->umin == b->umin && a->umax == b->umax && a->smin == b->smin &&
	       a->smax == b->smax && a->bits.value == b->bits.value &&
	       a->bits.mask == b->bits.mask;
}

static bool within(const struct reg *old, const struct reg *cur)
{
	return old->umin <= cur->umin && old->umax >= cur->umax &&
	       old->smin <= cur->smin && old->smax >= cur->smax &&
	       tnum_within(old->bits, cur->bits);
}

static bool covers(const struct reg *old, const struct reg *cur,
		   struct ids *ids, bool exact)
{
	ids->work += COVERS_WORK;
	if (old->kind == KIND_NONE)
		return !exact || cur->kind == KIND_NONE;
	if (old->kind != cur->kind || old->map != cur->map ||
	    old->frame != cur->frame)
		return false;
	if (exact ? !same_bounds(old, cur) || old->range != cur->range
		  : !within(old, cur) || old->range > cur->range)
		return false;
	if ((old->shifted.id || old->shifted.is_size) &&
	    (old->shifted.off != cur->shifted.off ||
	     old->shifted.is_size != cur->shifted.is_size ||
	     (exact ? old->shifted.range != cur->shifted.range
		    : old->shifted.range > cur->shifted.range) ||
	     !same_id(ids, old->shifted.id, cur->shifted.id)))
		return false;
	if (old->kind == KIND_NUMBER && !old->id && !old->is_size)
		return true;
	return old->off == cur->off && old->is_size == cur->is_size &&
	       same_id(ids, old->id, cur->id);
}

static bool slot_covers(const struct slot *old, const struct slot *cur,
			struct ids *ids, bool exact)
{
	static const struct slot none;

	ids->work += COVERS_WORK;
	if (!cur)
		cur = &none;
	if (old->byte[0] == BYTE_SPILL)
		return cur->byte[0] == BYTE_SPILL &&
		       covers(&old->spill, &cur->spill, ids, exact);
	if (exact)
		return !memcmp(old->byte, cur->byte, sizeof(old->byte));
	for (int b = 0; b < 8; b++) {
		uint8_t o = old->byte[b], c = cur->byte[b];

		if (o == BYTE_NONE || o == c)
			continue;
		if (o == BYTE_ZERO || c == BYTE_NONE ||
		    (c == BYTE_SPILL && cur->spill.kind != KIND_NUMBER))
			return false;
	}
	return true;
}

static bool frame_covers(const struct frame_state *old,
			 const struct frame_state *cur, uint16_t live,
			 uint16_t matters, struct ids *ids, bool exact)
{
	if (old->return_to != cur->return_to)
		return false;
	for (int r = 0; r < BPF_REGS; r++)
		if (live >> r & 1 &&
		    (exact || matters >> r & 1 ||
		     old->reg[r].kind != KIND_NUMBER ||
		     cur->reg[r].kind != KIND_NUMBER) &&
		    !covers(&old->reg[r], &cur->reg[r], ids, exact))
			return false;
	if (exact && old->slots != cur->slots)
		return false;
	for (uint32_t n = 0; n < old->slots; n++)
		if (!slot_covers(&old->slot[n],
				 n < cur->slots ? &cur->slot[n] : NULL, ids,
				 exact))
			return false;
	return true;
}

bool state_covers(struct verifier *v, const struct state *old,
		  const struct state *cur, uint32_t pc, bool exact)
{
	bool all = old->frames == cur->frames &&
		   (exact ? old->window == cur->window
			  : old->window <= cur->window);
	struct ids ids;

	ids.count = 0;
	ids.work = COVERS_WORK;
	/* The innermost first: that is where states differ. */
	for (uint32_t n = old->frames; all && n-- > 0;) {
		all = frame_covers(old->frame[n], cur->frame[n], v->live[pc],
				   v->matters[pc], &ids, exact);
		pc = old->frame[n]->return_to;
	}
	v->report->work += ids.work;
	return all;
}
