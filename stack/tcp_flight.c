/* SPDX-License-Identifier: BSD-2-Clause */
/* See tcp_flight.h. */
#include "stack/tcp.h"
#include "stack/tcp_flight.h"

#define SPREAD_SHIFT 5 /* a 32nd of the least round trip */
#define LONG_AGO_US  (30u * 60 * 1000000)
#define PAGE_RUNS \
	((CHUNK_BYTES - sizeof(struct run_block)) / sizeof(struct tcp_run))

/* A place among the runs. */
struct place {
	struct run_block *b;
	uint32_t i;
};

static inline struct tcp_run *runs_of(const struct run_block *b)
{
	return (struct tcp_run *)(b + 1);
}

static struct run_block *page_at(const struct stack *st, chunk_ix ix)
{
	return (struct run_block *)(void *)chunk_bytes(st->arena, ix);
}

static inline struct run_block *next_block(const struct stack *st,
					   const struct run_block *b)
{
	return b->next ? page_at(st, b->next) : NULL;
}

/* Callers that only look have a const connection. */
static inline struct run_block *own_block(const struct conn *c)
{
	return (struct run_block *)(uintptr_t)&c->flight;
}

static inline struct run_block *last_block(const struct stack *st,
					   const struct conn *c)
{
	return likely(!c->flight_last) ? own_block(c)
				       : page_at(st, c->flight_last);
}

static inline struct tcp_run *run_at(struct place p)
{
	return &runs_of(p.b)[p.i];
}

static inline bool older(uint32_t a_us, uint32_t b_us)
{
	return (int32_t)(a_us - b_us) < 0;
}

/* Onto the next run, into the next block where one ends; false: behind the
 * last. */
static bool settle(const struct stack *st, struct place *p)
{
	while (p->i >= p->b->end) {
		struct run_block *n = next_block(st, p->b);

		if (!n)
			return false;
		p->b = n;
		p->i = n->first;
	}
	return true;
}

static bool advance(const struct stack *st, struct place *p)
{
	p->i++;
	return settle(st, p);
}

static bool first_run(const struct stack *st, const struct conn *c,
		      struct place *p)
{
	p->b = own_block(c);
	p->i = p->b->first;
	return settle(st, p);
}

/* Where the run at @p ends. */
static uint32_t end_of(const struct stack *st, const struct conn *c,
		       struct place p)
{
	return advance(st, &p) ? run_at(p)->seq : c->snd_nxt;
}

/* The run that holds @seq. False: the flight is empty, or begins above. */
static bool find(const struct stack *st, const struct conn *c, uint32_t seq,
		 struct place *p)
{
	struct run_block *b, *in = NULL;
	uint32_t low, high;

	for (b = own_block(c); b; b = next_block(st, b)) {
		if (b->first == b->end)
			continue;
		if (seq_gt(runs_of(b)[b->first].seq, seq))
			break;
		in = b;
	}
	if (!in)
		return false;
	low = in->first;
	high = in->end;
	while (high - low > 1) {
		uint32_t mid = (low + high) / 2;

		if (seq_le(runs_of(in)[mid].seq, seq))
			low = mid;
		else
			high = mid;
	}
	p->b = in;
	p->i = low;
	return true;
}

/* A new block behind @b, or NULL. */
static struct run_block *block_new(struct stack *st, struct conn *c,
				   struct run_block *b)
{
	chunk_ix ix = chunk_alloc(st->arena);
	struct run_block *n;

	if (!ix)
		return NULL;
	n = page_at(st, ix);
	*n = (struct run_block){ .next = b->next,
				 .room = (uint16_t)PAGE_RUNS,
				 .oldest_us = b->oldest_us };
	if (!b->next)
		c->flight_last = ix;
	b->next = ix;
	return n;
}

/* Blocks that have become empty go back. */
static void drop_empty(struct stack *st, struct conn *c)
{
	struct run_block *b = &c->flight;

	while (b->next) {
		chunk_ix ix = b->next;
		struct run_block *n = page_at(st, ix);

		if (n->first != n->end)
			return;
		b->next = n->next;
		if (!b->next)
			c->flight_last = 0;
		chunk_put(st->arena, ix);
	}
}

