/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet programs: what an author of one includes, compiled with
 *
 *	clang -O2 -g -target bpf -mcpu=v3 -I INCLUDEDIR -c guard.c -o guard.o
 *	toami vif set /web program=guard.o
 *
 * A function in section "tx" sees every packet that leaves the VIF, one in "rx"
 * every packet that enters it. It says what becomes of the packet by what it
 * returns:
 *
 *	#include <toami/bpf.h>
 *
 *	TOAMI_MAP(seen, TOAMI_ARRAY, u32, u64, 1);
 *
 *	SECTION("rx") int count(struct toami_packet *p)
 *	{
 *		u32 zero = 0;
 *		u64 *n = toami_map_find(&seen, &zero);
 *
 *		if (n)
 *			toami_add(n, 1);
 *		return TOAMI_PASS;
 *	}
 *
 * Before a program is taken, it is verified: it ends, and reads and writes only
 * what is its own. What is refused is refused with the number of the
 * instruction and the reason; the program that was there stays.
 *
 * The window. The bytes from `data` to `data_end` are the packet's headers,
 * Ethernet to TCP or UDP with options; they may be read and written directly
 * once the program has looked whether they are there, by either of
 *
 *	if (p->data + off + 4 > p->data_end) return TOAMI_DROP;
 *	if (off + 4 > p->window) return TOAMI_DROP;
 *
 * The payload behind is reached by toami_load(). A packet may be a super-frame:
 * then `gso_bytes` is the payload of each packet that it stands for.
 *
 * Checksums are the run-time's business: after a program has written to the
 * headers, those of IPv4, TCP, UDP and ICMPv6 are brought up to date from what
 * has changed (RFC 1624). A packet whose destination address was changed goes
 * to whoever has the new address.
 *
 * Marks. A program may set `mark`; programs further on see it. What leaves a
 *VIF with a mark that one of the VIFs directly below has as its property `mark`
 * is charged to that one, and held up in it, as if it had been sent there: the
 * way to sort traffic into classes by what a program knows.
 *
 * The type names u8 to u64 are defined only where the target is BPF. In other
 * programs this header gives the constants and structs alone.
 */
#ifndef TOAMI_BPF_H
#define TOAMI_BPF_H

/* What becomes of the packet. Anything else than these drops it. */
#define TOAMI_DROP     0
#define TOAMI_PASS     1
#define TOAMI_REDIRECT 2     /* to the VIF that toami_redirect() was told */
#define TOAMI_SAMPLE   0x100 /* or'ed to these: 'capture --sampled' gets it */

#define TOAMI_TX 0 /* leaving the VIF */
#define TOAMI_RX 1 /* entering it */

/* Kinds of maps. */
#define TOAMI_ARRAY 1 /* keys are u32, 0 to entries - 1; never deleted */
#define TOAMI_HASH  2
#define TOAMI_LPM   3 /* longest prefix: keys are struct toami_prefix4 or 6 */

/* Flags of TOAMI_MAP_SHARED(): one map of that name for the whole fabric. */
#define TOAMI_SHARED 1

/* The last argument of toami_map_set(). */
#define TOAMI_ANY   0
#define TOAMI_NEW   1 /* -EEXIST if the key is there */
#define TOAMI_EXIST 2 /* -ENOENT if it is not */

/* The argument of a program. Read only, but for `mark`. */
struct toami_packet {
	unsigned char *data;	 /* the Ethernet header */
	unsigned char *data_end; /* behind the last byte of the headers */
	unsigned int length;	 /* bytes of headers and payload */
	unsigned int window;	 /* data_end - data */
	unsigned int l3_off;	 /* where the IP header is; 14 without VLAN */
	unsigned int l4_off;	 /* where the TCP or UDP header is */
	unsigned int gso_bytes;	 /* payload of each packet; 0: it is one */
	unsigned int vif;	 /* whose program this is */
	unsigned int tx_vif;	 /* where the packet comes from */
	unsigned int rx_vif;	 /* where it goes, as far as is known */
	unsigned int direction;	 /* TOAMI_TX, TOAMI_RX */
	unsigned int mark;	 /* may be set: see above */
};

/* How a map is described in section "maps". */
struct toami_map {
	unsigned int type;
	unsigned int key_bytes;
	unsigned int value_bytes;
	unsigned int entries;
	unsigned int flags;
	unsigned int reserved[3];
};

/* Keys of TOAMI_LPM: the address in network byte order. */
struct toami_prefix4 {
	unsigned int bits; /* 0 to 32 */
	unsigned char address[4];
};

