/* SPDX-License-Identifier: BSD-2-Clause */
/* getsockopt, setsockopt and ioctl on sockets of ours. */
#ifndef TOAMI_SOCKET_OPTION_H
#define TOAMI_SOCKET_OPTION_H

#include <sys/socket.h>

#include "socket/work.h"

long option_get(struct socket_thread *t, long fd, long level, long name,
		void *val, socklen_t *len);
long option_set(struct socket_thread *t, long fd, long level, long name,
		const void *val, socklen_t len);

/* option_udp_segment - UDP_SEGMENT of @s; 0: a datagram a call */
struct sock;
uint16_t option_udp_segment(const struct sock *s);

/* option_udp_gro - UDP_GRO of @s: datagrams alike may be read as one */
bool option_udp_gro(const struct sock *s);

/* option_select_errors - SO_SELECT_ERR_QUEUE: notes of the error queue are
 * STACK_PRI, too */
bool option_select_errors(const struct sock *s);

#endif
