/* SPDX-License-Identifier: BSD-2-Clause */
/* See world.h. */
#include "tests/packetdrill/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fabric/address.h"
#include "socket/work.h"
#include "stack/host.h"
#include "stack/segment.h"
#include "stack/stack.h"
#include "stack/wire.h"
#include "vif/vif.h"

#define ETH 14
/* An arbitrary date: nothing may depend on when the world began. */
#define BEGIN_NS (1000 * NSEC_PER_SEC)

static struct fabric *fabric_of(const struct world *w)
{
	return (struct fabric *)&w->sf.process.fabric;
}

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "packetdrill adapter: %s\n", what);
		abort();
	}
}

uint64_t world_now(const struct world *w)
{
	return fabric_now(fabric_of(w));
}

/* 2^-32 ns a tick: the clock stands. */
static void set_clock(struct world *w, uint64_t ns)
{
	struct clock_scale *c = &fabric_of(w)->header->clock;

	c->tsc0 = clock_ticks();
	c->mult = 1;
	c->ns0 = ns;
}

static host_ix host_up(struct world *w, const char *name, vif_ix *vif,
		       const struct stack_config *c)
{
	struct fabric *f = fabric_of(w);
	int host;

	must(!vif_add(f, VIF_ROOT, name, strlen(name), 0, vif), "vif_add");
	host = socket_host_up(&w->sf.thread, *vif, c);
	must(host > 0, "socket_host_up");
	atomic_store(&vif_at(f, *vif)->host, (host_ix)host);
	return (host_ix)host;
}

void world_make(struct world *w, const struct world_config *config)
{
	struct stack_config c = {
		.addr4 = config->local4,
		.addr6 = config->local6,
		.gateway4 = config->gateway4,
		.gateway6 = config->gateway6,
		.prefix4 = config->prefix4,
		.prefix6 = config->prefix6,
		.mtu = config->mtu,
	};
	struct fabric *f;
	vif_ix vif, wire_vif;
	proc_ix proc;

	memset(w, 0, sizeof(*w));
	w->last = &w->first;
	small_fabric_make(&w->sf);
	f = fabric_of(w);
	set_clock(w, BEGIN_NS);
	w->host = host_up(w, "stack", &vif, &c);
	c.addr4 = config->gateway4;
	c.addr6 = config->gateway6;
	c.gateway4 = c.gateway6 = (struct ip_addr){ .d = { 0, 0 } };
	w->peer = host_up(w, "wire", &wire_vif, &c);

	proc = fabric_proc_alloc(f, FABRIC_PROC_ALIVE);
	must(proc, "process table is full");
	w->process = w->sf.process;
	f->procs[proc].vif = vif;
	socket_adopt(&w->process, proc);
	socket_thread_init(&w->thread, &w->process);

	proc = fabric_proc_alloc(f, FABRIC_PROC_ALIVE);
	must(proc, "process table is full");
	must(!fabric_enter(f, proc, &w->wire_hint, &w->wire), "fabric_enter");
	must(fabric_trylock(&w->wire, &f->hosts[w->peer].lock), "lock");
}

void world_drop(struct world *w)
{
	struct world_packet *p;

	while ((p = world_packet(w)))
		free(p);
	small_fabric_drop(&w->sf);
}

uint64_t world_next(const struct world *w)
{
	return stack_next_timer_ns(stack_host_at(fabric_of(w), w->host));
}

bool world_step(struct world *w, uint64_t until)
{
	uint64_t now = world_now(w), next = world_next(w);

	if (next > until) {
		if (until > now)
			set_clock(w, until);
		return false;
	}
	/* The wheel may ask too early, but never twice for one moment. */
	set_clock(w, next > now ? next : now + 1000);
	socket_timers(&w->sf.thread);
	world_collect(w);
	return true;
}

/* --- frames to packets -------------------------------------------------------
 */

static void flatten(struct world *w, const struct frame *f)
{
	struct world_packet *p;
	size_t bytes = f->header_bytes - ETH + f->payload;

	if (f->header_bytes <= ETH || (get16(f->header + 12) != 0x0800 &&
				       get16(f->header + 12) != 0x86dd))
		return;
	p = malloc(sizeof(*p) + bytes);
	must(p, "no memory");
	p->next = NULL;
	p->at_ns = world_now(w);
	p->bytes = bytes;
	memcpy(p->ip, f->header + ETH, f->header_bytes - ETH);
	frame_copy_out(&w->wire.arena, f, 0, p->ip + f->header_bytes - ETH,
		       f->payload);
	*w->last = p;
	w->last = &p->next;
}

void world_collect(struct world *w)
{
	struct fabric_host *h = &fabric_of(w)->hosts[w->peer];
	struct arena *a = &w->wire.arena;
	struct frame_list came =
		frame_list_turn(a, atomic_exchange(&h->backlog, 0));
	frame_ix ix;

	while ((ix = frame_list_pop(a, &came))) {
		struct frame_list cut = { 0, 0 };

		/* As a link without offloads would carry it. */
		must(frame_segment(a, ix, true, &cut) > 0, "cannot segment");
		while ((ix = frame_list_pop(a, &cut))) {
			flatten(w, frame_at(a, ix));
			frame_free(a, ix);
		}
	}
}

struct world_packet *world_packet(struct world *w)
{
	struct world_packet *p = w->first;

	if (p) {
		w->first = p->next;
		if (!w->first)
			w->last = &w->first;
	}
	return p;
}

void world_be(struct world *w, const struct ip_addr *addr)
{
	struct stack_host *h = stack_host_at(fabric_of(w), w->host);
	struct ip_addr *mine =
		ip_is_v4(addr) ? &h->config.addr4 : &h->config.addr6;

	if (ip_is_any(addr) || ip_equal(mine, addr))
		return;
	*mine = *addr;
	must(!fabric_address_add(fabric_of(w), addr, w->host), "address");
}

int world_inject(struct world *w, const void *ip, size_t bytes)
{
	const uint8_t *b = ip;
	bool v4 = bytes && b[0] >> 4 == 4;
	size_t header = v4 ? (b[0] & 15) * 4u : 40;
	struct frame *f;
	struct work k;
	frame_ix ix;
	int err;

	if (bytes < header)
		return -EINVAL;
	err = work_begin(&k, &w->sf.thread, w->host);
	if (err)
		return err;
	ix = frame_alloc(&k.in.arena);
	must(ix, "no frames");
	f = frame_at(&k.in.arena, ix);
	fabric_mac(w->host, f->header);
	fabric_mac(w->peer, f->header + 6);
	put16(f->header + 12, v4 ? 0x0800 : 0x86dd);
	memcpy(f->header + ETH, b, header);
	f->l3_off = ETH;
	f->l4_off = (uint8_t)(ETH + header);
	f->header_bytes = f->l4_off;
	err = frame_fill(&k.in.arena, ix, b + header,
			 (uint32_t)(bytes - header));
	if (err)
		frame_free(&k.in.arena, ix);
	else
		stack_input(&k.stack, ix);
	work_end(&k);
	world_collect(w);
	return err;
}
