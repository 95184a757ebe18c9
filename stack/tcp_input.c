/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A segment arrives: RFC 9293 section 3.10.7, with the checks of RFC 5961 and
 * RFC 7323.
 *
 * Header prediction first (Van Jacobson): an established connection, nothing
 * but ACK and perhaps PSH, the byte that is expected, an acknowledgement within
 * the flight. That is nearly every segment of a healthy connection; the rest
 * takes the long way.
 */
#include "stack/tcp.h"
#include "stack/undo.h"
#include "stack/shape.h"

#include <errno.h>

#define PAWS_MS	   (24u * 24 * 3600 * 1000) /* 24 days: RFC 7323, 5.5 */
#define TS_ALIGNED 0x0101080a

/* Reads the header, which lies in header[] as a whole afterwards. */
static bool read_header(struct stack *st, struct packet *p, struct tcp_in *in)
{
	struct frame *f = p->f;
	const struct tcp_header *t;
	const uint8_t *opt;
	uint32_t bytes;

	if (unlikely(p->l4_bytes < TCP_BYTES))
		return false;
	if (unlikely(f->header_bytes < f->l4_off + TCP_BYTES) &&
	    frame_header_set(st->arena, p->ix, f->l4_off + TCP_BYTES))
		return false;
	t = (const struct tcp_header *)(f->header + f->l4_off);
	bytes = (t->off >> 4) * 4u;
	if (unlikely(bytes < TCP_BYTES || bytes > p->l4_bytes))
		return false;
	if (unlikely(f->header_bytes != f->l4_off + bytes) &&
	    frame_header_set(st->arena, p->ix, f->l4_off + bytes))
		return false;
	if (!(f->flags & FRAME_CSUM_OK) && !l4_csum_ok(st, p)) {
		count(st, Tcp_InCsumErrors);
		return false;
	}
	in->seq = be32(t->seq);
	in->ack = be32(t->ack);
	in->bytes = p->l4_bytes - bytes;
	in->window = be16(t->window);
	in->urgent = be16(t->urgent);
	in->flags = t->flags;
	in->has_ts = false;
	in->has_sackok = false;
	in->has_wscale = false;
	in->has_fastopen = false;
	in->fastopen_exp = false;
	in->cookie_bytes = 0;
	in->sacks = 0;
	in->mss = 0;
	if (bytes == TCP_BYTES)
		return true;
	opt = f->header + f->l4_off + TCP_BYTES;
	if (likely(bytes == TCP_BYTES + 12 && get32(opt) == TS_ALIGNED)) {
		in->has_ts = true;
		in->tsval = get32(opt + 4);
		in->tsecr = get32(opt + 8);
		return true;
	}
	return tcp_options_parse(opt, bytes - TCP_BYTES, in);
}

static inline void ts_set(struct stack *st, struct conn *c, uint32_t tsval)
{
	c->ts_recent = tsval;
	c->ts_recent_ms = tcp_ms(st);
}

static void ts_update(struct stack *st, struct conn *c, const struct tcp_in *in)
{
	/* RFC 7323, 4.3: what the last ack covered, and not older. */
	if (in->has_ts && (c->flags & CONN_TS) && seq_le(in->seq, c->rcv_wup) &&
	    seq_gt(in->tsval, c->ts_recent))
		ts_set(st, c, in->tsval);
}

/* Acks and sends whatever the segment made possible. */
static void respond(struct stack *st, struct conn *c)
{
	if (c->snd_end != c->snd_nxt || (c->flags & CONN_FIN_QUEUED))
		tcp_output(st, c, false);
	if (c->flags & CONN_ACK_NOW)
		tcp_send_ack(st, c);
}

/* ECN's marks, and a loss probe's answer. */
static void watch(struct stack *st, struct conn *c, const struct packet *p,
		  const struct tcp_in *in)
{
	if (c->watch & TLP_OUT)
		tcp_probe_input(st, c, in);
	tcp_ecn_input(st, c, in, p->tos);
	if ((c->watch & STAMP_WAIT) && seq_gt(in->ack, c->snd_una) &&
	    seq_le(in->ack, c->snd_nxt))
		st->ops->acked(st, c->self, in->ack);
}

static inline bool in_place(const struct conn *c, const struct tcp_in *in)
{
	return in->seq == c->rcv_nxt && !c->ooo_first &&
	       in->bytes <= c->rcv_adv - c->rcv_nxt &&
	       in->ack - c->snd_una <= c->snd_nxt - c->snd_una;
}

