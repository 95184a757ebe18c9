/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A segment reaches an end: what that end may know from now on. It may have
 * dropped the segment all the same, so "may" and "must" are kept apart where
 * both are asked for (echo_least and echo_most, ce_unanswered and ce_ever).
 */
#include "tests/sim/oracle_internal.h"

#include <string.h>

/* The first range that ends at or behind @at. */
static uint32_t place(const struct half *h, uint32_t at)
{
	uint32_t low = 0, high = h->ranges;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (before(h->range[mid].end, at))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool oracle_has(const struct half *h, const struct range *r)
{
	uint32_t i;

	if (upto(r->end, h->contig))
		return true;
	i = place(h, r->end);
	return i < h->ranges && upto(h->range[i].start, r->start) &&
	       upto(r->end, h->range[i].end);
}

static void add(struct oracle *o, struct half *h, const struct seg *s,
		struct range r)
{
	uint32_t i, j;

	if (before(r.start, h->contig)) {
		h->duplicates = true;
		r.start = h->contig;
	}
	if (upto(r.end, r.start))
		return;
	i = place(h, r.start);
	for (j = i; j < h->ranges && upto(h->range[j].start, r.end); j++) {
		if (before(r.start, h->range[j].end) &&
		    before(h->range[j].start, r.end))
			h->duplicates = true;
		if (before(h->range[j].start, r.start))
			r.start = h->range[j].start;
		r.end = later(r.end, h->range[j].end);
		h->delivered -= h->range[j].end - h->range[j].start;
	}
	h->delivered += r.end - r.start;
	if (upto(r.start, h->contig)) {
		h->contig = r.end;
		memmove(h->range + i, h->range + j,
			(h->ranges - j) * sizeof(r));
		h->ranges -= j - i;
		return;
	}
	if (i == j) {
		if (h->ranges == ORACLE_RANGES) {
			oracle_complain(o, ORACLE_FULL, s, h, "ranges");
			return;
		}
		memmove(h->range + i + 1, h->range + i,
			(h->ranges - i) * sizeof(r));
		h->ranges++;
	} else {
		memmove(h->range + i + 1, h->range + j,
			(h->ranges - j) * sizeof(r));
		h->ranges -= j - i - 1;
	}
	h->range[i] = r;
}

/* Below what was acknowledged: nothing that SACK could tell. */
static bool settled(const struct half *h, const struct seg *s)
{
	return h->acking && upto(s->seq + s->bytes, h->ack);
}

static void hear_syn(struct half *h, const struct seg *s)
{
	if (h->heard_syn && h->peer_isn == s->seq)
		return;
	/* Only an end that has not answered yet changes its mind. */
	if (h->heard_syn && h->acking)
		return;
	h->heard_syn = true;
	h->peer_isn = s->seq;
	h->contig = s->seq + 1;
	h->ranges = 0;
	h->delivered = 0;
	h->echo_least = s->tsval;
	h->echo_most = s->tsval;
	h->latest_known = false;
}

/* RFC 7323, 4.3: SEG.TSval >= TS.Recent and SEG.SEQ <= Last.ACK.sent. */
static void hear_ts(struct half *h, const struct half *p, const struct seg *s,
		    bool news)
{
	uint32_t last = h->acking ? h->ack : h->peer_isn + 1;

	if (!s->has_ts || !ts_agreed(h, p) || before(last, s->seq))
		return;
	if (!before(s->tsval, h->echo_most))
		h->echo_most = s->tsval;
	/* What brings nothing new need not have been acceptable. */
	if (news && !before(s->tsval, h->echo_least))
		h->echo_least = s->tsval;
}

static void hear_data(struct oracle *o, struct half *h, const struct half *p,
		      const struct seg *s, bool paws)
{
	struct range r = { s->seq, s->seq + seg_space(s) };
	bool news = !oracle_has(h, &r);

	if (s->flags & F_SYN)
		r.start++;
	if (s->bytes && h->ecn_ever && p->ecn_ever) {
		if (s->flags & F_CWR)
			h->ce_unanswered = false;
		if (s->ecn == 3) {
			h->ce_ever = true;
			if (news && !paws && before(s->seq, h->edge_told) &&
			    h->ecn_ok && p->ecn_ok)
				h->ce_unanswered = true;
		}
	}
	if (s->bytes && before(h->contig, s->seq)) {
		h->latest = (struct range){ s->seq, s->seq + s->bytes };
		h->latest_known =
			news && !paws && upto(s->seq + s->bytes, h->edge_told);
	} else if (s->bytes && !settled(h, s)) {
		/* In order, had nothing been dropped. */
		h->latest_known = false;
	}
	if (upto(r.start, r.end) && r.start != r.end)
		add(o, h, s, r);
	if (h->latest_known && upto(h->latest.end, h->contig))
		h->latest_known = false;
}

static void hear_ack(struct half *h, const struct half *p, const struct seg *s,
		     bool acceptable)
{
	uint32_t edge = s->window;

	if (!h->syn)
		return;
	/* Scaled, where both have offered to. */
	if (!(s->flags & F_SYN) && h->has_wscale && p->has_wscale)
		edge <<= p->wscale;
	edge += s->ack;
	/* RFC 9293, 3.10.7.4: what comes with bytes long past is not heard. */
	if (acceptable && upto(s->ack, h->max) && before(h->una, s->ack)) {
		h->una = s->ack;
		oracle_acked(h, s->now);
	}
	if (!h->has_edge || before(h->edge, edge))
		h->edge = edge;
	h->has_edge = true;
}

void oracle_hear(struct oracle *o, struct half *h, const struct half *p,
		 const struct seg *s)
{
	uint32_t space = seg_space(s);
	bool paws, news, acceptable;

	h->arrivals++;
	if (s->flags & F_RST)
		return;
	if (s->flags & F_SYN)
		hear_syn(h, s);
	if (!h->heard_syn || ((s->flags & F_SYN) && s->seq != h->peer_isn))
		return;
	paws = s->has_ts && ts_agreed(h, p) && before(s->tsval, h->echo_most);
	news = space ? before(h->contig, s->seq + space) : s->seq == h->contig;
	acceptable = upto(h->contig, s->seq + space);
	hear_ts(h, p, s, news);
	if (space)
		hear_data(o, h, p, s, paws);
	if (s->flags & F_ACK)
		hear_ack(h, p, s, acceptable);
}
