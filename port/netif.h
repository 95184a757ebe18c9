/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's end of a port: an interface of this network namespace, set up.
 */
#ifndef TOAMI_PORT_NETIF_H
#define TOAMI_PORT_NETIF_H

/* What a host's port is given; texts are borrowed, "" where there is none. */
struct netif {
	const char *mac, *address, *address6, *gateway, *gateway6;
	int mtu, prefix, prefix6;
};

/**
 * netif_setup - gives interface @name what the daemon says, and switches it on
 *
 * Returns 0 or a negative errno, with @what telling what failed.
 */
int netif_setup(const char *name, const struct netif *setup, const char **what);

/* netif_may - may this process set up interface @name? 0 or a negative errno;
 * nothing has changed */
int netif_may(const char *name);

/* netif_up - switches it on as it is; 0 or a negative errno */
int netif_up(const char *name);

#endif