static inline bool predicted(const struct conn *c, const struct tcp_in *in)
{
	/* After the peer's FIN only acks can come. */
	return (c->state == CONN_ESTABLISHED ||
		(c->state == CONN_CLOSE_WAIT && !in->bytes)) &&
	       (in->flags & ~(TCP_PSH | TCP_ECE | TCP_CWR)) == TCP_ACK &&
	       in_place(c, in) &&
	       (!(c->flags & CONN_TS) ||
		(in->has_ts && seq_ge(in->tsval, c->ts_recent)));
}

static inline void fast(struct stack *st, struct conn *c, frame_ix ix,
			const struct tcp_in *in)
{
	tcp_ack(st, c, in);
	if (!in->bytes) {
		count(st, TcpExt_TCPHPAcks);
		frame_free(st->arena, ix);
		if (c->snd_end != c->snd_nxt)
			tcp_output(st, c, false);
		return;
	}
	count(st, TcpExt_TCPHPHits);
	tcp_data_in_order(st, c, in->bytes, ix);
	if (c->snd_end != c->snd_nxt)
		tcp_output(st, c, false);
	if (c->rcv_wup != c->rcv_nxt)
		tcp_ack_policy(st, c);
}

/* SYN-SENT: RFC 9293, 3.10.7.3. */
static void syn_sent(struct stack *st, struct conn *c, struct packet *p,
		     const struct tcp_in *in)
{
	if (in->flags & TCP_ACK) {
		if (!tcp_fastopen_answer(c, in)) {
			tcp_reply_reset(st, p, in);
			return;
		}
		if ((in->flags & TCP_SYN) && in->has_ts && in->tsecr &&
		    seq_gt(in->tsecr, tcp_ms(st) + c->ts_offset)) {
			count(st, TcpExt_PAWSActive);
			tcp_reply_reset(st, p, in);
			return;
		}
	}
	if (in->flags & TCP_RST) {
		if (in->flags & TCP_ACK) {
			count(st, Tcp_AttemptFails);
			tcp_fail(st, c, ECONNREFUSED);
		}
		return;
	}
	if (!(in->flags & TCP_SYN))
		return;
	c->rcv_nxt = in->seq + 1;
	c->rcv_wup = c->rcv_nxt;
	c->rcv_adv += c->rcv_nxt; /* held the SYN's window so far */
	tcp_options_agree(st, c, in);
	tcp_ecn_agree(st, c, in, p->tos);
	c->snd_wnd = in->window;
	c->max_wnd = in->window;
	c->snd_wl1 = in->seq;
	c->rtx_at = 0;
	if (!(in->flags & TCP_ACK)) {
		/* Simultaneous open. */
		c->state = CONN_SYN_RECEIVED;
		tcp_send_syn(st, c);
		tcp_rtx_arm(st, c);
		return;
	}
	c->snd_una = c->snd_nxt;
	/* Data within a delayed ack's time is an answer already. */
	c->last_recv_ns = st->now_ns;
	c->delivered = 1;
	tcp_rtt_handshake(st, c);
	c->backoff = 0;
	c->retries = 0;
	c->state = CONN_ESTABLISHED;
	count(st, Tcp_CurrEstab);
	tcp_keep_arm(st, c);
	c->flags |= CONN_ACK_NOW;
	if (unlikely(c->fastopen & FO_WANT)) {
		tcp_fastopen_established(st, c, in);
		/* Data comes with a SYN-ACK only where data went with the SYN.
		 */
		if (in->bytes || (in->flags & TCP_FIN)) {
			struct tcp_in text = *in;

			text.seq++;
			tcp_data(st, c, &text, p->ix);
			p->ix = 0;
		}
	}
	tcp_output(st, c, false);
	if ((c->flags & CONN_ACK_NOW) && (c->fastopen & FO_WRITER) &&
	    !in->bytes && !(in->flags & TCP_FIN)) {
		/* What the writer sends now carries it. */
		c->flags &= ~CONN_ACK_NOW;
		c->flags |= CONN_ACK_DUE;
		c->delack_at = st->now_ns + TCP_DELACK_NS;
		timer_arm(st, c, c->delack_at);
	} else if (c->flags & CONN_ACK_NOW) {
		tcp_send_ack(st, c);
	}
	conn_event(st, c, STACK_OUT);
}

