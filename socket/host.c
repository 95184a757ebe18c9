/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts come and go, and their timers run: the daemon's part of socket.h. */
#include "base/mem.h"
#include "base/sys.h"
#include "fabric/address.h"
#include "fabric/wake.h"
#include "socket/pipe.h"
#include "socket/pset.h"
#include "stack/conn.h"
#include "stack/host.h"
#include "vif/capture.h"
#include "stack/pace.h"
#include "socket/hold.h"
#include "vif/program.h"

#include <errno.h>

/* A host that is busy when its timers are due: somebody runs them, or we come
 * back. */
#define BUSY_RETRY_NS  NSEC_PER_MSEC
#define SCHED_RETRY_NS (50 * NSEC_PER_USEC)

void socket_params(struct fabric_params *params)
{
	*params = (struct fabric_params){
		.table = {
			[FABRIC_TABLE_VIF] = { VIF_CAPACITY,
					       sizeof(struct vif) },
			[FABRIC_TABLE_CONTROL] = { VIF_CAPACITY,
						   sizeof(struct vif_control) },
			[FABRIC_TABLE_CAPTURE] = { CAPTURE_MAX,
						   sizeof(struct capture) },
			[FABRIC_TABLE_SCHED] = { 2, SCHED_BYTES },
			[FABRIC_TABLE_CLASS] = { 2 * VIF_CAPACITY,
						 SCHED_CLASS_BYTES },
			[FABRIC_TABLE_NODE] = { SCHED_NODE_MAX,
						SCHED_NODE_BYTES },
			[FABRIC_TABLE_FLOW] = { SCHED_FLOW_MAX,
						SCHED_FLOW_BYTES },
			[FABRIC_TABLE_PACE] = { 1u << 18,
						sizeof(struct stack_pace) },
			[FABRIC_TABLE_STACK_HOST] = { FABRIC_HOST_MAX,
						      sizeof(struct stack_host) },
			[FABRIC_TABLE_CONN] = { 1u << 18, sizeof(struct conn) },
			[FABRIC_TABLE_SOCK] = { 1u << 18, sizeof(struct sock) },
			[FABRIC_TABLE_PSET] = { 1u << 15, sizeof(struct pset) },
			[FABRIC_TABLE_WATCH] = { 1u << 19, sizeof(struct watch) },
			[FABRIC_TABLE_PIPE] = { FD_PIPES, sizeof(struct pipe) },
		},
		.cores = 1,
	};
	vif_program_params(params);
}

int socket_host_up(struct socket_thread *t, vif_ix vif,
		   const struct stack_config *config)
{
	struct fabric *f = &t->process->fabric;
	struct stack_config c = *config;
	host_ix ix = fabric_host_alloc(f, vif);
	int err = 0;

	if (!ix)
		return -ENOSPC;
	c.self = ix;
	c.vif = vif;
	if (!c.mtu)
		c.mtu = STACK_MTU;
	fabric_mac(ix, c.mac);
	sys_call(SYS_getrandom, c.secret, sizeof(c.secret), 0);
	mem_zero(stack_host_at(f, ix), sizeof(struct stack_host));
	stack_host_init(stack_host_at(f, ix), &c);
	if (!ip_is_any(&c.addr4))
		err = fabric_address_add(f, &c.addr4, ix);
	if (!err && !ip_is_any(&c.addr6))
		err = fabric_address_add(f, &c.addr6, ix);
	if (err) {
		fabric_address_remove(f, ix);
		fabric_host_free(f, ix);
		return err;
	}
	return (int)ix;
}

/* Every connection of the host that @w has locked is reset. */
static void abort_all(struct work *w)
{
	const struct slot_table *conns = &w->fabric->table[FABRIC_TABLE_CONN];

	for (conn_ix ix = 1, end = slot_end(conns); ix < end; ix++) {
		const struct conn *c = slot_at(conns, ix);

		if (c->state && c->host == w->host)
			conn_abort(&w->stack, ix);
	}
}

int socket_host_port(struct socket_thread *t, host_ix host, bool on)
{
	struct fabric_host *h = &t->process->fabric.hosts[host];
	struct work w;
	frame_ix ix;

	if (work_begin(&w, t, host))
		return -EBUSY;
	abort_all(&w);
	/* From the first store on, frames wait for the daemon. */
	atomic_store(&h->port, on);
	atomic_store(&h->port_asleep, 0);
	ix = atomic_exchange(&h->backlog, 0);
	while (ix) {
		frame_ix next = frame_at(&w.in.arena, ix)->next;

		frame_free(&w.in.arena, ix);
		ix = next;
	}
	atomic_store(&h->backlog_frames, 0);
	work_end(&w);
	return 0;
}

