/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has which address: the fabric's answer to ARP and neighbour discovery.
 *
 * Written by the daemon alone, read by anybody without a lock. An entry's
 * address is written before its host, with release; it never changes while the
 * host is set.
 */
#ifndef TOAMI_FABRIC_ADDRESS_H
#define TOAMI_FABRIC_ADDRESS_H

#include "fabric/segment.h"

/* fabric_address_add - 0, -EADDRINUSE, or -ENOSPC: the table is full. Daemon
 * only. */
int fabric_address_add(struct fabric *f, const struct ip_addr *addr,
		       host_ix host);

/* fabric_address_remove - every address of @host. Daemon only. */
void fabric_address_remove(struct fabric *f, host_ix host);

/* fabric_address_find - the host that has @addr, or 0 */
host_ix fabric_address_find(const struct fabric *f, const struct ip_addr *addr);

#endif
