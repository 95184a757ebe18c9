/* SPDX-License-Identifier: BSD-2-Clause */
/* See address.h. */
#include "fabric/address.h"

#include <errno.h>

static uint32_t slot_of(const struct ip_addr *a)
{
	uint64_t h = (a->d[0] ^ a->d[1]) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(h >> 32) & (FABRIC_ADDR_MAX - 1);
}

int fabric_address_add(struct fabric *f, const struct ip_addr *addr,
		       host_ix host)
{
	uint32_t s = slot_of(addr);

	if (fabric_address_find(f, addr))
		return -EADDRINUSE;
	for (uint32_t i = 0; i < FABRIC_ADDR_MAX; i++) {
		struct fabric_addr *e =
			&f->addrs[(s + i) & (FABRIC_ADDR_MAX - 1)];
		host_ix h = atomic_load(&e->host);

		if (h && h != FABRIC_ADDR_GONE)
			continue;
		e->addr = *addr;
		atomic_store_explicit(&e->host, host, memory_order_release);
		atomic_fetch_add(&f->header->neighbour_gen, 1);
		return 0;
	}
	return -ENOSPC;
}

void fabric_address_remove(struct fabric *f, host_ix host)
{
	for (uint32_t i = 0; i < FABRIC_ADDR_MAX; i++)
		if (atomic_load(&f->addrs[i].host) == host)
			atomic_store(&f->addrs[i].host, FABRIC_ADDR_GONE);
	atomic_fetch_add(&f->header->neighbour_gen, 1);
}

host_ix fabric_address_find(const struct fabric *f, const struct ip_addr *addr)
{
	uint32_t s = slot_of(addr);

	for (uint32_t i = 0; i < FABRIC_ADDR_MAX; i++) {
		struct fabric_addr *e =
			&f->addrs[(s + i) & (FABRIC_ADDR_MAX - 1)];
		host_ix h =
			atomic_load_explicit(&e->host, memory_order_acquire);

		if (!h)
			return 0;
		if (h != FABRIC_ADDR_GONE && ip_equal(&e->addr, addr))
			return h;
	}
	return 0;
}
