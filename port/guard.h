/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose frames may come in by a port: what is behind it is not of the fabric's
 * trust, and must not speak in the name of a host that is elsewhere.
 */
#ifndef TOAMI_PORT_GUARD_H
#define TOAMI_PORT_GUARD_H

#include "port/wire.h"

struct port_guard {
	bool host;	/* one host is there, with these addresses alone */
	uint8_t mac[6]; /* of it */
	struct ip_addr addr4; /* any: none */
	struct ip_addr addr6;
};

/*
 * port_guard_passes - may this frame come in?
 *
 * From a host's port: its own MAC and, in IP and ARP, its own addresses, link
 * local ones, and "any". From an uplink: any sender but the fabric's MACs,
 * which would be a loop.
 */
bool port_guard_passes(const struct port_guard *g, const uint8_t *frame,
		       uint32_t bytes, const struct port_headers *h);

#endif