/* Room for one more at the end of @b: at its front there may be some. */
static bool make_room(struct run_block *b)
{
	struct tcp_run *r = runs_of(b);

	if (b->end < b->room)
		return true;
	if (!b->first)
		return false;
	for (uint32_t i = b->first; i < b->end; i++)
		r[i - b->first] = r[i];
	b->end = (uint16_t)(b->end - b->first);
	b->first = 0;
	return true;
}

/* No room: @bytes more count as part of @r, the last one. */
static void swallow(struct conn *c, struct tcp_run *r, uint32_t bytes)
{
	if (r->state & RUN_SACKED) {
		c->sacked_bytes -= c->snd_nxt - r->seq;
		r->state = RUN_AGAIN;
	} else if (r->state & RUN_LOST) {
		c->lost_bytes += bytes;
	}
}

static void append(struct stack *st, struct conn *c, struct tcp_run run,
		   uint32_t bytes)
{
	struct run_block *b = last_block(st, c), *n;

	if (unlikely(!make_room(b))) {
		n = block_new(st, c, b);
		if (!n) {
			swallow(c, &runs_of(b)[b->end - 1], bytes);
			return;
		}
		b = n;
	}
	if (b->first == b->end) {
		b->oldest_us = run.sent_us;
		b->first = 0;
		b->end = 0;
	}
	runs_of(b)[b->end++] = run;
}

/* Makes the run at @p end at @seq; what follows has the same state. False: no
 * room. */
static bool split(struct stack *st, struct conn *c, struct place *p,
		  uint32_t seq)
{
	struct run_block *b = p->b;
	uint32_t shift = b->first, half;
	struct tcp_run *r = runs_of(b);
	struct tcp_run run = *run_at(*p);

	run.seq = seq;
	if (b->end == b->room && shift) {
		make_room(b);
		p->i -= shift;
	}
	if (b->end == b->room) {
		struct run_block *n = block_new(st, c, b);

		if (!n)
			return false;
		half = b->room / 2u;
		for (uint32_t i = half; i < b->end; i++)
			runs_of(n)[i - half] = r[i];
		n->end = (uint16_t)(b->end - half);
		b->end = (uint16_t)half;
		if (p->i >= half) {
			p->b = n;
			p->i -= half;
			b = n;
			r = runs_of(b);
		}
	}
	for (uint32_t i = b->end; i > p->i + 1; i--)
		r[i] = r[i - 1];
	r[p->i + 1] = run;
	b->end++;
	return true;
}

/* Run @i of @b becomes part of the one before it. */
static void join(struct run_block *b, uint32_t i)
{
	struct tcp_run *r = runs_of(b);

	for (; i + 1 < b->end; i++)
		r[i] = r[i + 1];
	b->end--;
}

void flight_sent(struct stack *st, struct conn *c, uint32_t bytes)
{
	struct run_block *b = last_block(st, c);
	/* Of the least: one that losses have stretched may hold several. */
	uint32_t now = flight_us(st), spread = c->min_rtt_us >> SPREAD_SHIFT;

	if (likely(b->first != b->end)) {
		struct tcp_run *r = &runs_of(b)[b->end - 1];

		if (!r->state &&
		    (r->sent_us == now || now - r->begun_us < spread)) {
			r->sent_us = now;
			return;
		}
	} else {
		/* What was known of an earlier flight is stale. */
		c->rack_us = now;
		c->rack_end = c->snd_nxt;
	}
	append(st, c, (struct tcp_run){ c->snd_nxt, now, now, 0 }, bytes);
}

/* tcp_ms() as it was so many microseconds ago. */
static uint32_t sent_ms(const struct stack *st, uint32_t ago_us)
{
	return (uint32_t)((st->now_ns - ago_us * NSEC_PER_USEC) /
			  NSEC_PER_MSEC);
}

