/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TCP/IP stack as a library: frames, a clock and randomness in; frames and
 * events out. No system call, no allocation but slots, no lock of its own.
 *
 * One `struct stack_host` is one host on the network: its addresses, its
 * connections, its timers. It lies in memory that several processes may share,
 * so it holds indices, never pointers. To work on it, a thread takes the lock
 * that guards the host (the caller's business), fills a `struct stack` with its
 * own view of the tables, and calls. Every function below needs that lock held,
 * unless it says otherwise.
 *
 * Output: frames the stack wants to send are appended to st->out, whole
 * Ethernet frames owned by the list. The caller delivers them after it has
 * released the lock, in order. Frames to an address of the host itself are put
 * there too (destination MAC = own MAC).
 *
 * Death: while a connection is being changed, host->writing names it. Whoever
 * takes over a host from a dead thread calls stack_recover(). What a segment or
 * a timer was changing is undone; what a call of the connection's own program
 * was changing is aborted.
 *
 * Addresses are struct ip_addr (IPv4 as ::ffff:a.b.c.d); ports are in host byte
 * order. Errors are negative errno values, those that the Linux call of the
 * same name gives.
 */
#ifndef TOAMI_STACK_STACK_H
#define TOAMI_STACK_STACK_H

#include "base/frame.h"
#include "base/slot.h"
#include "base/types.h"

#define STACK_MTU 1500
#define STACK_SEND_BUFFER                                                     \
	(256 * 1024)		       /* default SO_SNDBUF, bytes of payload \
					*/
#define STACK_RECV_BUFFER (512 * 1024) /* default SO_RCVBUF */
#define STACK_BUFFER_MAX  (4 * 1024 * 1024)
/* How far they grow by themselves: Linux's tcp_wmem[2] and tcp_rmem[2]. */
#define STACK_SEND_TUNED (4 * 1024 * 1024)
#define STACK_RECV_TUNED (6 * 1024 * 1024)

/* As in the IP header. ICMP: sockets for echo requests, the ones ping opens. */
enum {
	STACK_ICMP = 1,
	STACK_TCP = 6,
	STACK_UDP = 17,
	STACK_ICMP6 = 58,
	STACK_UDPLITE = 136,
	STACK_RAW = 253, /* raw sockets, whatever their protocol */
	STACK_RAW6 = 254,
};

/* Readiness, the values of EPOLL* on Linux. */
#define STACK_IN     0x001u
#define STACK_PRI    0x002u
#define STACK_OUT    0x004u
#define STACK_ERR    0x008u
#define STACK_HUP    0x010u
#define STACK_WRBAND 0x200u /* datagrams: always with OUT, as Linux has it */
#define STACK_RDHUP  0x2000u

struct stack_host; /* stack/host.h */
struct stack;
struct conn; /* stack/conn.h */

/* What the stack asks of its surroundings. All are called with the host's lock
 * held. */
struct stack_ops {
	/*
	 * Something about @c changed that may change its readiness or wake a
	 * waiter:
	 * @events are the STACK_* bits that have *newly* occurred (edge: more
	 * data, more room, a new connection to accept, end, error). The current
	 * level is conn_ready(). Not called for connections without an owner
	 * (c->sock == 0).
	 */
	void (*event)(struct stack *st, conn_ix c, uint32_t events);

	/*
	 * The link-layer address of on-link neighbour @to. Returns 0 and fills
	 * @mac; -EHOSTUNREACH: nobody has that address and nobody can; -ENOENT:
	 * not known here, ask the link (ARP, ND).
	 */
	int (*neighbour)(struct stack *st, const struct ip_addr *to,
			 uint8_t mac[6]);

	/* host->config has other addresses or routes than before. May be NULL.
	 */
	void (*configured)(struct stack *st);

	/*
	 * @f, whatever it carries, is for @c and was admitted: charge it to the
	 * lane c->vif. Called only when that is not the host's own VIF
	 * (host->vif). May be NULL.
	 */
	void (*received)(struct stack *st, conn_ix c, const struct frame *f);

	/*
	 * May @ix, which is for @c, enter the lane c->vif? Called only when
	 * that is not the host's own VIF. May be NULL: yes.
	 */
	bool (*admit)(struct stack *st, conn_ix c, frame_ix ix);

	/*
	 * Of a connection for which conn_stamp() was called: @ix, which ends
	 * before @end, is about to leave; the peer has everything before @ack.
	 */
	void (*sending)(struct stack *st, conn_ix c, frame_ix ix, uint32_t end);
	void (*acked)(struct stack *st, conn_ix c, uint32_t ack);

	/* @c has sent a segment once more. May be NULL. */
	void (*resent)(struct stack *st, conn_ix c);
};

/* A thread's handle on one host. The caller fills everything but `out`, which
 * is {0}. */
struct stack {
	struct arena *arena;
	struct stack_host *host;
	const struct slot_table *conns; /* struct conn, shared by all hosts */
	const struct slot_table *paces; /* struct stack_pace: pace.h */
	const struct stack_ops *ops;
	void *user;		/* for ops */
	uint64_t now_ns;	/* of a clock that never runs backwards */
	uint64_t *random;	/* state of the generator, base/random.h */
	uint32_t neighbour_gen; /* moves when a neighbour's answer may change */
	struct frame_list out;
	chunk_ix acked; /* stack/undo.h's: 0 between calls */
	uint32_t acked_chunks;
};

struct stack_config {
	struct ip_addr addr4; /* any: no IPv4 */
	struct ip_addr addr6; /* any: no IPv6 beyond the link-local address */
	struct ip_addr
		gateway4; /* any: off-link destinations are unreachable */
	struct ip_addr gateway6;
	uint8_t prefix4; /* bits, 0-32 */
	uint8_t prefix6; /* bits, 0-128 */
	uint8_t mac[6];
	uint16_t mtu; /* of the link, 1280-65535 */
	vif_ix vif;   /* whose address this is */
	host_ix self; /* index of this host, copied into its connections */
	uint64_t secret[2]; /* for sequence numbers, ports, cookies */
	bool ecn;	    /* connect() asks for ECN; listeners always agree */
	/* TCP's buffers grow up to here; 0: STACK_SEND_TUNED, STACK_RECV_TUNED
	 */
	uint32_t sndbuf_max, rcvbuf_max;
	bool mtu_trusted;   /* no search for black holes: Linux's default */
	uint32_t super_max; /* payload of a super-segment; 0: what IP allows */
};

/* stack_host_init - a host without connections, in zeroed memory */
void stack_host_init(struct stack_host *h, const struct stack_config *config);

/*
 * stack_auto_start - the host finds its addresses by itself from now on:
 * ops->configured() tells
 */
void stack_auto_start(struct stack *st, bool dhcp, bool slaac);

/* stack_input - a frame arrives; consumes it, whatever it holds */
void stack_input(struct stack *st, frame_ix ix);

/**
 * stack_lane - the lane of the connection that @f is for, or 0: nobody's
 *
 * Without the lock: an answer that was true a moment ago, or is not true in
 * rare cases; good enough to choose a queue. Chains are followed for a bounded
 * length.
 */
vif_ix stack_lane(const struct stack *st, const struct frame *f);

/* stack_timers - runs what is due at st->now_ns; sets host->next_timer_ns anew
 */
void stack_timers(struct stack *st);

/*
 * When stack_timers() has something to do at the earliest; UINT64_MAX: nothing.
 * May be read without the lock. Early is harmless, late is not.
 */
uint64_t stack_next_timer_ns(const struct stack_host *h);

/* --- connections: TCP, listeners and UDP sockets alike -----------------------
 */

/* How to bind. */
#define STACK_REUSEADDR 0x1u
#define STACK_REUSEPORT 0x2u
#define STACK_V6ONLY	0x4u
#define STACK_INET6	0x8u /* an AF_INET6 socket: any means both families */

/**
 * conn_open - an unbound connection (TCP: CLOSED) owned by @sock
 * @proto: STACK_*
 * @vif:   lane that its frames are charged to
 *
 * Returns 0 and *c, or -ENOBUFS when the table is full.
 */
int conn_open(struct stack *st, uint8_t proto, sock_ix sock, vif_ix vif,
	      conn_ix *c);

/* conn_bind - @port 0 chooses one. -EADDRINUSE, -EADDRNOTAVAIL, -EINVAL
 * (bound). */
int conn_bind(struct stack *st, conn_ix c, const struct ip_addr *addr,
	      uint16_t port, uint32_t flags);

/**
 * conn_connect - TCP: sends SYN; the outcome is an event. UDP: fixes the peer
 *
 * Binds first where needed. Returns 0 (for TCP: begun), -ENETUNREACH,
 * -EHOSTUNREACH, -EADDRNOTAVAIL (no port left), -EISCONN, -EALREADY, -EINVAL
 * (listening). "Any" is this host.
 */
int conn_connect(struct stack *st, conn_ix c, const struct ip_addr *addr,
		 uint16_t port);

/* conn_disconnect - a UDP or raw socket has no peer from now on */
void conn_disconnect(struct stack *st, conn_ix c);

/**
 * conn_connect_fast - as conn_connect(), for sendto(MSG_FASTOPEN) of a TCP
 * connection
 *
 * With what the peer must be shown at hand, SYN waits for the data
 * (tcp_deferred()): tcp_append() takes as much as fits, tcp_push() sends it.
 * Returns what conn_connect() does, or -EOPNOTSUPP.
 */
int conn_connect_fast(struct stack *st, conn_ix c, const struct ip_addr *addr,
		      uint16_t port);

/* tcp_deferred - does the SYN wait for its data? */
bool tcp_deferred(const struct stack *st, conn_ix c);

/* tcp_await - somebody waits to send as soon as @c is established */
void tcp_await(struct stack *st, conn_ix c);

/* tcp_fastopen_forget - every peer's cookie */
void tcp_fastopen_forget(struct stack_host *h);

/* tcp_fastopen_key - a listener's own key for cookies */
int tcp_fastopen_key(struct stack *st, conn_ix c, const uint64_t key[2]);

/* conn_ready - the current STACK_* level of @c */
uint32_t conn_ready(const struct stack *st, conn_ix c);

/* conn_error - takes the pending error (SO_ERROR): 0 or a positive errno */
int conn_error(struct stack *st, conn_ix c);

/* conn_again - @err, which has been taken, is pending once more */
void conn_again(struct stack *st, conn_ix c, int err);

/* conn_names - either may be NULL; an unconnected peer gives -ENOTCONN */
int conn_names(const struct stack *st, conn_ix c, struct ip_addr *local,
	       uint16_t *lport, struct ip_addr *peer, uint16_t *pport);

enum conn_option {
	CONN_NODELAY,
	CONN_CORK,
	CONN_KEEPALIVE,
	CONN_KEEPIDLE_S,
	CONN_KEEPINTVL_S,
	CONN_KEEPCNT,
	CONN_USER_TIMEOUT_MS,
	CONN_MAXSEG,
	CONN_SNDBUF, /* bytes of payload */
	CONN_RCVBUF,
	CONN_RCVLOWAT,
	CONN_TTL,
	CONN_TOS,
	CONN_LINGER_S,	/* -1: off (default); 0: close resets */
	CONN_OOBINLINE, /* the urgent byte is read as any other */
	CONN_QUICKACK,
	CONN_DEFER_ACCEPT_S,
	CONN_SYNCNT,
	CONN_NOTSENT_LOWAT, /* unsent bytes that still invite more; 0: the
			       host's */
	CONN_BROADCAST,
	CONN_MULTICAST_TTL,
	CONN_MULTICAST_LOOP,
	CONN_MULTICAST_ALL, /* hear groups that others have joined, too */
	CONN_FASTOPEN,	    /* listener: how many may wait for the last ack */
	CONN_FASTOPEN_CONNECT,
	CONN_FASTOPEN_NO_COOKIE,
	CONN_CONGESTION, /* 0: CUBIC (default), 1: NewReno */
	CONN_RECVERR,	 /* datagrams: errors are kept for udp_take_error() */
	CONN_SEND_COVERAGE, /* UDP-Lite, RFC 3828: bytes checked, 0: all */
	CONN_RECV_COVERAGE, /* what covers less is not for us */
};

int conn_set(struct stack *st, conn_ix c, enum conn_option opt, int value);
int conn_get(const struct stack *st, conn_ix c, enum conn_option opt,
	     int *value);

/**
 * conn_close - the owner lets go; @c must not be used again
 *
 * UDP: freed. A listener: freed, its pending connections reset. TCP: orderly
 * close, finished by the stack alone; reset if data was left unread (RFC
 * 2525, 2.17) or linger is 0. Unread frames are freed.
 */
void conn_close(struct stack *st, conn_ix c);

/* conn_abort - as conn_close, but the peer gets RST now */
void conn_abort(struct stack *st, conn_ix c);

/* --- TCP ---------------------------------------------------------------------
 */

/*
 * tcp_start_over - a closed connection is as new, but for its options and what
 * it was bound to; @err, a positive errno, is pending. Others: nothing.
 */
void tcp_start_over(struct stack *st, conn_ix c, int err);

/* tcp_show - the address (NULL: any) and port of a closed connection that is
 * not bound, for conn_names() */
void tcp_show(struct stack *st, conn_ix c, const struct ip_addr *local,
	      uint16_t port);

/* tcp_listen - binds to a free port where needed; again: a new backlog */
int tcp_listen(struct stack *st, conn_ix c, uint32_t backlog);

/*
 * tcp_accept - the oldest established connection of a listener, or 0. It has no
 * owner yet: the caller sets it with conn_own() before it lets go of the lock.
 */
conn_ix tcp_accept(struct stack *st, conn_ix listener);

/* tcp_peer - who connected, even if the connection has ended since */
void tcp_peer(const struct stack *st, conn_ix c, struct ip_addr *peer,
	      uint16_t *port);

/* conn_own - @c belongs to @sock and is charged to @vif from now on */
void conn_own(struct stack *st, conn_ix c, sock_ix sock, vif_ix vif);

/* tcp_room - bytes that the send buffer takes now; may be read without the lock
 */
uint32_t tcp_room(const struct conn *c);

/* tcp_fill - bytes to hand over before tcp_push(); likewise. 0: no room */
uint32_t tcp_fill(const struct conn *c);

/* tcp_readable - bytes in order that wait for the reader; likewise */
uint32_t tcp_readable(const struct conn *c);

/* tcp_low_water - bytes that make it readable (SO_RCVLOWAT); likewise */
uint32_t tcp_low_water(const struct conn *c);

/**
 * tcp_append - copies bytes behind the send queue, filling its last chunk first
 *
 * Returns the bytes taken: less than @bytes when the buffer or the arena is
 * full. Nothing is sent before tcp_push(). The caller has checked that sending
 * is allowed (conn_send_error()).
 */
uint32_t tcp_append(struct stack *st, conn_ix c, const void *src,
		    uint32_t bytes);

/*
 * tcp_append_chunks - the send queue takes over chunks linked by `next`,
 * [start, end) of each, one reference each. The room is not checked again.
 */
void tcp_append_chunks(struct stack *st, conn_ix c, chunk_ix first);

/**
 * tcp_append_frames - moves bytes of received frames behind the send queue
 * @list:  what tcp_take() gave; frames of which nothing is left are freed, the
 *         first of the others may be left in part (payload_off)
 * @bytes: at most so many, and no more than there is room for
 *
 * By reference: neither the bytes nor their chunks move. Small pieces are
 * copied, so that the queue keeps no more memory than a few times what it
 * counts. Returns the bytes moved; as tcp_append() otherwise.
 */
uint32_t tcp_append_frames(struct stack *st, conn_ix c, struct frame_list *list,
			   uint32_t bytes);

/* tcp_push - a write ends, which PSH tells the peer; sends what window,
 * congestion and Nagle allow. @more: MSG_MORE */
void tcp_push(struct stack *st, conn_ix c, bool more);

/* tcp_end_record - what follows shares no segment with what is queued */
void tcp_end_record(struct stack *st, conn_ix c);

/* tcp_send_urgent - marks the last byte appended as urgent (RFC 6093) */
void tcp_send_urgent(struct stack *st, conn_ix c);

/**
 * tcp_urgent - the urgent byte (MSG_OOB)
 * @peek: STACK_PRI stays set
 *
 * Returns 0 and *byte; -EAGAIN: announced, but not here yet; -EINVAL: none,
 * read, or to be read as any other (CONN_OOBINLINE).
 */
int tcp_urgent(struct stack *st, conn_ix c, uint8_t *byte, bool peek);

/*
 * tcp_before_mark - bytes that one read may give: it ends before the urgent
 * byte, and begins behind it
 *
 * *at: the urgent byte is next, and is to be left out: tcp_skip_mark() before
 * anything is read. May be read without the lock.
 */
uint32_t tcp_before_mark(const struct conn *c, bool *at);
void tcp_skip_mark(struct stack *st, conn_ix c);

/* tcp_at_mark - the urgent byte is the next to be read (SIOCATMARK) */
bool tcp_at_mark(const struct stack *st, conn_ix c);

/*
 * tcp_send_error - 0 when sending is allowed; -EPIPE after shutdown or reset,
 * -ENOTCONN, or the pending error, which is taken. -EAGAIN: still connecting.
 */
int tcp_send_error(struct stack *st, conn_ix c);

/*
 * tcp_recv_error - 0: data may come or waits; 1: end of stream (after the
 * data); -ENOTCONN; or the pending error, which is taken once the data has been
 * read.
 */
int tcp_recv_error(struct stack *st, conn_ix c);

/**
 * tcp_take - detaches whole frames from the receive queue
 * @max:  at most so many bytes
 * @list: gets the frames; the caller owns them. The first payload_off bytes of
 * each are not part of it: read before, or a repetition
 *
 * Returns the bytes detached, which may be less than is readable (a frame is
 * not cut). The window moves with tcp_consumed().
 */
uint32_t tcp_take(struct stack *st, conn_ix c, uint32_t max,
		  struct frame_list *list);

/* tcp_take_part - likewise, but the last frame is cut where @max is, if there
 * is a frame for the rest */
uint32_t tcp_take_part(struct stack *st, conn_ix c, uint32_t max,
		       struct frame_list *list);

/**
 * tcp_copy - copies in-order bytes to @dst, from @skip bytes behind the first
 * unread
 * @peek: leave them unread
 *
 * Returns the bytes copied. Without @peek, @skip is 0.
 */
uint32_t tcp_copy(struct stack *st, conn_ix c, uint32_t skip, void *dst,
		  uint32_t bytes, bool peek);

/* tcp_consumed - after reading: tells the peer about the window when that is
 * due */
void tcp_consumed(struct stack *st, conn_ix c);

/* tcp_shutdown - SHUT_RD, SHUT_WR, SHUT_RDWR (0, 1, 2); -ENOTCONN */
int tcp_shutdown(struct stack *st, conn_ix c, int how);

/* Bytes written but not acknowledged (SIOCOUTQ), and not yet sent
 * (SIOCOUTQNSD). */
uint32_t tcp_unacked(const struct conn *c);
uint32_t tcp_unsent(const struct conn *c);

/* tcp_info - fills @info as struct tcp_info of linux/tcp.h, @bytes at most */
uint32_t tcp_info(const struct stack *st, conn_ix c, void *info,
		  uint32_t bytes);

/*
 * tcp_pacing_Bps - how fast @c would send if it spread a window over a round
 * trip, with room to grow (twice in slow start, a fifth more later, as Linux
 * has it); for whoever schedules its frames. 0: not known yet.
 */
uint64_t tcp_pacing_Bps(const struct conn *c);

/*
 * conn_max_rate - SO_MAX_PACING_RATE: bytes of payload a second that @c sends
 * at most; UINT64_MAX: no limit, 0: none either, as in Linux. Obeyed by TCP
 * (tcp_rate.c), kept for others. What is accepted has it from its listener.
 */
uint64_t conn_max_rate(const struct stack *st, conn_ix c);
void conn_max_rate_set(struct stack *st, conn_ix c, uint64_t Bps);

/* --- UDP ---------------------------------------------------------------------
 */

/**
 * udp_send - sends the payload of @frame, which has no header yet; consumes it
 * @to: destination, or NULL: the connected peer
 *
 * Binds first where needed. Returns 0 or an error (-EDESTADDRREQ, -ENETUNREACH,
 * -EMSGSIZE, -EACCES for broadcast without permission, or the pending error).
 * Payloads above the MTU leave as fragments.
 */
int udp_send(struct stack *st, conn_ix c, frame_ix frame,
	     const struct ip_addr *to, uint16_t port);

/* What a datagram is to be sent with, instead of the socket's own. */
struct udp_how {
	struct ip_addr from; /* any: as ever */
	int16_t ttl;	     /* -1: as ever */
	int16_t tos;
	uint16_t segment; /* not the stack's: datagrams of so many bytes each */
	bool made;	  /* errors and shutdown() of the sender are too late */
};

/*
 * conn_stamp - ops->sending and ops->acked are called for stream @c from now on
 * (@on), or no more
 *
 * Where the stream is: *una is the first byte not acknowledged, *nxt the first
 * one not sent, *end the first one not written.
 */
void conn_stamp(struct stack *st, conn_ix c, bool on);
void conn_stream(const struct stack *st, conn_ix c, uint32_t *una,
		 uint32_t *nxt, uint32_t *end);

/*
 * udp_may_send - what udp_send() would say before it looks at the data; not
 * @whole: of the destination only
 */
int udp_may_send(struct stack *st, conn_ix c, const struct ip_addr *to,
		 uint16_t port, bool whole);

/* udp_send_how - udp_send() with @how */
int udp_send_how(struct stack *st, conn_ix c, frame_ix frame,
		 const struct ip_addr *to, uint16_t port,
		 const struct udp_how *how);

/*
 * A datagram put together from several sends (MSG_MORE, UDP_CORK): udp_cork()
 * adds bytes, udp_uncork() sends the whole as udp_send_how() does, and
 * udp_cork_drop() forgets it. The caller keeps the whole below 64 KiB.
 */
int udp_cork(struct stack *st, conn_ix c, const void *src, uint32_t bytes);
uint32_t udp_corked(const struct stack *st, conn_ix c);
int udp_uncork(struct stack *st, conn_ix c, const struct ip_addr *to,
	       uint16_t port, const struct udp_how *how);
void udp_cork_drop(struct stack *st, conn_ix c);

/* What a received datagram says about itself. */
struct udp_note {
	struct ip_addr from;
	struct ip_addr to;
	uint16_t port; /* of the sender */
	uint8_t ttl;
	uint8_t tos;
	uint64_t at_ns; /* when it was queued */
};

/* udp_note_of - what the headers of @f say, but for the port */
void udp_note_of(const struct frame *f, struct udp_note *note);

/* udp_take - the oldest datagram (caller's now), or 0; @peek leaves it queued
 */
frame_ix udp_take(struct stack *st, conn_ix c, struct udp_note *note,
		  bool peek);

/* udp_take_alike - likewise, if it is like @first in all but its payload, which
 * is 1 to @max bytes long; 0: it is not */
frame_ix udp_take_alike(struct stack *st, conn_ix c, frame_ix first,
			uint32_t max);

/* An ICMP error that came for what a socket had sent. */
struct udp_error {
	int err; /* a positive errno */
	bool v4; /* ICMP, else ICMPv6 */
	uint8_t type, code;
	uint32_t info;		 /* EMSGSIZE: the path's MTU */
	struct ip_addr offender; /* who sent it */
	struct ip_addr to;	 /* where the datagram had gone */
	uint16_t port;
	struct udp_note note; /* of the message itself */
};

/*
 * udp_take_error - the oldest error kept (CONN_RECVERR), or 0
 *
 * The frame, the caller's now, holds behind its payload_off what was quoted of
 * the datagram's own payload.
 */
frame_ix udp_take_error(struct stack *st, conn_ix c, struct udp_error *e,
			bool peek);

/* udp_readable - bytes of the first datagram that waits (FIONREAD), or 0 */
int udp_readable(const struct stack *st, conn_ix c);

/* conn_raw - @c, of STACK_RAW or STACK_RAW6, is for this IP protocol: its port
 */
void conn_raw(struct stack *st, conn_ix c, uint8_t protocol);

enum raw_option {
	RAW_FILTER, /* ICMP_FILTER: uint32_t; ICMP6_FILTER: eight of them */
	RAW_HEADER, /* IP_HDRINCL: int */
};

/* raw_option - the bytes of the value; -ENOPROTOOPT, -EOPNOTSUPP */
int raw_option(struct stack *st, conn_ix c, enum raw_option opt, void *value,
	       bool set);

/* --- multicast groups --------------------------------------------------------
 */

/**
 * conn_join - @c hears @group, from @source alone if that is not "any"
 *
 * Returns 0; -EADDRINUSE: it does already; -EINVAL: not a group, or @c has
 * joined it for all sources and now for one, or the other way round; -ENODEV:
 * the host has no address of that family; -ENOBUFS.
 */
int conn_join(struct stack *st, conn_ix c, const struct ip_addr *group,
	      const struct ip_addr *source);

/* conn_leave - @source any: whatever it has of @group. 0, -EADDRNOTAVAIL,
 * -EINVAL */
int conn_leave(struct stack *st, conn_ix c, const struct ip_addr *group,
	       const struct ip_addr *source);

/*
 * stack_fail - the network is gone: every connection that has an owner gets
 * @err. Listeners stay, silent; a UDP socket reports @err once.
 */
void stack_fail(struct stack *st, int err);

/* --- death -------------------------------------------------------------------
 */

/**
 * stack_recover - a host whose lock's holder has died, made whole
 *
 * Undoes the change that a segment or a timer was making, or aborts the
 * connection that its own program was changing (RST to its peer, error
 * ECONNRESET to its owner), then rebuilds hash chains, timers, port use and
 * accept queues from the connections' slots. Output and events as ever.
 */
void stack_recover(struct stack *st);

/**
 * stack_visit - names every frame and every chunk reference the host's queues
 * hold
 *
 * For arena_rebuild(): queues of connections and reassembly; not st->out.
 */
void stack_visit(struct stack *st, void (*frame)(void *arg, frame_ix ix),
		 void (*chunk)(void *arg, chunk_ix ix), void *arg);

#endif
