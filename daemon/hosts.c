/* SPDX-License-Identifier: BSD-2-Clause */
/* See hosts.h. */
#include "daemon/hosts.h"
#include "daemon/log.h"
#include "daemon/members.h"
#include "daemon/ports.h"
#include "daemon/settings.h"
#include "daemon/transient.h"
#include "fabric/address.h"
#include "socket/move.h"
#include "stack/host.h"
#include "vif/sched.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool taken(void *arg, const struct ip_addr *addr)
{
	return fabric_address_find(arg, addr);
}

/* Puts a host with these addresses on @ix. */
static int host_up(struct daemon *d, vif_ix ix, const struct ip_addr *addr4,
		   const struct ip_addr *addr6)
{
	struct fabric *f = daemon_fabric(d);
	/* No uplink, no gateway: nothing leaves a fabric, and programs learn
	 * that at once. */
	struct stack_config config = {
		.addr4 = *addr4,
		.addr6 = *addr6,
		.prefix4 = d->pool.prefix4,
		.prefix6 = d->pool.prefix6,
		.gateway4 = d->stranger4,
		.gateway6 = d->stranger6,
		.vif = ix,
	};
	int host;

	host = socket_host_up(&d->thread, ix, &config);
	if (host < 0)
		return host;
	vif_at(f, ix)->addr4 = *addr4;
	vif_at(f, ix)->addr6 = *addr6;
	atomic_store(&vif_at(f, ix)->host, (host_ix)host);
	return 0;
}

int hosts_gateway(struct daemon *d, struct refusal *why)
{
	struct fabric_header *h = daemon_fabric(d)->header;
	int err;

	h->gateway4 = pool_gateway4(&d->pool);
	h->gateway6 = pool_gateway6(&d->pool);
	h->prefix4 = d->pool.prefix4;
	h->prefix6 = d->pool.prefix6;
	err = host_up(d, VIF_ROOT, &h->gateway4, &h->gateway6);
	if (err)
		return refuse(why, "internal", EX_SOFTWARE,
			      "cannot set up the gateway: %s", strerror(-err));
	/* The daemon's own sockets are on this host. */
	d->process.host = vif_host(daemon_fabric(d), VIF_ROOT);
	return 0;
}

int hosts_bare(struct daemon *d, vif_ix ix, struct refusal *why)
{
	const struct ip_addr none = { .d = { 0, 0 } };
	int err = host_up(d, ix, &none, &none);

	return err ? refuse(why, "table-full", EX_CANTCREAT,
			    "the fabric holds no more than %d hosts: remove a "
			    "VIF with 'toami vif rm'",
			    FABRIC_HOST_MAX - 1)
		   : 0;
}

/* How a host finds its addresses by itself; NULL: it was given them. */
static const char *auto_word(struct daemon *d, host_ix host)
{
	const struct stack_host *h = stack_host_at(daemon_fabric(d), host);

	return h->dhcp.state != DHCP_OFF     ? "dhcp"
	       : h->slaac.state != SLAAC_OFF ? "slaac"
					     : NULL;
}

bool hosts_are_auto(struct daemon *d, host_ix host)
{
	return auto_word(d, host);
}

const char *hosts_word(struct daemon *d, vif_ix ix, char text[HOSTS_WORD])
{
	struct fabric *f = daemon_fabric(d);
	const struct vif *v = vif_at(f, ix);
	host_ix host = atomic_load(&v->host);
	const char *word = host ? auto_word(d, host) : NULL;
	struct ip_addr beside;

	if (word)
		return word;
	if (ip_is_any(&v->addr4))
		return "none";
	pool_print(&v->addr4, text);
	/* The one that it would get with this one need not be named. */
	beside = pool_beside6(&d->pool, &v->addr4);
	if (!ip_equal(&beside, &v->addr6) && !ip_is_any(&v->addr6)) {
		char *end = text + strlen(text);

		*end = ',';
		pool_print(&v->addr6, end + 1);
	}
	return text;
}

