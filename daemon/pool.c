/* SPDX-License-Identifier: BSD-2-Clause */
/* See pool.h. */
#include "daemon/pool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Splits "address/bits"; returns 0 or -EINVAL. */
static int parse_subnet(const char *text, int family, void *addr, int least,
			int most, uint8_t *prefix)
{
	char copy[POOL_TEXT], *slash, *end;
	long bits;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return -EINVAL;
	slash = strchr(copy, '/');
	if (!slash || slash[1] < '0' || slash[1] > '9')
		return -EINVAL;
	*slash = 0;
	bits = strtol(slash + 1, &end, 10);
	if (*end || bits < least || bits > most)
		return -EINVAL;
	*prefix = (uint8_t)bits;
	return inet_pton(family, copy, addr) == 1 ? 0 : -EINVAL;
}

/* Bit @i of an address, counted from the most significant one. */
static bool bit(const struct ip_addr *a, int i)
{
	return a->b[i / 8] >> (7 - i % 8) & 1;
}

/* True when everything behind the prefix is zero. */
static bool host_part_is_zero(const struct ip_addr *a, uint8_t prefix)
{
	for (int i = prefix; i < 128; i++)
		if (bit(a, i))
			return false;
	return true;
}

int pool_init(struct pool *p, const char *subnet4, const char *subnet6)
{
	struct in_addr in4;

	*p = (struct pool){ 0 };
	if (parse_subnet(subnet4, AF_INET, &in4, 8, 30, &p->prefix4))
		return 4;
	p->net4 = ntohl(in4.s_addr);
	if (p->net4 & (UINT32_MAX >> p->prefix4) || p->net4 >> 28 == 14)
		return 4;
	if (!strcmp(subnet6, "none"))
		return 0;
	if (parse_subnet(subnet6, AF_INET6, &p->net6, 16, 96, &p->prefix6) ||
	    !host_part_is_zero(&p->net6, p->prefix6) || p->net6.b[0] == 0xff ||
	    ip_is_any(&p->net6))
		return 6;
	p->has6 = true;
	return 0;
}

static struct ip_addr nth4(const struct pool *p, uint32_t n)
{
	return ip_from_v4(be32(p->net4 + n));
}

/* The @n-th address of the @row-th series; a series is as large as the IPv4
 * subnet. */
static struct ip_addr nth6(const struct pool *p, uint32_t row, uint32_t n)
{
	struct ip_addr a = p->net6;

	if (!p->has6)
		return (struct ip_addr){ 0 };
	/* Prefixes end at bit 96: the last word is the host's; bits before it,
	 * only where a row needs them and the prefix leaves them. */
	a.w[3] = be32(n);
	if (row && p->prefix6 <= 64)
		a.w[2] = be32(row);
	return a;
}

struct ip_addr pool_gateway4(const struct pool *p)
{
	return nth4(p, 1);
}

struct ip_addr pool_gateway6(const struct pool *p)
{
	return nth6(p, 0, 1);
}

bool pool_has(const struct pool *p, const struct ip_addr *addr)
{
	uint32_t mask = UINT32_MAX >> p->prefix4, a;

	if (!ip_is_v4(addr)) {
		for (int i = 0; i < p->prefix6; i++)
			if (bit(addr, i) != bit(&p->net6, i))
				return false;
		return p->has6 && !host_part_is_zero(addr, p->prefix6);
	}
	a = be32(addr->w[3]);
	return (a & ~mask) == p->net4 && (a & mask) && (a & mask) != mask;
}

int pool_choose4(const struct pool *p, pool_taken *taken, void *arg,
		 struct ip_addr *addr)
{
	uint32_t last = (UINT32_MAX >> p->prefix4) - 1;

	for (uint32_t n = 2; n <= last; n++) {
		*addr = nth4(p, n);
		if (!taken(arg, addr))
			return 0;
	}
	return -ENOSPC;
}

struct ip_addr pool_beside6(const struct pool *p, const struct ip_addr *addr4)
{
	return nth6(p, 0, be32(addr4->w[3]) - p->net4);
}

struct ip_addr pool_choose6(const struct pool *p, const struct ip_addr *addr4,
			    pool_taken *taken, void *arg)
{
	uint32_t n = be32(addr4->w[3]) - p->net4;

	for (uint32_t row = 0; p->has6 && row < 4; row++) {
		struct ip_addr a = nth6(p, row, n);

		if (!taken(arg, &a))
			return a;
	}
	return (struct ip_addr){ 0 };
}

int pool_parse(const char *text, struct ip_addr *addr)
{
	struct in_addr in4;

	if (inet_pton(AF_INET, text, &in4) == 1) {
		*addr = ip_from_v4(in4.s_addr);
		return 0;
	}
	return inet_pton(AF_INET6, text, addr->b) == 1 ? 0 : -EINVAL;
}

const char *pool_print(const struct ip_addr *addr, char text[POOL_TEXT])
{
	if (ip_is_v4(addr))
		inet_ntop(AF_INET, &addr->w[3], text, POOL_TEXT);
	else
		inet_ntop(AF_INET6, addr->b, text, POOL_TEXT);
	return text;
}

const char *pool_print_subnet4(const struct pool *p, char text[POOL_TEXT])
{
	struct ip_addr a = nth4(p, 0);
	size_t n = strlen(pool_print(&a, text));

	snprintf(text + n, POOL_TEXT - n, "/%u", p->prefix4);
	return text;
}

const char *pool_print_subnet6(const struct pool *p, char text[POOL_TEXT])
{
	size_t n;

	if (!p->has6)
		return "none";
	n = strlen(pool_print(&p->net6, text));
	snprintf(text + n, POOL_TEXT - n, "/%u", p->prefix6);
	return text;
}
