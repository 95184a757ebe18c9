/* SPDX-License-Identifier: BSD-2-Clause */
/* See pace.h. */
#include "stack/pace.h"
#include "stack/tcp.h"
#include "stack/undo.h"

bool pace_wish(struct stack_pace *p)
{
	uint32_t none = PACE_NONE;

	/* A full barrier, whatever it finds: KICKED comes to us anyway. */
	atomic_compare_exchange_strong(&p->wish, &none, PACE_WAITS);
	if (!pace_has_room(p))
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
