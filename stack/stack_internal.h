/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of this room tell each other.
 *
 * Calls go down: stack_input -> ipv4/ipv6 -> tcp, udp, icmp; and out through
 * path_*. A `struct packet` is one inbound frame on its way up; whoever is
 * handed it consumes the frame.
 */
#ifndef TOAMI_STACK_INTERNAL_H
#define TOAMI_STACK_INTERNAL_H

#include "stack/conn.h"
#include "stack/host.h"
#include "stack/wire.h"

#include <string.h>

struct packet {
	frame_ix ix;
	struct frame *f;
	struct ip_addr src, dst;
	uint32_t l4_bytes; /* header and payload behind IP */
	uint8_t proto;
	uint8_t ttl;
	uint8_t tos;
	bool v4;
	bool unicast; /* to an address of ours, not broadcast or multicast */
};

#define count(st, name)	       ((st)->host->count[COUNT_##name]++)
#define count_add(st, name, n) ((st)->host->count[COUNT_##name] += (n))

static inline struct conn *conn_at(const struct stack *st, conn_ix ix)
{
	return slot_at(st->conns, ix);
}

/* @ix enters the lane that @c is on, if it may. */
static inline bool conn_admits(struct stack *st, const struct conn *c,
			       frame_ix ix)
{
	if (likely(c->vif == st->host->config.vif))
		return true;
	if (st->ops->admit && !st->ops->admit(st, c->self, ix))
		return false;
	if (st->ops->received)
		st->ops->received(st, c->self, frame_at(st->arena, ix));
	return true;
}

/*
 * The mark for stack_recover(). x86 keeps stores in order; the fences keep the
 * compiler from moving a change out of its brackets.
 */
static inline conn_ix writing_begin(struct stack *st, conn_ix c)
{
	conn_ix outer =
		atomic_load_explicit(&st->host->writing, memory_order_relaxed);

	atomic_store_explicit(&st->host->writing, c, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	return outer;
}

static inline void writing_end(struct stack *st, conn_ix outer)
{
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&st->host->writing, outer, memory_order_relaxed);
}

/* What strangers may provoke is counted anew in each second. */
static inline void host_limits_begin(struct stack *st)
{
	struct stack_host *h = st->host;
	uint64_t second = st->now_ns / NSEC_PER_SEC;

	if (h->second == second)
		return;
	h->second = second;
	h->challenge_acks = 0;
	h->icmp_errors = 0;
}

