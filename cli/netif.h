/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's end of a port: an interface of this network namespace, set up.
 */
#ifndef TOAMI_CLI_NETIF_H
#define TOAMI_CLI_NETIF_H

#include <jansson.h>

/**
 * netif_setup - gives interface @name what the daemon says of a host's port,
 * and switches it on
 * @setup: as port.add answers: mac, mtu, address, address6 and their prefixes,
 *         gateway, gateway6
 *
 * Returns 0 or a negative errno, with @what telling what failed.
 */
int netif_setup(const char *name, const json_t *setup, const char **what);

/* netif_up - switches it on as it is; 0 or a negative errno */
int netif_up(const char *name);

#endif