/* The peer has said all: its FIN is the next in order. */
void tcp_fin_input(struct stack *st, struct conn *c)
{
	c->rcv_nxt++;
	if (seq_lt(c->rcv_adv, c->rcv_nxt))
		c->rcv_adv = c->rcv_nxt;
	c->flags |= CONN_FIN_RCVD | CONN_RCV_SHUT | CONN_ACK_NOW;
	switch (c->state) {
	case CONN_SYN_RECEIVED:
	case CONN_ESTABLISHED:
		c->state = CONN_CLOSE_WAIT;
		break;
	case CONN_FIN_WAIT1:
		c->state = CONN_CLOSING;
		break;
	case CONN_FIN_WAIT2:
		tcp_send_ack(st, c);
		tcp_time_wait_enter(st, c);
		break;
	default:
		break;
	}
	conn_event(st, c,
		   STACK_IN | STACK_RDHUP |
			   (c->flags & CONN_SND_SHUT ? STACK_HUP : 0));
}

static void reset_input(struct stack *st, struct conn *c)
{
	int err = c->state == CONN_CLOSE_WAIT ? EPIPE : ECONNRESET;

	if (c->state == CONN_SYN_RECEIVED && !(c->fastopen & FO_CHILD))
		err = ECONNREFUSED;
	else if (c->state == CONN_ESTABLISHED || c->state == CONN_CLOSE_WAIT)
		count(st, Tcp_EstabResets);
	c->flags |= CONN_RESET;
	tcp_fail(st, c, err);
}

/* The peer asks again: the timer counts from this answer on. */
static void repeat_synack(struct stack *st, struct conn *c)
{
	tcp_send_syn(st, c);
	tcp_rtx_arm(st, c);
}

/* Timestamp, sequence number, RST and SYN; false: the segment is done with. */
static bool acceptable(struct stack *st, struct conn *c,
		       const struct tcp_in *in)
{
	uint32_t end = in->seq + in->bytes + !!(in->flags & TCP_SYN) +
		       !!(in->flags & TCP_FIN);

	if ((c->flags & CONN_TS) && in->has_ts &&
	    seq_lt(in->tsval, c->ts_recent) && !(in->flags & TCP_RST) &&
	    tcp_ms(st) - c->ts_recent_ms < PAWS_MS) {
		count(st, TcpExt_PAWSEstab);
		tcp_challenge(st, c);
		return false;
	}
	if (seq_lt(end, c->rcv_wup) || seq_gt(in->seq, c->rcv_adv)) {
		if (in->flags & TCP_RST)
			return false;
		if ((c->flags & CONN_SACK) && in->bytes &&
		    seq_lt(in->seq, c->rcv_nxt)) {
			c->flags |= CONN_DSACK;
			c->dsack.start = in->seq;
			c->dsack.end = seq_min(in->seq + in->bytes, c->rcv_nxt);
			count(st, TcpExt_TCPDSACKOldSent);
		}
		if (c->state == CONN_SYN_RECEIVED && (in->flags & TCP_SYN))
			repeat_synack(st, c);
		else
			tcp_send_ack(st, c);
		return false;
	}
	if (in->flags & TCP_RST) {
		if (in->seq == c->rcv_nxt)
			reset_input(st, c);
		else
			tcp_challenge(st, c);
		return false;
	}
	if (in->flags & TCP_SYN) {
		if (c->state == CONN_SYN_RECEIVED &&
		    in->seq + 1 == c->rcv_nxt) {
			/* Simultaneous open goes on; a lost answer is repeated.
			 */
			if ((in->flags & TCP_ACK) && in->ack == c->snd_nxt)
				return true;
			repeat_synack(st, c);
			return false;
		}
		count(st, TcpExt_TCPSYNChallenge);
		tcp_challenge(st, c);
		return false;
	}
	return in->flags & TCP_ACK;
}

