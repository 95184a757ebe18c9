/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection: one slot kind for TCP connections, listeners and UDP sockets.
 *
 * Writer of every field: the holder of the host's lock, while host->writing
 *names the connection. snd_queued and rcv_queued are also read without the lock
 *(tcp_room(), tcp_readable()); their writes are single relaxed stores.
 *
 * Life: conn_open(), or a SYN on a listener, fills a slot; state 0 frees it. A
 * connection has an owner (sock != 0), or waits on a listener (listener != 0),
 *or is an orphan (CONN_ORPHAN) that the stack finishes and frees by itself.
 *Anything else was left by a dead thread.
 *
 * The ground truth is this slot. hash_next, bound_next, timer_*, q_next, q_prev
 *and the union's queue of a listener are derived: stack_recover() makes them
 *anew.
 *
 * Sequence space of the sender:
 *
 *	snd_una            snd_nxt             snd_end
 *	   | sent, not acked  | queued, not sent  | (FIN, if CONN_FIN_QUEUED)
 *
 * While bytes are queued the first byte of chunk snd_head (at its `start`,
 *maybe in another chunk: tcp_sendq.c) is snd_una.
 */
#ifndef TOAMI_STACK_CONN_H
#define TOAMI_STACK_CONN_H

#include "stack/stack.h"

/* The numbers of Linux's TCP states, so that TCP_INFO shows them unchanged. */
enum conn_state {
	CONN_FREE = 0,
	CONN_ESTABLISHED = 1,
	CONN_SYN_SENT = 2,
	CONN_SYN_RECEIVED = 3,
	CONN_FIN_WAIT1 = 4,
	CONN_FIN_WAIT2 = 5,
	CONN_TIME_WAIT = 6,
	CONN_CLOSED = 7,
	CONN_CLOSE_WAIT = 8,
	CONN_LAST_ACK = 9,
	CONN_LISTEN = 10,
	CONN_CLOSING = 11,
};

#define CONN_BOUND	0x00000001u /* lport was chosen; in host->bound */
#define CONN_HASHED	0x00000002u /* in host->hash */
#define CONN_REUSEADDR	0x00000004u
#define CONN_REUSEPORT	0x00000008u
#define CONN_V6ONLY	0x00000010u
#define CONN_INET6	0x00000020u
#define CONN_ORPHAN	0x00000040u /* closed by its owner */
#define CONN_F_NODELAY	0x00000080u
#define CONN_F_CORK	0x00000100u
#define CONN_F_KEEP	0x00000200u /* keepalive wanted */
#define CONN_TS		0x00000400u /* timestamps agreed */
#define CONN_SACK	0x00000800u /* SACK agreed */
#define CONN_WSCALE	0x00001000u /* window scaling agreed */
#define CONN_RCV_SHUT	0x00002000u /* reader wants no more, or FIN came */
#define CONN_SND_SHUT	0x00004000u /* writer is done */
#define CONN_FIN_QUEUED 0x00008000u /* FIN follows snd_end */
#define CONN_FIN_RCVD	0x00010000u
#define CONN_PINGPONG	0x00020000u /* interactive: acks ride on answers */
#define CONN_ACK_NOW	0x00040000u /* an ack must leave before we return */
#define CONN_ACK_DUE	0x00080000u /* an ack may wait: delack_at */
#define CONN_CWND_FULL	0x00100000u /* cwnd stopped the sender lately */
#define CONN_F_BCAST	0x00200000u
#define CONN_F_MLOOP	0x00400000u
#define CONN_TIMED	0x00800000u /* rtt_seq is being timed */
#define CONN_QUEUED	0x01000000u /* in the timer wheel */
#define CONN_TIMEWAIT_Q 0x02000000u /* in the host's time-wait list */
#define CONN_PUSH_ALL	0x04000000u /* held-back tail must go (CORK ended) */
#define CONN_URG_SEND	0x08000000u /* snd_up is ahead of snd_una */
#define CONN_URG_RCVD                                                          \
	0x10000000u		    /* rcv_up is a mark that is not passed yet \
				     */
#define CONN_DSACK	0x20000000u /* dsack is to be reported */
#define CONN_RESET	0x40000000u /* the peer reset it */
#define CONN_ACCEPTABLE 0x80000000u /* in the listener's accept queue */

/* Datagrams have no SACK: errors are kept, in ooo_first and on. */
#define CONN_F_RECVERR CONN_SACK

/* Sender's state of recovery. */
enum tcp_recovery {
	TCP_OPEN,
	TCP_RECOVERY, /* fast retransmit, RFC 6675 */
	TCP_LOSS,     /* after a timeout */
};

