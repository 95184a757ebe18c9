/* SPDX-License-Identifier: BSD-2-Clause */
/* Names at the gateway: DNS over UDP and TCP, port 53, on the fabric itself. */
#ifndef TOAMI_DAEMON_DNS_SERVICE_H
#define TOAMI_DAEMON_DNS_SERVICE_H

#include "daemon/daemon.h"

/* dns_service_new - NULL: no names, the log says why */
struct dns_service *dns_service_new(struct daemon *d);
void dns_service_free(struct dns_service *s);

/* dns_service_sockets - how many sockets of the fabric are its own; NULL: none
 */
uint32_t dns_service_sockets(const struct dns_service *s);

#endif
