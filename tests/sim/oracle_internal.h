/* SPDX-License-Identifier: BSD-2-Clause */
/* What the oracle's files share: a segment as read, and a connection as known.
 */
#ifndef TOAMI_TESTS_SIM_ORACLE_INTERNAL_H
#define TOAMI_TESTS_SIM_ORACLE_INTERNAL_H

#include "tests/sim/oracle.h"

#define ORACLE_CONNS   512
#define ORACLE_STREAMS 128
#define ORACLE_XMITS   16384
#define ORACLE_RANGES  8192

enum {
	F_FIN = 1,
	F_SYN = 2,
	F_RST = 4,
	F_ACK = 16,
	F_URG = 32,
	F_ECE = 64,
	F_CWR = 128
};

struct range {
	uint32_t start, end;
};

/* A segment, read from bytes. */
struct seg {
	const struct frame *f;
	uint64_t now;
	bool v6;
	uint8_t src[16], dst[16];
	uint8_t hops; /* 0 may be heard (RFC 8200, 3), never sent */
	uint8_t ecn;
	uint8_t flags;
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint32_t window;
	uint16_t urgent;
	uint32_t header; /* of TCP, options and all */
	uint32_t bytes;	 /* of payload */
	uint32_t piece;	 /* of payload in one segment on the wire */
	/* Options. */
	bool has_ts, sackok, has_wscale;
	uint8_t wscale;
	uint16_t mss;
	uint32_t tsval, tsecr;
	uint32_t sacks;
	struct range sack[4];
};

/* What was sent last, and what had been heard by then. */
struct xmit {
	uint32_t start, end;
	uint64_t at;
	uint64_t arrivals;
	bool again;
};

/* One end of a connection: what it has sent, and what has reached it. */
struct half {
	/* Sent. */
	bool syn, spoken; /* spoken: anything behind the SYN */
	uint32_t isn, max;
	bool fin;
	uint32_t fin_seq;
	bool sackok, ts, has_wscale;
	uint8_t wscale;
	uint16_t mss;
	bool acking;
	uint32_t ack; /* the last one sent */
	uint32_t edge_told;
	bool stamped;
	uint32_t tsval;
	bool ecn_ok, ecn_ever;
	const struct stream_known *stream;
	/* Sent and not acknowledged. */
	struct xmit *xmit;
	uint32_t xmit_first, xmit_end;
	uint64_t first_ns; /* the first data */
	uint64_t resent;   /* bytes */

	/* Heard. */
	uint64_t arrivals;
	bool heard_syn;
	uint32_t peer_isn;
	uint32_t una, edge;
	bool has_edge;
	uint32_t contig;     /* the peer's bytes are here below this */
	struct range *range; /* and these, sorted */
	uint32_t ranges;
	uint64_t delivered; /* bytes here, all in all */
	bool duplicates;
	uint32_t echo_least, echo_most;
	bool latest_known;
	struct range latest; /* out of order, the last one that came */
	bool ce_unanswered, ce_ever;

	/* Timers. */
	uint64_t min_rtt;
	uint32_t silents; /* resends of the first byte with nothing heard
			     between */
	uint64_t silent_gap, silent_arrivals;
	bool silent_rto;
	bool after_rto;
	uint64_t rto_arrivals;
	uint32_t rto_bytes;
};

struct known {
	bool v6;
	uint8_t addr[2][16];
	uint16_t port[2];
	struct half half[2];
};

struct stream_known {
	uint16_t lport, pport;
	uint32_t salt, total;
};

struct oracle {
	const struct arena *arena;
	FILE *trace;
	struct known conn[ORACLE_CONNS];
	uint32_t conns;
	uint64_t slots; /* of conn[], ever begun; the last `conns` are known */
	struct stream_known stream[ORACLE_STREAMS];
	uint32_t streams;
	bool excused[ORACLE_RULES_END];
	enum oracle_rule bad;
	char text[400];
	uint64_t segments, connections, frames;
	/* Memory of the halves, kept from run to run. */
	struct xmit *xmits[2 * ORACLE_CONNS];
	struct range *ranges[2 * ORACLE_CONNS];
};

static inline bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool upto(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline uint32_t later(uint32_t a, uint32_t b)
{
	return before(a, b) ? b : a;
}

/* Sequence numbers that a segment uses up. */
static inline uint32_t seg_space(const struct seg *s)
{
	return s->bytes + !!(s->flags & F_SYN) + !!(s->flags & F_FIN);
}

/* oracle_read.c: ORACLE_NONE, or what is wrong with the frame itself; *tcp: it
 * is a whole TCP segment, and @s is filled */
enum oracle_rule oracle_read(const struct arena *a, const struct frame *f,
			     struct seg *s, bool *tcp);
/* oracle_sums - are the checksums right? */
bool oracle_sums(const struct arena *a, const struct frame *f);

/* oracle.c */
void oracle_complain(struct oracle *o, enum oracle_rule rule,
		     const struct seg *s, const struct half *h,
		     const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* oracle_send.c, oracle_hear.c, oracle_time.c: @h sends to, or hears from, @p
 */
void oracle_send(struct oracle *o, struct half *h, struct half *p,
		 const struct seg *s, uint32_t mtu);
void oracle_hear(struct oracle *o, struct half *h, const struct half *p,
		 const struct seg *s);
void oracle_time(struct oracle *o, struct half *h, const struct half *p,
		 const struct seg *s, uint32_t mss);
/* oracle_has - has every byte of @r reached @h? */
bool oracle_has(const struct half *h, const struct range *r);
/* oracle_acked - @h has heard that everything below its una is there */
void oracle_acked(struct half *h, uint64_t now);

/* Both SYNs have offered it. */
static inline bool ts_agreed(const struct half *a, const struct half *b)
{
	return a->ts && b->ts;
}

#endif