int socket_host_auto(struct socket_thread *t, host_ix host, bool dhcp,
		     bool slaac)
{
	struct work w;

	if (work_begin(&w, t, host))
		return -EBUSY;
	stack_auto_start(&w.stack, dhcp, slaac);
	work_end(&w);
	return 0;
}

int socket_host_gateway(struct socket_thread *t, host_ix host,
			const struct ip_addr *gateway4,
			const struct ip_addr *gateway6)
{
	struct work w;

	if (work_begin(&w, t, host))
		return -EBUSY;
	w.stack.host->config.gateway4 = *gateway4;
	w.stack.host->config.gateway6 = *gateway6;
	w.stack.host->neigh_gen++;
	work_end(&w);
	return 0;
}

int socket_host_down(struct socket_thread *t, host_ix host)
{
	struct fabric *f = &t->process->fabric;
	struct work w;

	for (proc_ix ix = 1; ix < FABRIC_PROC_MAX; ix++)
		if (atomic_load(&f->procs[ix].state) != FABRIC_PROC_FREE &&
		    vif_host(f, f->procs[ix].vif) == host)
			return -EBUSY;
	/* Nobody is on it any more: nobody makes connections but the stack
	 * itself. */
	fabric_address_remove(f, host);
	if (work_begin(&w, t, host))
		return -EBUSY;
	abort_all(&w);
	work_unlock(&w);
	fabric_host_free(f, host);
	work_end(&w);
	return 0;
}

void socket_down(struct socket_thread *t)
{
	struct fabric *f = &t->process->fabric;
	uint32_t end = atomic_load(&f->header->host_end);

	for (host_ix ix = 1; ix < end; ix++) {
		struct work w;

		if (atomic_load(&f->hosts[ix].state) != FABRIC_HOST_UP)
			continue;
		fabric_address_remove(f, ix);
		if (work_begin(&w, t, ix))
			continue;
		stack_fail(&w.stack, ENETDOWN);
		work_end(&w);
	}
}

/*
 * What is due in the scheduler; the date of the next run. Whoever has its lock
 * serves what is due himself, but he may have lost his core: then coming back
 * at once would keep it from him.
 */
static uint64_t run_scheduler(struct socket_thread *t)
{
	struct fabric *f = &t->process->fabric;
	uint64_t now = fabric_now(f);

	if (sched_next_ns(f) > now && !sched_work_waits(f))
		return hold_visit_ns(f, sched_next_ns(f));
	work_serve(t);
	now = fabric_now(f);
	if (sched_next_ns(f) > now && !sched_work_waits(f))
		return hold_visit_ns(f, sched_next_ns(f));
	return now + SCHED_RETRY_NS;
}

uint64_t socket_timers(struct socket_thread *t)
{
	struct fabric *f = &t->process->fabric;
	uint32_t end = atomic_load(&f->header->host_end);
	uint64_t plan = UINT64_MAX, old;

	/* From here on, whoever arms a timer tells us: none falls between. */
	atomic_store(&f->header->daemon_plan_ns, UINT64_MAX);
	for (host_ix ix = 1; ix < end; ix++) {
		struct fabric_host *h = &f->hosts[ix];
		uint64_t date, now = fabric_now(f);
		struct work w;

		if (atomic_load(&h->state) != FABRIC_HOST_UP)
			continue;
		date = stack_next_timer_ns(stack_host_at(f, ix));
		if (date <= now) {
			if (work_enter(&w, t))
				continue;
			if (work_lock_soon(&w, ix)) {
				stack_timers(&w.stack);
				work_end(&w);
				date = stack_next_timer_ns(
					stack_host_at(f, ix));
			} else {
				work_end(&w);
				date = now + BUSY_RETRY_NS;
			}
		}
		if (date < plan)
			plan = date;
	}
	plan = min_u64(plan, run_scheduler(t));
	old = atomic_load(&f->header->daemon_plan_ns);
	while (plan < old && !atomic_compare_exchange_weak(
				     &f->header->daemon_plan_ns, &old, plan))
		;
	return plan < old ? plan : old;
}
