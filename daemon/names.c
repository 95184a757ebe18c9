/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See names.h. What is ours: names of one label, everything below .toami,
 * addresses of the fabric's subnets, and a name of several labels that a VIF
 * has. All else is forwarded.
 */
#include "daemon/names.h"
#include "fabric/address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ZONE ".toami"

vif_ix names_find(const struct fabric *f, const char *name, size_t bytes)
{
	vif_ix ix = VIF_ROOT;

	if (bytes == strlen("gateway") && !memcmp(name, "gateway", bytes))
		return VIF_ROOT;
	/* The last label is the first step of the path. */
	while (ix && bytes) {
		size_t n = 0;

		while (n < bytes && name[bytes - n - 1] != '.')
			n++;
		ix = n < VIF_NAME_MAX ? vif_child(f, ix, name + bytes - n, n)
				      : 0;
		bytes -= n;
		if (bytes)
			bytes--; /* the dot */
	}
	return ix;
}

bool names_of(const struct fabric *f, vif_ix ix, char name[DNS_NAME_MAX])
{
	size_t at = 0;

	if (ix == VIF_ROOT) {
		strcpy(name, "gateway" ZONE);
		return true;
	}
	for (; ix > VIF_ROOT; ix = vif_parent(vif_at(f, ix))) {
		const struct vif *v = vif_at(f, ix);
		size_t n = strnlen(v->name, VIF_NAME_MAX);

		/* A name's 255 bytes on the wire are 253 of text. */
		if (at + n + 1 + strlen(ZONE) > DNS_NAME_MAX - 3)
			return false;
		if (at)
			name[at++] = '.';
		memcpy(name + at, v->name, n);
		at += n;
	}
	strcpy(name + at, ZONE);
	return at;
}