/* A host on a real network: it asks there. */
static int host_auto(struct daemon *d, vif_ix ix, bool dhcp)
{
	const struct ip_addr none = { .d = { 0, 0 } };
	int err = host_up(d, ix, &none, &none);

	return err ? err
		   : socket_host_auto(
			     &d->thread,
			     atomic_load(&vif_at(daemon_fabric(d), ix)->host),
			     dhcp, true);
}

/* The table of addresses follows what a host has found. */
static void follow(struct daemon *d, vif_ix ix, host_ix host)
{
	struct fabric *f = daemon_fabric(d);
	const struct stack_config *g = &stack_host_at(f, host)->config;
	struct vif *v = vif_at(f, ix);
	struct ip_addr addr4 = g->addr4, addr6 = g->addr6;
	char path[VIF_PATH_MAX], text[POOL_TEXT];

	if (ip_equal(&addr4, &v->addr4) && ip_equal(&addr6, &v->addr6))
		return;
	fabric_address_remove(f, host);
	v->addr4 = addr4;
	v->addr6 = addr6;
	vif_path(f, ix, path);
	if (!ip_is_any(&addr4) && fabric_address_add(f, &addr4, host))
		log_line("VIF %s: %s is another VIF's, too", path,
			 pool_print(&addr4, text));
	if (!ip_is_any(&addr6) && fabric_address_add(f, &addr6, host))
		log_line("VIF %s: %s is another VIF's, too", path,
			 pool_print(&addr6, text));
	log_line("VIF %s has %s now", path,
		 ip_is_any(&addr4) ? "no IPv4 address"
				   : pool_print(&addr4, text));
}

void hosts_follow(struct daemon *d)
{
	struct fabric *f = daemon_fabric(d);
	uint32_t end = atomic_load(&f->header->host_end);

	for (host_ix host = 1; host < end; host++)
		if (atomic_load(&f->hosts[host].state) == FABRIC_HOST_UP &&
		    auto_word(d, host))
			follow(d, f->hosts[host].vif, host);
}

/* The path of the VIF that has @addr, for a sentence. */
static const char *whose(struct daemon *d, const struct ip_addr *addr,
			 char path[VIF_PATH_MAX])
{
	struct fabric *f = daemon_fabric(d);
	host_ix host = fabric_address_find(f, addr);

	vif_path(f, f->hosts[host].vif, path);
	return path;
}

/* Reads @address, which must be a free one of the subnet. */
static int parse_one(struct daemon *d, const char *address,
		     struct ip_addr *addr, struct refusal *why)
{
	char net4[POOL_TEXT], net6[POOL_TEXT], path[VIF_PATH_MAX];

	if (pool_parse(address, addr))
		return refuse(why, "bad-address", EX_USAGE,
			      "'%.64s' is not an IP address: give one of %s, "
			      "or 'auto', 'none', 'dhcp' or 'slaac'",
			      address, pool_print_subnet4(&d->pool, net4));
	if (!pool_has(&d->pool, addr))
		return refuse(why, "bad-address", EX_USAGE,
			      "%s is not an address of this fabric: give one "
			      "of %s or %s, or 'auto'",
			      address, pool_print_subnet4(&d->pool, net4),
			      pool_print_subnet6(&d->pool, net6));
	if (taken(daemon_fabric(d), addr))
		return refuse(why, "address-taken", EX_CANTCREAT,
			      "%s is taken by VIF %s: choose another address, "
			      "or remove that VIF with 'toami vif rm'",
			      address, whose(d, addr, path));
	return 0;
}

/* An address, or one of each family; "any" for what is not given. */
struct address_pair {
	struct ip_addr addr4, addr6;
};

/* Splits "ADDRESS,ADDRESS"; false: it is just one. */
static bool split_pair(const char *address, char first[HOSTS_WORD],
		       const char **second)
{
	const char *comma = strchr(address, ',');
	size_t n = comma ? (size_t)(comma - address) : 0;

	if (!comma || n >= HOSTS_WORD)
		return false;
	memcpy(first, address, n);
	first[n] = 0;
	*second = comma + 1;
	return true;
}

