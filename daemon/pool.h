/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fabric's addresses: an IPv4 subnet, and an IPv6 one beside it.
 *
 * The first address of each is the gateway's. A host that has the n-th IPv4
 * address gets the n-th IPv6 address as well where that is free, so that the
 * two are easily told to belong together: 10.77.0.9 and fd77:746f:616d::9.
 * Which are taken, the pool asks.
 */
#ifndef TOAMI_DAEMON_POOL_H
#define TOAMI_DAEMON_POOL_H

#include "base/types.h"

#define POOL_SUBNET4 "10.77.0.0/16"
#define POOL_SUBNET6 "fd77:746f:616d::/64" /* a ULA, RFC 4193 */
#define POOL_TEXT    64 /* bytes for an address or subnet as text */

struct pool {
	uint32_t net4; /* host byte order */
	uint8_t prefix4;
	bool has6;
	uint8_t prefix6;
	struct ip_addr net6;
};

typedef bool pool_taken(void *arg, const struct ip_addr *addr);

/*
 * pool_init - @subnet4 of 8 to 30 bits, @subnet6 of 16 to 96 bits or "none"
 *
 * Returns 0; 4 or 6: that subnet is not one.
 */
int pool_init(struct pool *p, const char *subnet4, const char *subnet6);

/* pool_gateway4, pool_gateway6 - the first address; v6 is "any" without IPv6 */
struct ip_addr pool_gateway4(const struct pool *p);
struct ip_addr pool_gateway6(const struct pool *p);

/* pool_has - is @addr one that a host can have here? */
bool pool_has(const struct pool *p, const struct ip_addr *addr);

/* pool_choose4 - the lowest free address; 0 or -ENOSPC */
int pool_choose4(const struct pool *p, pool_taken *taken, void *arg,
		 struct ip_addr *addr);

/* pool_beside6 - the one that belongs to @addr4; "any" without IPv6 */
struct ip_addr pool_beside6(const struct pool *p, const struct ip_addr *addr4);

/* pool_choose6 - the one beside @addr4, or one like it; "any" without IPv6 */
struct ip_addr pool_choose6(const struct pool *p, const struct ip_addr *addr4,
			    pool_taken *taken, void *arg);

/* pool_parse - an address of either family; 0 or -EINVAL */
int pool_parse(const char *text, struct ip_addr *addr);

/* pool_print - returns @text */
const char *pool_print(const struct ip_addr *addr, char text[POOL_TEXT]);

/* pool_print_subnet4, pool_print_subnet6 - likewise; "none" without IPv6 */
const char *pool_print_subnet4(const struct pool *p, char text[POOL_TEXT]);
const char *pool_print_subnet6(const struct pool *p, char text[POOL_TEXT]);

#endif
