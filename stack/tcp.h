/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP inside: what its files tell each other.
 *
 *	tcp_input.c    a segment meets a connection: prediction, checks, states
 *	tcp_ack.c      what an acknowledgement frees
 *	tcp_flight.c   what has been sent when, and what became of it
 *	tcp_rack.c     what is lost
 *	tcp_recovery.c what is done about it
 *	tcp_sack.c     what the receiver reports
 *	tcp_cc.c       congestion window: slow start, CUBIC
 *	tcp_buffer.c   how large the buffers are
 *	tcp_mtu.c      how large the segments are
 *	tcp_ecn.c      marks instead of losses
 *	tcp_probe.c    whether the end of a flight was lost
 *	tcp_rtt.c      round trip and retransmission timeout
 *	tcp_recvq.c    bytes in order and out of order, the window, the reader
 *	tcp_sendq.c    chunks of the send queue, the writer
 *	tcp_output.c   what may be sent now
 *	tcp_rate.c     how fast at most
 *	tcp_segment.c  one segment onto the wire
 *	tcp_option.c   options in and out
 *	tcp_listen.c   listeners and half-open connections
 *	tcp_cookie.c   SYN cookies, when there are too many of those
 *	tcp_fastopen.c data with the SYN
 *	tcp_timer.c    what happens when nothing happens
 *	tcp_timewait.c the last state
 *	tcp_user.c     connect, shutdown, close, errors, readiness
 *
 * Every function here has host->writing set to the connection by its caller.
 */
#ifndef TOAMI_STACK_TCP_H
#define TOAMI_STACK_TCP_H

#include "stack/stack_internal.h"

#define TCP_MSS_DEFAULT	   536
#define TCP_MSS_MIN	   88
#define TCP_RTO_MIN_US	   200000u
#define TCP_RTO_MAX_US	   120000000u
#define TCP_RTO_INITIAL_US 1000000u
#define TCP_DELACK_NS	   (40 * NSEC_PER_MSEC)
#define TCP_TIME_WAIT_NS   (60 * NSEC_PER_SEC)
#define TCP_TIME_WAIT_MAX  65536
#define TCP_RETRIES	   15
#define TCP_RETRIES_ORPHAN 8
#define TCP_SYNACK_RETRIES 5
#define TCP_QUICK_ACKS	   16
#define TCP_WSCALE	   7 /* of STACK_RECV_TUNED */
/* What IP's 16-bit length leaves for payload, whatever the options. */
#define TCP_SUPER_MAX (65535u - IPV4_BYTES - TCP_BYTES_MAX)

/* An inbound segment, read once from the frame. */
struct tcp_in {
	uint32_t seq, ack;
	uint32_t bytes;	 /* of payload */
	uint32_t window; /* not scaled */
	uint16_t urgent;
	uint8_t flags;
	bool has_ts, has_sackok, has_wscale;
	bool has_fastopen, fastopen_exp;
	uint8_t cookie_bytes; /* with has_fastopen; 0: asked for */
	uint8_t wscale;
	uint8_t sacks;
	uint16_t mss; /* 0: no option */
	uint32_t tsval, tsecr;
	struct tcp_range sack[4];
	uint8_t cookie[FASTOPEN_COOKIE_MAX];
};

static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_le(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline bool seq_gt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline bool seq_ge(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) >= 0;
}

static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? a : b;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_gt(a, b) ? a : b;
}

/* The clock of timestamps: 1 ms. */
static inline uint32_t tcp_ms(const struct stack *st)
{
	return (uint32_t)(st->now_ns / NSEC_PER_MSEC);
}

static inline bool tcp_fin_sent(const struct conn *c)
{
	return (c->flags & CONN_FIN_QUEUED) && c->snd_nxt == c->snd_end + 1;
}

/* States in which the handshake is over and bytes may flow. */
static inline bool tcp_synchronized(const struct conn *c)
{
	return c->state == CONN_ESTABLISHED ||
	       (c->state >= CONN_FIN_WAIT1 && c->state <= CONN_TIME_WAIT) ||
	       c->state == CONN_CLOSE_WAIT || c->state == CONN_LAST_ACK ||
	       c->state == CONN_CLOSING;
}