/* "4.3.2.1" as 1.2.3.4; false: not four numbers. */
static bool reverse4(const char *name, size_t bytes, struct ip_addr *addr)
{
	uint32_t a = 0;

	for (int i = 0; i < 4; i++) {
		uint32_t v = 0;
		size_t n = 0;

		for (; n < bytes && n < 3 && name[n] >= '0' && name[n] <= '9';
		     n++)
			v = v * 10 + (uint32_t)(name[n] - '0');
		if (!n || v > 255 ||
		    (i < 3 ? n == bytes || name[n] != '.' : n != bytes))
			return false;
		a = a >> 8 | v << 24;
		name += n + (i < 3);
		bytes -= n + (i < 3);
	}
	*addr = ip_from_v4(be32(a));
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 nibbles, the last one first. */
static bool reverse6(const char *name, size_t bytes, struct ip_addr *addr)
{
	if (bytes != 63)
		return false;
	*addr = (struct ip_addr){ 0 };
	for (size_t i = 0; i < 32; i++) {
		int v = hex(name[2 * i]);

		if (v < 0 || (i < 31 && name[2 * i + 1] != '.'))
			return false;
		addr->b[15 - i / 2] |= (uint8_t)(i % 2 ? v << 4 : v);
	}
	return true;
}

/* Takes @suffix off the end of a name of @bytes, if it is there. */
static bool ends_with(const char *name, size_t *bytes, const char *suffix)
{
	size_t n = strlen(suffix);

	if (*bytes < n || memcmp(name + *bytes - n, suffix, n))
		return false;
	*bytes -= n;
	return true;
}

/* True: the name asks for an address of the fabric, *addr. */
static bool is_reverse(const struct pool *pool, const char *name,
		       struct ip_addr *addr)
{
	size_t bytes = strlen(name);

	if (ends_with(name, &bytes, ".in-addr.arpa"))
		return reverse4(name, bytes, addr) && pool_has(pool, addr);
	return ends_with(name, &bytes, ".ip6.arpa") &&
	       reverse6(name, bytes, addr) && pool_has(pool, addr);
}

struct answer {
	const struct fabric *f;
	const uint8_t *msg;
	const struct dns_query *q;
	struct dns_writer w;
	uint8_t *reply;
};

static size_t negative(struct answer *a, enum dns_rcode rcode, bool in_zone)
{
	dns_write_begin(&a->w, a->reply, a->msg, a->q, rcode, true);
	if (in_zone)
		dns_write_soa(&a->w);
	return dns_write_end(&a->w, a->q);
}

static bool wants(const struct dns_query *q, uint16_t type)
{
	return q->type == type || q->type == DNS_ANY;
}

/* Those of the two addresses that are wanted; neither is a proper answer, too.
 */
static size_t addresses(struct answer *a, const struct ip_addr *addr4,
			const struct ip_addr *addr6, bool in_zone)
{
	bool give4 = wants(a->q, DNS_A) && !ip_is_any(addr4);
	bool give6 = wants(a->q, DNS_AAAA) && !ip_is_any(addr6);

	if (!give4 && !give6)
		return negative(a, DNS_OK, in_zone);
	dns_write_begin(&a->w, a->reply, a->msg, a->q, DNS_OK, true);
	if (give4)
		dns_write_address(&a->w, addr4);
	if (give6)
		dns_write_address(&a->w, addr6);
	return dns_write_end(&a->w, a->q);
}

static size_t about_vif(struct answer *a, vif_ix ix, bool in_zone)
{
	host_ix host = vif_host(a->f, ix);
	const struct vif *v = vif_at(a->f, host ? a->f->hosts[host].vif : ix);

	return addresses(a, &v->addr4, &v->addr6, in_zone);
}

static size_t about_address(struct answer *a, const struct ip_addr *addr)
{
	host_ix host = fabric_address_find(a->f, addr);
	char name[DNS_NAME_MAX];

	if (!host || !names_of(a->f, a->f->hosts[host].vif, name))
		return negative(a, DNS_NXDOMAIN, false);
	if (!wants(a->q, DNS_PTR))
		return negative(a, DNS_OK, false);
	dns_write_begin(&a->w, a->reply, a->msg, a->q, DNS_OK, true);
	dns_write_ptr(&a->w, name);
	return dns_write_end(&a->w, a->q);
}

/* RFC 6761, 6.3: not a question for any resolver. */
static size_t about_localhost(struct answer *a)
{
	struct ip_addr addr4 = ip_from_v4(be32(0x7f000001));
	struct ip_addr addr6 = { .w = { 0, 0, 0, be32(1) } };

	return addresses(a, &addr4, &addr6, false);
}

/* Answers, or returns 0: the name is none of ours. */
static size_t answer(struct answer *a, const struct pool *pool)
{
	const char *name = a->q->name;
	size_t bytes = strlen(name);
	bool single = !memchr(name, '.', bytes);
	bool in_zone = !strcmp(name, "toami") || ends_with(name, &bytes, ZONE);
	struct ip_addr addr;
	vif_ix ix;

	if (!bytes)
		return 0;
	if (!strcmp(name, "toami"))
		return about_vif(a, VIF_ROOT, true);
	if (!strcmp(name, "localhost"))
		return about_localhost(a);
	ix = names_find(a->f, name, bytes);
	if (ix)
		return about_vif(a, ix, in_zone);
	if (is_reverse(pool, name, &addr))
		return about_address(a, &addr);
	return in_zone || single ? negative(a, DNS_NXDOMAIN, in_zone) : 0;
}

size_t names_refuse(const uint8_t *msg, const struct dns_query *q,
		    enum dns_rcode rcode, uint8_t reply[NAMES_REPLY_MAX])
{
	struct dns_writer w;

	dns_write_begin(&w, reply, msg, q, rcode, false);
	return dns_write_end(&w, q);
}

enum names_outcome names_answer(const struct fabric *f, const struct pool *pool,
				const uint8_t *msg, size_t bytes,
				struct dns_query *q,
				uint8_t reply[NAMES_REPLY_MAX],
				size_t *reply_bytes)
{
	struct answer a = { .f = f, .msg = msg, .q = q, .reply = reply };
	int err = dns_read_query(msg, bytes, q);

	if (err < 0)
		return NAMES_DROP;
	if (!err && ((q->class != DNS_IN && q->class != DNS_CLASS_ANY) ||
		     q->type == DNS_AXFR || q->type == DNS_IXFR))
		err = DNS_REFUSED;
	*reply_bytes = err ? names_refuse(msg, q, (enum dns_rcode)err, reply)
			   : answer(&a, pool);
	return *reply_bytes ? NAMES_ANSWERED : NAMES_FORWARD;
}
