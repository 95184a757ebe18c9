/* SPDX-License-Identifier: BSD-2-Clause */
/* See pace.h. */
#include "stack/pace.h"
#include "stack/tcp.h"
#include "stack/undo.h"

bool stack_pace_release(const struct slot_table *paces, struct frame *f)
{
	struct stack_pace *p = pace_at(paces, f->pace);
	uint32_t held = f->held, word;

	f->held = 0;
	if (!held)
		return false;
	word = atomic_fetch_sub(&p->word, held) - held;
	/* Who finds no room sets the bit and looks again: one of us sees it. */
	do {
		if (likely(!(word & PACE_WAITS)))
			return false;
		if ((word & PACE_BYTES) > atomic_load(&p->limit) / 2)
			return false;
	} while (!atomic_compare_exchange_weak(
		&p->word, &word, (word & ~PACE_WAITS) | PACE_KICKED));
	return !(word & PACE_KICKED);
}

bool stack_pace_room(const struct stack *st, const struct conn *c)
{
	struct stack_pace *p = pace_at(st->paces, c->self);
	uint32_t limit = atomic_load_explicit(&p->limit, memory_order_relaxed);
	uint32_t word = atomic_load_explicit(&p->word, memory_order_relaxed);

	if ((word & PACE_BYTES) < limit)
		return true;
	word = atomic_fetch_or(&p->word, PACE_WAITS);
	if ((word & PACE_BYTES) >= limit)
		return false;
	atomic_fetch_and(&p->word, ~PACE_WAITS);
	return true;
}

void stack_kick(struct stack *st, conn_ix ix)
{
	struct conn *c = conn_at(st, ix);
	conn_ix outer;

	if (c->state == CONN_FREE || c->host != st->host->config.self)
		return;
	outer = undo_begin(st, c);
	if (c->proto == STACK_UDP)
		conn_event(st, c, STACK_OUT);
	else if (tcp_synchronized(c))
		tcp_output(st, c, false);
	undo_end(st, outer);
}
