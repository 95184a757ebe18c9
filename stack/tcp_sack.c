/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SACK, RFC 2018, the receiver's report: sack[0..sacks), the latest change
 * first (section 4). The sender's side is the flight: tcp_flight.h.
 */
#include "stack/tcp.h"

/* [start, end) has arrived out of order. */
void tcp_sack_note(struct conn *c, uint32_t start, uint32_t end)
{
	struct tcp_range *r = c->sack;
	uint32_t kept = 0;
	struct tcp_range old[TCP_SACK_MAX];

	for (uint32_t i = 0; i < c->sacks; i++) {
		if (seq_le(r[i].start, end) && seq_le(start, r[i].end)) {
			start = seq_min(start, r[i].start);
			end = seq_max(end, r[i].end);
		} else {
			old[kept++] = r[i];
		}
	}
	if (kept == TCP_SACK_MAX)
		kept--;
	r[0].start = start;
	r[0].end = end;
	for (uint32_t i = 0; i < kept; i++)
		r[i + 1] = old[i];
	c->sacks = (uint8_t)(kept + 1);
}

/* rcv_nxt has moved: ranges below are in order now. */
void tcp_sack_clean(struct conn *c)
{
	uint32_t kept = 0;

	if (!c->ooo_first) {
		c->sacks = 0;
		return;
	}
	for (uint32_t i = 0; i < c->sacks; i++)
		if (seq_gt(c->sack[i].start, c->rcv_nxt))
			c->sack[kept++] = c->sack[i];
	c->sacks = (uint8_t)kept;
}