static int parse_pair(struct daemon *d, const char *address,
		      struct address_pair *pair, struct refusal *why)
{
	struct ip_addr a = { 0 }, b = { 0 };
	char first[HOSTS_WORD];
	const char *second;
	bool two = split_pair(address, first, &second);

	memset(pair, 0, sizeof(*pair));
	if (parse_one(d, two ? first : address, &a, why) ||
	    (two && parse_one(d, second, &b, why)))
		return -1;
	if (two && ip_is_v4(&a) == ip_is_v4(&b))
		return refuse(why, "bad-address", EX_USAGE,
			      "'%.64s' are two addresses of one family: give "
			      "one of each",
			      address);
	pair->addr4 = ip_is_v4(&a) ? a : b;
	pair->addr6 = ip_is_v4(&a) ? b : a;
	return 0;
}

/* Gives @ix the address that was asked for. */
static int give_address(struct daemon *d, vif_ix ix, const char *address,
			const char *path, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	struct address_pair pair = { 0 };
	bool dhcp = !strcmp(address, "dhcp");
	int err = 0;

	if (dhcp || !strcmp(address, "slaac")) {
		err = host_auto(d, ix, dhcp);
		goto out;
	}
	if (strcmp(address, "auto") != 0 && parse_pair(d, address, &pair, why))
		return -1;
	if (ip_is_any(&pair.addr4))
		err = pool_choose4(&d->pool, taken, f, &pair.addr4);
	if (!err) {
		if (ip_is_any(&pair.addr6))
			pair.addr6 =
				pool_choose6(&d->pool, &pair.addr4, taken, f);
		err = host_up(d, ix, &pair.addr4, &pair.addr6);
	}
out:
	if (err == -ENOSPC)
		return refuse(why, "table-full", EX_CANTCREAT,
			      "no address is left for VIF %s: remove one with "
			      "'toami vif rm', or give it none with '-a none'",
			      path);
	if (err)
		return refuse(why, "internal", EX_SOFTWARE,
			      "VIF %s gets no address: %s", path,
			      strerror(-err));
	return 0;
}

static int refuse_path(struct refusal *why, const char *path)
{
	return refuse(why, "bad-path", EX_USAGE,
		      "'%.64s' is not a VIF's path: write /NAME or /NAME/NAME, "
		      "each name up to %d letters, digits, '-' or '_'",
		      path, VIF_NAME_MAX - 1);
}

/* Does @v have the address @text? */
static bool has_address(const struct vif *v, const char *text)
{
	struct ip_addr asked;

	return !pool_parse(text, &asked) &&
	       (ip_equal(&asked, &v->addr4) || ip_equal(&asked, &v->addr6));
}

int hosts_agree(struct daemon *d, vif_ix ix, const char *address,
		const char *path, struct refusal *why)
{
	const struct vif *v = vif_at(daemon_fabric(d), ix);
	bool has = atomic_load(&v->host);
	char text[HOSTS_WORD], first[HOSTS_WORD];
	const char *second;

	if (!address || (has && !strcmp(address, "auto")) ||
	    (!has && !strcmp(address, "none")) ||
	    !strcmp(address, hosts_word(d, ix, text)))
		return 0;
	if (has && split_pair(address, first, &second)
		    ? has_address(v, first) && has_address(v, second)
		    : has && has_address(v, address))
		return 0;
	if (has)
		return refuse(
			why, "vif-exists", EX_CANTCREAT,
			"VIF %s exists with address %s: leave the address "
			"out, or remove it first with 'toami vif rm %s'",
			path, hosts_word(d, ix, text), path);
	return refuse(why, "vif-exists", EX_CANTCREAT,
		      "VIF %s exists without an address of its own: leave the "
		      "address out, or remove it first with 'toami vif rm %s'",
		      path, path);
}

void hosts_take_back(struct daemon *d, vif_ix ix, vif_ix top)
{
	struct fabric *f = daemon_fabric(d);

	while (ix != top) {
		vif_ix parent = vif_parent(vif_at(f, ix));
		struct refusal unused;

		hosts_remove(d, ix, false, &unused);
		ix = parent;
	}
}

