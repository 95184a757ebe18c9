/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multicast groups: what sockets have joined, and what routers are told of it.
 *
 * A *membership* is a socket's: a group, perhaps one source of it. It is the
 * truth: a slot of stack_host.member, published by the store of its
 * connection. A *group* is the host's: derived from the memberships, it keeps
 * the reports that are due (IGMPv3, RFC 3376; MLDv2, RFC 3810; their
 * predecessors while a querier speaks these). Groups of the link itself,
 * 224.0.0.0/24 and ff02::/16, are reported like others, but 224.0.0.1 and
 * ff02::1, to which every host belongs.
 */
#ifndef TOAMI_STACK_GROUP_H
#define TOAMI_STACK_GROUP_H

#include "stack/stack_internal.h"

/* group_heard - does the host listen to packets for @group at all? */
bool group_heard(const struct stack_host *h, const struct ip_addr *group);

/* group_wanted - does @c want what @src sends to @group? */
bool group_wanted(const struct stack_host *h, const struct conn *c,
		  const struct ip_addr *group, const struct ip_addr *src);

/* group_leave_all - @c ends */
void group_leave_all(struct stack *st, const struct conn *c);

/* group_timers - sends reports that are due; the date of the next */
uint64_t group_timers(struct stack *st);

/* group_recover - after a death: groups anew from memberships that live */
void group_recover(struct stack *st);

/* group_asked - a querier wants to know, within @ms; @group any: all of a
 * family, @old: it speaks the older version */
void group_asked(struct stack *st, bool v4, const struct ip_addr *group,
		 uint32_t ms, bool old);

/* What a report says of a group: the record types of both protocols. */
enum group_record {
	GROUP_IS_INCLUDE = 1,
	GROUP_IS_EXCLUDE = 2,
	GROUP_TO_INCLUDE = 3,
	GROUP_TO_EXCLUDE = 4,
};

#define GROUP_SOURCES_MAX 16 /* named in a record */

/* --- igmp.c, mld.c
 * ----------------------------------------------------------- */

void igmp_input(struct stack *st, struct packet *p);
void mld_input(struct stack *st, struct packet *p);

/*
 * igmp_report, mld_report - one record. @old: in the words of the version
 * before, which has no sources: joined, or left.
 */
void igmp_report(struct stack *st, const struct ip_addr *group,
		 enum group_record type, const struct ip_addr *source,
		 uint32_t sources, bool old);
void mld_report(struct stack *st, const struct ip_addr *group,
		enum group_record type, const struct ip_addr *source,
		uint32_t sources, bool old);

#endif
