/* SPDX-License-Identifier: BSD-2-Clause */
/* See oracle.h: who talks to whom, and what is said about it. */
#include "tests/sim/oracle_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* One frame in so many has its checksums computed again. */
#define SUM_EVERY 16

static const char *const names[] = { "",
#define X(name, text) #name,
				     ORACLE_RULES(X)
#undef X
};

static const char *const texts[] = { "",
#define X(name, text) text,
				     ORACLE_RULES(X)
#undef X
};

struct oracle *oracle_new(const struct arena *arena)
{
	struct oracle *o = calloc(1, sizeof(*o));

	if (!o)
		abort();
	o->arena = arena;
	return o;
}

void oracle_free(struct oracle *o)
{
	if (!o)
		return;
	for (uint32_t i = 0; i < 2 * ORACLE_CONNS; i++) {
		free(o->xmits[i]);
		free(o->ranges[i]);
	}
	free(o);
}

void oracle_reset(struct oracle *o, const struct arena *arena)
{
	o->arena = arena;
	o->conns = 0;
	o->streams = 0;
	memset(o->excused, 0, sizeof(o->excused));
	o->bad = ORACLE_NONE;
}

void oracle_excuse(struct oracle *o, enum oracle_rule rule)
{
	o->excused[rule] = true;
}

void oracle_stream(struct oracle *o, uint16_t lport, uint16_t pport,
		   uint32_t salt, uint32_t total)
{
	if (o->streams == ORACLE_STREAMS)
		abort();
	o->stream[o->streams++] =
		(struct stream_known){ lport, pport, salt, total };
}

enum oracle_rule oracle_verdict(const struct oracle *o, const char **text)
{
	*text = o->text;
	return o->bad;
}

const char *oracle_rule_name(enum oracle_rule rule)
{
	return names[rule];
}

void oracle_counts(const struct oracle *o, uint64_t *segments,
		   uint64_t *connections)
{
	*segments = o->segments;
	*connections = o->connections;
}

void oracle_complain(struct oracle *o, enum oracle_rule rule,
		     const struct seg *s, const struct half *h,
		     const char *format, ...)
{
	char why[160];
	va_list ap;

	if (o->bad || o->excused[rule])
		return;
	o->bad = rule;
	va_start(ap, format);
	vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	snprintf(o->text, sizeof(o->text),
		 "%s: %s: %s; %s %u -> %u flags %02x seq +%u bytes %u ack %u "
		 "window %u at %llu.%06llu ms; una +%u max +%u edge +%u",
		 names[rule], texts[rule], why, s->v6 ? "IPv6" : "IPv4",
		 s->sport, s->dport, s->flags, s->seq - (h ? h->isn : 0),
		 s->bytes, s->ack, s->window,
		 (unsigned long long)(s->now / 1000000),
		 (unsigned long long)(s->now % 1000000),
		 h ? h->una - h->isn : 0, h ? h->max - h->isn : 0,
		 h ? h->edge - h->isn : 0);
}

static bool same_end(const struct known *k, int i, const uint8_t *addr,
		     uint16_t port)
{
	return k->port[i] == port && !memcmp(k->addr[i], addr, 16);
}

/* The connection of @s, and which end has sent it; NULL: none is known. */
static struct known *find(struct oracle *o, const struct seg *s, int *from)
{
	/* The youngest first. */
	for (uint32_t i = 1; i <= o->conns; i++) {
		struct known *k = &o->conn[(o->slots - i) % ORACLE_CONNS];

		if (k->v6 != s->v6)
			continue;
		for (*from = 0; *from < 2; ++*from)
			if (same_end(k, *from, s->src, s->sport) &&
			    same_end(k, !*from, s->dst, s->dport))
				return k;
	}
	return NULL;
}

static void begin_half(struct oracle *o, struct half *h, uint32_t memory,
		       uint16_t lport, uint16_t pport)
{
	memset(h, 0, sizeof(*h));
	if (!o->xmits[memory]) {
		o->xmits[memory] = malloc(ORACLE_XMITS * sizeof(struct xmit));
		o->ranges[memory] =
			malloc(ORACLE_RANGES * sizeof(struct range));
		if (!o->xmits[memory] || !o->ranges[memory])
			abort();
	}
	h->xmit = o->xmits[memory];
	h->range = o->ranges[memory];
	h->min_rtt = UINT64_MAX;
	for (uint32_t i = 0; i < o->streams; i++) {
		const struct stream_known *k = &o->stream[i];

		if ((!k->lport || k->lport == lport) &&
		    (!k->pport || k->pport == pport))
			h->stream = k;
	}
}

