/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One segment onto the wire: headers written in place, checksum left open,
 * payload by copy or by reference. A segment may be a super-segment of many
 * MSS: gso_type and gso_bytes tell whoever cannot take it whole where to cut.
 */
#include "stack/tcp.h"
#include "stack/csum.h"

#include <errno.h>

static inline bool is_v4(const struct frame *f)
{
	return f->l4_off == ETH_BYTES + IPV4_BYTES;
}

/*
 * Ethernet and IPv4 before a TCP header, as ipv4_write() and l4_csum_open()
 * have them: here the addresses are summed once for both checksums, and the
 * header leaves in whole words.
 */
static inline void write_ipv4(struct conn *c, struct frame *f, uint32_t l4)
{
	struct eth_header *e = (struct eth_header *)f->header;
	struct wire32 *w = (struct wire32 *)(f->header + ETH_BYTES);
	struct tcp_header *t =
		(struct tcp_header *)(f->header + ETH_BYTES + IPV4_BYTES);
	uint32_t src = c->local.w[3], dst = c->peer.w[3];
	uint64_t ends = (uint64_t)src + dst;
	uint32_t first = 0x45 | (uint32_t)c->tos << 8 |
			 (uint32_t)be16((uint16_t)(IPV4_BYTES + l4)) << 16;
	uint32_t id = be16(c->ip_id++) | (uint32_t)be16c(IPV4_DF) << 16;
	uint32_t ttl = c->ttl | (uint32_t)IP_TCP << 8;

	e->type = be16c(ETH_IPV4);
	w[0].v = first;
	w[1].v = id;
	w[2].v = ttl | (uint32_t)(uint16_t)~csum_fold(ends + first + id + ttl)
			       << 16;
	w[3].v = src;
	w[4].v = dst;
	t->csum = csum_fold(ends + be16c(IP_TCP) + be16((uint16_t)l4));
	f->flags |= FRAME_NEEDS_CSUM | FRAME_CSUM_OK;
}

static void write_ipv6(struct conn *c, struct frame *f, uint32_t l4)
{
	struct ip_out o = { .src = &c->local,
			    .dst = &c->peer,
			    .proto = IP_TCP,
			    .ttl = c->ttl,
			    .tos = c->tos,
			    .df = true };

	ipv6_write(f, &o, IP_TCP, l4);
	l4_csum_open(f, &o, 16, l4);
}

/* Sends a finished segment; consumes @ix. */
static inline int transmit(struct stack *st, struct conn *c, frame_ix ix)
{
	struct path p;
	int err;

	count(st, Tcp_OutSegs);
	count(st, Ip_OutRequests);
	c->segs_out++;
	if (likely(c->route_gen == path_gen(st) && !conn_is_paced(c))) {
		struct eth_header *e =
			(struct eth_header *)frame_at(st->arena, ix)->header;

		mac_copy(e->dst, c->mac);
		mac_copy(e->src, st->host->config.mac);
		frame_list_add(st->arena, &st->out, ix);
		return 0;
	}
	err = conn_path(st, c, &p);
	if (!err) {
		eth_send(st, c->mac, ix);
	} else if (err == 1) {
		path_send(st, &p, ix);
	} else {
		count(st, Ip_OutNoRoutes);
		frame_free(st->arena, ix);
		return err;
	}
	return 0;
}

/* An empty frame for @c; its TCP header begins at the returned l4_off. */
static inline frame_ix start(struct stack *st, const struct conn *c)
{
	frame_ix ix = frame_alloc(st->arena);
	struct frame *f;

	if (!ix)
		return 0;
	f = frame_at(st->arena, ix);
	f->l3_off = ETH_BYTES;
	f->l4_off = ip_is_v4(&c->peer) ? ETH_BYTES + IPV4_BYTES
				       : ETH_BYTES + IPV6_BYTES;
	f->tx_vif = c->vif;
	f->pace = c->self;
	return ix;
}

static inline void write_tcp(struct conn *c, struct frame *f, uint32_t seq,
			     uint32_t ack, uint8_t flags, uint16_t window,
			     uint32_t options)
{
	struct tcp_header *t = (struct tcp_header *)(f->header + f->l4_off);
	uint32_t bytes = TCP_BYTES + options;

	t->sport = be16(c->lport);
	t->dport = be16(c->pport);
	t->seq = be32(seq);
	t->ack = be32(ack);
	t->off = (uint8_t)(bytes << 2);
	t->flags = flags;
	t->window = be16(window);
	t->urgent = 0;
	if (unlikely((c->flags & CONN_URG_SEND) && !(flags & TCP_SYN) &&
		     seq_gt(c->snd_up, seq))) {
		t->flags |= TCP_URG;
		t->urgent = be16((uint16_t)min_u32(c->snd_up - seq, 65535));
	}
	f->header_bytes = (uint8_t)(f->l4_off + bytes);
	if (likely(is_v4(f)))
		write_ipv4(c, f, bytes + f->payload);
	else
		write_ipv6(c, f, bytes + f->payload);
}