/* SYN-RECEIVED: the handshake's last step. False: not now. */
static bool establish(struct stack *st, struct conn *c, const struct packet *p,
		      const struct tcp_in *in)
{
	if (c->fastopen & FO_CHILD) {
		if (seq_lt(in->ack, c->snd_una) ||
		    seq_gt(in->ack, c->snd_nxt)) {
			tcp_reply_reset(st, p, in);
			return false;
		}
		tcp_fastopen_confirmed(st, c);
		c->state = CONN_ESTABLISHED;
		count(st, Tcp_CurrEstab);
		tcp_keep_arm(st, c);
		if (c->snd_una == c->snd_nxt)
			c->rtx_at = 0;
		conn_event(st, c, STACK_OUT);
		return tcp_ack(st, c, in);
	}
	if (in->ack != c->snd_nxt) {
		tcp_reply_reset(st, p, in);
		return false;
	}
	if (c->listener && !tcp_listen_promote(st, c, in))
		return false;
	c->state = CONN_ESTABLISHED;
	count(st, Tcp_CurrEstab);
	c->delivered = 1;
	c->snd_una = in->ack;
	/* A SYN's window is never scaled, not even when both opened at once. */
	c->snd_wnd = in->window << (in->flags & TCP_SYN ? 0 : c->snd_wscale);
	c->max_wnd = c->snd_wnd;
	c->snd_wl1 = in->seq;
	c->rtx_at = 0;
	tcp_rtt_handshake(st, c);
	c->backoff = 0;
	c->retries = 0;
	tcp_keep_arm(st, c);
	/* shutdown() before connect(), and both have opened at once. */
	if (c->flags & CONN_SND_SHUT)
		c->flags |= CONN_FIN_QUEUED;
	if (c->flags & CONN_FIN_QUEUED) {
		c->state = CONN_FIN_WAIT1;
		st->host->count[COUNT_Tcp_CurrEstab]--;
	}
	conn_event(st, c, STACK_OUT);
	return true;
}

/* Our FIN is acknowledged; returns false when the connection is gone. */
static bool fin_acked(struct stack *st, struct conn *c)
{
	switch (c->state) {
	case CONN_FIN_WAIT1:
		c->state = CONN_FIN_WAIT2;
		if (c->flags & CONN_ORPHAN) {
			c->keep_at = st->now_ns + TCP_TIME_WAIT_NS;
			timer_arm(st, c, c->keep_at);
		}
		return true;
	case CONN_CLOSING:
		tcp_time_wait_enter(st, c);
		return true;
	case CONN_LAST_ACK:
		return tcp_done(st, c);
	default:
		return true;
	}
}

/* The long way; consumes the frame. */
static void slow(struct stack *st, struct conn *c, struct packet *p,
		 const struct tcp_in *in)
{
	bool pure;

	if (c->state == CONN_SYN_SENT) {
		syn_sent(st, c, p, in);
		goto drop;
	}
	if (!acceptable(st, c, in))
		goto drop;
	/* What acknowledges the future tells nothing. */
	if (likely(seq_le(in->ack, c->snd_nxt)))
		ts_update(st, c, in);
	if (c->watch)
		watch(st, c, p, in);
	pure = !in->bytes && !(in->flags & TCP_FIN) &&
	       seq_ge(in->ack, c->snd_una);
	if (c->state == CONN_SYN_RECEIVED) {
		if (!establish(st, c, p, in))
			goto drop;
	} else {
		tcp_fastopen_confirmed(st, c);
		if (!tcp_ack(st, c, in))
			goto drop;
	}
	if (pure)
		count(st, TcpExt_TCPPureAcks);
	if (tcp_fin_sent(c) && c->snd_una == c->snd_nxt && !fin_acked(st, c))
		goto drop;
	if (in->flags & TCP_URG)
		tcp_urgent_input(st, c, in);
	switch (c->state) {
	case CONN_FIN_WAIT1:
	case CONN_FIN_WAIT2:
		/* Data for a reader that has gone: RFC 1122, 4.2.2.13. */
		if ((c->flags & CONN_RCV_SHUT) && !(c->flags & CONN_FIN_RCVD) &&
		    in->bytes && seq_gt(in->seq + in->bytes, c->rcv_nxt)) {
			count(st, TcpExt_TCPAbortOnData);
			tcp_reply_reset(st, p, in);
			/* The urgent byte is not in it. */
			if (seq_gt(c->rcv_up, in->seq + in->bytes))
				c->flags &= ~CONN_URG_RCVD;
			tcp_fail(st, c, ECONNRESET);
			goto drop;
		}
		break;
	case CONN_ESTABLISHED:
		break;
	default:
		/* Nothing can follow the peer's FIN; old data is acked again.
		 */
		if (in->bytes || (in->flags & TCP_FIN))
			c->flags |= CONN_ACK_NOW;
		respond(st, c);
		goto drop;
	}
	if (in->bytes || (in->flags & TCP_FIN)) {
		if (!in->bytes && seq_gt(in->seq, c->rcv_nxt))
			c->flags |= CONN_ACK_NOW;
		tcp_data(st, c, in, p->ix);
		p->ix = 0;
		if (c->state == CONN_TIME_WAIT)
			return;
	}
	respond(st, c);
	if (c->rcv_wup != c->rcv_nxt)
		tcp_ack_policy(st, c);
drop:
	frame_free(st->arena, p->ix);
}