/* One more step of a path. Returns 0 or -1. */
static int make_step(struct daemon *d, vif_ix parent, const char *name,
		     size_t bytes, const char *path, uid_t uid, vif_ix *ix,
		     struct refusal *why)
{
	switch (vif_add(daemon_fabric(d), parent, name, bytes, uid, ix)) {
	case 0:
		settings_born(d, *ix);
		return 0;
	case -EEXIST:
		return 0;
	case -ENOSPC:
		return refuse(why, "table-full", EX_CANTCREAT,
			      "the fabric holds no more than %u VIFs, so %s "
			      "finds no room: remove one with 'toami vif rm'",
			      d->options->max_vifs - 1, path);
	case -ELOOP:
		return refuse(why, "bad-path", EX_USAGE,
			      "VIF %s would be deeper than %d: give a shorter "
			      "path",
			      path, VIF_DEPTH_MAX);
	case -ENAMETOOLONG:
		return refuse(
			why, "bad-path", EX_USAGE,
			"'%.64s...' is too long: a name may have %d bytes, "
			"a path %d",
			path, VIF_NAME_MAX - 1, VIF_PATH_MAX - 1);
	default:
		return refuse_path(why, path);
	}
}

/* May @peer have the rest of a path, @at, below @top? */
static int permit(struct daemon *d, const struct peer *peer, vif_ix top,
		  const char *at, struct refusal *why)
{
	uint32_t steps = 0;

	for (; *at == '/' && at[1]; at += 1 + strcspn(at + 1, "/"))
		steps++;
	return rights_use(d, peer, top, why) ||
	       rights_quota(d, peer, top, steps, steps, 0, why);
}

vif_ix hosts_make(struct daemon *d, const char *path, const char *address,
		  const struct peer *peer, vif_ix *top, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	vif_ix ix = vif_find(f, path), step;
	const char *at = path;
	bool permitted = false;

	*top = ix;
	if (ix)
		return hosts_agree(d, ix, address, path, why) ? 0 : ix;
	if (*path != '/') {
		refuse_path(why, path);
		return 0;
	}

	ix = *top = VIF_ROOT;
	do {
		size_t n = strcspn(++at, "/");
		bool last = !at[n] || !strcmp(at + n, "/");
		bool known = n < VIF_NAME_MAX && vif_child(f, ix, at, n);
		const char *want = last && address  ? address
				   : ix == VIF_ROOT ? "auto"
						    : "none";

		if (!known && !permitted && permit(d, peer, ix, at - 1, why))
			goto refused;
		permitted = !known;
		if (make_step(d, ix, at, n, path, peer->uid, &step, why))
			goto refused;
		ix = step;
		if (known)
			*top = ix;
		else if (strcmp(want, "none") &&
			 give_address(d, ix, want, path, why))
			goto refused;
		at += n;
	} while (*at && at[1]);
	return ix;
refused:
	hosts_take_back(d, ix, *top);
	return 0;
}

int hosts_unknown(const char *path, struct refusal *why)
{
	return refuse(why, "unknown-vif", EX_NOINPUT,
		      "there is no VIF %.64s: 'toami vif ls' shows what there "
		      "is, 'toami vif add %.64s' makes it",
		      path, path);
}

vif_ix hosts_find(struct daemon *d, const char *path, struct refusal *why)
{
	vif_ix ix = vif_find(daemon_fabric(d), path);

	if (ix)
		return ix;
	if (*path != '/')
		refuse_path(why, path);
	else
		hosts_unknown(path, why);
	return 0;
}

static int refuse_busy(const char *path, struct refusal *why)
{
	return refuse(why, "busy", EX_TEMPFAIL,
		      "VIF %.200s cannot go now, because a program is stopped "
		      "in the middle of using the fabric: let it run and try "
		      "again",
		      path);
}

static int remove_one(struct daemon *d, vif_ix ix, const char *path,
		      struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	host_ix host = atomic_load(&vif_at(f, ix)->host);
	int err = 0;

	if (host)
		err = socket_host_down(&d->thread, host);
	if (!err)
		err = vif_sched_forget(f, d->process.self, ix);
	if (err)
		return refuse_busy(path, why);
	atomic_store(&vif_at(f, ix)->host, 0);
	members_forget(d->members, ix);
	transient_forget(d, ix);
	settings_gone(d, ix);
	vif_remove(f, ix);
	return 0;
}

