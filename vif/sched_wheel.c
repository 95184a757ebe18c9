/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dates of nodes and of delayed frames: a hierarchical wheel, 64 slots a level,
 * one tick of 2 us at the lowest.
 *
 * Invariant: an entry of level n agrees with `now` in every bit above the
 * level's group and exceeds it in that group, so the lowest level that is not
 * empty holds the next date, in its lowest slot. Entries of one slot keep the
 * order in which they came, through all levels: frames with equal delays stay
 * in order.
 */
#include "vif/sched_internal.h"

static struct sched_timer *timer_of(struct sched_view *v, uint32_t entry)
{
	if (entry & SCHED_FRAME)
		return &sched_note(frame_at(v->arena, entry & ~SCHED_FRAME))
				->timer;
	return &node_at(v, entry)->timer;
}

static uint64_t tick_of(uint64_t ns)
{
	return (ns + (UINT64_C(1) << SCHED_TICK_SHIFT) - 1) >> SCHED_TICK_SHIFT;
}

void wheel_start(struct sched_wheel *w, uint64_t now_ns)
{
	*w = (struct sched_wheel){ .now = now_ns >> SCHED_TICK_SHIFT };
}

/*
 * Puts @entry where its date lies: now at the earliest, and in the last slot
 * for the time being when that is too far away.
 */
static void insert(struct sched_view *v, uint32_t entry)
{
	struct sched_wheel *w = &v->s->wheel;
	struct sched_timer *t = timer_of(v, entry), *head;
	uint64_t tick = tick_of(t->date_ns);
	uint32_t level = 0, s;

	if (tick <= w->now)
		tick = w->now;
	else
		level = (63 - (uint32_t)__builtin_clzll(tick ^ w->now)) /
			SCHED_BITS;
	if (level >= SCHED_LEVELS) {
		level = SCHED_LEVELS - 1;
		s = SCHED_SLOTS - 1;
	} else {
		s = (uint32_t)(tick >> (level * SCHED_BITS)) &
		    (SCHED_SLOTS - 1);
	}
	if (!(entry & SCHED_FRAME))
		node_at(v, entry)->slot = (uint16_t)(level << SCHED_BITS | s);
	if (!w->slot[level][s]) {
		t->next = entry;
		t->prev = entry;
		w->slot[level][s] = entry;
		w->busy[level] |= UINT64_C(1) << s;
		return;
	}
	t->next = w->slot[level][s];
	head = timer_of(v, t->next);
	t->prev = head->prev;
	timer_of(v, t->prev)->next = entry;
	head->prev = entry;
}

void wheel_put(struct sched_view *v, uint32_t entry, uint64_t date_ns)
{
	timer_of(v, entry)->date_ns = date_ns ? date_ns : 1;
	insert(v, entry);
}

static void unlink_entry(struct sched_view *v, uint32_t entry, uint32_t level,
			 uint32_t s)
{
	struct sched_wheel *w = &v->s->wheel;
	struct sched_timer *t = timer_of(v, entry);

	if (t->next == entry) {
		w->slot[level][s] = 0;
		w->busy[level] &= ~(UINT64_C(1) << s);
		return;
	}
	timer_of(v, t->next)->prev = t->prev;
	timer_of(v, t->prev)->next = t->next;
	if (w->slot[level][s] == entry)
		w->slot[level][s] = t->next;
}

void wheel_take(struct sched_view *v, node_ix n)
{
	struct sched_node *node = node_at(v, n);

	if (!node->timer.date_ns)
		return;
	unlink_entry(v, n, node->slot >> SCHED_BITS,
		     node->slot & (SCHED_SLOTS - 1));
	node->timer.date_ns = 0;
}

/* The earliest slot: its first tick, level and number. */
static uint64_t earliest(const struct sched_wheel *w, uint32_t *level,
			 uint32_t *s)
{
	for (uint32_t l = 0; l < SCHED_LEVELS; l++) {
		uint32_t shift = l * SCHED_BITS;

		if (!w->busy[l])
			continue;
		*level = l;
		*s = (uint32_t)__builtin_ctzll(w->busy[l]);
		return ((w->now >> shift >> SCHED_BITS << SCHED_BITS) | *s)
		       << shift;
	}
	return UINT64_MAX;
}

uint64_t wheel_next_ns(const struct sched_wheel *w)
{
	uint32_t level, s;
	uint64_t tick = earliest(w, &level, &s);

	return tick == UINT64_MAX ? UINT64_MAX : tick << SCHED_TICK_SHIFT;
}

/* A whole slot goes down, in its order. */
static void cascade(struct sched_view *v, uint32_t level, uint32_t s)
{
	struct sched_wheel *w = &v->s->wheel;
	uint32_t entry = w->slot[level][s];
	uint32_t last = timer_of(v, entry)->prev, next;

	w->slot[level][s] = 0;
	w->busy[level] &= ~(UINT64_C(1) << s);
	for (;; entry = next) {
		next = timer_of(v, entry)->next;
		insert(v, entry);
		if (entry == last)
			break;
	}
}

uint32_t wheel_due(struct sched_view *v)
{
	struct sched_wheel *w = &v->s->wheel;
	uint64_t now = v->now_ns >> SCHED_TICK_SHIFT, tick;
	uint32_t level, s, entry;

	while ((tick = earliest(w, &level, &s)) <= now) {
		if (tick > w->now)
			w->now = tick;
		if (level) {
			cascade(v, level, s);
			continue;
		}
		entry = w->slot[level][s];
		unlink_entry(v, entry, level, s);
		timer_of(v, entry)->date_ns = 0;
		return entry;
	}
	if (now > w->now)
		w->now = now;
	return 0;
}