/* A SYN that nobody has sent before. */
static struct known *begin(struct oracle *o, const struct seg *s,
			   struct known *again)
{
	struct known *k = again;

	if (!k) {
		/* The oldest is forgotten: nobody looks at it any more. */
		if (o->conns < ORACLE_CONNS)
			o->conns++;
		k = &o->conn[o->slots++ % ORACLE_CONNS];
	}
	o->connections++;
	k->v6 = s->v6;
	memcpy(k->addr[0], s->src, 16);
	memcpy(k->addr[1], s->dst, 16);
	k->port[0] = s->sport;
	k->port[1] = s->dport;
	for (uint32_t i = 0; i < 2; i++)
		begin_half(o, &k->half[i], 2 * (uint32_t)(k - o->conn) + i,
			   k->port[i], k->port[!i]);
	return k;
}

void oracle_trace(struct oracle *o, FILE *to)
{
	o->trace = to;
}

static void trace(const struct oracle *o, const char *what, const struct seg *s,
		  const struct half *h, const struct half *p)
{
	if (o->bad)
		return;
	fprintf(o->trace,
		"%12.6f %s %u>%u %c%c%c%c%c%c%c seq +%u:%u ack +%u win %u "
		"ts %u/%u",
		(double)s->now / 1e9, what, s->sport, s->dport,
		s->flags & F_SYN ? 'S' : '.', s->flags & F_FIN ? 'F' : '.',
		s->flags & F_RST ? 'R' : '.', s->flags & F_URG ? 'U' : '.',
		s->flags & F_ECE ? 'E' : '.', s->flags & F_CWR ? 'W' : '.',
		s->ecn ? (char)('0' + s->ecn) : '.', s->seq - h->isn,
		s->seq + seg_space(s) - h->isn, s->ack - p->isn, s->window,
		s->tsval, s->tsecr);
	for (uint32_t i = 0; i < s->sacks; i++)
		fprintf(o->trace, " +%u:%u", s->sack[i].start - p->isn,
			s->sack[i].end - p->isn);
	fprintf(o->trace, "\n");
}

void oracle_sent(struct oracle *o, const struct frame *f, uint64_t now_ns,
		 uint32_t mtu, bool wire)
{
	uint32_t bytes = f->header_bytes + f->payload - 14;
	enum oracle_rule bad;
	struct known *k;
	struct seg s;
	bool tcp;
	int from = 0;

	bad = oracle_read(o->arena, f, &s, &tcp);
	s.now = now_ns;
	if (!bad && tcp && !s.hops)
		bad = ORACLE_LENGTH;
	if (!bad && bytes > mtu && (wire || !f->gso_type))
		bad = ORACLE_MTU;
	if (!bad && wire && ++o->frames % SUM_EVERY == 0 &&
	    !oracle_sums(o->arena, f))
		bad = ORACLE_CHECKSUM;
	if (bad)
		oracle_complain(o, bad, &s, NULL, "%u bytes", bytes);
	if (bad || !tcp)
		return;
	o->segments++;
	k = find(o, &s, &from);
	if ((s.flags & (F_SYN | F_ACK | F_RST)) == F_SYN) {
		/* An end whose other one was never heard may begin anew. */
		if (!k || (k->half[from].syn && k->half[from].isn != s.seq &&
			   k->half[from].spoken)) {
			k = begin(o, &s, k);
			from = 0;
		}
	}
	if (k && o->trace)
		trace(o, "sent ", &s, &k->half[from], &k->half[!from]);
	if (k)
		oracle_send(o, &k->half[from], &k->half[!from], &s, mtu);
}

void oracle_heard(struct oracle *o, const struct frame *f, uint64_t now_ns,
		  bool damaged)
{
	struct known *k;
	struct seg s;
	bool tcp;
	int from;

	if (damaged && !oracle_sums(o->arena, f))
		return;
	if (oracle_read(o->arena, f, &s, &tcp) || !tcp)
		return;
	s.now = now_ns;
	k = find(o, &s, &from);
	if (k && o->trace)
		trace(o, "heard", &s, &k->half[from], &k->half[!from]);
	if (k)
		oracle_hear(o, &k->half[!from], &k->half[from], &s);
}
