/* SPDX-License-Identifier: BSD-2-Clause */
/* A segment leaves an end: may it say that, knowing what it may know? */
#include "tests/sim/oracle_internal.h"
#include "tests/sim/stream.h"

#include <string.h>

static void send_syn(struct oracle *o, struct half *h, const struct seg *s)
{
	if (h->syn && h->isn != s->seq) {
		/* A cookie's number is not kept; nothing may follow it. */
		if (h->spoken || !(s->flags & F_ACK)) {
			oracle_complain(o, ORACLE_ISN, s, h, "was %u", h->isn);
			return;
		}
		h->syn = false;
	}
	if (!h->syn) {
		h->syn = true;
		h->isn = s->seq;
		h->max = s->seq;
		h->una = s->seq;
		h->xmit_first = 0;
		h->xmit_end = 0;
		h->fin = false;
	}
	h->sackok = s->sackok;
	h->ts = s->has_ts;
	h->has_wscale = s->has_wscale;
	h->wscale = s->wscale;
	h->mss = s->mss;
	if (s->wscale > 14)
		oracle_complain(o, ORACLE_OPTIONS, s, h, "scale %u", s->wscale);
}

static void check_options(struct oracle *o, struct half *h,
			  const struct half *p, const struct seg *s)
{
	bool syn = s->flags & F_SYN;

	if (!syn && (s->mss || s->has_wscale || s->sackok))
		oracle_complain(o, ORACLE_OPTIONS, s, h, "a SYN's options");
	if (syn && (s->flags & F_ACK) && h->heard_syn &&
	    ((s->has_wscale && !p->has_wscale) || (s->sackok && !p->sackok) ||
	     (s->has_ts && !p->ts)))
		oracle_complain(o, ORACLE_OPTIONS, s, h,
				"answers what was not asked");
	if (syn || (s->flags & F_RST))
		return;
	if (s->sacks && !(h->sackok && p->sackok))
		oracle_complain(o, ORACLE_OPTIONS, s, h, "SACK");
	if (s->has_ts && !ts_agreed(h, p))
		oracle_complain(o, ORACLE_OPTIONS, s, h, "timestamps");
	if (!s->has_ts && ts_agreed(h, p))
		oracle_complain(o, ORACLE_TS_MISSING, s, h, "flags %02x",
				s->flags);
}

static void check_ts(struct oracle *o, struct half *h, const struct seg *s)
{
	/* A cookie's timestamp holds options in its low bits. */
	uint32_t slack = s->flags & F_SYN ? 64 : 0;

	if (!s->has_ts || (s->flags & F_RST))
		return;
	if (h->stamped && before(s->tsval + slack, h->tsval))
		oracle_complain(o, ORACLE_TS_BACK, s, h, "%u after %u",
				s->tsval, h->tsval);
	h->tsval = h->stamped ? later(h->tsval, s->tsval) : s->tsval;
	h->stamped = true;
	if (!(s->flags & F_ACK) || !h->heard_syn)
		return;
	if (before(h->echo_most, s->tsecr) ||
	    (!(s->flags & F_SYN) && before(s->tsecr, h->echo_least)))
		oracle_complain(o, ORACLE_TS_ECHO, s, h,
				"%u, not between %u and %u", s->tsecr,
				h->echo_least, h->echo_most);
}

/* Returns whether the first block is a D-SACK. */
static bool is_dsack(const struct seg *s)
{
	const struct range *r = s->sack;

	if (before(r[0].start, s->ack))
		return true;
	return s->sacks > 1 && upto(r[1].start, r[0].start) &&
	       upto(r[0].end, r[1].end);
}