int hosts_removable(struct daemon *d, vif_ix ix, bool below,
		    struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	char path[VIF_PATH_MAX];
	proc_ix proc = members_next(d->members, ix, 0);

	vif_path(f, ix, path);
	for (vif_ix p = 0; (p = vif_next(f, ix, p));)
		if (ix != VIF_ROOT && ports_name(d, p))
			return refuse(why, "vif-busy", EX_TEMPFAIL,
				      "port %s is on VIF %s or below: remove "
				      "it first with 'toami port rm'",
				      ports_name(d, p), path);
	if (ix == VIF_ROOT)
		return refuse(
			why, "vif-busy", EX_USAGE,
			"the root of the tree stays: 'toami down' ends the "
			"whole fabric");
	if (proc)
		return refuse(why, "vif-busy", EX_TEMPFAIL,
			      "%s (process %d) is on VIF %s: end it first",
			      f->procs[proc].name,
			      atomic_load(&f->procs[proc].pid), path);
	if (vif_at(f, ix)->first_child && !below)
		return refuse(
			why, "vif-busy", EX_TEMPFAIL,
			"VIF %s has others below it: remove them first, or "
			"all with 'toami vif rm -r %s'",
			path, path);
	return 0;
}

int hosts_remove(struct daemon *d, vif_ix ix, bool below, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	char path[VIF_PATH_MAX];

	if (hosts_removable(d, ix, below, why))
		return -1;
	vif_path(f, ix, path);
	if (socket_move_below(&d->thread, ix))
		return refuse_busy(path, why);
	/* From the leaves up; a parent becomes a leaf by that. */
	for (;;) {
		vif_ix leaf = ix;

		while (vif_at(f, leaf)->first_child)
			leaf = vif_at(f, leaf)->first_child;
		if (remove_one(d, leaf, path, why))
			return -1;
		if (leaf == ix)
			return 0;
	}
}

/* --- moving ------------------------------------------------------------------
 */

/* The levels below @ix, and the bytes of the longest path of one of them. */
static uint32_t height_of(const struct fabric *f, vif_ix top, size_t *bytes)
{
	uint32_t base = atomic_load(&vif_at(f, top)->depth), most = 0;
	char path[VIF_PATH_MAX];

	*bytes = 0;
	for (vif_ix ix = 0; (ix = vif_next(f, top, ix));) {
		uint32_t depth = atomic_load(&vif_at(f, ix)->depth) - base;
		size_t n = vif_path(f, ix, path);

		most = depth > most ? depth : most;
		*bytes = n > *bytes ? n : *bytes;
	}
	return most;
}

/* Splits @to into the VIF above, which must be there, and the name. */
static vif_ix find_parent(struct daemon *d, const char *to, const char **name,
			  struct refusal *why)
{
	const char *slash = strrchr(to, '/');
	char above[VIF_PATH_MAX];
	size_t n = slash ? (size_t)(slash - to) : 0;

	if (*to != '/' || n >= sizeof(above) || !slash[1]) {
		refuse_path(why, to);
		return 0;
	}
	memcpy(above, to, n);
	above[n] = 0;
	*name = slash + 1;
	return hosts_find(d, n ? above : "/", why);
}

/* Programs on lanes at or below @ix keep the address of the host they are on.
 */
static int check_programs(struct daemon *d, vif_ix ix, vif_ix parent,
			  const char *path, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	host_ix host = vif_host(f, ix);

	if (atomic_load(&vif_at(f, ix)->host) || vif_host(f, parent) == host)
		return 0;
	for (proc_ix p = 0; (p = members_next(d->members, ix, p));)
		if (vif_host(f, f->procs[p].vif) == host)
			return refuse(
				why, "vif-busy", EX_TEMPFAIL,
				"%s (process %d) is on VIF %.64s and has "
				"the address of the VIF above it: move it "
				"below that one, or end the program first",
				f->procs[p].name, atomic_load(&f->procs[p].pid),
				path);
	return 0;
}

