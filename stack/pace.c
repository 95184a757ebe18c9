/* SPDX-License-Identifier: BSD-2-Clause */
/* See pace.h. */
#include "stack/pace.h"
#include "stack/tcp.h"
#include "stack/undo.h"

static bool has_room(const struct stack_pace *p)
{
	return pace_load(&p->sent) - pace_load(&p->passed) <
	       pace_load(&p->limit);
}

bool stack_pace_room(const struct stack *st, const struct conn *c)
{
	struct stack_pace *p = pace_at(st->paces, c->self);
	uint32_t none = PACE_NONE;

	if (likely(has_room(p)))
		return true;
	/* A full barrier, whatever it finds: KICKED comes to us anyway. */
	atomic_compare_exchange_strong(&p->wish, &none, PACE_WAITS);
	if (!has_room(p))
		return false;
	none = PACE_WAITS;
	atomic_compare_exchange_strong(&p->wish, &none, PACE_NONE);
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
