/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that make, name and join sockets. Each returns what the kernel would.
 */
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
/*
 * open_fastopen - connects for sendto(MSG_FASTOPEN), which goes on after 0
 * @sa:    NULL: only what connect() has put off
 * @bytes: to send
 */
long open_fastopen(struct socket_thread *t, long fd, const void *sa,
		   socklen_t len, size_t bytes, bool nonblock);

/* open_await - who is about to wait for a connection has something to send */
void open_await(struct socket_thread *t, long fd);
long open_shutdown(struct socket_thread *t, long fd, long how);
long open_getname(struct socket_thread *t, long fd, void *sa, socklen_t *len,
		  bool peer);

/*
 * open_bind_inet6 - an AF_INET6 socket that has no port yet gets one, for both
 * families or for one as IPV6_V6ONLY says; its host is locked. 0 or as
 * conn_bind()
 */
int open_bind_inet6(struct work *w, struct sock *s);

#endif
