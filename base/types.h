/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words every room uses: typed indices, addresses, byte order.
 *
 * An index names a slot of a table in the fabric's segment. Index 0 is "none"
 * in every table, so zeroed memory holds no references. An index is a plain
 * integer: the name of its type says which table it counts in.
 */
#ifndef TOAMI_BASE_TYPES_H
#define TOAMI_BASE_TYPES_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t frame_ix; /* struct frame, base/frame.h */
typedef uint32_t chunk_ix; /* struct chunk, base/frame.h */
typedef uint32_t conn_ix;  /* struct conn, stack/conn.h */
typedef uint32_t sock_ix;  /* struct sock, socket/sock.h */
typedef uint32_t pset_ix;  /* struct pset, socket/pset.h */
typedef uint32_t watch_ix; /* struct watch, socket/pset.h */
typedef uint32_t pipe_ix;  /* struct pipe, socket/pipe.h */
typedef uint32_t vif_ix;   /* struct vif, vif/vif.h */
typedef uint32_t host_ix;  /* struct fabric_host, fabric/segment.h */
typedef uint32_t proc_ix;  /* struct fabric_proc, fabric/segment.h */
typedef uint32_t ctx_ix;   /* struct fabric_ctx, fabric/segment.h */

#define CACHE_LINE 64

#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC  UINT64_C(1000000000)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
/* A long way beside a short one, which so needs no registers of its own. */
#define apart __attribute__((noinline))

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Network byte order, without the C library's headers: rooms below the hook are
 * also built freestanding. x86-64 is little endian.
 */
static inline uint16_t be16(uint16_t v)
{
	return __builtin_bswap16(v);
}

static inline uint32_t be32(uint32_t v)
{
	return __builtin_bswap32(v);
}

/*
 * An IP address of either family: IPv6, or IPv4 as ::ffff:a.b.c.d (RFC 4291,
 * section 2.5.5.2). All zero is "any" of both families.
 */
struct ip_addr {
	union {
		uint8_t b[16];
		uint32_t w[4]; /* network byte order */
		uint64_t d[2];
	};
};

static inline bool ip_is_v4(const struct ip_addr *a)
{
	return !a->d[0] && a->w[2] == be32(0xffff);
}

static inline bool ip_is_any(const struct ip_addr *a)
{
	return (!a->d[0] && !a->d[1]) || (ip_is_v4(a) && !a->w[3]);
}

static inline bool ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->d[0] == b->d[0] && a->d[1] == b->d[1];
}

/* @addr is in network byte order, as in struct in_addr. */
static inline struct ip_addr ip_from_v4(uint32_t addr)
{
	struct ip_addr a = { .w = { 0, 0, be32(0xffff), addr } };

	return a;
}

static inline bool ip_is_loopback(const struct ip_addr *a)
{
	if (ip_is_v4(a))
		return a->b[12] == 127;
	return !a->d[0] && a->w[2] == 0 && a->w[3] == be32(1);
}

#endif
