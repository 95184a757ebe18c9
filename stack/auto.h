/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host that finds its addresses by itself, for networks that are not the
 * fabric's: IPv4 by DHCP (RFC 2131), IPv6 by router advertisements (RFC 4862);
 * both are probed for before they are used (RFC 5227; 4862, section 5.4).
 *
 * The state lies in stack_host.dhcp and .slaac; what is found is written to
 * stack_host.config, and ops->configured() says so. Names and times a server
 * offers are not asked for: names are the fabric's.
 */
#ifndef TOAMI_STACK_AUTO_H
#define TOAMI_STACK_AUTO_H

#include "stack/stack_internal.h"

/* auto_timers - what is due of both; the date of the next */
uint64_t auto_timers(struct stack *st);

/* auto_recover - after a death: what was half done begins anew */
void auto_recover(struct stack *st);

/* --- dhcp.c
 * ------------------------------------------------------------------- */

#define DHCP_CLIENT 68
#define DHCP_SERVER 67

/* An address is defended once in this time: RFC 5227, section 1.1. */
#define DEFEND_NS (10 * NSEC_PER_SEC)

void dhcp_start(struct stack *st);

/* dhcp_input - a datagram for port 68 of a host that asks; consumes it */
void dhcp_input(struct stack *st, struct packet *p);

/* dhcp_arp - somebody speaks of an address by ARP: is it one of ours? */
void dhcp_arp(struct stack *st, const struct arp_header *a);
uint64_t dhcp_timers(struct stack *st);

/* --- slaac.c
 * ------------------------------------------------------------------ */

void slaac_start(struct stack *st);

/* slaac_advertised - a router advertisement, checked, in p->f's payload */
void slaac_advertised(struct stack *st, const struct packet *p);

/* slaac_claimed - another node has or wants @target */
void slaac_claimed(struct stack *st, const struct ip_addr *target);
uint64_t slaac_timers(struct stack *st);

/* --- for both
 * ----------------------------------------------------------------- */

/* arp_probe - asks for @target without an address of our own; arp_announce -
 * says that it is ours */
void arp_probe(struct stack *st, uint32_t target);
void arp_announce(struct stack *st, uint32_t address);

/* icmp6_router_solicit, icmp6_probe - of RFC 4861 and 4862 */
void icmp6_router_solicit(struct stack *st);
void icmp6_probe(struct stack *st, const struct ip_addr *target);

/* auto_changed - config has new addresses or routes */
void auto_changed(struct stack *st);

#endif
