/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP options: RFC 9293 section 3.2, RFC 7323, RFC 2018. Written in Linux's
 * order, `mss,sackOK,ts,nop,wscale` on a SYN, `nop,nop,ts,nop,nop,sack` later,
 * because peers and tests have come to expect it.
 */
#include "stack/tcp.h"

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACKOK = 4,
	OPT_SACK = 5,
	OPT_TS = 8,
	OPT_FASTOPEN = TCP_OPT_FASTOPEN,
	OPT_EXP = TCP_OPT_EXP,
};

static void parse_sack(const uint8_t *p, uint32_t n, struct tcp_in *in)
{
	if (n < 10 || n > 34 || (n - 2) % 8)
		return;
	in->sacks = (uint8_t)((n - 2) / 8);
	for (uint32_t i = 0; i < in->sacks; i++) {
		in->sack[i].start = get32(p + 2 + 8 * i);
		in->sack[i].end = get32(p + 6 + 8 * i);
	}
}

/* Returns false for options that run over their end. */
bool tcp_options_parse(const uint8_t *opt, uint32_t bytes, struct tcp_in *in)
{
	uint32_t i = 0;

	while (i < bytes) {
		const uint8_t *p = opt + i;
		uint32_t n;

		if (p[0] == OPT_END)
			return true;
		if (p[0] == OPT_NOP) {
			i++;
			continue;
		}
		if (i + 1 >= bytes)
			return false;
		n = p[1];
		if (n < 2 || i + n > bytes)
			return false;
		switch (p[0]) {
		case OPT_MSS:
			if (n == 4)
				in->mss = get16(p + 2);
			break;
		case OPT_WSCALE:
			if (n == 3) {
				in->has_wscale = true;
				in->wscale = p[2] > 14 ? 14 : p[2];
			}
			break;
		case OPT_SACKOK:
			if (n == 2)
				in->has_sackok = true;
			break;
		case OPT_TS:
			if (n == 10) {
				in->has_ts = true;
				in->tsval = get32(p + 2);
				in->tsecr = get32(p + 6);
			}
			break;
		case OPT_SACK:
			parse_sack(p, n, in);
			break;
		case OPT_EXP:
			if (n < 4 || get16(p + 2) != TCP_EXP_FASTOPEN)
				break;
			__attribute__((fallthrough));
		case OPT_FASTOPEN:
			tcp_fastopen_parse(p, n, in);
			break;
		default:
			break;
		}
		i += n;
	}
	return true;
}

uint32_t tcp_advertised_mss(const struct conn *c)
{
	uint32_t ip = ip_is_v4(&c->peer) ? IPV4_BYTES : IPV6_BYTES;
	uint32_t mss = c->mtu - ip - TCP_BYTES;

	return c->maxseg && c->maxseg < mss ? c->maxseg : mss;
}

void tcp_mss_update(struct conn *c)
{
	uint32_t mss = tcp_advertised_mss(c);

	if (unlikely(c->mtu_low))
		mss = min_u32(mss, tcp_mtu_payload(c));
	mss = min_u32(mss, c->mss_peer);
	mss = max_u32(mss, TCP_MSS_MIN);
	if (c->flags & CONN_TS)
		mss -= 12;
	c->mss = (uint16_t)mss;
}

/* @answer: a SYN-ACK, which offers only what was offered. */
uint32_t tcp_options_syn(const struct stack *st, const struct conn *c,
			 uint8_t *opt, bool answer)
{
	const struct stack_tuning *t = &st->host->tuning;
	bool ts = answer ? c->flags & CONN_TS : t->timestamps;
	bool sack = answer ? c->flags & CONN_SACK : t->sack;
	bool wscale = answer ? c->flags & CONN_WSCALE : t->window_scaling;
	uint8_t *p = opt;

	p[0] = OPT_MSS;
	p[1] = 4;
	put16(p + 2, (uint16_t)tcp_advertised_mss(c));
	p += 4;
	if (ts) {
		p[0] = sack ? OPT_SACKOK : OPT_NOP;
		p[1] = sack ? 2 : OPT_NOP;
		p[2] = OPT_TS;
		p[3] = 10;
		put32(p + 4, tcp_ms(st) + c->ts_offset);
		put32(p + 8, c->ts_recent);
		p += 12;
	} else if (sack) {
		p[0] = OPT_NOP;
		p[1] = OPT_NOP;
		p[2] = OPT_SACKOK;
		p[3] = 2;
		p += 4;
	}
	if (wscale) {
		p[0] = OPT_NOP;
		p[1] = OPT_WSCALE;
		p[2] = 3;
		p[3] = c->rcv_wscale;
		p += 4;
	}
	if (c->fastopen)
		p += tcp_fastopen_option(st, c, p, (uint32_t)(p - opt), answer);
	return (uint32_t)(p - opt);
}

/* Timestamps and what has arrived out of order; at most 40 bytes. */
uint32_t tcp_options(const struct stack *st, struct conn *c, uint8_t *opt)
{
	uint8_t *p = opt;
	uint32_t n, room;

	if (likely(c->flags & CONN_TS)) {
		put32(p, 0x0101080a);
		put32(p + 4, tcp_ms(st) + c->ts_offset);
		put32(p + 8, c->ts_recent);
		p += 12;
	}
	if (likely(!c->sacks && !(c->flags & CONN_DSACK)))
		return (uint32_t)(p - opt);
	if (!(c->flags & CONN_SACK))
		return (uint32_t)(p - opt);
	room = c->flags & CONN_TS ? 3 : 4;
	p[0] = OPT_NOP;
	p[1] = OPT_NOP;
	p[2] = OPT_SACK;
	n = 0;
	if (c->flags & CONN_DSACK) {
		put32(p + 4, c->dsack.start);
		put32(p + 8, c->dsack.end);
		c->flags &= ~CONN_DSACK;
		n++;
	}
	for (uint32_t i = 0; i < c->sacks && n < room; i++, n++) {
		put32(p + 4 + 8 * n, c->sack[i].start);
		put32(p + 8 + 8 * n, c->sack[i].end);
	}
	p[3] = (uint8_t)(2 + 8 * n);
	p += 4 + 8 * n;
	return (uint32_t)(p - opt);
}

/* The peer's SYN tells what both may use. */
void tcp_options_agree(struct stack *st, struct conn *c,
		       const struct tcp_in *in)
{
	c->mss_peer = in->mss ? in->mss : TCP_MSS_DEFAULT;
	c->flags &= ~(CONN_TS | CONN_SACK | CONN_WSCALE);
	if (in->has_ts && st->host->tuning.timestamps) {
		c->flags |= CONN_TS;
		c->ts_recent = in->tsval;
		c->ts_recent_ms = tcp_ms(st);
	}
	if (in->has_sackok && st->host->tuning.sack)
		c->flags |= CONN_SACK;
	if (in->has_wscale && st->host->tuning.window_scaling) {
		c->flags |= CONN_WSCALE;
		c->snd_wscale = in->wscale;
	} else {
		c->snd_wscale = 0;
		c->rcv_wscale = 0;
	}
	tcp_mss_update(c);
	tcp_cc_init(c);
}
