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
 *
 * An epoll instance travels as itself and cannot be named. The daemon tells who
 * receives it which set it is, and when it is gone: keeper.h.
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

/**
 * parcel_next_set - for the daemon: the poll sets among what is kept
 * @at: 0 to begin with; then the last one's place plus 1
 *
 * Returns the set's wake name and its place, or 0.
 */
uint64_t parcel_next_set(const struct fabric *f, uint32_t *at);

/* parcel_drop_set - the set of that name, at that place, is kept no more */
void parcel_drop_set(struct socket_thread *t, uint32_t at, uint64_t name);

#endif
