/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets of ours sent over Unix sockets, SCM_RIGHTS of unix(7).
 *
 * What travels is the placeholder. Before it does, it gets an abstract name
 * that says which sock it stands for, and the sock gets a reference that
 * belongs to nobody: an entry among the daemon's descriptors, at a number that
 * it has not. Whoever receives a placeholder with such a name takes a reference
 * of his own. The name lives as long as the placeholder does anywhere, in a
 * process or on its way; once it is gone, so is the entry. That is looked for
 * when a descriptor of such a socket is closed, and after a death.
 */
#ifndef TOAMI_SOCKET_PARCEL_H
#define TOAMI_SOCKET_PARCEL_H

#include "socket/work.h"

/* parcel_name - the name of the placeholder of @s: fabric/wake.h */
uint64_t parcel_name(const struct fabric *f, const struct sock *s);

/* parcel_call - sendmsg, recvmsg, sendmmsg and recvmmsg on a descriptor of the
 * kernel's; or SOCKET_PASS */
long parcel_call(struct socket_thread *t, long nr, const long args[6]);

/* parcel_sweep - drops the references of what is nowhere any more */
void parcel_sweep(struct socket_thread *t);

#endif
