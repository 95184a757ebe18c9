/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a person writes as a filter, and what is meant by it.
 *
 * A filter is about what programs send each other. ARP and neighbour discovery,
 * by which hosts find each other before anything is sent, pass it, as they pass
 * a kernel's firewall for IP, which never sees ARP; who writes `tcp port 80`
 * does not mean that the network shall not work. Whoever names them decides
 * himself: a filter with the word `arp` (or `rarp`, `ether`, `link`) does so
 * for ARP, one with `icmp6` (or `ether`, `link`) for neighbour discovery.
 */
#ifndef TOAMI_DAEMON_FILTER_TEXT_H
#define TOAMI_DAEMON_FILTER_TEXT_H

/* filter_text - the expression for libpcap that means what @text says; for
 * free(). NULL: no memory */
char *filter_text(const char *text);

#endif
