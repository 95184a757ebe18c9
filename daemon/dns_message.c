/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See dns_message.h. Reading walks a cursor that knows the end: every take
 * either is within the message or fails for good, so checks may come late.
 */
#include "daemon/dns_message.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define HEADER_BYTES 12
#define LABEL_MAX    63
#define TTL_S                                                           \
	5 /* names move with 'vif rm': nobody should remember them long \
	   */

/* The third and fourth byte of a header. */
#define FLAG_QR	    0x80
#define FLAG_OPCODE 0x78
#define FLAG_AA	    0x04
#define FLAG_TC	    0x02
#define FLAG_RD	    0x01
#define FLAG_RA	    0x80

struct cursor {
	const uint8_t *msg;
	size_t bytes;
	size_t at;
	bool bad;
};

static uint16_t take16(struct cursor *c)
{
	uint16_t v;

	if (c->bad || c->bytes - c->at < 2) {
		c->bad = true;
		return 0;
	}
	v = (uint16_t)(c->msg[c->at] << 8 | c->msg[c->at + 1]);
	c->at += 2;
	return v;
}

static void skip(struct cursor *c, size_t n)
{
	if (c->bad || c->bytes - c->at < n)
		c->bad = true;
	else
		c->at += n;
}

/* Length of the next label; 0: the end of the name, or a pointer was refused.
 */
static uint8_t take_label(struct cursor *c, const uint8_t **label)
{
	uint8_t n;

	if (c->bad || c->at >= c->bytes) {
		c->bad = true;
		return 0;
	}
	n = c->msg[c->at++];
	if (n > LABEL_MAX) {
		c->bad = true;
		return 0;
	}
	*label = c->msg + c->at;
	skip(c, n);
	return c->bad ? 0 : n;
}

/* A name of labels only: nothing comes before a question that it could point
 * to. */
static void take_name(struct cursor *c, char name[DNS_NAME_MAX])
{
	const uint8_t *label;
	size_t at = 0;
	uint8_t n;

	while ((n = take_label(c, &label))) {
		/* 255 bytes on the wire are 253 of text. */
		if (at + n + 2 > DNS_NAME_MAX - 2) {
			c->bad = true;
			break;
		}
		if (at)
			name[at++] = '.';
		for (uint8_t i = 0; i < n; i++)
			name[at++] = isalnum(label[i]) || label[i] == '-' ||
						     label[i] == '_'
					     ? (char)tolower(label[i])
					     : '?';
	}
	name[at] = 0;
}

/* Skips the name of a record, which may end in a pointer. */
static void skip_name(struct cursor *c)
{
	const uint8_t *label;

	while (!c->bad && c->at < c->bytes) {
		if (c->msg[c->at] >= 0xc0) {
			skip(c, 2);
			return;
		}
		if (!take_label(c, &label))
			return;
	}
	c->bad = true;
}

/* Looks for the OPT record behind the question. Other records are of no
 * interest. */
static void find_opt(struct cursor *c, uint32_t records, struct dns_query *q)
{
	while (records-- && !c->bad) {
		uint16_t type, class;

		skip_name(c);
		type = take16(c);
		class = take16(c);
		skip(c, 4);
		skip(c, take16(c));
		if (c->bad || type != DNS_OPT)
			continue;
		q->edns = true;
		if (class > DNS_UDP_MIN)
			q->udp_bytes =
				class < DNS_UDP_MAX ? class : DNS_UDP_MAX;
	}
}

int dns_read_query(const uint8_t *msg, size_t bytes, struct dns_query *q)
{
	struct cursor c = { msg, bytes, 4, false };
	uint16_t questions;
	uint32_t records;

	*q = (struct dns_query){ .udp_bytes = DNS_UDP_MIN,
				 .question_end = HEADER_BYTES };
	if (bytes < HEADER_BYTES || msg[2] & FLAG_QR)
		return -EBADMSG;
	q->id = (uint16_t)(msg[0] << 8 | msg[1]);
	q->recursion = msg[2] & FLAG_RD;
	if (msg[2] & FLAG_OPCODE)
		return DNS_NOTIMP;
	questions = take16(&c);
	records = take16(&c);
	records += take16(&c);
	records += take16(&c);
	if (questions != 1)
		return DNS_FORMERR;
	take_name(&c, q->name);
	q->type = take16(&c);
	q->class = take16(&c);
	if (c.bad)
		return DNS_FORMERR;
	q->question_end = (uint16_t)c.at;
	find_opt(&c, records, q);
	return c.bad ? DNS_FORMERR : 0;
}