static void check_sack(struct oracle *o, const struct half *h,
		       const struct seg *s)
{
	uint32_t first;

	if (!s->sacks)
		return;
	first = is_dsack(s);
	if (first && !h->duplicates)
		oracle_complain(o, ORACLE_DSACK, s, h, "%u to %u",
				s->sack[0].start - h->peer_isn,
				s->sack[0].end - h->peer_isn);
	for (uint32_t i = 0; i < s->sacks; i++) {
		const struct range *r = &s->sack[i];
		uint32_t from = r->start - h->peer_isn;
		uint32_t to = r->end - h->peer_isn;

		if (!before(r->start, r->end) || before(h->edge_told, r->end) ||
		    (i >= first && upto(r->start, s->ack)))
			oracle_complain(o, ORACLE_SACK_RANGE, s, h,
					"block %u, %u to %u", i, from, to);
		if (!oracle_has(h, r))
			oracle_complain(o, ORACLE_SACK_UNHEARD, s, h,
					"block %u, %u to %u", i, from, to);
		for (uint32_t k = first; k < i; k++)
			if (before(r->start, s->sack[k].end) &&
			    before(s->sack[k].start, r->end))
				oracle_complain(o, ORACLE_SACK_OVERLAP, s, h,
						"blocks %u and %u", k, i);
		if (i > first && h->latest_known &&
		    upto(r->start, h->latest.start) &&
		    upto(h->latest.end, r->end))
			oracle_complain(o, ORACLE_SACK_ORDER, s, h,
					"block %u, %u to %u", i, from, to);
	}
}

static void check_ack(struct oracle *o, struct half *h, const struct half *p,
		      const struct seg *s)
{
	uint32_t edge = s->window;

	if (!(s->flags & F_ACK) || (s->flags & F_RST))
		return;
	if (!h->heard_syn || before(h->contig, s->ack)) {
		oracle_complain(o, ORACLE_ACK_UNHEARD, s, h, "+%u of +%u",
				s->ack - h->peer_isn, h->contig - h->peer_isn);
		return;
	}
	if (h->acking && before(s->ack, h->ack))
		oracle_complain(o, ORACLE_ACK_BACK, s, h, "+%u after +%u",
				s->ack - h->peer_isn, h->ack - h->peer_isn);
	if (!(s->flags & F_SYN) && h->has_wscale && p->has_wscale)
		edge <<= h->wscale;
	edge += s->ack;
	if (h->acking && before(edge, h->edge_told))
		oracle_complain(o, ORACLE_SHRUNK, s, h, "+%u after +%u",
				edge - h->peer_isn, h->edge_told - h->peer_isn);
	h->edge_told = h->acking ? later(h->edge_told, edge) : edge;
	check_sack(o, h, s);
	h->ack = s->ack;
	h->acking = true;
}

static void check_ecn(struct oracle *o, struct half *h, const struct half *p,
		      const struct seg *s)
{
	bool agreed = h->ecn_ever && p->ecn_ever;

	if (s->flags & F_SYN) {
		uint8_t asks = s->flags & (F_ECE | F_CWR);

		if (s->ecn)
			oracle_complain(o, ORACLE_ECT, s, h, "a SYN");
		if (!(s->flags & F_ACK)) {
			h->ecn_ok = asks == (F_ECE | F_CWR);
		} else {
			h->ecn_ok = asks == F_ECE;
		}
		/* A SYN sent again asks no more, but the first may arrive. */
		h->ecn_ever |= h->ecn_ok;
		return;
	}
	if (s->ecn && (!agreed || !s->bytes || before(s->seq, h->max)))
		oracle_complain(o, ORACLE_ECT, s, h, "%s",
				!agreed	   ? "not agreed"
				: s->bytes ? "sent again"
					   : "no data");
	if ((s->flags & F_RST) || !(s->flags & F_ACK))
		return;
	if (s->flags & F_ECE ? !h->ce_ever : h->ce_unanswered)
		oracle_complain(o, ORACLE_ECE, s, h, "%s",
				s->flags & F_ECE ? "no mark came"
						 : "a mark is unanswered");
}