struct toami_prefix6 {
	unsigned int bits; /* 0 to 128 */
	unsigned char address[16];
};

#ifdef __bpf__

typedef __UINT8_TYPE__ u8;
typedef __UINT16_TYPE__ u16;
typedef __UINT32_TYPE__ u32;
typedef __UINT64_TYPE__ u64;

#define SECTION(name) __attribute__((section(name), used))
#define TOAMI_INLINE  static inline __attribute__((always_inline))
#define TOAMI_SUBPROG static __attribute__((noinline))

#define TOAMI_MAP_FLAGS(name, kind, key, value, count, options) \
	struct toami_map SECTION("maps")                        \
		name = { .type = (kind),                        \
			 .key_bytes = sizeof(key),              \
			 .value_bytes = sizeof(value),          \
			 .entries = (count),                    \
			 .flags = (options) }
/* A map of this program; it outlives an exchange of the program. */
#define TOAMI_MAP(name, kind, key, value, count) \
	TOAMI_MAP_FLAGS(name, kind, key, value, count, 0)
/* A map that every program of the fabric finds under this name. */
#define TOAMI_MAP_SHARED(name, kind, key, value, count) \
	TOAMI_MAP_FLAGS(name, kind, key, value, count, TOAMI_SHARED)

/*
 * toami_map_find - the value of *key, to be read and written in place, or NULL
 *
 * Others use the map at the same time: count with toami_add().
 */
static void *(*const toami_map_find)(const void *map,
				     const void *key) = (void *)1;

/* toami_map_set - 0 or a negative errno: -ENOSPC: full; -EBUSY: try again */
static long (*const toami_map_set)(const void *map, const void *key,
				   const void *value, u64 flags) = (void *)2;

/* toami_map_delete - 0, -ENOENT, or -EINVAL: it is an array */
static long (*const toami_map_delete)(const void *map,
				      const void *key) = (void *)3;

/* toami_now_ns - a clock that never goes back */
static u64 (*const toami_now_ns)(void) = (void *)4;

/* toami_random - 64 bits, not for secrets */
static u64 (*const toami_random)(void) = (void *)5;

/*
 * toami_load - copies @bytes of the packet from @off on, payload included
 *
 * 0, or -EFAULT: it ends before; @to is all zero then. At most 512 bytes.
 */
static long (*const toami_load)(struct toami_packet *p, u32 off, void *to,
				u32 bytes) = (void *)6;

/*
 * toami_store - writes to headers or payload; checksums follow
 *
 * 0; -EFAULT: the packet ends before; -EROFS: payload that the sender still
 * holds for a retransmission (packets with more than 320 bytes of it).
 */
static long (*const toami_store)(struct toami_packet *p, u32 off,
				 const void *from, u32 bytes) = (void *)7;

/* toami_redirect - `return toami_redirect(p, vif)`: the packet enters @vif */
static long (*const toami_redirect)(struct toami_packet *p,
				    u32 vif) = (void *)8;

#define toami_add(p, n)	    ((void)__sync_fetch_and_add((p), (n)))
#define toami_be16(v)	    ((u16)__builtin_bswap16(v))
#define toami_be32(v)	    ((u32)__builtin_bswap32(v))
#define toami_copy(d, s, n) __builtin_memcpy((d), (s), (n))
#define toami_clear(d, n)   __builtin_memset((d), 0, (n))

#endif

/* Headers as they lie in a packet, all fields in network byte order. */
struct toami_eth {
	unsigned char to[6];
	unsigned char from[6];
	unsigned short type;
} __attribute__((packed));

struct toami_ip4 {
	unsigned char version_words; /* 0x45 without options */
	unsigned char tos;
	unsigned short length;
	unsigned short id;
	unsigned short fragment;
	unsigned char ttl;
	unsigned char protocol;
	unsigned short checksum;
	unsigned int from;
	unsigned int to;
} __attribute__((packed));

struct toami_ip6 {
	unsigned int version_flow;
	unsigned short payload;
	unsigned char next;
	unsigned char hops;
	unsigned char from[16];
	unsigned char to[16];
} __attribute__((packed));

struct toami_tcp {
	unsigned short from;
	unsigned short to;
	unsigned int seq;
	unsigned int ack;
	unsigned char words; /* upper four bits: header length in words */
	unsigned char flags;
	unsigned short window;
	unsigned short checksum;
	unsigned short urgent;
} __attribute__((packed));

struct toami_udp {
	unsigned short from;
	unsigned short to;
	unsigned short length;
	unsigned short checksum;
} __attribute__((packed));

#endif
