/* SPDX-License-Identifier: BSD-2-Clause */
/* See ports.h. */
#include "daemon/ports.h"
#include "daemon/hosts.h"
#include "daemon/log.h"
#include "daemon/members.h"
#include "fabric/wake.h"
#include "daemon/settings.h"
#include "daemon/transient.h"
#include "port/tap.h"
#include "socket/work.h"
#include "stack/stack.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECEIVE_BUDGET 64   /* frames from a port before others have a turn */
#define SEND_BUDGET    1024 /* likewise toward it */

struct port {
	struct loop_source source; /* the TAP */
	struct loop_source life;   /* pidfd of a process behind it, or -1 */
	struct ports *ports;
	struct port *next;
	struct tap tap;
	pid_t pid; /* that `life` is of */
	host_ix host;
	vif_ix vif;
	bool uplink;
	uint64_t netns; /* inode of its network namespace; 0: not watched */
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

/* --- whose network namespace it is -------------------------------------------
 */

/* A process in namespace @netns, or 0. */
static pid_t inhabitant(uint64_t netns)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	while (proc && !found && (e = readdir(proc))) {
		char path[280];
		struct stat st;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", e->d_name);
		if (!stat(path, &st) && st.st_ino == netns)
			found = (pid_t)atoi(e->d_name);
	}
	if (proc)
		closedir(proc);
	return found;
}

static void watch(struct port *p, pid_t pid);

/* The process that was watched has ended; its children may live on. */
static void on_end(struct loop_source *s, uint32_t events)
{
	struct port *p =
		(struct port *)((char *)s - offsetof(struct port, life));
	pid_t pid;

	(void)events;
	loop_close(&p->ports->daemon->loop, &p->life);
	pid = inhabitant(p->netns);
	if (pid)
		watch(p, pid);
	else
		drop(p, "its last process has ended");
}

static void watch(struct port *p, pid_t pid)
{
	struct daemon *d = p->ports->daemon;

	p->pid = pid;
	p->life.ready = on_end;
	p->life.fd = (int)sys_call(SYS_pidfd_open, pid, 0);
	if (p->life.fd >= 0 && !loop_add(&d->loop, &p->life, EPOLLIN))
		return;
	if (p->life.fd >= 0)
		close(p->life.fd);
	p->life.fd = -1;
	log_line("port %s: process %d cannot be watched", p->tap.name, pid);
}