/* A run, or its beginning, is there: what does that say? */
static void delivered(struct stack *st, struct conn *c, const struct tcp_run *r,
		      uint32_t end, struct tcp_heard *heard)
{
	/* Never none: what leaves now was not sent before what left before. */
	uint32_t rtt = max_u32(flight_us(st) - r->sent_us, 1);

	heard->delivered += end - r->seq;
	if (!(r->state & RUN_AGAIN)) {
		heard->rtt_us = rtt;
		if (unlikely(r->state & RUN_LOST))
			heard->original = true;
		/* What was overtaken came late. */
		if (unlikely(c->sacked_bytes) && seq_lt(r->seq, c->fack))
			c->rack_seen |= RACK_REORDERED;
	} else if (rtt < c->min_rtt_us ||
		   (heard->echoed &&
		    seq_lt(heard->echo_ms, sent_ms(st, rtt)))) {
		return; /* more likely the original (step 2) */
	}
	if (!older(r->sent_us, c->rack_us) &&
	    (r->sent_us != c->rack_us || seq_gt(end, c->rack_end))) {
		c->rack_us = r->sent_us;
		c->rack_end = end;
		heard->rack = true;
	}
	c->rack_rtt_us = rtt;
}

void flight_acked(struct stack *st, struct conn *c, uint32_t ack,
		  struct tcp_heard *heard)
{
	struct place p;

	if (!first_run(st, c, &p))
		return;
	for (;;) {
		struct tcp_run *r = run_at(p);
		uint32_t end = end_of(st, c, p);
		bool whole = seq_le(end, ack);

		if (!whole)
			end = ack;
		if (r->state & RUN_SACKED)
			c->sacked_bytes -= end - r->seq;
		else
			delivered(st, c, r, end, heard);
		if (unlikely(r->state & RUN_LOST))
			c->lost_bytes -= end - r->seq;
		if (!whole) {
			r->seq = ack;
			break;
		}
		p.b->first++;
		p.i = p.b->first;
		if (end == ack || !settle(st, &p))
			break;
	}
	if (unlikely(c->flight.next))
		drop_empty(st, c);
}

/* Splits at @start and @end, and gives the first run between. */
static bool cut_out(struct stack *st, struct conn *c, uint32_t start,
		    struct place *p)
{
	if (!find(st, c, start, p))
		return false;
	if (run_at(*p)->seq == start)
		return true;
	return split(st, c, p, start) && advance(st, p);
}

void flight_sacked(struct stack *st, struct conn *c, uint32_t start,
		   uint32_t end, struct tcp_heard *heard)
{
	struct place p;

	if (!c->sacked_bytes)
		c->fack = c->snd_una;
	if (!find(st, c, start, &p))
		return;
	/* Most often it is known, or begins where the known ends. */
	if (run_at(p)->state & RUN_SACKED) {
		start = end_of(st, c, p);
		if (seq_ge(start, end) || !advance(st, &p))
			return;
	} else if (!cut_out(st, c, start, &p)) {
		return;
	}
	while (seq_lt(start, end)) {
		struct tcp_run *r = run_at(p);
		uint32_t to = end_of(st, c, p);

		if (r->state & RUN_SACKED)
			goto next;
		heard->sacked = true;
		if (seq_gt(to, end)) {
			to = end;
			/* The run before may simply grow. */
			if (p.i > p.b->first && (r[-1].state & RUN_SACKED)) {
				delivered(st, c, r, to, heard);
				c->sacked_bytes += to - r->seq;
				if (r->state & RUN_LOST)
					c->lost_bytes -= to - r->seq;
				r->seq = to;
				break;
			}
			if (!split(st, c, &p, to))
				return;
			r = run_at(p);
		}
		delivered(st, c, r, to, heard);
		c->sacked_bytes += to - r->seq;
		if (r->state & RUN_LOST)
			c->lost_bytes -= to - r->seq;
		r->state = RUN_SACKED;
	next:
		start = to;
		if (p.i > p.b->first && (r[-1].state & RUN_SACKED)) {
			join(p.b, p.i);
			p.i--;
		}
		if (!advance(st, &p))
			break;
	}
	/* The one behind may have been reported before. */
	if (p.i < p.b->end && p.i > p.b->first &&
	    (run_at(p)->state & RUN_SACKED) &&
	    (run_at(p)[-1].state & RUN_SACKED))
		join(p.b, p.i);
	if (seq_gt(end, c->fack))
		c->fack = end;
}

/* The run at @p is lost. */
static void give_up(struct conn *c, struct tcp_run *r, uint32_t end)
{
	if (r->state & (RUN_LOST | RUN_SACKED))
		return;
	if (!c->lost_bytes || seq_lt(r->seq, c->lost_low))
		c->lost_low = r->seq;
	r->state |= RUN_LOST;
	c->lost_bytes += end - r->seq;
}

