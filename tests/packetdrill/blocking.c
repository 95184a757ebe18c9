/* SPDX-License-Identifier: BSD-2-Clause */
/* See blocking.h. */
#include "tests/packetdrill/blocking.h"

#include <pthread.h>
#include <time.h>

enum waiter_state {
	NOBODY,
	WAITING,
	KICKED,	  /* to look again; the main thread waits for that */
	RETURNED, /* the call is over, its time not yet asked for */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t to_waiter = PTHREAD_COND_INITIALIZER;
static pthread_cond_t to_main = PTHREAD_COND_INITIALIZER;
static pthread_t main_thread;
static enum waiter_state state;
static bool unsettled;
static uint64_t gives_up = BLOCKING_FOREVER;

static bool on_main(void)
{
	return pthread_equal(pthread_self(), main_thread);
}

void blocking_init(struct world *w)
{
	(void)w;
	main_thread = pthread_self();
}

void blocking_lock(void)
{
	pthread_mutex_lock(&mutex);
}

void blocking_unlock(void)
{
	/* A call that waited and does not wait again is over. */
	if (state == KICKED && !on_main())
		state = RETURNED;
	pthread_mutex_unlock(&mutex);
}

/* The main thread has to move time itself. */
static bool wait_on_main(struct world *w, uint64_t until)
{
	uint64_t next = world_next(w);

	if (next == UINT64_MAX && until == BLOCKING_FOREVER)
		return false;
	if (next > until) {
		world_step(w, until);
		return false;
	}
	world_step(w, next);
	return true;
}

bool blocking_wait(struct world *w, uint64_t until)
{
	world_collect(w);
	if (on_main())
		return wait_on_main(w, until);
	if (world_now(w) >= until)
		return false;
	gives_up = until;
	if (state == KICKED)
		pthread_cond_signal(&to_main);
	state = WAITING;
	while (state == WAITING)
		pthread_cond_wait(&to_waiter, &mutex);
	gives_up = BLOCKING_FOREVER;
	return world_now(w) < until;
}

void blocking_kick(void)
{
	if (!on_main() || state != WAITING)
		return;
	state = KICKED;
	pthread_cond_signal(&to_waiter);
	while (state == KICKED || state == RETURNED)
		pthread_cond_wait(&to_main, &mutex);
}

void blocking_told(void)
{
	pthread_mutex_lock(&mutex);
	if (state == RETURNED && !on_main()) {
		state = NOBODY;
		unsettled = true;
		pthread_cond_signal(&to_main);
	}
	pthread_mutex_unlock(&mutex);
}

void blocking_settle(void)
{
	const struct timespec pause = { 0, 2 * 1000 * 1000 };
	bool due;

	pthread_mutex_lock(&mutex);
	due = unsettled;
	unsettled = false;
	pthread_mutex_unlock(&mutex);
	if (due)
		nanosleep(&pause, NULL);
}

uint64_t blocking_date(void)
{
	return gives_up;
}