/* What rtx_at stands for. */
enum tcp_rtx {
	TCP_RTX_RESEND,
	TCP_RTX_PROBE,	 /* a loss probe is due before the resend */
	TCP_RTX_PERSIST, /* zero window probe, or a held-back tail */
	TCP_RTX_REORDER, /* what may have been overtaken is lost then */
};

/* May a cut of the window be taken back? tcp_recovery.c. */
enum tcp_undo {
	UNDO_OPEN = 1,	/* yes, when all that was resent proves needless */
	UNDO_FIRST = 2, /* the first resent is not acknowledged yet */
	UNDO_LATER = 8, /* it is */
	UNDO_FRTO = 4,	/* after a timeout: RFC 5682, step 2 or 3 */
};

/* What the union of the congestion window's state holds. */
enum cc_phase { CC_NONE, CC_START, CC_AVOID, CC_REDUCE };

#define BUFFER_SEND 1u
#define BUFFER_RECV 2u
#define LOWAT_SEND  4u /* likewise, of notsent_lowat */
#define PORT_ASKED  8u /* bind() was for this port, this address */
#define ADDR_ASKED  16u
#define RATE_MAX    32u /* SO_MAX_PACING_RATE, see tcp_rate.c */

#define RACK_REORDERED 1u /* seen on this path */

/* What a segment is to be looked at for: tcp_ecn.c, tcp_probe.c. 0 for most. */
enum tcp_watch {
	ECN_OK = 0x01,	    /* agreed */
	ECN_ASKED = 0x02,   /* by our SYN */
	ECN_SEEN = 0x04,    /* the peer marks what it sends */
	ECN_SAY_CWR = 0x08, /* with the next new data */
	ECN_CUT = 0x10,	    /* below `recover` the window was cut already */
	TLP_OUT = 0x20, /* a loss probe ends at `recover`, not answered yet */
	TLP_RESENT = 0x80,  /* it was sent before */
	ECN_DEMAND = 0x40,  /* until CWR comes; the value of TCP_ECE */
	STAMP_WAIT = 0x100, /* ops->sending, ops->acked: see conn_stamp() */
};

/* Data with the SYN, RFC 7413: tcp_fastopen.c. */
enum tcp_fastopen {
	FO_CONNECT = 0x001, /* option: connect() waits for the first data */
	FO_NO_COOKIE =
		0x002,	   /* option: neither ask for a cookie nor need one */
	FO_KEY = 0x004,	   /* listener: has a key of its own */
	FO_WANT = 0x008,   /* client: this connection tries */
	FO_DEFER = 0x010,  /* client: the SYN waits for its data */
	FO_COOKIE = 0x020, /* the SYN, or SYN-ACK, bears a cookie... */
	FO_ASK = 0x040,	   /* ...or asks for one */
	FO_EXP = 0x080,	   /* ...with the experimental option */
	FO_DATA = 0x100,   /* data of a SYN was taken */
	FO_PLAIN = 0x400,  /* client: the SYN goes without data now */
	FO_WRITER = 0x800, /* client: somebody waits to send more */
	FO_CHILD = 0x200,  /* server: data flows before the handshake ends */
};

#define TCP_RUNS_OWN 6 /* of the flight, in the connection itself */
#define TCP_SACK_MAX 4 /* ranges the receiver reports */

struct tcp_range {
	uint32_t start, end;
};

/* Of the flight: stack/tcp_flight.h. The runs follow. */
struct run_block {
	chunk_ix next;		   /* the chunk that holds the next block */
	uint16_t first, end, room; /* runs: in use [first, end) */
	uint16_t unused;
	uint32_t oldest_us; /* no run in flight here left before */
};

struct tcp_run {
	uint32_t seq;	   /* it ends where the next begins */
	uint32_t sent_us;  /* its youngest segment, on flight_us()'s clock */
	uint32_t begun_us; /* its oldest */
	uint32_t state;	   /* RUN_* */
};

/*
 * The two sides of a connection on one machine are changed by two cores in
 * turn, each of which fetches every line that the other has written. So the
 * fields are in order of who writes them how often: what nobody does after the
 * handshake, what is seldom changed, what every segment changes (side by side,
 * in as few lines as possible), what only trouble needs.
 */
struct conn {
	/* --- who */
	uint32_t link; /* the slot table's while free */
	uint8_t proto;
	uint8_t state;	/* enum conn_state; 0: the slot is free */
	uint16_t error; /* pending, a positive errno */
	conn_ix self;	/* this slot's own index */
	host_ix host;
	sock_ix sock;
	vif_ix vif;
	uint32_t hash;
	conn_ix hash_next;
	struct ip_addr local, peer;