void flight_lose(struct stack *st, struct conn *c, uint32_t start, uint32_t end)
{
	struct place p;
	bool more = cut_out(st, c, start, &p);

	while (more && seq_lt(run_at(p)->seq, end)) {
		uint32_t to = end_of(st, c, p);

		if (seq_gt(to, end) && split(st, c, &p, end))
			to = end;
		give_up(c, run_at(p), to);
		more = advance(st, &p);
	}
}

/* Gives up what is overdue in @b, and notes the date of the oldest that is not.
 */
static void judge(struct stack *st, struct conn *c, struct run_block *b,
		  uint32_t wait_us)
{
	uint32_t now = flight_us(st), oldest = now;
	struct tcp_run *r = runs_of(b);

	for (uint32_t i = b->first; i < b->end; i++) {
		struct place p = { b, i };
		uint32_t end;

		if (r[i].state & (RUN_SACKED | RUN_LOST))
			continue;
		if (!older(c->rack_us, r[i].sent_us) &&
		    now - r[i].sent_us >= wait_us) {
			end = end_of(st, c, p);
			if (r[i].sent_us != c->rack_us ||
			    seq_le(end, c->rack_end)) {
				give_up(c, &r[i], end);
				continue;
			}
		}
		if (older(r[i].sent_us, oldest))
			oldest = r[i].sent_us;
	}
	b->oldest_us = oldest;
}

uint32_t flight_overdue(struct stack *st, struct conn *c, uint32_t allowance_us)
{
	uint32_t now = flight_us(st), wait = c->rack_rtt_us + allowance_us;
	uint32_t soon = 0;

	for (struct run_block *b = &c->flight; b; b = next_block(st, b)) {
		uint32_t age = now - b->oldest_us;

		if (b->first == b->end || older(c->rack_us, b->oldest_us))
			continue;
		if (age >= wait) {
			judge(st, c, b, wait);
			age = now - b->oldest_us;
			if (age >= wait || older(c->rack_us, b->oldest_us))
				continue;
		}
		if (!soon || wait - age < soon)
			soon = wait - age;
	}
	return soon;
}

void flight_lose_old(struct stack *st, struct conn *c, uint32_t allowance_us)
{
	uint32_t now = flight_us(st);
	struct place p;
	bool more = first_run(st, c, &p), first = true;

	for (; more; more = advance(st, &p), first = false)
		if (first ||
		    now - run_at(p)->sent_us >= c->srtt8_us / 8 + allowance_us)
			give_up(c, run_at(p), end_of(st, c, p));
}

/* Long ago is long ago. */
static void bring_up(uint32_t now_us, uint32_t *date_us)
{
	if (now_us - *date_us > LONG_AGO_US)
		*date_us = now_us - LONG_AGO_US;
}

void flight_age(struct stack *st, struct conn *c)
{
	uint32_t now = flight_us(st);

	bring_up(now, &c->rack_us);
	for (struct run_block *b = &c->flight; b; b = next_block(st, b)) {
		bring_up(now, &b->oldest_us);
		for (uint32_t i = b->first; i < b->end; i++) {
			bring_up(now, &runs_of(b)[i].sent_us);
			bring_up(now, &runs_of(b)[i].begun_us);
		}
	}
}

bool flight_lost(struct stack *st, struct conn *c, uint32_t *from, uint32_t *to)
{
	struct place p;

	if (!c->lost_bytes)
		return false;
	if (seq_lt(c->lost_low, c->snd_una))
		c->lost_low = c->snd_una;
	if (!find(st, c, c->lost_low, &p))
		return false;
	while (!(run_at(p)->state & RUN_LOST))
		if (!advance(st, &p))
			return false;
	*from = run_at(p)->seq;
	c->lost_low = *from;
	/* Runs that differ in date only leave as one. */
	do {
		*to = end_of(st, c, p);
	} while (advance(st, &p) && (run_at(p)->state & RUN_LOST));
	return true;
}