/* Is the handshake so far that data may flow, if not shut down? */
static inline bool tcp_may_send(const struct conn *c)
{
	return (c->state != CONN_SYN_SENT && c->state != CONN_SYN_RECEIVED) ||
	       (c->fastopen & FO_CHILD);
}

void tcp_init(struct conn *c);
void tcp_input(struct stack *st, struct packet *p);
/*
 * tcp_input_usual - frame @f, which is @ix, just arrived; the short way for
 * what is as predicted from Ethernet up. All else goes on to
 * stack_input_other().
 */
void tcp_input_usual(struct stack *st, struct frame *f, frame_ix ix);

/* tcp_option.c */
bool tcp_options_parse(const uint8_t *opt, uint32_t bytes, struct tcp_in *in);
uint32_t tcp_options_syn(const struct stack *st, const struct conn *c,
			 uint8_t *opt, bool answer);
uint32_t tcp_options(const struct stack *st, struct conn *c, uint8_t *opt);
void tcp_options_agree(struct stack *st, struct conn *c,
		       const struct tcp_in *in);
uint32_t tcp_advertised_mss(const struct conn *c);
/* tcp_mss_update - c->mss after the MTU, the peer's wish and the options */
void tcp_mss_update(struct conn *c);

/* tcp_fastopen.c */
bool tcp_fastopen_connect(struct stack *st, struct conn *c);
void tcp_fastopen_retreat(struct conn *c);
bool tcp_fastopen_answer(const struct conn *c, const struct tcp_in *in);
void tcp_fastopen_established(struct stack *st, struct conn *c,
			      const struct tcp_in *in);
bool tcp_fastopen_listen(struct stack *st, const struct conn *l, struct conn *c,
			 const struct tcp_in *in);
void tcp_fastopen_confirmed(struct stack *st, struct conn *c);
/* tcp_fastopen_count - one more, or one less, of @c's listener's waits */
void tcp_fastopen_count(struct stack *st, const struct conn *c, int32_t by);
uint32_t tcp_fastopen_option(const struct stack *st, const struct conn *c,
			     uint8_t *opt, uint32_t used, bool answer);
void tcp_fastopen_parse(const uint8_t *p, uint32_t n, struct tcp_in *in);

/* Kinds of options that more than one file writes. */
enum {
	TCP_OPT_NOP = 1,
	TCP_OPT_FASTOPEN = 34,
	TCP_OPT_EXP = 254,	   /* RFC 6994 */
	TCP_EXP_FASTOPEN = 0xf989, /* its number */
};

/* tcp_segment.c: all return 0 or a negative errno; nothing was sent then */
int tcp_send_syn(struct stack *st, struct conn *c);
/* tcp_syn_window - what a SYN says, never scaled */
uint32_t tcp_syn_window(const struct conn *c);
/* tcp_send_data - @bytes from @seq on (fewer if refs end); returns bytes or
 * error */
int tcp_send_data(struct stack *st, struct conn *c, uint32_t seq,
		  uint32_t bytes, bool fin);
void tcp_send_ack(struct stack *st, struct conn *c);
/* tcp_send_probe - an ack below the window that the peer must answer */
void tcp_send_probe(struct stack *st, struct conn *c);
void tcp_send_reset(struct stack *st, struct conn *c);
/* tcp_reply_reset - RST to a segment that belongs to nobody */
void tcp_reply_reset(struct stack *st, const struct packet *p,
		     const struct tcp_in *in);
/* tcp_challenge - RFC 5961; limited */
void tcp_challenge(struct stack *st, struct conn *c);

/* tcp_output.c */
void tcp_output(struct stack *st, struct conn *c, bool more);
/* tcp_sent - @bytes and perhaps FIN have left from snd_nxt on */
void tcp_sent(struct stack *st, struct conn *c, uint32_t bytes, bool fin);
void tcp_push_held(struct stack *st, struct conn *c);
uint32_t tcp_resend(struct stack *st, struct conn *c, uint32_t seq,
		    uint32_t bytes);
