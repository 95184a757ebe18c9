/* SPDX-License-Identifier: BSD-2-Clause */
/* See ports.h. */
#include "daemon/ports.h"
#include "daemon/given.h"
#include "daemon/hosts.h"
#include "daemon/tree.h"
#include "daemon/log.h"
#include "daemon/members.h"
#include "daemon/netns_watch.h"
#include "daemon/settings.h"
#include "daemon/transient.h"
#include "fabric/wake.h"
#include "port/tap.h"
#include "socket/work.h"
#include "stack/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECEIVE_BUDGET 64   /* frames from a port before others have a turn */
#define SEND_BUDGET    1024 /* likewise toward it */

struct port {
	struct loop_source source; /* the TAP */
	struct netns_watch watch;
	struct ports *ports;
	struct port *next;
	struct tap tap;
	host_ix host;
	vif_ix vif;
	bool uplink, bare;
	bool going; /* will be removed at the end of a transaction */
};

struct ports {
	struct daemon *daemon;
	struct loop_source wake;
	struct port *first;
};

static struct fabric_host *host_of(struct port *p)
{
	return &daemon_fabric(p->ports->daemon)->hosts[p->host];
}

/* --- frames ------------------------------------------------------------------
 */

/* Takes what waits for @p, in the order it came. */
static frame_ix take_backlog(struct port *p, struct arena *a, uint32_t *n)
{
	frame_ix ix = atomic_exchange(&host_of(p)->backlog, 0), first = 0;

	for (*n = 0; ix; (*n)++) {
		frame_ix next = frame_at(a, ix)->next;

		frame_at(a, ix)->next = first;
		first = ix;
		ix = next;
	}
	return first;
}

/*
 * Carries what waits for @p to its device. Afterwards whoever pushes more wakes
 * us; or, if there is no end to it, we wake ourselves and let others have a
 * turn.
 */
static void send_waiting(struct port *p)
{
	struct daemon *d = p->ports->daemon;
	struct fabric_host *h = host_of(p);
	uint32_t sent = 0, n;
	struct work w;

	if (work_enter(&w, &d->thread))
		return;
	for (;;) {
		frame_ix ix = take_backlog(p, &w.in.arena, &n);

		while (ix) {
			frame_ix next = frame_at(&w.in.arena, ix)->next;

			tap_send(&p->tap, &w.in.arena, ix);
			ix = next;
		}
		atomic_fetch_sub(&h->backlog_frames, n);
		sent += n;
		if (sent >= SEND_BUDGET) {
			wake_send(daemon_fabric(d), d->process.self,
				  WAKE_PORTS);
			break;
		}
		if (n)
			continue;
		atomic_store(&h->port_asleep, 1);
		if (!atomic_load(&h->backlog))
			break;
		atomic_store(&h->port_asleep, 0);
	}
	work_end(&w);
}

static void on_wake(struct loop_source *s, uint32_t events)
{
	struct ports *ps =
		(struct ports *)((char *)s - offsetof(struct ports, wake));

	(void)events;
	wake_drain(s->fd);
	hosts_follow(ps->daemon);
	for (struct port *p = ps->first; p; p = p->next)
		send_waiting(p);
}

static void drop(struct port *p, const char *why);

static void on_tap(struct loop_source *s, uint32_t events)
{
	struct port *p = (struct port *)s;
	struct daemon *d = p->ports->daemon;
	struct work w;
	int n;

	(void)events;
	/* Answers that come back at once find us awake. */
	atomic_store(&host_of(p)->port_asleep, 0);
	if (work_enter(&w, &d->thread))
		return;
	n = tap_receive(&p->tap, &w.in.arena, RECEIVE_BUDGET, &w.out);
	work_end(&w);
	if (n < 0)
		drop(p, "its interface is gone");
	else
		send_waiting(p);
}

/* --- coming and going --------------------------------------------------------
 */

static void set_gateway(struct daemon *d, const struct ip_addr *gateway4,
			const struct ip_addr *gateway6)
{
	struct fabric *f = daemon_fabric(d);

	d->stranger4 = *gateway4;
	d->stranger6 = *gateway6;
	for (vif_ix ix = 0; (ix = vif_next(f, VIF_ROOT, ix));) {
		host_ix host = atomic_load(&vif_at(f, ix)->host);

		if (host && !atomic_load(&f->hosts[host].port) &&
		    !hosts_are_auto(d, host) &&
		    socket_host_gateway(&d->thread, host, gateway4, gateway6))
			log_line("host %u is busy: its gateway stays", host);
	}
}

static void set_uplink(struct daemon *d, host_ix host)
{
	struct fabric_header *h = daemon_fabric(d)->header;

	atomic_store(&h->uplink, host);
	atomic_fetch_add(&h->neighbour_gen, 1);
}

