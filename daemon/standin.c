/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands in for socket/ until that room is there: slots and addresses without
 * sockets, so that the daemon can be built and tested by itself.
 */
#include "fabric/address.h"
#include "socket/socket.h"
#include "stack/stack.h"
#include "vif/vif.h"

#include <errno.h>

void socket_params(struct fabric_params *params)
{
	for (int t = 0; t < FABRIC_TABLES; t++)
		params->table[t] = (struct fabric_table_size){ 64, CACHE_LINE };
}

void socket_adopt(struct socket_process *p, proc_ix self)
{
	p->self = self;
	p->slot = &p->fabric.procs[self];
	p->vif = p->slot->vif;
	p->host = vif_host(&p->fabric, p->vif);
}

void socket_thread_init(struct socket_thread *t, struct socket_process *p)
{
	t->process = p;
	t->self = p->self;
}

long socket_call(struct socket_thread *t, long nr, const long args[6])
{
	(void)t;
	(void)nr;
	(void)args;
	return SOCKET_PASS;
}

int socket_host_up(struct socket_thread *t, vif_ix vif,
		   const struct stack_config *config)
{
	struct fabric *f = &t->process->fabric;
	host_ix ix = fabric_host_alloc(f, vif);
	int err;

	if (!ix)
		return -ENOSPC;
	err = fabric_address_add(f, &config->addr4, ix);
	if (!err && !ip_is_any(&config->addr6))
		err = fabric_address_add(f, &config->addr6, ix);
	if (!err)
		return (int)ix;
	fabric_address_remove(f, ix);
	fabric_host_free(f, ix);
	return err;
}

int socket_host_down(struct socket_thread *t, host_ix host)
{
	fabric_address_remove(&t->process->fabric, host);
	fabric_host_free(&t->process->fabric, host);
	return 0;
}

uint64_t socket_timers(struct socket_thread *t)
{
	(void)t;
	return UINT64_MAX;
}

int socket_reap(struct socket_thread *t, proc_ix dead, struct socket_reaped *r)
{
	(void)r;
	atomic_store(&t->process->fabric.procs[dead].state, FABRIC_PROC_FREE);
	return 0;
}

int socket_census(struct socket_thread *t, struct socket_census *c)
{
	*c = (struct socket_census){ 0 };
	(void)t;
	return 0;
}