/* No connection has these addresses: a listener's, or nobody's. */
static void nobody(struct stack *st, struct packet *p, const struct tcp_in *in)
{
	const struct tcp_header *t =
		(const struct tcp_header *)(p->f->header + p->f->l4_off);
	struct conn *l = NULL, *c = NULL;
	conn_ix outer;

	if (p->unicast)
		l = bound_find(st, STACK_TCP, &p->dst, be16(t->dport), &p->src,
			       be16(t->sport));
	if (l && !conn_admits(st, l, p->ix)) {
		frame_free(st->arena, p->ix);
		return;
	}
	if (l)
		c = tcp_listen_input(st, l, p, in);
	else
		tcp_reply_reset(st, p, in);
	if (c) {
		/* A cookie has made it a moment ago. */
		outer = undo_begin(st, c);
		c->segs_in++;
		c->last_ack_ns = st->now_ns;
		slow(st, c, p, in);
		undo_end(st, outer);
		return;
	}
	frame_free(st->arena, p->ix);
}

void tcp_input(struct stack *st, struct packet *p)
{
	const struct tcp_header *t;
	struct tcp_in in;
	struct conn *c;
	uint16_t lport, pport;
	conn_ix outer;

	count(st, Tcp_InSegs);
	if (unlikely(!read_header(st, p, &in))) {
		count(st, Tcp_InErrs);
		frame_free(st->arena, p->ix);
		return;
	}
	t = (const struct tcp_header *)(p->f->header + p->f->l4_off);
	lport = be16(t->dport);
	pport = be16(t->sport);
	c = hash_find(st, conn_hash(st->host, &p->dst, lport, &p->src, pport),
		      &p->dst, lport, &p->src, pport);
	if (unlikely(!c)) {
		nobody(st, p, &in);
		return;
	}
	if (!conn_admits(st, c, p->ix)) {
		frame_free(st->arena, p->ix);
		return;
	}
	outer = undo_begin(st, c);
	c->segs_in++;
	c->last_ack_ns = st->now_ns;
	if (likely(predicted(c, &in))) {
		ts_update(st, c, &in);
		if (unlikely(c->watch))
			watch(st, c, p, &in);
		fast(st, c, p->ix, &in);
	} else if (c->state == CONN_TIME_WAIT) {
		if (tcp_time_wait_input(st, c, &in))
			nobody(st, p, &in);
		else
			frame_free(st->arena, p->ix);
	} else {
		slow(st, c, p, &in);
	}
	undo_end(st, outer);
}

/* What the usual segment consists of: no option but timestamps, all in place.
 */
#define USUAL_TCP   (TCP_BYTES + 12)
#define USUAL_BYTES (ETH_BYTES + IPV4_BYTES + USUAL_TCP)

struct usual_headers {
	struct eth_header eth;
	struct ipv4_header ip;
	struct tcp_header tcp;
	uint32_t option, tsval, tsecr;
} WIRE;

static_assert(sizeof(struct usual_headers) == USUAL_BYTES, "they are packed");

/*
 * The headers in words, as x86 loads them, and which bits of a word must be
 * what. From `type`: Ethernet's type, IP's version and header length. From
 * `frag`: neither piece nor more of them (DF may be set), and the protocol.
 */
#define TYPE_MASK  UINT64_C(0xffffff)
#define TYPE_USUAL (be16c(ETH_IPV4) | UINT64_C(0x45) << 16)
#define FRAG_MASK  (UINT32_C(0xff000000) | (uint16_t)~be16c(IPV4_DF))
#define FRAG_USUAL ((uint32_t)IP_TCP << 24)
#define TCP_MASK   ((uint16_t) ~(TCP_PSH << 8))
#define TCP_USUAL  (USUAL_TCP << 2 | TCP_ACK << 8)

/*
 * Whole, for us, neither piece nor padding, checksums known to be right.
 * Nobody's own address is a peer's: 127/8 has its own rules.
 */