static void drop(struct port *p, const char *why)
{
	struct daemon *d = p->ports->daemon;
	struct fabric *f = daemon_fabric(d);
	struct port **link = &p->ports->first;
	char path[VIF_PATH_MAX];

	vif_path(f, p->vif, path);
	log_line("port %s of VIF %s goes: %s", p->tap.name, path, why);
	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	netns_watch_fini(&p->watch);
	if (p->source.fd >= 0)
		loop_remove(&d->loop, &p->source);
	if (p->uplink) {
		const struct ip_addr none = { .d = { 0, 0 } };

		set_uplink(d, 0);
		set_gateway(d, &none, &none);
	}
	if (socket_host_port(&d->thread, p->host, false))
		log_line("port %s: its host is busy", p->tap.name);
	if (p->uplink && !socket_host_down(&d->thread, p->host))
		atomic_store(&vif_at(f, p->vif)->host, 0);
	tap_fini(&p->tap);
	free(p);
	transient_sweep(d);
}

static void on_empty(struct netns_watch *w)
{
	drop((struct port *)((char *)w - offsetof(struct port, watch)),
	     "its last process has ended");
}

/* Ports whose last process has just ended are gone before anybody asks. */
static void settle(struct ports *ps)
{
	for (struct port *p = ps->first, *next; p; p = next) {
		next = p->next;
		netns_watch_settle(&p->watch);
	}
}

static struct port *find(struct daemon *d, vif_ix ix)
{
	struct port *p = d->ports ? d->ports->first : NULL;

	while (p && p->vif != ix)
		p = p->next;
	return p;
}

/* Is anybody on the host that is about to go behind a port? */
static int check_empty(struct daemon *d, vif_ix ix, const char *path, pid_t pid,
		       struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	host_ix host = vif_host(f, ix);

	for (proc_ix m = 0; (m = members_next(d->members, ix, m));)
		if (vif_host(f, f->procs[m].vif) == host &&
		    atomic_load(&f->procs[m].pid) != pid)
			return refuse(why, "vif-busy", EX_TEMPFAIL,
				      "%s (process %d) is on VIF %s: end it "
				      "first, or choose another VIF",
				      f->procs[m].name,
				      atomic_load(&f->procs[m].pid), path);
	if (!members_find(d->members, pid) && members_busy(d->members, ix, pid))
		return refuse(why, "vif-busy", EX_TEMPFAIL,
			      "a program is about to join VIF %s: choose "
			      "another VIF",
			      path);
	return 0;
}

/* What the fabric has to say against it, before anything is made. */
static int check_order(struct daemon *d, const struct port_order *o,
		       const struct peer *peer, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	host_ix up = atomic_load(&f->header->uplink);
	vif_ix ix = vif_find(f, o->path);
	char other[VIF_PATH_MAX];

	if (o->uplink && up) {
		vif_path(f, f->hosts[up].vif, other);
		return refuse(why, "port-exists", EX_CANTCREAT,
			      "the fabric has an uplink already, on VIF %s: "
			      "remove it first with 'toami port rm %s'",
			      other, other);
	}
	if (o->uplink && !rights_all(d, peer))
		return refuse(why, "no-permission", EX_NOPERM,
			      "an uplink is everybody's: only the fabric's "
			      "user and root may add one");
	if (ix == VIF_ROOT)
		return refuse(why, "vif-busy", EX_USAGE,
			      "the root of the tree is the gateway's: give the "
			      "port a VIF of its own");
	return ix && (rights_use(d, peer, ix, why) || ports_admit(d, ix, why))
		       ? -1
		       : 0;
}

/* The VIF with a host of its own that the port is to have. 0: refused. */
static vif_ix make_vif(struct daemon *d, const struct port_order *o,
		       const struct peer *peer, vif_ix *top,
		       struct refusal *why)
{
	const char *address = o->uplink	   ? "none"
			      : o->address ? o->address
					   : "auto";
	vif_ix ix = tree_make(d, o->path, address, peer, top, why);

	if (!ix)
		return 0;
	if (!check_empty(d, ix, o->path, peer->pid, why) &&
	    !(o->uplink && hosts_bare(d, ix, why)))
		return ix;
	tree_take_back(d, ix, *top);
	return 0;
}

static int refuse_tap(struct refusal *why, int err)
{
	if (err == -ENOTTY || err == -EINVAL)
		return refuse(why, "bad-request", EX_USAGE,
			      "what came with the request is no TAP with "
			      "virtio headers: let 'toami port add tap' make "
			      "it");
	return refuse(why, "internal", EX_OSERR, "the TAP cannot be used: %s",
		      strerror(-err));
}

