/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests: a segment with a small tree, hosts and addresses, without a
 * daemon. */
#ifndef TOAMI_DAEMON_TEST_TREE_H
#define TOAMI_DAEMON_TEST_TREE_H

#include "daemon/pool.h"
#include "fabric/address.h"
#include "vif/test_fabric.h"

#include <stdlib.h>
#include <string.h>

/* Adds @name below @parent, with the @n-th address of the pool; 0: a lane. */
static inline vif_ix test_tree_add(struct fabric *f, vif_ix parent,
				   const char *name, uint32_t n)
{
	vif_ix ix = VIF_ROOT;
	struct vif *v;
	host_ix host;

	if (*name && vif_add(f, parent, name, strlen(name), 0, &ix))
		abort();
	if (!n)
		return ix;
	v = vif_at(f, ix);
	host = fabric_host_alloc(f, ix);
	v->addr4 = ip_from_v4(be32(0x0a4d0000 + n));
	v->addr6.w[0] = be32(0xfd77746f);
	v->addr6.w[1] = be32(0x616d0000);
	v->addr6.w[3] = be32(n);
	atomic_store(&v->host, host);
	if (fabric_address_add(f, &v->addr4, host) ||
	    fabric_address_add(f, &v->addr6, host))
		abort();
	return ix;
}

/* /, /db, /web and its lane /web/api, /web/img with an address of its own. */
static inline void test_tree_open(struct fabric *f, struct pool *pool)
{
	vif_ix web;

	if (pool_init(pool, POOL_SUBNET4, POOL_SUBNET6))
		abort();
	test_fabric_open(f, 64);
	test_tree_add(f, 0, "", 1);
	test_tree_add(f, VIF_ROOT, "db", 2);
	web = test_tree_add(f, VIF_ROOT, "Web", 3);
	test_tree_add(f, web, "api", 0);
	test_tree_add(f, web, "img", 9);
}

#endif