void tcp_rtx_arm(struct stack *st, struct conn *c);

/* tcp_rate.c */
/* tcp_rate_quota - RATE_MAX: the largest piece that may leave now. With
 * rate_waits set, 0: nothing before rate_at_ns, when tcp_output() runs again */
uint32_t tcp_rate_quota(struct stack *st, struct conn *c);
/* tcp_rate_charge - RATE_MAX: @bytes of payload have left */
void tcp_rate_charge(const struct stack *st, struct conn *c, uint32_t bytes);

static inline void tcp_rate_count(const struct stack *st, struct conn *c,
				  uint32_t bytes)
{
	if (unlikely(c->locked & RATE_MAX))
		tcp_rate_charge(st, c, bytes);
}

/* tcp_sendq.c */
uint32_t tcp_sendq_attach(struct stack *st, struct conn *c, uint32_t seq,
			  uint32_t bytes, frame_ix ix);
void tcp_sendq_advance(struct stack *st, struct conn *c, uint32_t bytes);
void tcp_sendq_drop(struct stack *st, struct conn *c, uint32_t bytes);
void tcp_sendq_free(struct stack *st, struct conn *c);

/* tcp_lent - the chunk that has the bytes of @k, a stand-in; 0: it has its own.
 * In chunk.batch, above the bit that ends a record. */
static inline chunk_ix tcp_lent(const struct chunk *k)
{
	return k->batch >> 1;
}

/* tcp_sendq_put - chunk @k has left a send queue */
static inline void tcp_sendq_put(struct stack *st, chunk_ix k)
{
	chunk_ix from = tcp_lent(chunk_at(st->arena, k));

	if (unlikely(from))
		chunk_put(st->arena, from);
	chunk_put(st->arena, k);
}

/* Is there room enough for poll() to say so? Linux: a third of the buffer. */
static inline bool tcp_writeable(const struct conn *c)
{
	return c->snd_queued < c->sndbuf - c->sndbuf / 3 &&
	       (c->snd_end - c->snd_nxt < c->notsent_lowat);
}

/* The sequence number of the first byte that waits for the reader. */
static inline uint32_t tcp_unread(const struct conn *c)
{
	return c->rcv_nxt - !!(c->flags & CONN_FIN_RCVD) - c->rcv_queued;
}

/* The mark is behind what has been read: it is forgotten. */
static inline void tcp_urgent_passed(struct conn *c)
{
	if (unlikely(c->flags & CONN_URG_RCVD) &&
	    seq_ge(tcp_unread(c), c->rcv_up))
		c->flags &= ~CONN_URG_RCVD;
}

/* tcp_recvq.c */
void tcp_data(struct stack *st, struct conn *c, const struct tcp_in *in,
	      frame_ix ix);
void tcp_data_in_order(struct stack *st, struct conn *c, uint32_t bytes,
		       frame_ix ix);
uint16_t tcp_window(struct conn *c);
void tcp_quick_ack(struct stack *st, struct conn *c);
void tcp_recvq_free(struct stack *st, struct conn *c);
void tcp_ack_policy(struct stack *st, struct conn *c);

/* tcp_urgent.c */
void tcp_urgent_input(struct stack *st, struct conn *c,
		      const struct tcp_in *in);

/* tcp_input.c: the peer has said all */
void tcp_fin_input(struct stack *st, struct conn *c);

/* tcp_window_set - the peer's window is @window bytes now */
static inline void tcp_window_set(struct conn *c, const struct tcp_in *in,
				  uint32_t window)
{
	c->snd_wnd = window;
	c->snd_wl1 = in->seq;
	if (window > c->max_wnd)
		c->max_wnd = window;
	/* What waited for the window is looked at by tcp_output() now. */
	if (c->rtx_kind == TCP_RTX_PERSIST && window) {
		c->rtx_at = 0;
		c->backoff = 0;
	}
}

/* tcp_window_input - as a segment says that acknowledges nothing new, unless an
 * older one does */
