/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who runs when: packetdrill's main thread moves time; a call that its script
 * says blocks comes on another thread and waits for what the main thread does.
 *
 * In virtual time "soon" does not exist: when something has happened, the main
 * thread stops until the blocked call has looked, and, if that lets the call
 * return, until packetdrill has asked for the time of the return. So the date
 * of the return is the date of the event.
 */
#ifndef TOAMI_TESTS_PACKETDRILL_BLOCKING_H
#define TOAMI_TESTS_PACKETDRILL_BLOCKING_H

#include "tests/packetdrill/world.h"

#define BLOCKING_FOREVER UINT64_MAX

/* blocking_init - the calling thread is the one that moves time */
void blocking_init(struct world *w);

void blocking_lock(void);
void blocking_unlock(void);

/*
 * blocking_wait - with the lock held: until something has happened, or @until
 *
 * False: the date has come (or, on the main thread, nothing will ever happen).
 */
bool blocking_wait(struct world *w, uint64_t until);

/* blocking_kick - something has happened; the lock is held */
void blocking_kick(void);

/* blocking_told - the calling thread has been told the time */
void blocking_told(void);

/*
 * blocking_settle - a blocked call that has returned gets (real) time to tell
 * packetdrill what it brought, before the script goes on
 */
void blocking_settle(void);

/* blocking_date - when a blocked call gives up; BLOCKING_FOREVER: never */
uint64_t blocking_date(void);

#endif