static int start(struct port *p, int fd, bool offload, struct refusal *why)
{
	struct daemon *d = p->ports->daemon;
	struct fabric *f = daemon_fabric(d);
	const struct vif *v = vif_at(f, p->vif);
	int err = tap_adopt(&p->tap, fd, offload);

	if (err)
		return refuse_tap(why, err);
	p->tap.vif = p->vif;
	p->host = atomic_load(&v->host);
	p->tap.guard.host = !p->uplink;
	fabric_mac(p->host, p->tap.guard.mac);
	p->tap.guard.addr4 = v->addr4;
	p->tap.guard.addr6 = v->addr6;
	if (socket_host_port(&d->thread, p->host, true)) {
		p->tap.fd = -1;
		return refuse(why, "busy", EX_TEMPFAIL,
			      "the VIF's host is busy, because a program is "
			      "stopped in the middle of using the fabric: let "
			      "it run and try again");
	}
	p->source = (struct loop_source){ .fd = fd, .ready = on_tap };
	err = loop_add(&d->loop, &p->source, EPOLLIN);
	if (err) {
		p->source.fd = p->tap.fd = -1;
		socket_host_port(&d->thread, p->host, false);
		return refuse_tap(why, err);
	}
	atomic_store(&host_of(p)->port_asleep, 1);
	return 0;
}

/* The gateway behind an uplink; -1: not an address of that family. */
static int read_gateway(const char *text, bool v4, struct ip_addr *addr,
			struct refusal *why)
{
	memset(addr, 0, sizeof(*addr));
	if (!text || (!pool_parse(text, addr) && ip_is_v4(addr) == v4))
		return 0;
	return refuse(why, "bad-address", EX_USAGE,
		      "'%.64s' is not an %s address that could be a gateway",
		      text, v4 ? "IPv4" : "IPv6");
}

static int read_gateways(const struct port_order *o, struct ip_addr gateway[2],
			 struct refusal *why)
{
	if (read_gateway(o->gateway, true, &gateway[0], why) ||
	    read_gateway(o->gateway6, false, &gateway[1], why))
		return -1;
	return o->uplink || (!o->gateway && !o->gateway6)
		       ? 0
		       : refuse(why, "bad-address", EX_USAGE,
				"a gateway is beyond an uplink: give "
				"--uplink, too");
}

static struct port *port_new(struct daemon *d, const struct port_order *o)
{
	struct port *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->ports = d->ports;
	p->uplink = o->uplink;
	p->bare = o->bare;
	p->source.fd = p->tap.fd = -1;
	netns_watch_init(&p->watch, &d->loop, on_empty);
	return p;
}

/* Whoever asks has made the interface. */
static int take_interface(const struct peer *peer, const struct port_order *o,
			  struct refusal *why)
{
	int fd = peer->given ? given_take(peer->given, o->name) : -1;

	if (fd < 0)
		refuse(why, "no-interface", EX_USAGE,
		       "a port needs the descriptor of a TAP beside the "
		       "request, and none%s%.32s came: is it in use, and may "
		       "you make one?",
		       o->name ? " of interface " : "", o->name ? o->name : "");
	return fd;
}

vif_ix ports_add(struct daemon *d, const struct peer *peer,
		 const struct port_order *o, vif_ix *top, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	struct ip_addr gateway[2];
	struct port *p;
	int fd;

	if (check_order(d, o, peer, why) || read_gateways(o, gateway, why))
		return 0;
	fd = take_interface(peer, o, why);
	if (fd < 0)
		return 0;
	p = port_new(d, o);
	if (!p)
		refuse(why, "internal", EX_OSERR, "out of memory");
	else
		p->vif = make_vif(d, o, peer, top, why);
	if (!p || !p->vif || start(p, fd, o->offload, why))
		goto refused;
	p->next = d->ports->first;
	d->ports->first = p;
	if (o->uplink) {
		set_uplink(d, p->host);
		set_gateway(d, &gateway[0], &gateway[1]);
	}
	if (o->netns && netns_watch_begin(&p->watch, o->netns, peer->pid))
		log_line("port %s: process %d cannot be watched", p->tap.name,
			 peer->pid);
	log_line("port %s on VIF %s", p->tap.name, o->path);
	return p->vif;
refused:
	if (p && p->vif) {
		if (o->uplink && p->host &&
		    !socket_host_down(&d->thread, p->host))
			atomic_store(&vif_at(f, p->vif)->host, 0);
		tree_take_back(d, p->vif, *top);
	}
	if (p)
		free(p->tap.buffer);
	free(p);
	close(fd);
	return 0;
}

int ports_find(struct daemon *d, const struct peer *peer, const char *path,
	       vif_ix *ix, struct refusal *why)
{
	*ix = tree_find(d, path, why);
	if (!*ix)
		return -1;
	if (!ports_name(d, *ix))
		return refuse(why, "unknown-port", EX_NOINPUT,
			      "VIF %.64s has no port: 'toami port ls' shows "
			      "what there is",
			      path);
	return rights_use(d, peer, *ix, why);
}