void flight_resent(struct stack *st, struct conn *c, uint32_t start,
		   uint32_t end)
{
	uint32_t now = flight_us(st);
	struct place p;
	bool more = cut_out(st, c, start, &p);

	/* Within a microsecond of what was delivered, but after it. */
	if (unlikely(now == c->rack_us))
		c->rack_end = c->snd_una;
	while (more && seq_lt(run_at(p)->seq, end)) {
		uint32_t to = end_of(st, c, p);
		struct tcp_run *r;

		/* Where no room is, more than was sent counts as sent. */
		if (seq_gt(to, end) && split(st, c, &p, end))
			to = end;
		r = run_at(p);
		if (!(r->state & RUN_SACKED)) {
			if (r->state & RUN_LOST)
				c->lost_bytes -= to - r->seq;
			r->state = RUN_AGAIN;
			r->sent_us = now;
			r->begun_us = now;
			/* Together with the one before, if that left now. */
			if (p.i > p.b->first && r[-1].state == RUN_AGAIN &&
			    r[-1].sent_us == now) {
				join(p.b, p.i);
				p.i--;
			}
		}
		more = advance(st, &p);
	}
	if (c->lost_bytes && seq_lt(c->lost_low, end))
		c->lost_low = end;
}

/* A run is in flight that was not. */
static void remember_oldest(struct place p)
{
	if (older(run_at(p)->sent_us, p.b->oldest_us))
		p.b->oldest_us = run_at(p)->sent_us;
}

void flight_found(struct stack *st, struct conn *c)
{
	struct place p;

	for (bool more = first_run(st, c, &p); more; more = advance(st, &p)) {
		run_at(p)->state &= ~RUN_LOST;
		remember_oldest(p);
	}
	c->lost_bytes = 0;
}

void flight_disbelieve(struct stack *st, struct conn *c)
{
	struct place p;

	for (bool more = first_run(st, c, &p); more; more = advance(st, &p))
		if (run_at(p)->state & RUN_SACKED) {
			run_at(p)->state = RUN_AGAIN;
			remember_oldest(p);
		}
	c->sacked_bytes = 0;
}

bool flight_head_sacked(const struct stack *st, const struct conn *c)
{
	struct place p;

	return c->sacked_bytes && first_run(st, c, &p) &&
	       (run_at(p)->state & RUN_SACKED);
}

uint32_t flight_sent_us(const struct stack *st, const struct conn *c)
{
	struct place p;

	return first_run(st, c, &p) ? run_at(p)->begun_us : flight_us(st);
}

static void empty(struct conn *c)
{
	c->flight = (struct run_block){ .room = TCP_RUNS_OWN };
	c->flight_last = 0;
	c->sacked_bytes = 0;
	c->lost_bytes = 0;
}

void flight_forget(struct stack *st, struct conn *c)
{
	empty(c);
	if (c->snd_una != c->snd_nxt)
		append(st, c,
		       (struct tcp_run){ c->snd_una, flight_us(st),
					 flight_us(st), RUN_AGAIN },
		       0);
}

void flight_free(struct stack *st, struct conn *c)
{
	chunk_ix ix = c->flight.next;

	empty(c);
	while (ix) {
		chunk_ix next = page_at(st, ix)->next;

		chunk_put(st->arena, ix);
		ix = next;
	}
}

bool flight_whole(const struct stack *st, const struct conn *c)
{
	uint32_t sacked = 0, lost = 0, at = c->snd_una;
	struct place p;
	bool more = first_run(st, c, &p);

	if (!more)
		return c->snd_una == c->snd_nxt && !c->sacked_bytes &&
		       !c->lost_bytes;
	for (; more; more = advance(st, &p)) {
		uint32_t end = end_of(st, c, p);
		const struct tcp_run *r = run_at(p);

		if (r->seq != at || seq_ge(at, end) ||
		    older(r->sent_us, r->begun_us))
			return false;
		if (!(r->state & (RUN_SACKED | RUN_LOST)) &&
		    older(r->sent_us, p.b->oldest_us))
			return false;
		if ((r->state & RUN_LOST) && seq_lt(r->seq, c->lost_low) &&
		    seq_le(c->snd_una, c->lost_low))
			return false;
		sacked += r->state & RUN_SACKED ? end - at : 0;
		lost += r->state & RUN_LOST ? end - at : 0;
		at = end;
	}
	return at == c->snd_nxt && sacked == c->sacked_bytes &&
	       lost == c->lost_bytes;
}