/* Timestamps as nearly every segment has them, in words; tcp_options() has the
 * rest. */
static inline uint32_t write_options(const struct stack *st, struct conn *c,
				     struct frame *f)
{
	uint8_t *p = f->header + f->l4_off + TCP_BYTES;

	if (unlikely((c->flags & (CONN_TS | CONN_DSACK)) != CONN_TS ||
		     c->sacks))
		return tcp_options(st, c, p);
	put32(p, 0x0101080a);
	put32(p + 4, tcp_ms(st) + c->ts_offset);
	put32(p + 8, c->ts_recent);
	return 12;
}

static uint8_t *options_of(struct frame *f)
{
	return f->header + f->l4_off + TCP_BYTES;
}

/* What every segment with ACK tells need not be told again. */
static void ack_told(struct conn *c)
{
	c->flags &= ~(CONN_ACK_NOW | CONN_ACK_DUE);
	c->delack_at = 0;
	c->pushed = false;
	c->rcv_wup = c->rcv_nxt;
	if (c->quick)
		c->quick--;
}

/* ACK, and ECE while a mark is unanswered. */
static uint8_t ack_flags(const struct conn *c)
{
	static_assert(ECN_DEMAND == TCP_ECE, "one bit is the other");
	return (uint8_t)(TCP_ACK | (c->watch & ECN_DEMAND));
}

uint32_t tcp_syn_window(const struct conn *c)
{
	uint32_t mss = tcp_advertised_mss(c);
	uint32_t window = c->rcvbuf;

	/* Whole segments, as far as they can be told: as Linux does. */
	if (window > mss)
		window -= window % mss;
	return min_u32(window, 65535);
}

int tcp_send_syn(struct stack *st, struct conn *c)
{
	/* A Fast Open child may be beyond SYN-RECEIVED, and is beyond its SYN.
	 */
	bool child = c->fastopen & FO_CHILD;
	bool answer = c->state == CONN_SYN_RECEIVED || child;
	frame_ix ix = start(st, c);
	uint32_t window, options;
	struct frame *f;
	uint8_t flags;

	if (!ix)
		return -ENOBUFS;
	f = frame_at(st->arena, ix);
	options = tcp_options_syn(st, c, options_of(f), answer);
	window = tcp_syn_window(c);
	if (child)
		window = min_u32(c->rcv_adv - c->rcv_nxt, 65535);
	else
		c->rcv_adv = c->rcv_nxt + window;
	c->rcv_most = max_u32(window + 2u * tcp_advertised_mss(c), c->rcv_most);
	if (answer)
		ack_told(c);
	flags = tcp_ecn_syn_flags(st, c, answer);
	flags |= answer ? TCP_SYN | TCP_ACK : TCP_SYN;
	if ((c->fastopen & (FO_WANT | FO_PLAIN)) == FO_WANT && !answer) {
		/* Its data stays queued as if it were not sent. */
		c->syn_bytes = (uint16_t)min_u32(c->syn_bytes, c->snd_queued);
		if (c->syn_bytes)
			c->syn_bytes = (uint16_t)tcp_sendq_attach(
				st, c, c->snd_nxt, c->syn_bytes, ix);
	}
	write_tcp(c, f, c->snd_una - child, answer ? c->rcv_nxt : 0, flags,
		  (uint16_t)window, options);
	c->last_send_ns = st->now_ns;
	return transmit(st, c, ix);
}

/*
 * What a segment with @options takes: c->mss has room for timestamps only, SACK
 * blocks come out of the payload (RFC 6691).
 */
static uint32_t segment_max(const struct conn *c, uint32_t options)
{
	uint32_t usual = c->flags & CONN_TS ? 12 : 0;

	if (likely(options <= usual))
		return c->mss;
	return c->mss > options - usual ? c->mss - (options - usual) : 1;
}