static inline bool is_usual(const struct frame *f,
			    const struct usual_headers *h,
			    const struct stack_config *g)
{
	uint64_t type = ((const struct mem_word *)&h->eth.type)->v;
	uint32_t frag = ((const struct wire32 *)&h->ip.frag)->v;
	uint16_t tcp = ((const struct wire16 *)&h->tcp.off)->v;

	return f->header_bytes == USUAL_BYTES && (f->flags & FRAME_CSUM_OK) &&
	       (type & TYPE_MASK) == TYPE_USUAL &&
	       (frag & FRAG_MASK) == FRAG_USUAL &&
	       (tcp & TCP_MASK) == TCP_USUAL && h->option == be32(TS_ALIGNED) &&
	       be16((uint16_t)(type >> 32)) ==
		       IPV4_BYTES + USUAL_TCP + f->payload &&
	       h->ip.dst == g->addr4.w[3] && mac_equal(h->eth.dst, g->mac) &&
	       (h->ip.src & 0xff) != 127 && (h->ip.dst & 0xff) != 127;
}

/* Established, and addressed as the headers say; NULL: look again. */
static inline struct conn *usual_conn(const struct stack *st,
				      const struct usual_headers *h)
{
	const struct ip_addr src = ip_from_v4(h->ip.src);
	const struct ip_addr dst = ip_from_v4(h->ip.dst);
	uint32_t ports = be32(((const struct wire32 *)&h->tcp.sport)->v);
	uint64_t x = hash_ends(st->host, dst.d[1], (uint16_t)ports, src.d[1],
			       (uint16_t)(ports >> 16));
	uint32_t hash = (uint32_t)(x ^ x >> 32);
	conn_ix ix = st->host->hash[hash % HOST_HASH_BUCKETS];
	struct conn *c;

	if (unlikely(!ix))
		return NULL;
	/* The first of its chain, or the long way finds it. */
	c = conn_at(st, ix);
	static_assert(offsetof(struct conn, pport) ==
			      offsetof(struct conn, lport) + 2,
		      "both ports are one word");
	if (likely(c->hash == hash &&
		   ((const struct wire32 *)&c->lport)->v == ports &&
		   ip_equal(&c->peer, &src) && ip_equal(&c->local, &dst) &&
		   c->state == CONN_ESTABLISHED))
		return c;
	return NULL;
}

void tcp_input_usual(struct stack *st, struct frame *f, frame_ix ix)
{
	const struct usual_headers *h =
		(const struct usual_headers *)(const void *)f->header;
	const struct stack_config *g = &st->host->config;
	struct tcp_in in;
	struct conn *c;
	conn_ix outer;
	bool alone; /* nothing but data, nothing to send: undo_copy_part() */

	if (!is_usual(f, h, g))
		goto other;
	c = usual_conn(st, h);
	if (unlikely(!c))
		goto other;
	in.seq = be32(h->tcp.seq);
	in.ack = be32(h->tcp.ack);
	in.bytes = f->payload;
	in.window = be16(h->tcp.window);
	in.flags = h->tcp.flags;
	in.sacks = 0;
	in.has_ts = true;
	in.tsval = be32(h->tsval);
	in.tsecr = be32(h->tsecr);
	if (unlikely(!(c->flags & CONN_TS) || c->watch || !in_place(c, &in) ||
		     seq_lt(in.tsval, c->ts_recent)))
		goto other;
	/* A lane: what may enter it is asked, and charged, on the long way. */
	if (unlikely(c->vif != g->vif))
		goto other;
	count(st, Ip_InReceives);
	count(st, Ip_InDelivers);
	count(st, Tcp_InSegs);
	f->l3_off = ETH_BYTES;
	f->l4_off = ETH_BYTES + IPV4_BYTES;
	alone = in.bytes && in.ack == c->snd_una && c->snd_end == c->snd_nxt &&
		!tcp_is_amiss(c) && (c->flags & CONN_SACK) &&
		c->rtx_kind != TCP_RTX_PERSIST;
	outer = undo_begin_as(st, c, alone);
	c->segs_in++;
	c->last_ack_ns = st->now_ns;
	if (seq_gt(in.tsval, c->ts_recent) && seq_le(in.seq, c->rcv_wup))
		ts_set(st, c, in.tsval);
	if (alone) {
		tcp_window_input(c, &in, in.window << c->snd_wscale);
		count(st, TcpExt_TCPHPHits);
		tcp_data_in_order(st, c, in.bytes, ix);
		if (c->rcv_wup != c->rcv_nxt)
			tcp_ack_policy(st, c);
	} else {
		fast(st, c, ix, &in);
	}
	undo_end(st, outer);
	return;
other:
	stack_input_other(st, ix);
}
