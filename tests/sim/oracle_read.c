/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A frame as bytes: lengths, fragments, checksums, TCP's options. All of it
 * written anew, so that a mistake of the stack's parser is not made twice.
 */
#include "tests/sim/oracle_internal.h"

#include <string.h>

#define ETHERNET 14

static uint32_t two(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t four(const uint8_t *p)
{
	return two(p) << 16 | two(p + 2);
}

static enum oracle_rule read_options(const uint8_t *p, uint32_t n,
				     struct seg *s)
{
	while (n) {
		uint32_t len;

		if (*p == 0)
			break;
		if (*p == 1) {
			p++;
			n--;
			continue;
		}
		if (n < 2 || p[1] < 2 || p[1] > n)
			return ORACLE_OPTIONS;
		len = p[1];
		if (*p == 2 && len == 4) {
			s->mss = (uint16_t)two(p + 2);
		} else if (*p == 3 && len == 3) {
			s->has_wscale = true;
			s->wscale = p[2];
		} else if (*p == 4 && len == 2) {
			s->sackok = true;
		} else if (*p == 5 && len >= 10 && len <= 34 &&
			   (len - 2) % 8 == 0) {
			s->sacks = (len - 2) / 8;
			for (uint32_t i = 0; i < s->sacks; i++) {
				s->sack[i].start = four(p + 2 + 8 * i);
				s->sack[i].end = four(p + 6 + 8 * i);
			}
		} else if (*p == 8 && len == 10) {
			s->has_ts = true;
			s->tsval = four(p + 2);
			s->tsecr = four(p + 6);
		} else if (*p >= 2 && *p <= 8) {
			return ORACLE_OPTIONS;
		}
		p += len;
		n -= len;
	}
	return ORACLE_NONE;
}

static enum oracle_rule read_tcp(const struct frame *f, uint32_t at,
				 uint32_t l4, struct seg *s)
{
	const uint8_t *t = f->header + at;

	if (l4 < 20 || at + 20 > f->header_bytes)
		return ORACLE_LENGTH;
	s->header = (t[12] >> 4) * 4u;
	if (s->header < 20 || s->header > l4 ||
	    at + s->header != f->header_bytes)
		return ORACLE_LENGTH;
	s->sport = (uint16_t)two(t);
	s->dport = (uint16_t)two(t + 2);
	s->seq = four(t + 4);
	s->ack = four(t + 8);
	s->flags = t[13];
	s->window = two(t + 14);
	s->urgent = (uint16_t)two(t + 18);
	s->bytes = l4 - s->header;
	s->piece = f->gso_type && f->gso_bytes && f->gso_bytes < s->bytes
			   ? f->gso_bytes
			   : s->bytes;
	return read_options(t + 20, s->header - 20, s);
}

/* Where the payload of IP lies, and which protocol it is; NONE, or a rule. */
static enum oracle_rule read_ip(const struct frame *f, struct seg *s,
				uint32_t *at, uint8_t *proto, bool *whole)
{
	const uint8_t *ip = f->header + ETHERNET;
	uint32_t bytes = f->header_bytes + f->payload - ETHERNET, frag;

	*whole = true;
	if (!s->v6) {
		uint32_t ihl = (ip[0] & 15u) * 4;

		if (bytes < 20 || ip[0] >> 4 != 4 || ihl < 20 ||
		    two(ip + 2) != bytes)
			return ORACLE_LENGTH;
		frag = two(ip + 6);
		s->ecn = ip[1] & 3;
		s->hops = ip[8];
		memcpy(s->src + 12, ip + 12, 4);
		memcpy(s->dst + 12, ip + 16, 4);
		*at = ETHERNET + ihl;
		*proto = ip[9];
		if (frag & 0x3fff) {
			*whole = false;
			if ((frag & 0x4000) ||
			    (frag & 0x1fff) * 8 + bytes - ihl > 65535 - 20 ||
			    ((frag & 0x2000) && (bytes - ihl) % 8))
				return ORACLE_FRAGMENT;
		}
		return ORACLE_NONE;
	}
	if (bytes < 40 || ip[0] >> 4 != 6 || two(ip + 4) + 40 != bytes)
		return ORACLE_LENGTH;
	s->ecn = ip[1] >> 4 & 3;
	s->hops = ip[7];
	memcpy(s->src, ip + 8, 16);
	memcpy(s->dst, ip + 24, 16);
	*at = ETHERNET + 40;
	*proto = ip[6];
	if (ip[6] == 44) {
		*whole = false;
		if (bytes < 48)
			return ORACLE_LENGTH;
		frag = two(ip + 42);
		if ((frag & 0xfff8) + bytes - 48 > 65535 ||
		    ((frag & 1) && (bytes - 48) % 8))
			return ORACLE_FRAGMENT;
	} else if (ip[6] == 0) {
		*whole = false; /* MLD's router alert */
	}
	return ORACLE_NONE;
}

enum oracle_rule oracle_read(const struct arena *a, const struct frame *f,
			     struct seg *s, bool *tcp)
{
	uint32_t type, at;
	enum oracle_rule bad;
	uint8_t proto;
	bool whole;

	(void)a;
	memset(s, 0, sizeof(*s));
	*tcp = false;
	s->f = f;
	if (f->header_bytes < ETHERNET)
		return ORACLE_LENGTH;
	type = two(f->header + 12);
	s->v6 = type == 0x86dd;
	if (type != 0x0800 && type != 0x86dd)
		return ORACLE_NONE;
	bad = read_ip(f, s, &at, &proto, &whole);
	if (bad || !whole || proto != 6)
		return bad;
	*tcp = true;
	return read_tcp(f, at, f->header_bytes + f->payload - at, s);
}

/* --- checksums ----------------------------------------------------------- */

static uint32_t sum(uint32_t n, const uint8_t *p, uint32_t bytes)
{
	uint32_t i;

	for (i = 0; i + 1 < bytes; i += 2)
		n += two(p + i);
	if (i < bytes)
		n += (uint32_t)p[i] << 8;
	while (n >> 16)
		n = (n & 0xffff) + (n >> 16);
	return n;
}

/* The whole frame in one piece; only for a sample of them. */
bool oracle_sums(const struct arena *a, const struct frame *f)
{
	static uint8_t raw[FRAME_HEADER_ROOM + 65536];
	uint32_t bytes = f->header_bytes + f->payload - ETHERNET, l4, n;
	const uint8_t *ip = raw;
	uint8_t proto;

	memcpy(raw, f->header + ETHERNET, f->header_bytes - ETHERNET);
	frame_copy_out(a, f, 0, raw + f->header_bytes - ETHERNET, f->payload);
	if (two(f->header + 12) == 0x0800) {
		l4 = (ip[0] & 15u) * 4;
		if (l4 < 20 || l4 > bytes || two(ip + 2) != bytes ||
		    sum(0, ip, l4) != 0xffff)
			return false;
		if (two(ip + 6) & 0x3fff)
			return true;
		proto = ip[9];
		n = sum(0, ip + 12, 8);
	} else if (two(f->header + 12) == 0x86dd) {
		l4 = 40;
		proto = ip[6];
		if (two(ip + 4) + 40 != bytes)
			return false;
		n = sum(0, ip + 8, 32);
	} else {
		return true;
	}
	if (proto != 6 && proto != 17)
		return true;
	if (bytes - l4 < 8)
		return false;
	n += proto + (bytes - l4);
	/* IPv4 allows UDP to have none. */
	if (proto == 17 && !two(ip + l4 + 6))
		return l4 != 40;
	return sum(n, ip + l4, bytes - l4) == 0xffff;
}