int tcp_send_data(struct stack *st, struct conn *c, uint32_t seq,
		  uint32_t bytes, bool fin)
{
	frame_ix ix = start(st, c);
	uint8_t flags = ack_flags(c);
	uint32_t options, got, want = bytes, mss;
	struct frame *f;
	int err;

	if (unlikely(!ix))
		return -ENOBUFS;
	f = frame_at(st->arena, ix);
	options = write_options(st, c, f);
	mss = segment_max(c, options);
	/* Whole segments, now that they are shorter. */
	if (unlikely(mss < c->mss) && bytes > mss)
		want -= bytes % mss;
	got = tcp_sendq_attach(st, c, seq, want, ix);
	if (unlikely(got < bytes))
		fin = false;
	if (got > mss) {
		f->gso_type = is_v4(f) ? FRAME_GSO_TCPV4 : FRAME_GSO_TCPV6;
		f->gso_bytes = (uint16_t)mss;
	}
	/* Linux tells the reader at the end of each super-segment, too. */
	if (got && (seq + got == c->snd_push || got < bytes ||
		    (got > c->mss && seq == c->snd_nxt)))
		flags |= TCP_PSH;
	if (fin)
		flags |= TCP_FIN;
	if (unlikely(c->watch)) {
		flags |= tcp_ecn_output(c, seq, got);
		if (got && (c->watch & STAMP_WAIT))
			st->ops->sending(st, c->self, ix, seq + got);
	}
	write_tcp(c, f, seq, c->rcv_nxt, flags, tcp_window(c), options);
	c->tos &= (uint8_t)~ECN_MASK;
	ack_told(c);
	err = transmit(st, c, ix);
	if (unlikely(err))
		return err;
	/* An answer so soon after a question: acks will ride on answers. */
	if (st->now_ns - c->last_recv_ns < TCP_DELACK_NS &&
	    (c->bytes_received || (c->fastopen & FO_WRITER)))
		c->flags |= CONN_PINGPONG;
	c->last_send_ns = st->now_ns;
	return (int)got;
}

void tcp_send_ack(struct stack *st, struct conn *c)
{
	frame_ix ix = start(st, c);
	struct frame *f;
	uint32_t options;

	if (unlikely(!ix)) {
		/* Once more a little later. */
		c->flags |= CONN_ACK_DUE;
		c->delack_at = st->now_ns + TCP_DELACK_NS;
		timer_arm(st, c, c->delack_at);
		return;
	}
	f = frame_at(st->arena, ix);
	options = write_options(st, c, f);
	write_tcp(c, f, c->snd_nxt, c->rcv_nxt, ack_flags(c), tcp_window(c),
		  options);
	ack_told(c);
	transmit(st, c, ix);
}

void tcp_send_probe(struct stack *st, struct conn *c)
{
	frame_ix ix = start(st, c);
	struct frame *f;
	uint32_t options;

	if (!ix)
		return;
	f = frame_at(st->arena, ix);
	options = write_options(st, c, f);
	write_tcp(c, f, c->snd_una - 1, c->rcv_nxt, ack_flags(c), tcp_window(c),
		  options);
	ack_told(c);
	transmit(st, c, ix);
}

void tcp_send_reset(struct stack *st, struct conn *c)
{
	frame_ix ix = start(st, c);
	uint32_t options;
	struct frame *f;

	if (!ix)
		return;
	count(st, Tcp_OutRsts);
	f = frame_at(st->arena, ix);
	c->flags &= ~CONN_DSACK;
	c->sacks = 0;
	options = write_options(st, c, f);
	write_tcp(c, f, c->snd_nxt, c->rcv_nxt, TCP_RST | TCP_ACK, 0, options);
	transmit(st, c, ix);
}

void tcp_reply_reset(struct stack *st, const struct packet *p,
		     const struct tcp_in *in)
{
	const struct tcp_header *t =
		(const struct tcp_header *)(p->f->header + p->f->l4_off);
	struct ip_out o = { .src = &p->dst,
			    .dst = &p->src,
			    .proto = IP_TCP,
			    .ttl = 64,
			    .df = true };
	struct tcp_header *r;
	struct frame *f;
	frame_ix ix;

	if ((in->flags & TCP_RST) || !p->unicast)
		return;
	ix = l4_frame(st, p->v4, TCP_BYTES);
	if (!ix)
		return;
	count(st, Tcp_OutRsts);
	count(st, Tcp_OutSegs);
	f = frame_at(st->arena, ix);
	r = (struct tcp_header *)(f->header + f->l4_off);
	memset(r, 0, sizeof(*r));
	r->sport = t->dport;
	r->dport = t->sport;
	r->off = TCP_BYTES << 2;
	r->flags = TCP_RST;
	if (in->flags & TCP_ACK) {
		r->seq = be32(in->ack);
	} else {
		r->flags |= TCP_ACK;
		r->ack = be32(in->seq + in->bytes + !!(in->flags & TCP_SYN) +
			      !!(in->flags & TCP_FIN));
	}
	l4_csum_open(f, &o, 16, TCP_BYTES);
	ip_output(st, ix, &o);
}

#define CHALLENGES_PER_SECOND 1000

void tcp_challenge(struct stack *st, struct conn *c)
{
	struct stack_host *h = st->host;

	host_limits_begin(st);
	if (h->challenge_acks >= CHALLENGES_PER_SECOND) {
		count(st, TcpExt_TCPACKSkippedChallenge);
		return;
	}
	h->challenge_acks++;
	count(st, TcpExt_TCPChallengeACK);
	tcp_send_ack(st, c);
}