	/* --- seldom changed */
	uint16_t lport, pport;
	uint16_t mss;	   /* payload of a segment, options deducted */
	uint16_t mss_peer; /* as the peer's option said */
	uint64_t route_gen;
	uint8_t mac[6]; /* how to get there; valid while route_gen matches */
	uint16_t mtu;	/* of the path */
	uint8_t ttl;
	uint8_t tos;
	uint8_t mcast_ttl;
	uint8_t soft_error; /* what ICMP said, should we time out */
	uint8_t snd_wscale, rcv_wscale;
	uint8_t recovery; /* enum tcp_recovery */
	uint8_t dupacks;
	uint8_t locked;	  /* BUFFER_* and on: what was asked for */
	uint8_t undo;	  /* enum tcp_undo */
	uint8_t reno;	  /* NewReno's growth instead of CUBIC's */
	uint8_t cc_phase; /* enum cc_phase */
	uint16_t watch;	  /* enum tcp_watch */
	uint8_t keep_cnt;
	/* Its frames are held up, see pace.h. A hint of who does it, written
	 * without the lock; lost, it comes again with the next frame. */
	_Atomic uint8_t paced;
	uint32_t sndbuf, rcvbuf;
	uint32_t ssthresh; /* bytes */
	uint32_t rcvlowat;
	uint32_t notsent_lowat; /* bytes unsent from which on no more fits */
	uint32_t ts_offset;

	/* --- with every segment: send */
	uint32_t flags;
	uint16_t ip_id;
	uint16_t cur_off; /* of snd_nxt in `cur` */
	chunk_ix cur;	  /* holds snd_nxt; 0: nothing unsent */
	chunk_ix snd_head, snd_tail;
	uint32_t snd_una, snd_nxt, snd_end;
	uint32_t snd_wnd;     /* bytes, scaled */
	uint32_t snd_wl1;     /* seq of the last window update */
	uint32_t snd_queued;  /* bytes in the chunks */
	uint32_t cwnd;	      /* bytes */
	uint32_t max_out;     /* most in flight, this round trip */
	uint32_t max_out_end; /* snd_nxt when it was */
	uint32_t snd_push;    /* end of what was written so far */
	uint32_t snd_small;   /* end of the last short segment (Minshall) */

	/* --- receive: from here to `probes` undo_copy_part() copies */
	uint32_t rcv_nxt;
	uint32_t rcv_wup;    /* rcv_nxt when the last ack left */
	uint32_t rcv_adv;    /* right edge of the window as told */
	uint32_t rcv_queued; /* bytes readable */
	uint32_t rcv_most;   /* window told at most so far: grows with data */
	frame_ix rcv_first, rcv_last;
	uint32_t ts_recent;
	uint32_t ts_recent_ms; /* when it was set */
	uint32_t max_wnd;
	/* Receive buffer: what the reader took since. */
	uint64_t space_at_ns;
	uint32_t space_seq, space_bytes;
	uint16_t rcv_mss; /* what the peer's segments look like */
	uint8_t quick;	  /* acks to send at once */
	uint8_t sacks;	  /* in sack[] */
	uint8_t rtx_kind; /* enum tcp_rtx */
	uint8_t retries;
	uint8_t backoff;
	uint8_t probes; /* keepalive and window probes unanswered */

	/* --- dates; 0: not armed */
	uint64_t rtx_at, delack_at;
	uint64_t timer_at; /* where the wheel has it */
	uint64_t last_recv_ns, last_send_ns;
	uint64_t last_ack_ns; /* anything acceptable was heard */
	conn_ix timer_next, timer_prev;
	uint16_t timer_slot;
	bool pushed;	/* what is not acknowledged yet ended with PSH */
	uint32_t drops; /* UDP: datagrams that found no room */

	/* --- the flight: tcp_flight.h */
	uint32_t srtt8_us;   /* << 3 */
	uint32_t rttvar4_us; /* << 2 */
	uint32_t rto_us;
	uint32_t min_rtt_us;
	struct run_block flight;
	struct tcp_run run[TCP_RUNS_OWN]; /* of flight */

	/* RFC 8985: the youngest segment delivered. */
	uint32_t rack_us, rack_end;
	uint32_t rack_rtt_us;
	uint32_t rack_round; /* a duplicate counts again when this is there */
	/* Told by TCP_INFO. */
	uint64_t bytes_acked, bytes_received;
	uint32_t segs_out, segs_in;
	uint32_t delivered; /* segments of ours that arrived, SYN included */