static inline void tcp_window_input(struct conn *c, const struct tcp_in *in,
				    uint32_t window)
{
	if (seq_gt(in->seq, c->snd_wl1) ||
	    (in->seq == c->snd_wl1 && (window > c->snd_wnd || !window)))
		tcp_window_set(c, in, window);
}

/* tcp_is_amiss - something of the flight is known to be missing */
static inline bool tcp_is_amiss(const struct conn *c)
{
	return c->recovery != TCP_OPEN || c->sacked_bytes || c->dupacks;
}

/* tcp_ack.c */
bool tcp_ack(struct stack *st, struct conn *c, const struct tcp_in *in);

/* tcp_recovery.c */
struct tcp_heard;
/* tcp_pipe - bytes that are thought to be in the network */
uint32_t tcp_pipe(const struct conn *c);
void tcp_enter_recovery(struct stack *st, struct conn *c);
void tcp_enter_loss(struct stack *st, struct conn *c);
void tcp_recover_output(struct stack *st, struct conn *c);
/* tcp_resegment - segments became smaller: what is in flight leaves again */
void tcp_resegment(struct stack *st, struct conn *c);
void tcp_recovery_input(struct stack *st, struct conn *c,
			const struct tcp_in *in, const struct tcp_heard *h,
			uint32_t acked);

/* tcp_rack.c */
uint32_t tcp_rack_allowance_us(const struct conn *c);
void tcp_rack_duplicate(struct conn *c);
void tcp_rack_recovered(struct conn *c);
void tcp_rack_detect(struct stack *st, struct conn *c);
void tcp_rack_timer(struct stack *st, struct conn *c);

/* tcp_sack.c */
void tcp_sack_note(struct conn *c, uint32_t start, uint32_t end);
void tcp_sack_clean(struct conn *c);

/* tcp_cc.c */
void tcp_cc_init(struct conn *c);
void tcp_cc_acked(struct stack *st, struct conn *c, uint32_t acked,
		  uint32_t rtt_us);
uint32_t tcp_cc_loss(struct stack *st, struct conn *c);
void tcp_cc_idle(struct stack *st, struct conn *c);

/* tcp_ecn.c */
void tcp_ecn_agree(const struct stack *st, struct conn *c,
		   const struct tcp_in *in, uint8_t tos);
uint8_t tcp_ecn_syn_flags(const struct stack *st, struct conn *c, bool answer);
void tcp_ecn_input(struct stack *st, struct conn *c, const struct tcp_in *in,
		   uint8_t tos);
uint8_t tcp_ecn_output(struct conn *c, uint32_t seq, uint32_t bytes);

/* tcp_probe.c */
uint64_t tcp_probe_ns(const struct conn *c);
void tcp_probe_timer(struct stack *st, struct conn *c);
void tcp_probe_input(struct stack *st, struct conn *c, const struct tcp_in *in);

/* tcp_mtu.c */
/* tcp_mtu_learned - an ICMP error, checked, said so */
void tcp_mtu_learned(struct stack *st, struct conn *c, uint32_t mtu);
/* tcp_mtu_refresh - the cache may have learned of others */
void tcp_mtu_refresh(struct stack *st, struct conn *c);
/* tcp_mtu_payload - what mtu_low leaves, TCP options among it */
uint32_t tcp_mtu_payload(const struct conn *c);
/* tcp_mtu_timeout - a timeout: is it a black hole? */
void tcp_mtu_timeout(struct stack *st, struct conn *c);
/* tcp_mtu_proven - what the timeouts made smaller gets through */
void tcp_mtu_proven(struct stack *st, struct conn *c);
/* tcp_mtu_acked - snd_una moved while a probe was out */
void tcp_mtu_acked(struct stack *st, struct conn *c);
/* tcp_mtu_lost - is the loss just found the probe's alone? */
bool tcp_mtu_lost(struct stack *st, struct conn *c);
/* tcp_mtu_probe - sends one, should it be time */
void tcp_mtu_probe(struct stack *st, struct conn *c);

