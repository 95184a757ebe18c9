/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers as they lie on the wire, and how to read and write them in place.
 *
 * Every multi-byte field is in network byte order and may be unaligned: the
 * structs are packed and may alias anything. Constants are in host byte order.
 */
#ifndef TOAMI_STACK_WIRE_H
#define TOAMI_STACK_WIRE_H

#include "base/types.h"

#define WIRE __attribute__((packed, may_alias))

/* Ethernet II. */
#define ETH_BYTES 14
#define ETH_IPV4  0x0800
#define ETH_ARP	  0x0806
#define ETH_IPV6  0x86dd

struct eth_header {
	uint8_t dst[6];
	uint8_t src[6];
	uint16_t type;
} WIRE;

/* ARP for IPv4 over Ethernet, RFC 826. */
#define ARP_REQUEST 1
#define ARP_REPLY   2

struct arp_header {
	uint16_t hardware; /* 1 */
	uint16_t protocol; /* ETH_IPV4 */
	uint8_t hardware_bytes;
	uint8_t protocol_bytes;
	uint16_t op;
	uint8_t sender_mac[6];
	uint32_t sender;
	uint8_t target_mac[6];
	uint32_t target;
} WIRE;

/* IPv4, RFC 791. */
#define IPV4_BYTES 20
#define IPV4_DF	   0x4000
#define IPV4_MF	   0x2000
#define IPV4_OFF   0x1fff

#define IP_ICMP	    1
#define IP_IGMP	    2
#define IP_TCP	    6
#define IP_UDP	    17
#define IP_ICMPV6   58
#define IP_RAW	    255 /* of sockets that send only */
#define IP6_HOP	    0
#define IP6_ROUTING 43
#define IP6_FRAG    44
#define IP6_NONE    59
#define IP6_DEST    60

struct ipv4_header {
	uint8_t ver_ihl;
	uint8_t tos;
	uint16_t total;
	uint16_t id;
	uint16_t frag;
	uint8_t ttl;
	uint8_t proto;
	uint16_t csum;
	uint32_t src;
	uint32_t dst;
} WIRE;

/* IPv6, RFC 8200. */
#define IPV6_BYTES   40
#define IPV6_MIN_MTU 1280

struct ipv6_header {
	uint32_t ver_class_flow;
	uint16_t payload;
	uint8_t next;
	uint8_t hops;
	uint64_t src[2];
	uint64_t dst[2];
} WIRE;

struct ipv6_frag_header {
	uint8_t next;
	uint8_t reserved;
	uint16_t frag; /* offset in bytes & ~7 | more */
	uint32_t id;
} WIRE;

/* ICMP, RFC 792, and ICMPv6, RFC 4443: the same eight bytes. */
#define ICMP_BYTES 8

struct icmp_header {
	uint8_t type;
	uint8_t code;
	uint16_t csum;
	uint32_t rest;
} WIRE;

enum {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER = 12,
};

enum {
	ICMP_UNREACH_NET = 0,
	ICMP_UNREACH_HOST = 1,
	ICMP_UNREACH_PROTOCOL = 2,
	ICMP_UNREACH_PORT = 3,
	ICMP_UNREACH_FRAG = 4,
};

enum {
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER = 4,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_MLD_QUERY = 130,
	ICMP6_MLD_REPORT = 131,
	ICMP6_MLD_DONE = 132,
	ICMP6_MLD2_REPORT = 143,
	ICMP6_RS = 133,
	ICMP6_RA = 134,
	ICMP6_NS = 135,
	ICMP6_NA = 136,
};

enum {
	ICMP6_UNREACH_ROUTE = 0,
	ICMP6_UNREACH_ADMIN = 1,
	ICMP6_UNREACH_ADDRESS = 3,
	ICMP6_UNREACH_PORT = 4,
};

/* Neighbour solicitation and advertisement, RFC 4861. */
struct nd_message {
	struct icmp_header icmp;
	uint64_t target[2];
	uint8_t option; /* 1: source, 2: target link-layer address */
	uint8_t units;	/* of 8 bytes: 1 */
	uint8_t mac[6];
} WIRE;

/* UDP, RFC 768. */
#define UDP_BYTES 8

struct udp_header {
	uint16_t sport;
	uint16_t dport;
	uint16_t length;
	uint16_t csum;
} WIRE;

/* TCP, RFC 9293. */
#define TCP_BYTES     20
#define TCP_BYTES_MAX 60

struct tcp_header {
	uint16_t sport;
	uint16_t dport;
	uint32_t seq;
	uint32_t ack;
	uint8_t off; /* header length / 4 << 4 */
	uint8_t flags;
	uint16_t window;
	uint16_t csum;
	uint16_t urgent;
} WIRE;

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20
/* The ECN bits of TOS and traffic class. */
#define ECN_MASK 0x03
#define ECN_ECT0 0x02
#define ECN_CE	 0x03

#define TCP_ECE 0x40
#define TCP_CWR 0x80

/* be16() where the language wants a constant. */
#define be16c(v) ((uint16_t)(((v)&0xff) << 8 | (v) >> 8))

struct wire16 {
	uint16_t v;
} WIRE;

struct wire32 {
	uint32_t v;
} WIRE;

static inline uint16_t get16(const uint8_t *p)
{
	return be16(((const struct wire16 *)p)->v);
}

static inline uint32_t get32(const uint8_t *p)
{
	return be32(((const struct wire32 *)p)->v);
}

static inline void put16(uint8_t *p, uint16_t v)
{
	((struct wire16 *)p)->v = be16(v);
}

static inline void put32(uint8_t *p, uint32_t v)
{
	((struct wire32 *)p)->v = be32(v);
}

static inline bool mac_equal(const uint8_t *a, const uint8_t *b)
{
	return ((const struct wire32 *)a)->v == ((const struct wire32 *)b)->v &&
	       ((const struct wire16 *)(a + 4))->v ==
		       ((const struct wire16 *)(b + 4))->v;
}

static inline void mac_copy(uint8_t *dst, const uint8_t *src)
{
	((struct wire32 *)dst)->v = ((const struct wire32 *)src)->v;
	((struct wire16 *)(dst + 4))->v = ((const struct wire16 *)(src + 4))->v;
}

static inline struct ip_addr ip_from_v6(const uint64_t d[2])
{
	struct ip_addr a = { .d = { d[0], d[1] } };

	return a;
}

/* Multicast: 224.0.0.0/4 and ff00::/8. */
static inline bool ip_is_multicast(const struct ip_addr *a)
{
	if (ip_is_v4(a))
		return (a->b[12] & 0xf0) == 0xe0;
	return a->b[0] == 0xff;
}

/* 127.0.0.0/8 and ::1. */

#endif
