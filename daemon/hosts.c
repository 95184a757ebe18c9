/* SPDX-License-Identifier: BSD-2-Clause */
/* See hosts.h. */
#include "daemon/hosts.h"
#include "daemon/log.h"
#include "fabric/address.h"
#include "socket/sock.h"
#include "stack/host.h"

#include <errno.h>
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
int hosts_give(struct daemon *d, vif_ix ix, const char *address,
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

void hosts_down(struct daemon *d)
{
	struct fabric *f = daemon_fabric(d);

	for (vif_ix ix = VIF_ROOT; (ix = vif_next(f, VIF_ROOT, ix));) {
		host_ix host = atomic_load(&vif_at(f, ix)->host);

		if (host && !socket_host_down(&d->thread, host))
			atomic_store(&vif_at(f, ix)->host, 0);
	}
}
