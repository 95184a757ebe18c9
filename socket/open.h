/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that make, name and join sockets. Each returns what the kernel would. */
#ifndef TOAMI_SOCKET_OPEN_H
#define TOAMI_SOCKET_OPEN_H

#include <sys/socket.h>

#include "socket/work.h"

long open_socket(struct socket_thread *t, long domain, long type,
		 long protocol);
long open_bind(struct socket_thread *t, long fd, const void *sa, socklen_t len);
long open_listen(struct socket_thread *t, long fd, long backlog);
long open_accept(struct socket_thread *t, long fd, void *sa, socklen_t *len,
		 long flags);
long open_connect(struct socket_thread *t, long fd, const void *sa,
		  socklen_t len);
long open_shutdown(struct socket_thread *t, long fd, long how);
long open_getname(struct socket_thread *t, long fd, void *sa, socklen_t *len,
		  bool peer);

#endif
