/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One host on the network: addresses, tables, timers. Lies in shared memory;
 * holds indices only. Writer of every field: the holder of the host's lock,
 * except where a field says otherwise.
 *
 * What is *derived* from the connections' slots, and rebuilt by
 * stack_recover(): hash, bound, wheel, the time-wait list and the listeners'
 * queues. The rest is written in one store or is harmless when half written.
 */
#ifndef TOAMI_STACK_HOST_H
#define TOAMI_STACK_HOST_H

#include "stack/counters.h"
#include "stack/conn.h"
#include "stack/stack.h"

#define HOST_HASH_BUCKETS 16384 /* connections by addresses and ports */
#define HOST_PORT_BUCKETS 4096	/* sockets by local port */

/*
 * Timer wheel: hierarchical, 64 slots a level. A level-0 slot is one tick of
 * 2^20 ns. Invariant: an entry of level n agrees with `now` in every bit above
 * the level's group and exceeds it in that group, so the lowest level that is
 * not empty holds the next date, in its lowest slot.
 */
#define WHEEL_TICK_SHIFT 20
#define WHEEL_LEVELS	 8
#define WHEEL_BITS	 6
#define WHEEL_SLOTS	 (1 << WHEEL_BITS)

struct wheel {
	uint64_t now;		     /* ticks */
	uint64_t busy[WHEEL_LEVELS]; /* bit s: slot s holds something */
	conn_ix slot[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* Link-layer addresses that ops->neighbour could not tell: ARP and ND. */
#define NEIGH_MAX     64
#define NEIGH_PENDING 4 /* frames that wait for one answer */

enum neigh_state {
	NEIGH_FREE,
	NEIGH_ASKED, /* frames wait in pending[] */
	NEIGH_KNOWN,
};

struct neigh {
	struct ip_addr addr;
	uint8_t mac[6];
	uint8_t state;
	uint8_t asked; /* requests sent without an answer */
	uint8_t frames;
	frame_ix pending[NEIGH_PENDING];
	uint64_t at_ns; /* ASKED: ask again; KNOWN: forget */
};

/* Destinations that take less than the link: pmtu.c. */
#define PMTU_MAX 64

struct pmtu {
	struct ip_addr to;
	uint64_t until_ns;
	uint16_t mtu; /* 0: free */
};

/* Datagrams that arrive in pieces, RFC 791, RFC 8200 section 4.5, RFC 5722. */
#define REASS_MAX    64
#define REASS_FRAMES 128

struct reass {
	struct ip_addr src, dst;
	uint32_t id;
	uint8_t proto;
	bool live;
	bool have_last;
	uint16_t frames;
	uint32_t total; /* bytes behind the IP header, once the last piece is in
			 */
	uint32_t bytes; /* of them here */
	frame_ix
		first; /* by offset; note[0] is the offset, note[1] the bytes */
	uint64_t born_ns, until_ns;
};

/*
 * Multicast, stack/group.h: what sockets have joined (the truth), and the
 * groups that follow from it.
 */
#define GROUP_MEMBERS 256
#define GROUP_MAX     64

struct member {
	struct ip_addr group;
	struct ip_addr source; /* any: all sources */
	conn_ix conn;	       /* 0: free; stored last */
};

enum group_state {
	GROUP_FREE,
	GROUP_JOINED,
	GROUP_LEFT, /* only until that has been told again */
};

struct group {
	struct ip_addr addr;
	uint8_t state;
	uint8_t repeats; /* reports of a change still due */
	uint64_t at_ns;	 /* of the next report */
};

/* Addresses that are found: stack/auto.h. IPv4 ones in network order. */
enum dhcp_state {
	DHCP_OFF,
	DHCP_INIT,
	DHCP_SELECTING,
	DHCP_REQUESTING,
	DHCP_PROBING,
	DHCP_BOUND,
	DHCP_RENEWING,
	DHCP_REBINDING,
};

struct dhcp {
	uint8_t state;
	uint8_t tries;
	uint8_t prefix;
	uint32_t xid;
	uint32_t address, server, router;
	uint64_t at_ns; /* something is due */
	uint64_t began_ns, t1_ns, t2_ns, end_ns;
	uint64_t defended_ns; /* against another who uses the address */
};

enum slaac_state {
	SLAAC_OFF,
	SLAAC_SOLICITING,
	SLAAC_PROBING,
	SLAAC_BOUND,
	SLAAC_TAKEN, /* somebody else has our address */
};

struct slaac {
	uint8_t state;
	uint8_t tries;
	struct ip_addr address;
	uint64_t at_ns;
	uint64_t until_ns;	  /* the address is valid */
	uint64_t router_until_ns; /* 0: there is none */
};

/* How a connection was before a segment or a timer began to change it;
 * stack/undo.h. */
struct undo {
	_Atomic conn_ix conn; /* 0: none is being changed that way */
	bool impossible;      /* the change frees what the copy refers to */
	bool part;	      /* of `before` is the copy: undo_copy_part() */
	uint16_t start; /* of `chunk`, before it was acknowledged in part */
	chunk_ix chunk; /* 0: none was */
	struct conn before;
};

/*
 * What an administrator may choose, with the meaning of the sysctl of the same
 * name (net.ipv4.tcp_*). Read at any time by the holder of the lock.
 */
struct stack_tuning {
	uint8_t ecn; /* 0: never; 1: connect() asks; 2: listeners agree */
	bool timestamps, sack, window_scaling;
	bool tail_probes; /* early_retrans */
	bool slow_start_after_idle;
	uint8_t min_tso_segments;
	uint8_t syn_retries, synack_retries, retries;
	uint32_t rcvbuf, rcvbuf_max; /* rmem: default, largest by itself */
	uint32_t sndbuf, sndbuf_max; /* wmem: likewise */
	uint32_t notsent_lowat;
	uint32_t fastopen; /* enum fastopen_tuning */
	uint64_t fastopen_key[2];
};

enum fastopen_tuning {
	FASTOPEN_CLIENT = 0x1,
	FASTOPEN_SERVER = 0x2,
	FASTOPEN_CLIENT_NO_COOKIE = 0x4,
	FASTOPEN_SERVER_NO_COOKIE = 0x200,
	FASTOPEN_EVERY_LISTENER = 0x400,
};

/*
 * What was learnt of a peer that takes data with the SYN (tcp_fastopen.c). May
 * be torn by a death: a wrong cookie costs a round trip.
 */
#define FASTOPEN_PEERS	    64
#define FASTOPEN_COOKIE_MAX 16

struct fastopen_peer {
	struct ip_addr addr; /* any: free */
	uint16_t mss;	     /* 0: not known */
	uint8_t bytes;	     /* of the cookie; 0: none */
	bool exp;	     /* got through the experimental option */
	uint8_t try_exp;     /* 1: ask that way next; 2: neither worked */
	uint8_t cookie[FASTOPEN_COOKIE_MAX];
};

struct stack_host {
	/* The connection being changed; see stack_recover(). */
	_Atomic conn_ix writing;
	struct undo undo;

	/* Readers hold no lock: stack_next_timer_ns(). */
	_Atomic uint64_t next_timer_ns;

	struct stack_config config;
	struct stack_tuning tuning;
	struct ip_addr link6; /* fe80::/64 address made from the MAC */

	uint32_t neigh_gen;    /* moves when `neigh` changes */
	uint32_t port_salt;    /* RFC 6056, algorithm 3: the counter */
	bool port_odd;	       /* connect() looks among odd ports first */
	uint32_t accept_order; /* numbers pending connections */
	uint16_t ip_id;	       /* of datagrams that may be fragmented */
	uint32_t ip6_frag_id;

	/* Limits of what a stranger may provoke, per second. */
	uint64_t second;	 /* the second that the counts are of */
	uint32_t challenge_acks; /* RFC 5961, section 7 */
	uint32_t icmp_errors;	 /* RFC 1812, section 4.3.2.8 */

	/* TIME-WAIT, oldest first. */
	conn_ix tw_first, tw_last;
	uint32_t tw_count;

	struct fastopen_peer fastopen[FASTOPEN_PEERS];
	uint32_t fastopen_next; /* that gives way to another */

	uint64_t count[STACK_COUNTER_MAX];

	struct wheel wheel;
	uint64_t aux_timer_ns; /* earliest date of neigh[], reass[], group[],
				  auto.h */
	struct neigh neigh[NEIGH_MAX];
	bool raws;  /* there has been a raw socket */
	bool pmtus; /* pmtu[] has ever held something */
	struct pmtu pmtu[PMTU_MAX];
	struct reass reass[REASS_MAX];

	uint32_t member_end, group_end; /* one above the highest in use */
	uint64_t igmp2_until_ns;	/* an old querier was heard */
	uint64_t mld1_until_ns;
	struct member member[GROUP_MEMBERS];
	struct group group[GROUP_MAX];
	struct dhcp dhcp;
	struct slaac slaac;

	conn_ix hash[HOST_HASH_BUCKETS];
	conn_ix bound[HOST_PORT_BUCKETS];
};

#endif