static void check_bytes(struct oracle *o, const struct half *h,
			const struct seg *s)
{
	uint32_t at = s->seq + !!(s->flags & F_SYN) - (h->isn + 1);
	const struct frame *f = s->f;
	const struct stream_known *k = h->stream;
	uint32_t done = 0;

	if (!k || !s->bytes)
		return;
	if ((uint64_t)at + s->bytes > k->total) {
		oracle_complain(o, ORACLE_STREAM, s, h, "ends at %u of %u",
				at + s->bytes, k->total);
		return;
	}
	if (!(f->flags & FRAME_REFS)) {
		if (memcmp(f->data, stream_at(k->salt, at), s->bytes))
			oracle_complain(o, ORACLE_STREAM, s, h, "from %u", at);
		return;
	}
	for (uint32_t i = 0; i < f->refs; i++) {
		const struct frame_ref *r = &f->ref[i];

		if (memcmp(chunk_bytes(o->arena, r->chunk) + r->off,
			   stream_at(k->salt, (uint64_t)at + done), r->bytes))
			oracle_complain(o, ORACLE_STREAM, s, h, "from %u",
					at + done);
		done += r->bytes;
	}
}

/* What one segment may carry, options deducted. */
static uint32_t segment_most(const struct half *h, const struct half *p,
			     const struct seg *s, uint32_t mtu)
{
	uint32_t mss = mtu == UINT32_MAX ? mtu : mtu - (s->v6 ? 60 : 40);

	if (p->syn && h->heard_syn)
		mss = p->mss && p->mss < mss ? p->mss : mss;
	if (p->syn && h->heard_syn && !p->mss)
		mss = 536;
	return mss;
}

static void check_space(struct oracle *o, struct half *h, const struct half *p,
			const struct seg *s, uint32_t mtu)
{
	uint32_t end = s->seq + seg_space(s);
	uint32_t most = segment_most(h, p, s, mtu);

	if (before(h->max, s->seq) && h->max != h->isn)
		oracle_complain(o, ORACLE_GAP, s, h, "%u bytes",
				s->seq - h->max);
	if (h->fin && ((s->bytes && before(h->fin_seq, s->seq + s->bytes)) ||
		       ((s->flags & F_FIN) && s->seq + s->bytes != h->fin_seq)))
		oracle_complain(o, ORACLE_FIN, s, h, "FIN was +%u",
				h->fin_seq - h->isn);
	if (!seg_space(s))
		return;
	if (s->piece + s->header - 20 > most)
		oracle_complain(o, ORACLE_MSS, s, h, "%u and %u of options",
				s->piece, s->header - 20);
	if (!(s->flags & F_SYN)) {
		if (!h->has_edge || before(h->edge, end))
			oracle_complain(o, ORACLE_WINDOW, s, h, "by %u",
					end - h->edge);
		if (upto(end, h->una))
			oracle_complain(o, ORACLE_ANCIENT, s, h, "by %u",
					h->una - end);
	}
	if (s->flags & F_FIN) {
		h->fin = true;
		h->fin_seq = s->seq + s->bytes;
	}
	check_bytes(o, h, s);
	if (ts_agreed(h, p) && !(s->flags & F_SYN))
		most -= 12;
	oracle_time(o, h, p, s, most);
	h->max = later(h->max, end);
}

void oracle_send(struct oracle *o, struct half *h, struct half *p,
		 const struct seg *s, uint32_t mtu)
{
	if (s->flags & F_SYN)
		send_syn(o, h, s);
	if (!h->syn)
		return; /* of a connection that never was */
	check_options(o, h, p, s);
	check_ecn(o, h, p, s);
	if (s->flags & F_RST) {
		/* RFC 9293, 3.10.7.1: what answers a SYN to nobody, perhaps a
		 * late one, has no number of its own. */
		bool nobody = !s->seq && (s->flags & F_ACK);

		if (!nobody && before(h->max, s->seq))
			oracle_complain(o, ORACLE_GAP, s, h, "a reset");
		return;
	}
	if (!(s->flags & F_SYN))
		h->spoken = true;
	if ((s->flags & F_URG) && !s->urgent)
		oracle_complain(o, ORACLE_URGENT, s, h, "URG without one");
	check_ts(o, h, s);
	check_ack(o, h, p, s);
	check_space(o, h, p, s, mtu);
}