void ports_remove(struct daemon *d, vif_ix ix)
{
	struct port *p = find(d, ix);

	if (p)
		drop(p, "it was told to");
}

/* What is said of the port at @p, and what is so; texts in @t. */
static void describe(struct port *p, struct port_order *o,
		     struct port_order_text *t)
{
	struct daemon *d = p->ports->daemon;

	vif_path(daemon_fabric(d), p->vif, t->path);
	*o = (struct port_order){ .path = t->path,
				  .name = p->tap.name,
				  .uplink = p->uplink,
				  .offload = p->tap.offload,
				  .bare = p->bare,
				  .netns = p->watch.netns };
	if (p->uplink && !ip_is_any(&d->stranger4))
		o->gateway = pool_print(&d->stranger4, t->gateway);
	if (p->uplink && !ip_is_any(&d->stranger6))
		o->gateway6 = pool_print(&d->stranger6, t->gateway6);
}

bool ports_describe(struct daemon *d, vif_ix ix, struct port_order *o,
		    struct port_order_text *t)
{
	struct port *p = find(d, ix);

	if (p)
		describe(p, o, t);
	return p;
}

int ports_agree(struct daemon *d, vif_ix ix, const struct port_order *o,
		struct refusal *why)
{
	struct ip_addr gateway[2];
	struct port_order_text text;
	struct port_order has;

	if (!ports_describe(d, ix, &has, &text) ||
	    read_gateways(o, gateway, why))
		return -1;
	if (o->name && !strcmp(o->name, has.name) && o->uplink == has.uplink &&
	    o->offload == has.offload && o->bare == has.bare)
		return ip_equal(&gateway[0], &d->stranger4) &&
				       ip_equal(&gateway[1], &d->stranger6)
			       ? 0
			       : !!o->uplink;
	return refuse(why, "port-exists", EX_CANTCREAT,
		      "VIF %.64s has port %s already, of another kind: remove "
		      "it first with 'toami port rm %.64s'",
		      has.path, has.name, has.path);
}

void ports_gateway(struct daemon *d, const char *gateway, const char *gateway6)
{
	struct ip_addr addr[2];
	struct refusal unused;

	if (!read_gateway(gateway, true, &addr[0], &unused) &&
	    !read_gateway(gateway6, false, &addr[1], &unused))
		set_gateway(d, &addr[0], &addr[1]);
}

void ports_going(struct daemon *d, vif_ix ix, bool going)
{
	struct port *p = find(d, ix);

	if (p)
		p->going = going;
}

const struct tap *ports_tap(struct daemon *d, vif_ix ix, pid_t *pid)
{
	struct port *p = find(d, ix);

	*pid = p ? p->watch.pid : 0;
	return p ? &p->tap : NULL;
}

vif_ix ports_next(struct daemon *d, vif_ix ix)
{
	struct port *p = ix ? find(d, ix) : NULL;

	p = ix && p ? p->next : ix ? NULL : d->ports->first;
	return p ? p->vif : 0;
}

const char *ports_name(struct daemon *d, vif_ix ix)
{
	struct port *p = find(d, ix);

	return p && !p->going ? p->tap.name : NULL;
}

void ports_settle(struct daemon *d)
{
	settle(d->ports);
}

int ports_admit(struct daemon *d, vif_ix ix, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	host_ix host = vif_host(f, ix);
	char path[VIF_PATH_MAX];
	const char *name;

	settle(d->ports);
	if (!host || !atomic_load(&f->hosts[host].port))
		return 0;
	vif_path(f, f->hosts[host].vif, path);
	name = ports_name(d, f->hosts[host].vif);
	return refuse(why, "vif-busy", EX_TEMPFAIL,
		      "VIF %s is behind port %s: choose another VIF, or remove "
		      "the port with 'toami port rm %s'",
		      path, name ? name : "?", path);
}

struct ports *ports_new(struct daemon *d)
{
	struct ports *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return NULL;
	ps->daemon = d;
	ps->wake.ready = on_wake;
	ps->wake.fd = wake_open(daemon_fabric(d), WAKE_PORTS);
	if (ps->wake.fd >= 0 && !loop_add(&d->loop, &ps->wake, EPOLLIN))
		return ps;
	if (ps->wake.fd >= 0)
		close(ps->wake.fd);
	free(ps);
	return NULL;
}

void ports_free(struct ports *ps)
{
	if (!ps)
		return;
	while (ps->first)
		drop(ps->first, "the fabric ends");
	loop_close(&ps->daemon->loop, &ps->wake);
	free(ps);
}