/* Ports whose last process has just ended are gone before anybody asks. */
static void settle(struct ports *ps)
{
	struct port *p = ps->first, *next;

	for (; p; p = next) {
		struct pollfd ended = { .fd = p->life.fd, .events = POLLIN };

		next = p->next;
		if (p->life.fd >= 0 && poll(&ended, 1, 0) == 1)
			on_end(&p->life, EPOLLIN);
	}
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
	loop_close(&d->loop, &p->life);
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

/* The VIF with a host of its own that the port is to have. 0: refused. */
static vif_ix make_vif(struct daemon *d, const char *path, const char *address,
		       bool uplink, const struct peer *peer,
		       struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	vif_ix ix = vif_find(f, path), top;

	if (uplink && !rights_all(d, peer)) {
		refuse(why, "no-permission", EX_NOPERM,
		       "an uplink is everybody's: only the fabric's user and "
		       "root may add one");
		return 0;
	}
	if (ix == VIF_ROOT) {
		refuse(why, "vif-busy", EX_USAGE,
		       "the root of the tree is the gateway's: give the port a "
		       "VIF of its own");
		return 0;
	}
	if (ix && (rights_use(d, peer, ix, why) || ports_admit(d, ix, why)))
		return 0;
	ix = hosts_make(d, path,
			uplink	  ? "none"
			: address ? address
				  : "auto",
			peer, &top, why);
	if (!ix)
		return 0;
	if (!check_empty(d, ix, path, peer->pid, why) &&
	    !(uplink && hosts_bare(d, ix, why)))
		return ix;
	hosts_take_back(d, ix, top);
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

static json_t *setup_json(struct port *p)
{
	struct daemon *d = p->ports->daemon;
	struct fabric *f = daemon_fabric(d);
	const struct vif *v = vif_at(f, p->vif);
	char path[VIF_PATH_MAX], a4[POOL_TEXT] = "", a6[POOL_TEXT] = "";
	char g4[POOL_TEXT], s4[POOL_TEXT] = "", s6[POOL_TEXT] = "";
	const uint8_t *m = p->tap.guard.mac;
	char mac[18];

	vif_path(f, p->vif, path);
	if (!ip_is_any(&v->addr4))
		pool_print(&v->addr4, a4);
	if (!ip_is_any(&v->addr6))
		pool_print(&v->addr6, a6);
	if (!ip_is_any(&d->stranger4))
		pool_print(&d->stranger4, s4);
	if (!ip_is_any(&d->stranger6))
		pool_print(&d->stranger6, s6);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
		 m[2], m[3], m[4], m[5]);
	return json_pack("{s:s, s:s, s:b, s:s, s:s, s:i, s:s, s:i, s:s, s:s, "
			 "s:s, s:i}",
			 "path", path, "name", p->tap.name, "uplink", p->uplink,
			 "mac", mac, "address", a4, "prefix", d->pool.prefix4,
			 "address6", a6, "prefix6", d->pool.prefix6,
			 "nameserver",
			 d->dns ? pool_print(&f->header->gateway4, g4) : "",
			 "gateway", s4, "gateway6", s6, "mtu", STACK_MTU);
}

static const char *text_of(const json_t *request, const char *key)
{
	return json_string_value(json_object_get(request, key));
}

/* The gateway behind an uplink; -1: not an address of that family. */
static int read_gateway(const json_t *request, const char *key, bool v4,
			struct ip_addr *addr, struct refusal *why)
{
	const char *text = text_of(request, key);

	memset(addr, 0, sizeof(*addr));
	if (!text || (!pool_parse(text, addr) && ip_is_v4(addr) == v4))
		return 0;
	return refuse(why, "bad-address", EX_USAGE,
		      "'%.64s' is not an %s address that could be a gateway",
		      text, v4 ? "IPv4" : "IPv6");
}

json_t *ports_add(struct daemon *d, const struct peer *peer,
		  const json_t *request, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	const char *path = text_of(request, "path");
	bool uplink = json_is_true(json_object_get(request, "uplink"));
	bool offload = !json_is_false(json_object_get(request, "offload"));
	host_ix up = atomic_load(&f->header->uplink);
	struct ip_addr gateway4, gateway6;
	char other[VIF_PATH_MAX];
	struct port *p;

	if (!path || !peer->given || *peer->given < 0) {
		refuse(why, "bad-request", EX_USAGE,
		       "a port needs the path of a VIF, and the descriptor of "
		       "a TAP beside the request");
		return NULL;
	}
	if (uplink && up) {
		vif_path(f, f->hosts[up].vif, other);
		refuse(why, "port-exists", EX_CANTCREAT,
		       "the fabric has an uplink already, on VIF %s: remove it "
		       "first with 'toami port rm %s'",
		       other, other);
		return NULL;
	}
	if (read_gateway(request, "gateway", true, &gateway4, why) ||
	    read_gateway(request, "gateway6", false, &gateway6, why))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p) {
		refuse(why, "internal", EX_OSERR, "out of memory");
		return NULL;
	}
	p->ports = d->ports;
	p->uplink = uplink;
	p->source.fd = p->life.fd = p->tap.fd = -1;
	p->vif = make_vif(d, path, text_of(request, "address"), uplink, peer,
			  why);
	if (!p->vif || start(p, *peer->given, offload, why)) {
		if (p->vif && uplink && p->host &&
		    !socket_host_down(&d->thread, p->host))
			atomic_store(&vif_at(f, p->vif)->host, 0);
		free(p->tap.buffer);
		free(p);
		return NULL;
	}
	*peer->given = -1;
	p->next = d->ports->first;
	d->ports->first = p;
	if (uplink) {
		set_uplink(d, p->host);
		set_gateway(d, &gateway4, &gateway6);
	}
	p->netns =
		(uint64_t)json_integer_value(json_object_get(request, "netns"));
	if (p->netns)
		watch(p, peer->pid);
	log_line("port %s on VIF %s", p->tap.name, path);
	return setup_json(p);
}

json_t *ports_remove(struct daemon *d, const struct peer *peer,
		     const json_t *request, struct refusal *why)
{
	const char *path = text_of(request, "path");
	vif_ix ix = path ? hosts_find(d, path, why) : 0;
	struct port *p = d->ports->first;

	if (!path)
		refuse(why, "bad-request", EX_USAGE,
		       "the request lacks the path of a VIF");
	if (!ix)
		return NULL;
	while (p && p->vif != ix)
		p = p->next;
	if (!p) {
		refuse(why, "unknown-port", EX_NOINPUT,
		       "VIF %.64s has no port: 'toami port ls' shows what "
		       "there is",
		       path);
		return NULL;
	}
	if (rights_use(d, peer, ix, why))
		return NULL;
	drop(p, "it was told to");
	return json_object();
}

json_t *ports_list(struct daemon *d)
{
	json_t *list = json_array();
	char path[VIF_PATH_MAX];

	for (struct port *p = d->ports->first; p; p = p->next) {
		const struct tap_counts *c = &p->tap.count;

		vif_path(daemon_fabric(d), p->vif, path);
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s, s:b, s:b, s:i, s:{s:I, s:I, "
				  "s:I, "
				  "s:I, s:I}, s:{s:I, s:I, s:I}}",
				  "path", path, "kind", "tap", "name",
				  p->tap.name, "uplink", p->uplink, "offload",
				  p->tap.offload, "pid", p->pid, "in", "frames",
				  (json_int_t)c->in, "bytes",
				  (json_int_t)c->in_bytes, "bad",
				  (json_int_t)c->in_bad, "refused",
				  (json_int_t)c->in_refused, "lost",
				  (json_int_t)c->in_lost, "out", "frames",
				  (json_int_t)c->out, "bytes",
				  (json_int_t)c->out_bytes, "lost",
				  (json_int_t)c->out_lost));
	}
	return json_pack("{s:o}", "ports", list);
}

const char *ports_name(struct daemon *d, vif_ix ix)
{
	for (struct port *p = d->ports ? d->ports->first : NULL; p; p = p->next)
		if (p->vif == ix)
			return p->tap.name;
	return NULL;
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