/* tcp_buffer.c */
uint8_t tcp_wscale(const struct stack *st);
/* tcp_rcvbuf_adjust - the reader has taken something */
void tcp_rcvbuf_adjust(struct stack *st, struct conn *c);
/* tcp_sndbuf_grow - the congestion window has outgrown the buffer */
void tcp_sndbuf_grow(struct stack *st, struct conn *c);

static inline uint32_t tcp_rcvbuf_max(const struct stack *st)
{
	uint32_t max = st->host->tuning.rcvbuf_max;

	return max ? max : STACK_RECV_TUNED;
}

static inline uint32_t tcp_sndbuf_max(const struct stack *st)
{
	uint32_t max = st->host->tuning.sndbuf_max;

	return max ? max : STACK_SEND_TUNED;
}

/* tcp_count_resent - a segment has been sent once more */
static inline void tcp_count_resent(struct stack *st, struct conn *c)
{
	c->total_retrans++;
	count(st, Tcp_RetransSegs);
	if (st->ops->resent)
		st->ops->resent(st, c->self);
}

/* tcp_rtt.c */
void tcp_rtt_sample(struct conn *c, uint32_t us);
/* tcp_rtt_handshake - the SYN was answered */
static inline void tcp_rtt_handshake(const struct stack *st, struct conn *c)
{
	if (c->flags & CONN_TIMED)
		tcp_rtt_sample(c,
			       (uint32_t)min_u64((st->now_ns - c->rtt_at_ns) /
							 NSEC_PER_USEC,
						 TCP_RTO_MAX_US));
	c->flags &= ~CONN_TIMED;
}

uint64_t tcp_rto_ns(const struct conn *c);

/* tcp_listen.c */
struct conn *tcp_listen_input(struct stack *st, struct conn *l,
			      struct packet *p, const struct tcp_in *in);
bool tcp_listen_promote(struct stack *st, struct conn *c,
			const struct tcp_in *in);
void tcp_listen_forget(struct stack *st, struct conn *c);
void tcp_listen_close(struct stack *st, struct conn *l);
void tcp_accept_add(struct stack *st, struct conn *l, struct conn *c);
void tcp_syn_add(struct stack *st, struct conn *l, struct conn *c);
uint32_t tcp_isn(const struct stack *st, const struct conn *c);
uint32_t tcp_ts_offset(const struct stack *st, const struct conn *c);

/* tcp_cookie.c */
void tcp_cookie_send(struct stack *st, struct conn *l, struct conn *c);
bool tcp_cookie_check(struct stack *st, const struct conn *l,
		      const struct conn *c, const struct tcp_in *in,
		      struct tcp_in *syn);

/* tcp_timer.c: false - the connection is gone */
bool tcp_timer(struct stack *st, struct conn *c);
void tcp_keep_arm(struct stack *st, struct conn *c);

/* tcp_timewait.c */
void tcp_time_wait_enter(struct stack *st, struct conn *c);
void tcp_time_wait_leave(struct stack *st, struct conn *c);
void tcp_time_wait_add(struct stack *st, struct conn *c);
conn_ix tcp_time_wait_recycle(struct stack *st);
bool tcp_time_wait_yield(struct stack *st, struct conn *old, struct conn *c);
/* true: the segment was a SYN for a new connection; @c is gone */
bool tcp_time_wait_input(struct stack *st, struct conn *c,
			 const struct tcp_in *in);

/* tcp_user.c */
int tcp_may_connect(const struct conn *c);
int tcp_connect(struct stack *st, struct conn *c, const struct ip_addr *from,
		const struct ip_addr *to, uint16_t port);
uint32_t tcp_ready(const struct conn *c);
void tcp_close(struct stack *st, struct conn *c);
void tcp_abort(struct stack *st, struct conn *c);
/* tcp_done - CLOSED; freed when nobody owns it (returns false then) */
bool tcp_done(struct stack *st, struct conn *c);
/* tcp_fail - tcp_done with an error for the owner */
bool tcp_fail(struct stack *st, struct conn *c, int err);
void tcp_icmp(struct stack *st, struct conn *c, uint32_t seq, int err,
	      uint32_t mtu);

#endif