static void put(struct dns_writer *w, const void *src, size_t n)
{
	memcpy(w->msg + w->bytes, src, n);
	w->bytes += n;
}

static void put16(struct dns_writer *w, uint32_t v)
{
	w->msg[w->bytes++] = (uint8_t)(v >> 8);
	w->msg[w->bytes++] = (uint8_t)v;
}

static void put32(struct dns_writer *w, uint32_t v)
{
	put16(w, v >> 16);
	put16(w, v & 0xffff);
}

/* Writes a name of ours: labels are at most 63 bytes, the whole at most 255. */
static void put_name(struct dns_writer *w, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		w->msg[w->bytes++] = (uint8_t)n;
		put(w, name, n);
		name += n + (name[n] == '.');
	}
	w->msg[w->bytes++] = 0;
}

/* Counts one more record in the section whose count is at @at of the header. */
static void count(struct dns_writer *w, size_t at)
{
	w->msg[at + 1]++;
}

/* A record that belongs to the name asked for, which the question holds. */
static void put_record(struct dns_writer *w, uint16_t type, uint16_t bytes)
{
	put16(w, 0xc000 | HEADER_BYTES);
	put16(w, type);
	put16(w, DNS_IN);
	put32(w, TTL_S);
	put16(w, bytes);
	count(w, 6);
}

void dns_write_begin(struct dns_writer *w, uint8_t msg[DNS_UDP_MIN],
		     const uint8_t *query, const struct dns_query *q,
		     enum dns_rcode rcode, bool authoritative)
{
	*w = (struct dns_writer){ msg, 0 };
	memset(msg, 0, HEADER_BYTES);
	dns_put_id(msg, q->id);
	msg[2] = (uint8_t)(FLAG_QR | (query[2] & FLAG_OPCODE) |
			   (authoritative ? FLAG_AA : 0) |
			   (q->recursion ? FLAG_RD : 0));
	msg[3] = (uint8_t)(FLAG_RA | rcode);
	msg[5] = q->question_end > HEADER_BYTES;
	w->bytes = HEADER_BYTES;
	put(w, query + HEADER_BYTES, q->question_end - (size_t)HEADER_BYTES);
}

void dns_write_address(struct dns_writer *w, const struct ip_addr *addr)
{
	bool v4 = ip_is_v4(addr);

	put_record(w, v4 ? DNS_A : DNS_AAAA, v4 ? 4 : 16);
	put(w, v4 ? addr->b + 12 : addr->b, v4 ? 4 : 16);
}

void dns_write_ptr(struct dns_writer *w, const char *name)
{
	size_t n = strlen(name);

	/* A name of n bytes of text has n + 2 bytes on the wire. */
	put_record(w, DNS_PTR, (uint16_t)(n + 2));
	put_name(w, name);
}

void dns_write_soa(struct dns_writer *w)
{
	static const uint32_t times[] = { 1, 3600, 600, 86400, TTL_S };
	size_t at;

	put_name(w, "toami");
	put16(w, DNS_SOA);
	put16(w, DNS_IN);
	put32(w, TTL_S);
	at = w->bytes;
	put16(w, 0);
	put_name(w, "gateway.toami");
	put_name(w, "root.toami");
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		put32(w, times[i]);
	w->msg[at + 1] = (uint8_t)(w->bytes - at - 2);
	count(w, 8);
}

size_t dns_write_end(struct dns_writer *w, const struct dns_query *q)
{
	if (q->edns) {
		w->msg[w->bytes++] = 0;
		put16(w, DNS_OPT);
		put16(w, DNS_UDP_MAX);
		put32(w, 0);
		put16(w, 0);
		count(w, 10);
	}
	return w->bytes;
}

size_t dns_truncate(uint8_t *msg, size_t bytes, size_t most)
{
	struct cursor c = { msg, bytes, HEADER_BYTES, false };

	if (bytes <= most || bytes < HEADER_BYTES)
		return bytes;
	msg[2] |= FLAG_TC;
	if (msg[4] || msg[5] != 1) {
		c.at = HEADER_BYTES;
		msg[4] = msg[5] = 0;
	} else {
		skip_name(&c);
		skip(&c, 4);
		if (c.bad || c.at > most) {
			c.at = HEADER_BYTES;
			msg[5] = 0;
		}
	}
	memset(msg + 6, 0, 6);
	return c.at;
}
