/* SPDX-License-Identifier: BSD-2-Clause */
/* ioctl(2) on sockets: FIONBIO, FIOASYNC, FIONREAD, SIOCOUTQ, SIOCATMARK and
 * the owner of signals. */
#ifndef TOAMI_SOCKET_IOCTL_H
#define TOAMI_SOCKET_IOCTL_H

#include "socket/socket.h"

/* ioctl_call - SOCKET_PASS: the placeholder's, e.g. FIOCLEX */
long ioctl_call(struct socket_thread *t, long fd, unsigned long request,
		void *arg);

#endif
