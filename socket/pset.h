/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Poll sets: who is told when a socket becomes ready.
 *
 * Reporting an event (any thread, under the sock's host's lock) marks the watch
 * QUEUED and pushes it onto the pset's ready stack: one compare-and-swap, no
 * lock of the pset. Harvesting (under the pset's lock) takes the stack whole,
 * appends it to the level list, and walks that: a watch whose socket is not
 * ready any more leaves the list, and an edge-triggered one in any case. An
 * event that comes while a watch is on the list marks it AGAIN, and a watch so
 * marked does not leave: no event falls between. A watch off the list may be
 * freed at any time, so the harvester does not touch it then.
 */
#ifndef TOAMI_SOCKET_PSET_H
#define TOAMI_SOCKET_PSET_H

#include <sys/epoll.h>

#include "socket/work.h"

/* pset_new - a poll set with one reference, or 0: the table is full */
pset_ix pset_new(struct socket_thread *t, bool temporary);

/*
 * pset_unref, pset_end - the two steps of pset_put(), the first of them inside
 * the fabric. After pset_unref() has said true, pset_end() must follow.
 */
bool pset_unref(struct work *w, pset_ix ix);
int pset_end(struct socket_thread *t, pset_ix ix);

/*
 * pset_put - one reference less; the last one removes its watches and frees it
 *
 * Returns 0; or -EAGAIN for an impatient thread, which has the reference still.
 */
int pset_put(struct socket_thread *t, pset_ix ix);

/**
 * pset_add - watches the sock that @fd names
 * @epfd: descriptor that names the pset; -1: a temporary one, and a second
 * interest in the same descriptor joins the first
 *
 * Returns 0, -EEXIST, -EBADF, or -ENOSPC: the table of watches is full.
 */
int pset_add(struct socket_thread *t, pset_ix ix, long epfd, int fd,
	     uint32_t events, uint64_t data);
int pset_modify(struct socket_thread *t, pset_ix ix, int fd, uint32_t events,
		uint64_t data);
int pset_remove(struct socket_thread *t, pset_ix ix, int fd);

/* pset_report - @events have occurred on @s, whose host is locked */
void pset_report(struct work *w, struct sock *s, uint32_t events);

/* pset_forget - removes every watch of @s, whose host is locked */
void pset_forget(struct work *w, struct sock *s);

/* pset_queue - marks @ix as having something to report, and wakes whom that
 * concerns */
void pset_queue(struct work *w, watch_ix ix);

/*
 * pset_shows - would a harvest find anything? Nothing is taken, but what is not
 * ready any more leaves the list.
 */
bool pset_shows(struct socket_thread *t, pset_ix ix, long epfd);

/**
 * pset_harvest - returns how many of @max events it has written
 * @epfd: descriptor that must still name the pset, else -EBADF; -1: a temporary
 * one
 */
int pset_harvest(struct socket_thread *t, pset_ix ix, long epfd,
		 struct epoll_event *ev, int max);

/*
 * pset_pending - a harvest may find something, or another thread is harvesting
 * and may leave something. `ready` first: who takes it has set `level` before.
 */
static inline bool pset_pending(const struct pset *p)
{
	return atomic_load_explicit(&p->ready, memory_order_acquire) ||
	       atomic_load_explicit(&p->level, memory_order_acquire);
}

/*
 * pset_sleep_begin, pset_sleep_end - around a sleep on @kind, PSET_FUTEX_ONE or
 * PSET_SOCKET_ONE; between them, look at pset_pending() before sleeping
 *
 * pset_sleep_begin returns the word to sleep on.
 */
uint32_t pset_sleep_begin(struct pset *p, uint32_t kind);
void pset_sleep_end(struct pset *p, uint32_t kind, uint32_t generation);

/* pset_drained - what the wake socket said has been read: others may rely on it
 * yet */
void pset_drained(struct pset *p);

/**
 * pset_wake_fd - the pset's wake socket in this process, made where there is
 * none
 * @epfd: kernel epoll instance to add it to, with @magic as data; -1: none
 */
int pset_wake_fd(struct socket_thread *t, pset_ix ix, int epfd, uint64_t magic);

/**
 * pset_wake_here - the wake socket's number in this process, -1: it has none
 *
 * A set whose wake socket another process has made is for pset_wake_fd().
 */
int pset_wake_here(const struct socket_thread *t, pset_ix ix);

/* pset_left - a descriptor of a shared set was closed: this process's wake
 * socket goes with the last of them */
void pset_left(struct socket_thread *t, pset_ix ix);

/* pset_kick - sleepers on it look again (a descriptor was added) */
void pset_kick(struct socket_thread *t, pset_ix ix);

#endif
