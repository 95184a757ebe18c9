/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When, and how much at once. An end that sends something again although
 * nothing has reached it since it was sent last can only have been told so by a
 * timer: a tail loss probe's (RFC 8985, 7) or the retransmission timer (RFC
 * 6298). The first unacknowledged byte, unless it is in the last segment, is
 * the retransmission timer's.
 */
#include "tests/sim/oracle_internal.h"

#include <string.h>

#define MS	     UINT64_C(1000000)
#define PROBE_LEAST  (2 * MS)
#define INSTANT	     (MS / 1000)
#define RTO_LEAST    (198 * MS) /* Linux's floor, and a tick of the wheel */
#define SYN_LEAST    (950 * MS)
#define RTO_MOST     (119000 * MS)
#define INITIAL_SEGS 10u

static uint32_t find(const struct half *h, uint32_t at)
{
	uint32_t low = h->xmit_first, high = h->xmit_end;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (upto(h->xmit[mid].end, at))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void oracle_acked(struct half *h, uint64_t now)
{
	while (h->xmit_first < h->xmit_end) {
		struct xmit *x = &h->xmit[h->xmit_first];

		if (!before(x->start, h->una))
			break;
		/* A SYN sent again may be timed all the same: both open. */
		if ((!x->again || x->start == h->isn) &&
		    now - x->at < h->min_rtt)
			h->min_rtt = now - x->at;
		if (!upto(x->end, h->una)) {
			x->start = h->una;
			break;
		}
		h->xmit_first++;
	}
}

/* A place for one more record before @i. */
static bool open_at(struct half *h, uint32_t i)
{
	if (h->xmit_end == ORACLE_XMITS)
		return false;
	memmove(h->xmit + i + 1, h->xmit + i,
		(h->xmit_end - i) * sizeof(*h->xmit));
	h->xmit_end++;
	return true;
}

static bool compact(struct half *h)
{
	if (h->xmit_end + 3 < ORACLE_XMITS)
		return true;
	memmove(h->xmit, h->xmit + h->xmit_first,
		(h->xmit_end - h->xmit_first) * sizeof(*h->xmit));
	h->xmit_end -= h->xmit_first;
	h->xmit_first = 0;
	return h->xmit_end + 3 < ORACLE_XMITS;
}

/* [start, end), sent before, has been sent again now. */
static void stamp(struct half *h, uint32_t start, uint32_t end, uint64_t now)
{
	for (uint32_t i = find(h, start);
	     i < h->xmit_end && before(h->xmit[i].start, end); i++) {
		if (before(h->xmit[i].start, start)) {
			if (!open_at(h, i))
				return;
			h->xmit[i].end = start;
			h->xmit[++i].start = start;
		}
		if (before(end, h->xmit[i].end)) {
			if (!open_at(h, i))
				return;
			h->xmit[i].end = end;
			h->xmit[i + 1].start = end;
		}
		h->xmit[i].at = now;
		h->xmit[i].arrivals = h->arrivals;
		h->xmit[i].again = true;
	}
}

static void append(struct half *h, uint32_t start, uint32_t end, uint64_t now)
{
	struct xmit *last = h->xmit + h->xmit_end - 1;

	if (h->xmit_end > h->xmit_first && last->at == now && !last->again &&
	    last->end == start && last->arrivals == h->arrivals) {
		last->end = end;
		return;
	}
	h->xmit[h->xmit_end++] =
		(struct xmit){ start, end, now, h->arrivals, false };
}

/* Sent again by a timer, @gap after the last time. */
static void silent(struct oracle *o, struct half *h, const struct seg *s,
		   uint32_t end, uint64_t gap)
{
	bool head = upto(s->seq, h->una) || (s->flags & F_SYN);
	bool tail = end == h->max;
	bool rto = head && (!tail || h->silents || (s->flags & F_SYN));
	uint64_t least = PROBE_LEAST, twice;

	/*
	 * Where an answer comes in the instant of the question, what was sent
	 * again and what was heard have one date: RFC 8985 orders them by
	 * number.
	 */
	if (h->min_rtt < INSTANT)
		return;
	/* Two round trips, if it knows one; else RFC 6298's second. */
	if (h->min_rtt != UINT64_MAX && h->min_rtt > least + MS)
		least = h->min_rtt < SYN_LEAST ? h->min_rtt - MS : SYN_LEAST;
	/* The timer may have been set anew since, but not a second time. */
	if (rto)
		least = s->flags & F_SYN ? SYN_LEAST
					 : RTO_LEAST * (1 + h->silent_rto);
	if (gap < least)
		oracle_complain(o, ORACLE_EARLY, s, h,
				"after %llu us, least %llu us",
				(unsigned long long)(gap / 1000),
				(unsigned long long)(least / 1000));
	if (!head)
		return;
	twice = h->silent_gap * 19 / 10;
	if (twice > RTO_MOST)
		twice = RTO_MOST;
	if (h->silents > 1 && gap < twice)
		oracle_complain(o, ORACLE_BACKOFF, s, h, "%llu ms, then %llu",
				(unsigned long long)(h->silent_gap / MS),
				(unsigned long long)(gap / MS));
	h->silents++;
	h->silent_gap = gap;
	h->silent_rto = rto;
	if (rto) {
		h->after_rto = true;
		h->rto_arrivals = h->arrivals;
		h->rto_bytes = 0;
	}
}

static void burst(struct oracle *o, struct half *h, const struct half *p,
		  const struct seg *s, uint32_t mss)
{
	uint32_t sent = s->seq + s->bytes - (h->isn + 1);
	uint64_t most;

	if (!h->first_ns)
		h->first_ns = s->now;
	if (!p->delivered) {
		/* A probe may be one more, later; while ARP asks, the others
		 * may never be seen. */
		bool probe = s->now > h->first_ns || o->excused[ORACLE_GAP];

		most = (INITIAL_SEGS + probe) * mss;
		if (sent > most)
			oracle_complain(o, ORACLE_INITIAL, s, h,
					"%u bytes of %u", sent, mss);
	}
	/* Each byte that has arrived lets itself and one more follow, and what
	 * was sent again had been taken for lost: it was not in flight. */
	most = (INITIAL_SEGS + 3) * mss + 2 * p->delivered + h->resent;
	if (sent > most)
		oracle_complain(o, ORACLE_FLIGHT, s, h,
				"%u bytes after %llu delivered", sent,
				(unsigned long long)p->delivered);
}

void oracle_time(struct oracle *o, struct half *h, const struct half *p,
		 const struct seg *s, uint32_t mss)
{
	uint32_t end = s->seq + seg_space(s);
	bool again = before(s->seq, h->max);

	if (!compact(h)) {
		oracle_complain(o, ORACLE_FULL, s, h, "segments in flight");
		return;
	}
	if (h->silent_arrivals != h->arrivals) {
		h->silent_arrivals = h->arrivals;
		h->silents = 0;
		h->silent_rto = false;
	}
	if (again) {
		uint32_t i = find(h, s->seq);
		const struct xmit *x = &h->xmit[i];

		if (i < h->xmit_end && x->arrivals == h->arrivals)
			silent(o, h, s, end, s->now - x->at);
		stamp(h, s->seq, end, s->now);
		h->resent += s->bytes;
	}
	if (before(h->max, end))
		append(h, again ? h->max : s->seq, end, s->now);
	if (h->after_rto && h->rto_arrivals == h->arrivals) {
		h->rto_bytes += s->bytes;
		if (h->rto_bytes > mss)
			oracle_complain(o, ORACLE_LOSS_WINDOW, s, h, "%u bytes",
					h->rto_bytes);
	} else {
		h->after_rto = false;
	}
	if (s->bytes && !again)
		burst(o, h, p, s, mss);
}
