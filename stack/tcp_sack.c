/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SACK, RFC 2018, on both sides.
 *
 * Sender's scoreboard: sacked[0..sackeds), sorted, disjoint, not touching, all
 * between snd_una and snd_nxt. When it is full the range nearest to the end is
 * forgotten: that only costs a needless resend. What lies between ranges is a
 * hole; a hole is lost when more than two segments' bytes or three ranges are
 * SACKed above it (RFC 6675, IsLost).
 *
 * Receiver's report: sack[0..sacks), the latest change first (RFC 2018, section
 * 4).
 */
#include "stack/tcp.h"

/* Returns true when something new was learned. */
bool tcp_sacked_add(struct conn *c, uint32_t start, uint32_t end)
{
	struct tcp_range *r = c->sacked;
	uint32_t n = c->sackeds, i = 0, j;

	while (i < n && seq_lt(r[i].end, start))
		i++;
	if (i < n && seq_le(r[i].start, start) && seq_ge(r[i].end, end))
		return false;
	/* r[i..j) touch the new range: they become one. */
	for (j = i; j < n && seq_le(r[j].start, end); j++) {
		start = seq_min(start, r[j].start);
		end = seq_max(end, r[j].end);
	}
	if (i == j) {
		if (n == TCP_SACKED_MAX) {
			if (i == n)
				return false;
			n--;
		}
		for (uint32_t k = n; k > i; k--)
			r[k] = r[k - 1];
		n++;
	} else {
		for (uint32_t k = j; k < n; k++)
			r[i + 1 + k - j] = r[k];
		n -= j - i - 1;
	}
	r[i].start = start;
	r[i].end = end;
	c->sackeds = (uint8_t)n;
	return true;
}

/* snd_una has moved: what lies below is history. */
void tcp_sacked_trim(struct conn *c)
{
	struct tcp_range *r = c->sacked;
	uint32_t gone = 0;

	while (gone < c->sackeds && seq_le(r[gone].end, c->snd_una))
		gone++;
	for (uint32_t i = gone; i < c->sackeds; i++)
		r[i - gone] = r[i];
	c->sackeds = (uint8_t)(c->sackeds - gone);
	if (c->sackeds && seq_lt(r[0].start, c->snd_una))
		r[0].start = c->snd_una;
}

/* Below the returned sequence number every hole is lost. */
uint32_t tcp_sacked_lost(const struct conn *c)
{
	uint32_t bytes = 0;

	for (uint32_t i = c->sackeds; i-- > 0;) {
		bytes += c->sacked[i].end - c->sacked[i].start;
		if (bytes > 2u * c->mss || c->sackeds - i >= 3)
			return c->sacked[i].start;
	}
	return c->snd_una;
}

/* Bytes in [from, to) that are not SACKed. */
uint32_t tcp_unsacked(const struct conn *c, uint32_t from, uint32_t to)
{
	uint32_t bytes;

	if (seq_ge(from, to))
		return 0;
	bytes = to - from;
	for (uint32_t i = 0; i < c->sackeds; i++) {
		uint32_t s = seq_max(c->sacked[i].start, from);
		uint32_t e = seq_min(c->sacked[i].end, to);

		if (seq_lt(s, e))
			bytes -= e - s;
	}
	return bytes;
}

/* The first hole in [*from, *to); false when there is none. */
bool tcp_hole(const struct conn *c, uint32_t *from, uint32_t *to)
{
	for (uint32_t i = 0; i < c->sackeds; i++) {
		const struct tcp_range *r = &c->sacked[i];

		if (seq_le(r->end, *from))
			continue;
		if (seq_gt(r->start, *from)) {
			*to = seq_min(*to, r->start);
			break;
		}
		*from = r->end;
	}
	return seq_lt(*from, *to);
}

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