	/* --- what trouble needs, and the options */
	chunk_ix flight_last; /* the flight's last block; 0: the one above */
	uint32_t sacked_bytes, lost_bytes;
	uint32_t lost_low; /* nothing below waits to be sent again */
	uint32_t fack;	   /* behind the highest byte reported */
	union {
		struct {
			uint32_t w_max; /* CUBIC's, bytes */
			union {
				struct { /* CC_AVOID: RFC 9438 */
					uint64_t epoch_ns;
					uint32_t w_origin, w_est; /* bytes */
					uint32_t k;		  /* 1/1024 s */
				};
				struct { /* CC_REDUCE: RFC 6937 */
					uint32_t prr_flight, prr_out;
					uint32_t prr_delivered;
				};
				struct { /* CC_START: RFC 9406 */
					uint32_t hy_end, hy_rtt_us;
					uint32_t hy_last_us, hy_base_us;
					uint8_t hy_samples, hy_css;
				};
			};
			uint32_t prior_cwnd, prior_ssthresh, prior_w_max;
			uint64_t rate_at_ns; /* RATE_MAX: nothing before */
		};
		struct { /* listener */
			conn_ix accept_first, accept_last;
			conn_ix syn_first;
			uint32_t backlog;
			uint32_t accepts;   /* in the accept queue */
			uint32_t syns;	    /* half open */
			uint64_t cookie_ns; /* the last SYN cookie; 0: none */
			uint32_t fastopens; /* not yet acknowledged */
			uint64_t fastopen_key[2]; /* FO_KEY */
		};
		struct {		    /* a raw socket: raw.c */
			uint32_t filter[8]; /* ICMP types that are not wanted */
			bool header;	    /* IP_HDRINCL */
		} raw;
	};
	uint32_t recover;   /* recovery ends when this is acknowledged */
	uint8_t rack_seen;  /* RACK_REORDERED */
	uint8_t rack_steps; /* quarters of a round trip allowed, 0: one */
	uint8_t rack_keep;  /* recoveries until they are one again */
	uint8_t syn_retries;
	uint32_t undo_una;    /* snd_una when the window was cut */
	uint32_t undo_end;    /* of what was resent first */
	uint32_t undo_bytes;  /* resent since, no duplicate reported */
	uint32_t ts_echo_min; /* tsval of the first retransmission */
	uint32_t snd_up, rcv_up;
	frame_ix ooo_first, ooo_last;
	uint32_t ooo_frames;
	uint32_t ooo_bytes;
	struct tcp_range dsack;
	struct tcp_range sack[TCP_SACK_MAX];
	uint64_t rtt_at_ns;  /* the SYN left */
	uint64_t keep_at;    /* a date as above */
	uint64_t stalled_ns; /* when the oldest unanswered resend or probe left
			      */
	/* PLPMTUD; mtu_low != 0: segments fit into that. tcp_mtu.c. */
	uint16_t mtu_low, mtu_high;
	uint16_t mtu_probe; /* size of one in flight; 0: none */
	uint16_t maxseg;
	uint64_t mtu_at_ns;	/* no search before */
	uint32_t mtu_probe_end; /* behind its payload */

	conn_ix bound_next;
	conn_ix listener;	/* that it waits on */
	conn_ix q_next, q_prev; /* listener's queues, time-wait list */
	uint32_t order;		/* among the listener's pending */

	uint32_t user_timeout_ms;
	int32_t linger_s;
	uint32_t keep_idle_s, keep_intvl_s;
	uint16_t fastopen;     /* enum tcp_fastopen */
	uint16_t syn_bytes;    /* of data that the SYN has, or may have */
	conn_ix fastopen_of;   /* FO_CHILD: the listener it came by */
	uint32_t fastopen_max; /* listener: not yet acknowledged ones at once */
	uint32_t total_retrans;
	uint8_t defer_accept_s;
	uint8_t urgent_inline; /* SO_OOBINLINE */
	uint8_t urgent_taken;  /* MSG_OOB has fetched it */
	uint8_t group_strict;  /* UDP: hears groups that it has joined only */
	bool rate_waits;       /* until rate_at_ns */
	uint64_t max_Bps;      /* RATE_MAX: of payload */
};

#define CONN_BYTES 768
static_assert(sizeof(struct conn) <= CONN_BYTES,
	      "a connection exceeds its slot");
static_assert(offsetof(struct conn, link) == 0, "the slot's link comes first");
static_assert(offsetof(struct conn, flags) == 2 * CACHE_LINE &&
		      offsetof(struct conn, rcv_nxt) == 3 * CACHE_LINE &&
		      offsetof(struct conn, rtx_at) == 4 * CACHE_LINE &&
		      offsetof(struct conn, srtt8_us) == 5 * CACHE_LINE,
	      "what every segment changes begins and ends with a line");

#endif