static int refuse_move(struct daemon *d, int err, const char *path,
		       const char *to, struct refusal *why)
{
	(void)d;
	switch (err) {
	case -EEXIST:
		return refuse(why, "vif-exists", EX_CANTCREAT,
			      "VIF %.64s exists already: choose another path "
			      "for %.64s, or remove it first",
			      to, path);
	case -ELOOP:
		return refuse(why, "bad-path", EX_USAGE,
			      "VIF %.64s cannot be moved to %.64s, which is "
			      "below it or deeper than %d: choose another path",
			      path, to, VIF_DEPTH_MAX);
	case -ENAMETOOLONG:
		return refuse(why, "bad-path", EX_USAGE,
			      "below %.64s the paths of some VIFs would have "
			      "more than %d bytes: choose a shorter one",
			      to, VIF_PATH_MAX - 1);
	default:
		return refuse_path(why, to);
	}
}

/* In the tree, and in the scheduler. */
static int move(struct daemon *d, vif_ix ix, vif_ix parent, const char *name)
{
	struct fabric *f = daemon_fabric(d);
	int err = vif_move(f, ix, parent, name, strlen(name));

	vif_sched_uproot(f, d->process.self, ix);
	vif_sched_apply(f, ix);
	return err;
}

int hosts_move(struct daemon *d, vif_ix ix, const char *to,
	       const struct peer *peer, struct refusal *why)
{
	struct fabric *f = daemon_fabric(d);
	char path[VIF_PATH_MAX], was[VIF_NAME_MAX];
	const char *name;
	vif_ix parent, old = vif_parent(vif_at(f, ix));
	size_t longest;
	uint32_t levels;
	int err;

	vif_path(f, ix, path);
	if (ix == VIF_ROOT)
		return refuse(why, "vif-busy", EX_USAGE,
			      "the root of the tree stays where it is");
	parent = find_parent(d, to, &name, why);
	if (!parent)
		return -1;
	levels = height_of(f, ix, &longest);
	if (rights_change(d, peer, ix, why) ||
	    rights_use(d, peer, parent, why) ||
	    (parent != old &&
	     rights_quota(d, peer, parent, settings_below(d, ix) + 1,
			  levels + 1, ix, why)) ||
	    check_programs(d, ix, parent, path, why))
		return -1;
	if (longest - strlen(path) + strlen(to) >= VIF_PATH_MAX)
		return refuse_move(d, -ENAMETOOLONG, path, to, why);
	if (atomic_load(&vif_at(f, parent)->depth) + levels + 1 >
		    VIF_DEPTH_MAX ||
	    vif_below(f, parent, ix))
		return refuse_move(d, -ELOOP, path, to, why);

	if (vif_sched_uproot(f, d->process.self, ix))
		return refuse(why, "busy", EX_TEMPFAIL,
			      "VIF %s cannot move now, because a program is "
			      "stopped in the middle of using the fabric: let "
			      "it run and try again",
			      path);
	snprintf(was, sizeof(was), "%s", vif_at(f, ix)->name);
	settings_leave(d, ix);
	err = move(d, ix, parent, name);
	settings_arrive(d, ix);
	if (err)
		return refuse_move(d, err, path, to, why);
	if (settings_check(d, parent, why)) {
		hosts_put_back(d, ix, old, was);
		return -1;
	}
	return 0;
}

void hosts_put_back(struct daemon *d, vif_ix ix, vif_ix parent,
		    const char *name)
{
	settings_leave(d, ix);
	move(d, ix, parent, name);
	settings_arrive(d, ix);
}

void hosts_down(struct daemon *d)
{
	struct fabric *f = daemon_fabric(d);

	for (vif_ix ix = VIF_ROOT; (ix = vif_next(f, VIF_ROOT, ix));) {
		host_ix host = atomic_load(&vif_at(f, ix)->host);

		if (host && !socket_host_down(&d->thread, host))
			atomic_store(&vif_at(f, ix)->host, 0);
	}
}