/* A field that others read without the lock. */
static inline void store_u32(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static inline uint32_t load_u32(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void conn_event(struct stack *st, const struct conn *c,
			      uint32_t events)
{
	if (c->sock && events)
		st->ops->event(st, c->self, events);
}

static inline bool conn_is_paced(const struct conn *c)
{
	return atomic_load_explicit(&c->paced, memory_order_relaxed);
}

/* --- timer.c: dates of connections
 * -------------------------------------------- */

void timer_arm_slow(struct stack *st, struct conn *c, uint64_t at);
void timer_cancel(struct stack *st, struct conn *c);
void wheel_init(struct wheel *w, uint64_t now_ns);

/* timer_arm - the wheel looks at @c no later than @at */
static inline void timer_arm(struct stack *st, struct conn *c, uint64_t at)
{
	if (unlikely(!(c->flags & CONN_QUEUED) || at < c->timer_at))
		timer_arm_slow(st, c, at);
}

/* timer_aux - neigh[] or reass[] has something to do at @at */
void timer_aux(struct stack *st, uint64_t at);

/* --- path.c: where a destination lies
 * ----------------------------------------- */

enum path_kind { PATH_SELF, PATH_LINK, PATH_BROADCAST, PATH_MULTICAST };

struct path {
	struct ip_addr next; /* PATH_LINK: the neighbour that gets the frame */
	uint8_t kind;
	uint8_t mac[6];
};

bool host_has(const struct stack_host *h, const struct ip_addr *a);
bool host_is_broadcast(const struct stack_host *h, const struct ip_addr *a);

/* path_find - 0, -ENETUNREACH */
int path_find(const struct stack *st, const struct ip_addr *dst,
	      struct path *p);

/* path_source - the address we talk to @dst from; -EADDRNOTAVAIL */
int path_source(const struct stack *st, const struct ip_addr *dst,
		struct ip_addr *src);

/* path_resolve - 0: p->mac is known; 1: it must be asked for; -EHOSTUNREACH */
int path_resolve(struct stack *st, struct path *p);

/* path_send - Ethernet header, then out; or it waits for an answer; consumes
 * @ix */
void path_send(struct stack *st, struct path *p, frame_ix ix);

/* eth_send - @ix leaves to @mac; consumes it */
void eth_send(struct stack *st, const uint8_t mac[6], frame_ix ix);

/* --- pmtu.c: destinations that take less than the link */

uint32_t pmtu_known(const struct stack *st, const struct ip_addr *to);
/* pmtu_learn - packets to @to may have @mtu bytes, for ten minutes */
void pmtu_learn(struct stack *st, const struct ip_addr *to, uint32_t mtu);

/* path_mtu - of packets to @dst by @p */
static inline uint32_t path_mtu(const struct stack *st, const struct path *p,
				const struct ip_addr *dst)
{
	if (p->kind == PATH_SELF)
		return 65535;
	return likely(!st->host->pmtus) ? st->host->config.mtu
					: pmtu_known(st, dst);
}

/* The current generation of all that path_resolve() depends on. */
static inline uint64_t path_gen(const struct stack *st)
{
	return (uint64_t)st->neighbour_gen << 32 | st->host->neigh_gen;
}

/* --- neigh.c: neighbours that had to be asked for
 * ------------------------------ */

struct neigh *neigh_find(struct stack *st, const struct ip_addr *a);
void neigh_wait(struct stack *st, const struct ip_addr *a, frame_ix ix);
/* neigh_doubt - what is known of @a is asked again when it is used next */
void neigh_doubt(struct stack *st, const struct ip_addr *a);
void neigh_learn(struct stack *st, const struct ip_addr *a,
		 const uint8_t mac[6], bool create);
uint64_t neigh_timers(struct stack *st);

/* --- arp.c
 * -------------------------------------------------------------------- */

void arp_input(struct stack *st, frame_ix ix);
void arp_request(struct stack *st, const struct ip_addr *target);

/* --- ipv4.c, ipv6.c, reass.c
 * --------------------------------------------------- */

/* stack_input_other - the long way of stack_input(), with a frame that can be
 */
void stack_input_other(struct stack *st, frame_ix ix);
void ipv4_input(struct stack *st, frame_ix ix);
void ipv6_input(struct stack *st, frame_ix ix);

/* ip_deliver - one whole packet, l4_off set, to the protocol it names */
void ip_deliver(struct stack *st, struct packet *p);

/* What ip_output() writes. */
struct ip_out {
	const struct ip_addr *src, *dst;
	uint8_t proto, ttl, tos;
	bool df;
};

/*
 * ip_write - the IP header at header[l3_off], for what lies behind it;
 * @l4_bytes with the L4 header. Returns nothing; the caller has put l3_off and
 * header_bytes in place.
 */
void ipv4_write(struct frame *f, const struct ip_out *o, uint32_t l4_bytes,
		uint16_t id, uint16_t frag);
void ipv6_write(struct frame *f, const struct ip_out *o, uint8_t next,
		uint32_t payload);

/*
 * ip_output - a frame whose L4 header and payload are in place (header[] holds
 * room for Ethernet and IP before l4_off), fragmented where needed; consumes
 * it. Returns 0, -ENETUNREACH, -EHOSTUNREACH, -EMSGSIZE or -ENOBUFS.
 */
int ip_output(struct stack *st, frame_ix ix, const struct ip_out *o);
int ipv4_output(struct stack *st, frame_ix ix, const struct ip_out *o,
		struct path *p);
int ipv6_output(struct stack *st, frame_ix ix, const struct ip_out *o,
		struct path *p);

/* ip_trim - of @ix, which holds an IP packet of @total bytes, what is behind
 * that goes */
void ip_trim(struct stack *st, frame_ix ix, uint32_t total);

/* A piece of @bytes of a packet: its IP header, @piece having the rest. */
struct ip_piece {
	struct frame *frame;
	uint32_t id, off, bytes;
	bool more;
};

/**
 * ip_fragment - sends @ix, which is consumed, in pieces
 * @header: bytes between the IP header and what is cut up
 * @room:   for the latter, in one of them: a multiple of eight
 * @write:  the headers of one
 *
 * Returns 0 or -ENOBUFS.
 */
int ip_fragment(struct stack *st, frame_ix ix, const struct ip_out *o,
		struct path *path, uint32_t header, uint32_t room, uint32_t id,
		void (*write)(const struct ip_out *o,
			      const struct ip_piece *piece));

/* l4_frame - an empty frame with room for Ethernet and IP, l4_off set; or 0 */
frame_ix l4_frame(struct stack *st, bool v4, uint32_t l4_header);
void l4_prepare(struct frame *f, bool v4, uint32_t l4_header);

/* l4_csum_ok - verifies the L4 checksum, unless it need not be */
bool l4_csum_ok(const struct stack *st, const struct packet *p);

/* l4_csum_open - leaves the checksum at l4_off + @field to the far side */
void l4_csum_open(struct frame *f, const struct ip_out *o, uint32_t field,
		  uint32_t l4_bytes);

/* reass_input - a piece; returns true with a whole packet in @p, else consumed
 */
bool reass_input(struct stack *st, struct packet *p, uint32_t id, uint32_t off,
		 bool more);
uint64_t reass_timers(struct stack *st);
void reass_drop(struct stack *st, struct reass *r);

/* --- icmp.c, icmp6.c
 * ----------------------------------------------------------- */

/*
 * icmp_echo - turns a request round: it lacks checksum and IP header then.
 * False: consumed, it was for many.
 */
bool icmp_echo(struct stack *st, struct packet *p, uint8_t reply);
void icmp_input(struct stack *st, struct packet *p);
void icmp6_input(struct stack *st, struct packet *p);

/* icmp_take - the header of the message in @p, whose checksum is right; false:
 * it is none, counted */
bool icmp_take(struct stack *st, struct packet *p, struct icmp_header *i);

/*
 * icmp_error - a message about @p, which it quotes: its header, without type
 * and code; NULL: no memory. @ix gets the frame
 */
struct icmp_header *icmp_error(struct stack *st, const struct packet *p,
			       frame_ix *ix);

/*
 * icmp_news - @p is an error about what we sent, of which it quotes the L4
 * header at @l4: its connection, or the ping socket, hears of it; @echo is the
 * protocol of pings, the rest as conn_icmp() has it
 */
void icmp_news(struct stack *st, const struct packet *p, uint8_t proto,
	       uint8_t echo, const struct ip_addr *local,
	       const struct ip_addr *peer, const uint8_t *l4, int err,
	       bool hard, uint32_t mtu);

/* icmp_unreachable - tells the sender of @p, which stays the caller's */
void icmp6_unreachable(struct stack *st, const struct packet *p, uint8_t code);
void icmp_unreachable(struct stack *st, const struct packet *p, uint8_t code4,
		      uint8_t code6);
void icmp6_solicit(struct stack *st, const struct ip_addr *target);

/* icmp_allowed - false once too many errors went out this second */
bool icmp_allowed(struct stack *st);

/*
 * conn_icmp - an error came for what @local:@lport sent to @peer:@pport; @seq
 * is the TCP sequence number quoted, @mtu != 0: it was too big; @news: the
 * message, which stays the caller's; 0: it is our own news
 */
void conn_icmp(struct stack *st, uint8_t proto, const struct ip_addr *local,
	       uint16_t lport, const struct ip_addr *peer, uint16_t pport,
	       uint32_t seq, int err, bool hard, uint32_t mtu, frame_ix news);

/* --- lookup.c: hash chains and ports
 * ------------------------------------------- */

/* A keyed multiplication folded to 64 bits: cheap, and not guessable from
 * outside. */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Of the low halves of the addresses: all that differs in IPv4. */
static inline uint64_t hash_ends(const struct stack_host *h, uint64_t local,
				 uint16_t lport, uint64_t peer, uint16_t pport)
{
	uint64_t ports = (uint64_t)lport << 16 | pport;

	return hash_fold(peer ^ h->config.secret[0] ^ ports << 32,
			 local ^ h->config.secret[1] ^ ports);
}

uint32_t conn_hash(const struct stack_host *h, const struct ip_addr *local,
		   uint16_t lport, const struct ip_addr *peer, uint16_t pport);
struct conn *hash_find(const struct stack *st, uint32_t hash,
		       const struct ip_addr *local, uint16_t lport,
		       const struct ip_addr *peer, uint16_t pport);
void hash_add(struct stack *st, struct conn *c);
void hash_remove(struct stack *st, struct conn *c);
void bound_add(struct stack *st, struct conn *c);
void bound_remove(struct stack *st, struct conn *c);

/* bound_find - the best listener or UDP socket for a packet, or NULL */
struct conn *bound_find(const struct stack *st, uint8_t proto,
			const struct ip_addr *local, uint16_t lport,
			const struct ip_addr *peer, uint16_t pport);

/* bound_first, bound_next - every socket of @proto bound to @port */
struct conn *bound_next(const struct stack *st, const struct conn *c,
			uint8_t proto, uint16_t port);

/* --- conn.c
 * -------------------------------------------------------------------- */

struct conn *conn_new(struct stack *st, uint8_t proto);
void conn_free(struct stack *st, struct conn *c);
void conn_unbind(struct stack *st, struct conn *c);

/* conn_path - c->mac is valid; 0, 1 (wait: use path_send), or an error */
int conn_path(struct stack *st, struct conn *c, struct path *p);

/* port_choose - binds to a free port; @peer, @pport: so that the four differ */
int port_choose(struct stack *st, struct conn *c);

/* --- errqueue.c: errors kept for who asks
 * ------------------------------------- */

void errors_keep(struct stack *st, struct conn *c, frame_ix news, int err);
void errors_drop(struct stack *st, struct conn *c);

/* --- ping.c: sockets for echo requests
 * ---------------------------------------- */

/* The peer's port of a connected one: echo has none, but a peer needs one. */
#define PING_PORT 1

/* ping_input - an echo reply, @p's header up to its own; consumed if true */
bool ping_input(struct stack *st, struct packet *p);

/* ping_prepare - @frame's payload is a request: sets its id. 0 or -EINVAL */
int ping_prepare(struct stack *st, struct conn *c, frame_ix frame, bool v4);
void ping_close(struct stack *st, struct frame *f, const struct ip_out *o);

static inline bool is_ping(const struct conn *c)
{
	return c->proto == STACK_ICMP || c->proto == STACK_ICMP6;
}

/* --- raw.c: raw sockets
 * ------------------------------------------------------- */

/* raw_input - copies @p to those that fit; were there any? */
bool raw_input(struct stack *st, const struct packet *p);
int raw_bind(struct stack *st, struct conn *c, const struct ip_addr *addr);

/* raw_send - @frame's payload to o->dst; consumes it */
int raw_send(struct stack *st, struct conn *c, frame_ix frame,
	     const struct ip_out *o);

static inline bool is_raw(const struct conn *c)
{
	return c->proto == STACK_RAW || c->proto == STACK_RAW6;
}

/* --- udp.c
 * --------------------------------------------------------------------- */

void udp_input(struct stack *st, struct packet *p);
void udp_queue(struct stack *st, struct conn *c, frame_ix ix);
void udp_close(struct stack *st, struct conn *c);
int udp_connect(struct stack *st, struct conn *c, const struct ip_addr *from,
		const struct ip_addr *to, uint16_t port);
void udp_disconnect(struct stack *st, struct conn *c);
uint32_t udp_ready(const struct stack *st, const struct conn *c);

#endif
